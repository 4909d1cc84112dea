"""Notion, by its API: the pages of four data sources with their properties and content, and users.

Reference: Notion, "Query a data source", "Query large data sources", "Search by title", "Retrieve a page property
item", "Retrieve a page as markdown", "Retrieve block children", "List all users" (developers.notion.com).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sophia_kit.connectors.api import Page, moment_text
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.connectors.notion_content import DataSource
from sophia_kit.connectors.notion_reader import API_VERSION, PROVIDER, SHARE_HINT, NotionReader
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import InputError, RequestRejected, Unconfigured
from sophia_kit.core.http import Answer
from sophia_kit.core.settings import Settings

__all__ = ["API_VERSION", "OVERLAP", "Notion"]

OVERLAP = timedelta(minutes=10)
"""How far before its cursor an incremental read begins. Notion cuts `last_edited_time` to the minute, and doesn't say
how soon a query shows an edit."""

_STAMP = "last_edited_time"
_RESOURCES = {
    "objectives": Resource("objectives", "notion_objectives", _STAMP),
    "key_results": Resource("key_results", "notion_key_results", _STAMP),
    "check_ins": Resource("check_ins", "notion_check_ins", _STAMP),
    "knowledge": Resource("knowledge", "notion_knowledge_pages", _STAMP),
    "users": Resource("users", "notion_users", "modified_at"),
}
_TABLES = tuple(name for name in _RESOURCES if name != "users")
_WHOLE = frozenset({"objectives", "key_results"})
"""Read in whole each time, with a few requests: people move last year's to another place, and a rollup's change is no
edit of the page that shows it."""

_USER_FIELDS = ("avatar_url", "id", "modified_at", "name", "person.email", "type")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE_RECORDS = 100
_PAGES_NAMED = 5
_ALWAYS = ("id", _STAMP, "in_trash")
_ID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)

Condition = Mapping[str, Any]
_Read = TypeVar("_Read")


class Notion(NotionReader):
    """The connector. See `sophia_kit.connectors.base.Connector`. For people and services it reads single things too:
    see `NotionReader`.

    Args:
        settings: `settings.notion` and `settings.http` are used.
        clock: real time; not the clock of a demo.
        overlap: see `OVERLAP`.
    """

    resources = _RESOURCES

    def __init__(self, settings: Settings, *, clock: Clock | None = None, overlap: timedelta = OVERLAP) -> None:
        super().__init__(settings, clock=clock)
        self._overlap = overlap
        self._sources: dict[str, DataSource] = {}

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`. `id`, `last_edited_time` and `in_trash` come in any case; `markdown` costs a request
        for each page.

        With `since`, pages edited from `OVERLAP` before it on, and those in the trash; but objectives, key results and
        users are read in whole each time, unless `until` is given. So is a data source that isn't the cursor's.

        Raises:
            Unconfigured: also when the setting that names its data source is empty.
            RequestRejected: also when no data source, or more than one, has the title that is configured.
            MalformedAnswer: also when pages repeat or lead in a circle.
        """
        asked = self._resource(resource)
        reached, cursors = self._reached(since)
        if resource == "users":
            async for batch in self._batches(asked, self._users(fields), image_since=_EPOCH):
                yield batch
            return
        source = await self._source(resource)
        whole = until is None and (resource in _WHOLE or cursors not in (None, source.id))
        start = None if whole or reached is None else reached - self._overlap
        absent = tuple(name for name in dict.fromkeys(fields) if name not in source.fields)
        gone: list[str] = []
        pages = self._edited(source, {*fields, *_ALWAYS}, start, until, gone)
        async for batch in self._batches(asked, pages, absent=absent, image_since=_EPOCH if whole else None):
            high = batch.cursor_high
            yield replace(batch, cursor_high=None if high is None else _cursor(high, source), notes=_notes(gone))

    def _reached(self, since: str | None) -> tuple[datetime | None, str | None]:
        """The moment of a cursor, and the data source that was read up to it: none where it is a plain moment."""
        if since is None or not since.startswith("{"):
            return self._since(since), None
        try:
            held = json.loads(since)
            return self._since(str(held["at"])), str(held["data_source"])
        except (ValueError, KeyError):
            raise InputError("This is not a cursor of Notion.", hint="Run the load with --full.") from None

    def off(self, resource: str) -> str | None:
        """See `Connector.off`."""
        if resource in _TABLES and not self._named(resource):
            return f"{self.variable(resource)} is empty"
        return super().off(resource)

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`: what every page has, and the properties of the data source as they are now."""
        self._resource(resource)
        return _USER_FIELDS if resource == "users" else (await self._source(resource)).fields

    async def _probe(self) -> str:
        """Ask who the integration is, and look for the data sources."""
        answer: Answer = await (await self._notion()).users.me()
        name = self._object(answer).get("name") or "An integration without a name"
        lacking = []
        wanted = [resource for resource in _TABLES if self.off(resource) is None]
        for resource in wanted:
            try:
                await self._source(resource)
            except RequestRejected:
                lacking.append(resource)
        if wanted and lacking == wanted:
            raise RequestRejected(
                f"Notion answers {name}, and shows it none of its data sources.", provider=PROVIDER, hint=SHARE_HINT
            )
        told = f" Not found: {', '.join(lacking)}." if lacking else ""
        return f"{name} is connected; API {API_VERSION} answers.{told}"

    async def _edited(
        self,
        source: DataSource,
        wanted: Collection[str],
        start: datetime | None,
        end: datetime | None,
        gone: list[str],
    ) -> AsyncIterator[Page]:
        """The pages that were edited, and those in the trash. One that goes while it is read is put on `gone`."""
        conditions: list[Condition] = []
        if start is not None:
            conditions.append({"timestamp": _STAMP, _STAMP: {"on_or_after": moment_text(start)}})
        if end is not None:
            conditions.append({"timestamp": _STAMP, _STAMP: {"before": moment_text(end)}})
        known = frozenset(source.fields)

        def keeps(name: str) -> bool:
            return name in wanted or name not in known

        async for answer, results in self._query(source, conditions):
            records = [record async for record in self._records(results, source, keeps, gone)]
            yield Page([] if "markdown" in wanted else records, answer.demo, answer.date)
            # One by one: who looks at a few doesn't wait for the content of a hundred.
            for record in records if "markdown" in wanted else ():
                key, content = record.get("id"), None
                if isinstance(key, str):
                    read = await self._unless_gone(key, self.markdown(key), gone)
                    if read is None:
                        continue
                    content = read.text
                yield Page([record | {"markdown": content}], answer.demo, answer.date)
        if start is None or end is not None:
            return
        async for answer, results in self._query(source, [], in_trash=True):
            trashed = [page for page in results if page.get("in_trash") is True]
            records = [record async for record in self._records(trashed, source, keeps, gone)]
            yield Page(
                [{"markdown": None} | r if "markdown" in wanted else r for r in records], answer.demo, answer.date
            )

    async def _records(
        self, pages: Sequence[Mapping[str, Any]], source: DataSource, keeps: Callable[[str], bool], gone: list[str]
    ) -> AsyncIterator[dict[str, Any]]:
        for page in pages:
            record = self._record(page, source.relations, keeps)
            if (found := await self._unless_gone(page.get("id"), record, gone)) is not None:
                yield found

    async def _unless_gone(self, page_id: object, reading: Awaitable[_Read], gone: list[str]) -> _Read | None:
        """What is read of a page that was listed; None when the page itself isn't there any more."""
        try:
            return await reading
        except RequestRejected as error:
            if error.http_status != 404 or not isinstance(page_id, str) or await self._is_there(page_id):
                raise
        gone.append(page_id)
        return None

    async def _query(
        self, source: DataSource, conditions: Sequence[Condition], *, in_trash: bool = False
    ) -> AsyncIterator[tuple[Answer, list[dict[str, Any]]]]:
        """The pages of a data source, oldest first: the order by creation stands still while pages are edited.

        One query gives 10,000 pages at most and says when there are more; the next one begins where it ended.
        """
        query = (await self._notion()).data_sources.query
        begins: str | None = None
        known: set[str] = set()
        while True:
            window = [*conditions]
            if begins is not None:
                window.append({"timestamp": "created_time", "created_time": {"on_or_after": begins}})
            asked: dict[str, Any] = {
                "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
                "page_size": _PAGE_RECORDS,
                "result_type": "page",
            }
            if window:
                asked["filter"] = window[0] if len(window) == 1 else {"and": window}
            if in_trash:
                asked["in_trash"] = True
            more, last = False, begins
            async for answer, results in self._listed(source.title, partial(query, source.id, **asked)):
                status = answer.body.get("request_status")
                more = more or (isinstance(status, dict) and status.get("type") == "incomplete")
                last = next((page["created_time"] for page in reversed(results) if page.get("created_time")), last)
                yield answer, [page for page in results if str(page.get("id")) not in known]
                known.update(str(page.get("id")) for page in results)
            if not more:
                return
            if last is None or last == begins:
                raise self._malformed(f"a query of {source.title} ends early, and no other goes on from there")
            begins = last

    async def _users(self, fields: Sequence[str]) -> AsyncIterator[Page]:
        users = (await self._notion()).users.list
        wanted = {*fields, "id", "modified_at"}
        async for answer, results in self._listed("users", partial(users, page_size=_PAGE_RECORDS)):
            records = []
            for user in results:
                # Notion doesn't say when a user changed: of two readings the later counts.
                record: dict[str, Any] = {"modified_at": moment_text(_EPOCH), "person.email": None}
                for name, value in user.items():
                    if name == "person" and isinstance(value, dict):
                        record |= {f"person.{inner}": found for inner, found in value.items()}
                    elif name not in ("object", "bot"):
                        record[name] = value
                records.append({n: v for n, v in record.items() if n in wanted or n not in _USER_FIELDS})
            yield Page(records, answer.demo, answer.date)

    def _named(self, resource: str) -> str:
        given: str = getattr(self._settings.notion, resource)
        return given.strip()

    async def _source(self, resource: str) -> DataSource:
        """The data source of a resource, by the title or id that is configured."""
        if resource not in self._sources:
            given = self._named(resource)
            if not given:
                raise Unconfigured(
                    f"Notion's {resource} are not configured.",
                    missing=(self.variable(resource),),
                    hint=f"Set {self.variable(resource)} to the title or id of a data source; see docs/notion.md.",
                    provider=PROVIDER,
                )
            found = await (
                self._by_id(given) if _ID.fullmatch(given) else self._by_title(given, self.variable(resource))
            )
            self._sources[resource] = found
        return self._sources[resource]


def _notes(gone: Sequence[str]) -> tuple[str, ...]:
    if not gone:
        return ()
    shown = ", ".join(gone[:_PAGES_NAMED]) + (", ..." if len(gone) > _PAGES_NAMED else "")
    return (f"{len(gone):,} left out that went while being read: {shown}",)


def _cursor(at: str, source: DataSource) -> str:
    return json.dumps({"at": at, "data_source": source.id})
