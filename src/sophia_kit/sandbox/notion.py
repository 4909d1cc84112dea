"""Notion's API, as far as a reader needs it.

Behaviour follows Notion's reference (developers.notion.com): "Authentication", "Versioning", "Pagination", "Status
codes", "Request limits", "Search by title", "Retrieve a data source", "Query a data source", "Query large data
sources", "Retrieve a database", "Retrieve a page", "Retrieve a page property item", "Retrieve a page as markdown",
"Retrieve block children", "List all users", "Retrieve your token's bot user"; and the types that Notion publishes with
its own client (makenotion/notion-sdk-js). Where they leave a choice (form of a cursor, wording of a message) the
sandbox's is its own.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.notion_workspace import Json, Source, Workspace
from sophia_kit.sandbox.vendor import Request, Response, json_response

__all__ = ["TOKEN", "Notion"]

TOKEN = "sandbox"  # noqa: S105 - opens nothing but the sandbox
_VERSIONS = ("2025-09-03", "2026-03-11")
_MOST = 100
_QUERY_KEYS = frozenset({"sorts", "filter", "start_cursor", "page_size", "in_trash", "result_type"})
_SEARCH_KEYS = frozenset({"query", "sort", "filter", "start_cursor", "page_size"})
_TIMES = ("created_time", "last_edited_time")
_COMPARE: Mapping[str, Callable[[datetime, datetime], bool]] = {
    "equals": lambda held, asked: held == asked,
    "before": lambda held, asked: held < asked,
    "after": lambda held, asked: held > asked,
    "on_or_before": lambda held, asked: held <= asked,
    "on_or_after": lambda held, asked: held >= asked,
}


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


class Notion:
    """Serves a company's OKRs and wiki. Safe to use from several threads.

    `query_limit` is how many pages one query gives at most.
    """

    prefixes = ("/v1/",)

    def __init__(self, company: Company, *, query_limit: int = 10_000) -> None:
        self._company = company
        self._lock = threading.RLock()
        self._trash: set[str] = set()
        self._held: Workspace | None = None
        self.query_limit = query_limit

    def show(self, company: Company) -> None:
        with self._lock:
            self._company, self._held = company, None

    @property
    def workspace(self) -> Workspace:
        """What is in it today."""
        with self._lock:
            if self._held is None:
                self._held = Workspace(self._company)
                for page in self._trash & self._held.pages.keys():
                    self._held.pages[page]["in_trash"] = True
            return self._held

    def trash(self, page_id: str) -> None:
        """Move a page to the trash, as a person would."""
        with self._lock:
            self._trash.add(page_id)
            self.workspace.pages[page_id]["in_trash"] = True

    def answer(self, request: Request) -> Response:
        try:
            return json_response(200, self._answered(request))
        except _Refused as refused:
            return _error(refused.status, refused.code, refused.message)

    def expired(self, request: Request) -> Response:
        return _error(401, "unauthorized", "API token is invalid.")

    def failed(self, status: int) -> Response:
        if status == 429:
            return _error(429, "rate_limited", "You have been rate limited. Please try again in a few minutes.")
        return _error(status, "internal_server_error", "Unexpected error occurred.")

    def _answered(self, request: Request) -> Json:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise _Refused(401, "unauthorized", "API token is invalid.")
        version = request.headers.get("notion-version")
        if version not in _VERSIONS:
            raise _Refused(400, "missing_version", f"Notion-Version header should be one of {', '.join(_VERSIONS)}.")
        routes: Sequence[tuple[str, str, Callable[..., Json]]] = (
            ("POST", "/v1/search", self._search),
            ("GET", "/v1/users", self._users),
            ("GET", "/v1/users/me", lambda _request: self.workspace.users[-1]),
            ("GET", "/v1/data_sources/([^/]+)", lambda _request, key: self._source(key).body),
            ("POST", "/v1/data_sources/([^/]+)/query", self._query),
            ("GET", "/v1/databases/([^/]+)", self._database),
            ("GET", "/v1/pages/([^/]+)", lambda _request, key: self._page(key)),
            ("GET", "/v1/pages/([^/]+)/markdown", self._markdown),
            ("GET", "/v1/pages/([^/]+)/properties/([^/]+)", self._property),
            ("GET", "/v1/blocks/([^/]+)/children", self._children),
        )
        for method, path, serve in routes:
            if method == request.method and (match := re.fullmatch(path, request.path)) is not None:
                body = serve(request, *match.groups())
                return body if version != _VERSIONS[0] else _as_before(body)
        raise _Refused(400, "invalid_request_url", "Invalid request URL.")

    def _search(self, request: Request) -> Json:
        asked = _body(request, _SEARCH_KEYS)
        wanted = asked.get("filter", {}).get("value")
        found = [source.body for source in self.workspace.sources.values()] if wanted != "page" else []
        if wanted != "data_source":
            found += [page for page in self.workspace.pages.values() if not page["in_trash"]]
        words = str(asked.get("query", "")).casefold()
        found = [thing for thing in found if words in _title(thing).casefold()]
        return _list(request, found, asked, "page_or_data_source")

    def _users(self, request: Request) -> Json:
        return _list(request, self.workspace.users, request.query, "user")

    def _database(self, request: Request, key: str) -> Json:
        for source in self.workspace.sources.values():
            if source.database == _id(key):
                name = _title(source.body)
                listed = [{"id": source.body["id"], "name": name}]
                kept = {
                    n: v for n, v in source.body.items() if n not in ("object", "id", "properties", "database_parent")
                }
                parent = source.body["database_parent"]
                return kept | {"object": "database", "id": source.database, "parent": parent, "data_sources": listed}
        raise _missing("database", key)

    def _source(self, key: str) -> Source:
        if _id(key) not in self.workspace.sources:
            raise _missing("data source", key)
        return self.workspace.sources[_id(key)]

    def _page(self, key: str) -> Json:
        if _id(key) not in self.workspace.pages:
            raise _missing("page", key)
        return self.workspace.pages[_id(key)]

    def _query(self, request: Request, key: str) -> Json:
        asked = _body(request, _QUERY_KEYS)
        trashed = asked.get("in_trash", False)
        found = [
            page
            for page in self._source(key).pages
            if page["in_trash"] is trashed and _holds(asked.get("filter"), page)
        ]
        for sort in reversed(asked.get("sorts", [])):
            if sort.get("timestamp") not in _TIMES:
                raise _invalid("sorts should name created_time or last_edited_time here")
            descending = sort.get("direction") == "descending"
            found.sort(key=itemgetter(sort["timestamp"]), reverse=descending)
        whole = len(found) <= self.query_limit
        status: Json = {"type": "complete"}
        if not whole:
            status = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
        listed = _list(request, found[: self.query_limit], asked, "page_or_data_source")
        return listed | {"request_status": status}

    def _markdown(self, request: Request, key: str) -> Json:
        page = self._page(key)["id"]
        text = self.workspace.markdown[page]
        return {
            "object": "page_markdown",
            "id": page,
            "markdown": text,
            "truncated": False,
            "unknown_block_ids": [],
        }

    def _property(self, request: Request, key: str, name: str) -> Json:
        page = self._page(key)
        asked = unquote(name)
        value = next((v for v in page["properties"].values() if unquote(v["id"]) == asked), None)
        if value is None:
            raise _missing("property", name)
        kind = value["type"]
        item = {"object": "property_item", "id": value["id"], "type": kind}
        if (page["id"], value["id"]) in self.workspace.values:
            last, items = self.workspace.values[page["id"], value["id"]]
        elif kind in ("title", "rich_text", "relation", "people"):
            last = {"id": value["id"], "next_url": None, "type": kind, kind: {}}
            items = [item | {kind: one} for one in value[kind]]
        else:
            return item | {kind: value[kind]}
        listed = _list(request, items, request.query, "property_item", by_place=True)
        following = listed["next_cursor"]
        link = following and f"https://api.notion.com{request.path}?start_cursor={following}"
        return listed | {"property_item": last | {"next_url": link}}

    def _children(self, request: Request, key: str) -> Json:
        if _id(key) not in self.workspace.children:
            raise _missing("block", key)
        return _list(request, self.workspace.children[_id(key)], request.query, "block")


def _list(
    request: Request, found: Sequence[Json], asked: Mapping[str, Any], kind: str, *, by_place: bool = False
) -> Json:
    """A page of a list. A cursor is the id of the next thing, or its place where things have no id of their own."""
    try:
        size = int(asked.get("page_size", _MOST))
    except (TypeError, ValueError):
        raise _invalid("page_size should be a number") from None
    if not 1 <= size <= _MOST:
        raise _invalid(f"page_size should be between 1 and {_MOST}")
    cursors = [str(place) if by_place else str(thing["id"]) for place, thing in enumerate(found)]
    start = 0
    if asked.get("start_cursor") is not None:
        if asked["start_cursor"] not in cursors:
            raise _invalid("The start_cursor provided is invalid")
        start = cursors.index(asked["start_cursor"])
    end = start + request.page_size(size)
    more = end < len(found)
    return {
        "object": "list",
        "results": list(found[start:end]),
        "next_cursor": cursors[end] if more else None,
        "has_more": more,
        "type": kind,
        kind: {},
    }


def _body(request: Request, known: frozenset[str]) -> Json:
    try:
        found = json.loads(request.body or b"{}")
    except ValueError:
        raise _Refused(400, "invalid_json", "Error parsing JSON body.") from None
    if not isinstance(found, dict) or (unknown := found.keys() - known):
        raise _invalid(
            f"body.{min(unknown)} should be not present" if isinstance(found, dict) else "body should be an object"
        )
    return found


def _holds(condition: Any, page: Json) -> bool:
    if condition is None:
        return True
    if "and" in condition:
        return all(_holds(part, page) for part in condition["and"])
    if "or" in condition:
        return any(_holds(part, page) for part in condition["or"])
    which = condition.get("timestamp")
    if which not in _TIMES or not isinstance(condition.get(which), dict):
        raise _invalid("filter should be one of timestamp, and, or here")
    held = datetime.fromisoformat(page[which])
    for how, when in condition[which].items():
        if how not in _COMPARE:
            raise _invalid(f"filter.{which}.{how} should be not present")
        try:
            asked = datetime.fromisoformat(when)
        except (TypeError, ValueError):
            raise _invalid(f"filter.{which}.{how} should be a valid ISO 8601 date string") from None
        if not _COMPARE[how](held, asked):
            return False
    return True


def _title(thing: Json) -> str:
    held = thing.get("title")
    if held is None:
        held = next(value["title"] for value in thing["properties"].values() if value["type"] == "title")
    return "".join(part["plain_text"] for part in held)


def _as_before(body: Json) -> Json:
    """The same in the version before, where what is in the trash is also called archived."""
    if body["object"] == "list":
        return body | {"results": [_as_before(thing) for thing in body["results"]]}
    return body | {"archived": body["in_trash"]} if "in_trash" in body else body


def _id(text: str) -> str:
    """An id with its dashes; they may be left out."""
    try:
        return str(UUID(text))
    except ValueError:
        raise _invalid(f"path failed validation: {text[:40]} should be a valid uuid") from None


def _invalid(message: str) -> _Refused:
    return _Refused(400, "validation_error", message)


def _missing(kind: str, key: str) -> _Refused:
    shared = "Make sure the relevant pages and databases are shared with your integration."
    return _Refused(404, "object_not_found", f"Could not find {kind} with ID: {key}. {shared}")


def _error(status: int, code: str, message: str) -> Response:
    return json_response(status, {"object": "error", "status": status, "code": code, "message": message})
