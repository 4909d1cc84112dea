"""What is read of Notion one by one: data sources, pages, properties, content. `Notion` reads its tables with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from sophia_kit.connectors.api import ApiConnector, Token
from sophia_kit.connectors.notion_content import (
    Block,
    Blocks,
    DataSource,
    Markdown,
    NotionPage,
    block_text,
    data_source,
    field_name,
)
from sophia_kit.connectors.notion_properties import KNOWN, flat, is_cut, joined, names_of
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import AuthFailed, ConfigError, ProviderError, RequestRejected, Unconfigured
from sophia_kit.core.http import Answer, HttpClient
from sophia_kit.core.settings import Settings

if TYPE_CHECKING:
    from sophia_kit.connectors.notion_sdk import Endpoints

__all__ = ["API_VERSION", "PROVIDER", "SHARE_HINT", "NotionReader"]

PROVIDER = "notion"
API_VERSION = "2026-03-11"
"""The version of Notion's API that every request names. Of its changes since 2025-09-03, notion-client's default, a
reader notices one: a page in the trash is marked by `in_trash` alone. Nothing that is read here was removed."""

SHARE_HINT = "Give the integration access to it: in Notion, ... > Connections on the page or database."

_PAGE_RECORDS = 100
_NOT_READ = frozenset({"object", "properties", "parent", "icon", "cover", "public_url", "is_locked", "archived"})
_OTHER_PAGES = frozenset({"child_page", "child_database"})


class NotionReader(ApiConnector):
    """Reads single things for people and services: `data_sources`, `page`, `markdown`, `blocks`."""

    provider: ClassVar[str] = PROVIDER
    title: ClassVar[str] = "Notion"
    required: ClassVar[tuple[str, ...]] = ("token",)

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(settings, clock=clock)
        self._endpoints: Endpoints | None = None

    async def aclose(self) -> None:
        """Close every connection."""
        self._endpoints = None
        await super().aclose()

    async def data_sources(self) -> tuple[DataSource, ...]:
        """Every data source that is shared with the integration, by title.

        Raises:
            Unconfigured, ProviderError: as of `read`.
        """
        found = [source async for source in self._found("")]
        return tuple(sorted(found, key=lambda source: (source.title, source.id)))

    async def page(self, page_id: str) -> NotionPage:
        """A page with all its properties, relations and rollups in whole.

        Raises:
            Unconfigured, ProviderError: as of `read`.
        """
        answer: Answer = await (await self._notion()).pages.retrieve(page_id)
        page = self._object(answer)
        properties = page.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        parent = page.get("parent")
        holder = parent.get("data_source_id") if isinstance(parent, dict) else None
        relations: Mapping[str, str] = {}
        if isinstance(holder, str):
            relations = (await self._retrieved(holder)).relations
        values = await self._record(page, relations, lambda _name: True)
        unknown = (name for name, value in properties.items() if isinstance(value, dict))
        return NotionPage(
            id=page_id,
            values=values,
            unknown=tuple(name for name in unknown if properties[name].get("type") not in KNOWN),
            demo=answer.demo,
        )

    async def markdown(self, page_id: str) -> Markdown:
        """A page's content as Notion's Markdown. What Notion leaves out of a long page is read by itself and follows at
        the end.

        Raises:
            Unconfigured, ProviderError: as of `read`.
        """
        api = await self._notion()
        waiting, seen, demo, complete = [page_id], {page_id}, False, True
        parts: list[str] = []
        while waiting:
            try:
                answer: Answer = await api.pages.retrieve_markdown(waiting.pop(0))
            except RequestRejected as error:
                if not parts or error.http_status != 404:
                    raise
                complete = False
                continue
            body = self._object(answer)
            text, left = body.get("markdown"), body.get("unknown_block_ids", [])
            if not isinstance(text, str) or not isinstance(left, list):
                raise self._malformed("a page's Markdown is no text")
            parts.append(text)
            demo = demo or answer.demo
            # A part that names itself again can't be read.
            complete = complete and seen.isdisjoint(left)
            waiting += [block for block in left if block not in seen]
            seen.update(left)
        return Markdown(page_id, "\n\n".join(parts), complete, demo)

    async def blocks(self, page_id: str) -> Blocks:
        """The blocks of a page or block, to any depth; pages and databases inside it are named and not entered.

        Raises:
            Unconfigured, ProviderError: as of `read`.
        """
        found: list[Block] = []
        first, demo = await self._children(page_id)
        waiting = [(block, 0) for block in reversed(first)]
        entered = {page_id}
        while waiting:
            block, depth = waiting.pop()
            key, kind = str(block.get("id")), str(block.get("type"))
            content = block.get(kind)
            found.append(Block(key, kind, block_text(content), depth, content))
            if block.get("has_children") and kind not in _OTHER_PAGES:
                if key in entered:
                    raise self._malformed(f"block {key} holds itself")
                entered.add(key)
                inside, _ = await self._children(key)
                waiting += [(child, depth + 1) for child in reversed(inside)]
        return Blocks(page_id, tuple(found), demo)

    async def _is_there(self, page_id: str) -> bool:
        """Whether a page can be seen, and isn't in the trash."""
        try:
            answer: Answer = await (await self._notion()).pages.retrieve(page_id)
        except RequestRejected as error:
            if error.http_status != 404:
                raise
            return False
        return self._object(answer).get("in_trash") is not True

    async def _listed(self, what: str, ask: Callable[..., Any]) -> AsyncIterator[tuple[Answer, list[dict[str, Any]]]]:
        """The answers of a list, to its end."""
        guard = self._guard(what)
        at: dict[str, str] = {}
        while True:
            answer: Answer = await ask(**at)
            body = self._object(answer)
            results, more, following = (body.get(key) for key in ("results", "has_more", "next_cursor"))
            if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
                raise self._malformed(f"its page of {what} holds no list of objects")
            if not isinstance(more, bool) or more != isinstance(following, str):
                raise self._malformed(f"its page of {what} does not say whether another follows")
            guard.page(str(result.get("id")) for result in results)
            yield answer, results
            if not isinstance(following, str):
                return
            guard.step(following)
            at = {"start_cursor": following}

    async def _record(
        self, page: Mapping[str, Any], relations: Mapping[str, str], keeps: Callable[[str], bool]
    ) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for name, value in page.items():
            if name in ("created_by", "last_edited_by"):
                value = value.get("id") if isinstance(value, dict) else value
            if name not in _NOT_READ and keeps(name):
                record[name] = value
        properties = page.get("properties")
        if not isinstance(properties, dict):
            return record
        for name, value in properties.items():
            kind = value.get("type") if isinstance(value, dict) else None
            titled = kind == "title" and keeps("title")
            field = field_name(name)
            if not titled and not any(map(keeps, names_of(field, str(kind)))):
                continue
            if is_cut(value, properties, relations.get(name)):
                value = await self._whole(page, name, value)
            record |= {at: found for at, found in flat(field, value).items() if keeps(at)}
            if titled:
                record["title"] = flat("title", value)["title"]
        return record

    async def _whole(self, page: Mapping[str, Any], name: str, value: Mapping[str, Any]) -> object:
        """A property of which the page shows a part, or a rollup that was calculated from a part."""
        key, page_id = str(value.get("id")), str(page.get("id"))
        if any(character in "/\\;?#" for character in unquote(key)):
            raise RequestRejected(
                f"Notion shows a part of {name!r} only, and gave it an id that can't be asked for.",
                provider=PROVIDER,
                hint="Duplicate the property in Notion and remove the first one: the copy has another id.",
            )
        retrieve = (await self._notion()).pages.properties.retrieve
        items: list[Any] = []
        last: object = None
        guard = self._guard(name)
        at: dict[str, str] = {}
        while True:
            answer: Answer = await retrieve(page_id, key, page_size=_PAGE_RECORDS, **at)
            body = self._object(answer)
            if body.get("object") == "property_item":
                return body
            results, following, last = (body.get(key) for key in ("results", "next_cursor", "property_item"))
            if not isinstance(results, list) or not isinstance(last, dict):
                raise self._malformed(f"its answer to {name!r} holds no values")
            items += results
            if not isinstance(following, str):
                return joined(last, items)
            guard.step(following)
            at = {"start_cursor": following}

    async def _children(self, block_id: str) -> tuple[list[dict[str, Any]], bool]:
        children = (await self._notion()).blocks.children.list
        found: list[dict[str, Any]] = []
        demo = False
        async for answer, results in self._listed("blocks", partial(children, block_id, page_size=_PAGE_RECORDS)):
            found += results
            demo = demo or answer.demo
        return found, demo

    async def _by_title(self, title: str, setting: str) -> DataSource:
        """The one of this title; `setting` is the variable that names it."""
        seen = [source async for source in self._found(title)]
        found = [source for source in seen if source.title.casefold() == title.casefold()]
        if len(found) == 1:
            return found[0]
        several = f"{len(found)} data sources" if found else "no data source"
        near = ", ".join(sorted({repr(source.title) for source in seen})[:5])
        raise RequestRejected(
            f"Notion shows the integration {several} with the title {title!r}" + (f"; near: {near}." if near else "."),
            provider=PROVIDER,
            hint=f"Set {setting} to its id (Manage data sources > Copy data source ID)."
            if found
            else f"{SHARE_HINT} Or set {setting}.",
        )

    async def _by_id(self, key: str) -> DataSource:
        """By a data source's id, or that of a database that holds one alone."""
        try:
            return await self._retrieved(key)
        except RequestRejected as error:
            if error.http_status != 404:
                raise
            refused = error
        try:
            answer: Answer = await (await self._notion()).databases.retrieve(key)
        except RequestRejected:
            raise refused from None
        held = self._object(answer).get("data_sources")
        if not isinstance(held, list) or len(held) != 1:
            raise RequestRejected(
                f"Database {key} holds more than one data source.",
                provider=PROVIDER,
                hint="Give the data source's own id (Manage data sources > Copy data source ID).",
            )
        return await self._retrieved(str(held[0].get("id")))

    async def _retrieved(self, key: str) -> DataSource:
        answer: Answer = await (await self._notion()).data_sources.retrieve(key)
        return self._described(answer.body, demo=answer.demo)

    async def _found(self, query: str) -> AsyncIterator[DataSource]:
        search = (await self._notion()).search
        asked = {"filter": {"property": "object", "value": "data_source"}, "page_size": _PAGE_RECORDS}
        if query:
            asked["query"] = query
        async for answer, results in self._listed("data sources", partial(search, **asked)):
            for result in results:
                if result.get("object") == "data_source" and not result.get("in_trash"):
                    yield self._described(result, demo=answer.demo)

    def _described(self, body: Any, *, demo: bool) -> DataSource:
        try:
            return data_source(body, demo=demo)
        except (KeyError, TypeError, AttributeError):
            raise self._malformed("a data source is not described as promised") from None

    def _object(self, answer: Answer) -> dict[str, Any]:
        if not isinstance(answer.body, dict):
            raise self._malformed("an answer is no object")
        return answer.body

    async def _notion(self) -> Endpoints:
        http = await self._connected()
        if self._endpoints is None:
            self._endpoints = (await asyncio.to_thread(_sdk))(http)
        return self._endpoints

    async def _open(self) -> HttpClient:
        given = self._settings.notion
        if given.token is None:
            raise Unconfigured("Notion is not configured.", missing=(self.variable("token"),), provider=PROVIDER)
        secret = given.token.get_secret_value()
        return HttpClient(
            PROVIDER,
            given.base_url,
            self._settings.http,
            requests_per_second=given.requests_per_second,
            credentials=Token({"Authorization": f"Bearer {secret}", "Notion-Version": API_VERSION}, [secret]),
            explain=_explain,
            clock=self._clock,
        )


def _sdk() -> type[Endpoints]:
    try:
        found: type[Endpoints] = import_module("sophia_kit.connectors.notion_sdk").Endpoints
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("notion_client"):
            raise
        raise ConfigError(
            "Reading Notion needs notion-client, which isn't installed.",
            hint="Install the extra: pip install 'sophia-kit[notion]'.",
            provider=PROVIDER,
        ) from None
    return found


def _explain(status: int, body: Any) -> ProviderError | None:
    if not 400 <= status < 500 or status == 429 or not isinstance(body, dict) or "code" not in body:
        return None
    said = " ".join(str(body.get("message", "")).split())[:300]
    message = f"Notion answered {status} {str(body['code'])[:80]}: {said}"
    if status in (401, 403):
        hint = (
            "Set SOPHIA_NOTION__TOKEN to the integration's token; see docs/notion.md."
            if status == 401
            else "Give the integration the capabilities that docs/notion.md names."
        )
        return AuthFailed(message, provider=PROVIDER, hint=hint, http_status=status)
    hint = SHARE_HINT if status == 404 else "See Notion's list of status codes."
    return RequestRejected(message, provider=PROVIDER, hint=hint, http_status=status)
