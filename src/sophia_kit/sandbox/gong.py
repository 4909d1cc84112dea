"""Gong's public API, as far as a reader needs it.

Shapes follow Gong's own "Gong API V2" (help.gong.io/apidocs: Introduction with its paging and limits, Users, Calls,
Settings; the same in the application, below `/settings/api/documentation`): `/v2/users`, `/v2/calls/extensive` with its
content selector, `/v2/calls/transcript`, `/v2/settings/trackers`, the error response. A filter that finds no call is
answered with 404, as Gong does. Where the reference leaves a choice (the size of a page, what a cursor holds, the words
of other messages) the sandbox's is its own.

The calls are those of the company's telephony system, which uploaded them to Gong: `clientUniqueId` is its key of a
call, and `customData` its score of the sentiment, for which Gong's API has no field. A call that was deleted is gone;
one that came late or was corrected is served as it is known on the day.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.gong_calls import TRACKERS, Call, make_calls, make_users
from sophia_kit.sandbox.vendor import Request, Response, json_response

__all__ = ["ACCESS_KEY", "ACCESS_KEY_SECRET", "Gong"]

ACCESS_KEY = "sandbox"
ACCESS_KEY_SECRET = "sandbox"  # noqa: S105 - opens nothing but the sandbox

_PAGE = 1000
_NO_CALLS = "No calls found corresponding to the provided filters"
_CONTENT = {"topics": "topics", "trackers": "trackers"}
_INTERACTION = {"speakers": "speakers", "personInteractionStats": "interactionStats", "questions": "questions"}


class _Refused(Exception):
    """What is wrong with a request, and the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class _Served:
    """What Gong knows on a day; made when it is first asked for."""

    company: Company

    @cached_property
    def users(self) -> list[dict[str, Any]]:
        return make_users(self.company)

    @cached_property
    def calls(self) -> list[Call]:
        return make_calls(self.company)


class Gong:
    """Serves a company's calls. Safe to use from several threads."""

    prefixes = ("/v2/",)

    def __init__(self, company: Company) -> None:
        self._lock = threading.Lock()
        self._serial = itertools.count(1)
        self._served = _Served(company)
        self._known: dict[str, tuple[str, Callable[[Request], Response]]] = {
            "/v2/users": ("GET", self._users),
            "/v2/settings/trackers": ("GET", self._trackers),
            "/v2/calls/extensive": ("POST", self._calls),
            "/v2/calls/transcript": ("POST", self._transcripts),
        }

    def show(self, company: Company) -> None:
        with self._lock:
            self._served = _Served(company)

    def answer(self, request: Request) -> Response:
        if not _signed(request):
            return self.expired(request)
        method, respond = self._known.get(request.path, ("", None))
        if respond is None:
            return self._error(404, "Not Found")
        if request.method != method:
            return self._error(405, f"Request method '{request.method}' is not supported")
        try:
            with self._lock:
                return respond(request)
        except _Refused as refusal:
            return self._error(refusal.status, str(refusal))

    def expired(self, request: Request) -> Response:
        return self._error(401, "Failed to verify credentials. Check the access key and the access key secret.")

    def failed(self, status: int) -> Response:
        return self._error(status, "API rate limit exceeded" if status == 429 else "An unexpected error occurred")

    def _users(self, request: Request) -> Response:
        return self._page(request, "users", self._served.users, request.query.get("cursor"))

    def _trackers(self, _request: Request) -> Response:
        return json_response(200, {"requestId": self._request_id(), "keywordTrackers": TRACKERS})

    def _calls(self, request: Request) -> Response:
        asked = _body(request)
        selector = _object(asked, "contentSelector")
        return self._page(
            request, "calls", self._found(asked), asked.get("cursor"), lambda call: _selected(call, selector)
        )

    def _transcripts(self, request: Request) -> Response:
        asked = _body(request)
        spoken = [call for call in self._found(asked) if call.transcript]
        if not spoken:
            raise _Refused(404, _NO_CALLS)
        return self._page(request, "callTranscripts", spoken, asked.get("cursor"), _transcript)

    def _found(self, asked: Mapping[str, Any]) -> list[Call]:
        """The calls of a filter.

        Raises:
            _Refused: there are none, or the filter can't be read.
        """
        wanted = _object(asked, "filter")
        start, end = (_moment(wanted, name) for name in ("fromDateTime", "toDateTime"))
        keys = frozenset(wanted["callIds"]) if "callIds" in wanted else None
        found = [
            call
            for call in self._served.calls
            if (keys is None or call.key in keys)
            and (start is None or call.began >= start)
            and (end is None or call.began < end)
        ]
        if not found:
            raise _Refused(404, _NO_CALLS)
        return found

    def _page(
        self,
        request: Request,
        name: str,
        found: Sequence[Any],
        cursor: object,
        shaped: Callable[[Any], str] = json.dumps,
    ) -> Response:
        size = request.page_size(_PAGE)
        begin = _place(cursor)
        until = min(len(found), begin + size)
        records: dict[str, Any] = {
            "totalRecords": len(found),
            "currentPageSize": until - begin,
            "currentPageNumber": begin // size,
        }
        if until < len(found):
            records["cursor"] = base64.urlsafe_b64encode(f"page:{until}".encode()).decode()
        head = json.dumps({"requestId": self._request_id(), "records": records})
        listed = ",".join(shaped(item) for item in found[begin:until])
        body = f'{head[:-1]},"{name}":[{listed}]}}'
        return Response(200, body.encode(), {"Content-Type": "application/json;charset=UTF-8"})

    def _request_id(self) -> str:
        return f"sandbox{next(self._serial):012d}"

    def _error(self, status: int, message: str) -> Response:
        return json_response(status, {"requestId": self._request_id(), "errors": [message]})


def _signed(request: Request) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme.lower() == "basic" and pair == f"{ACCESS_KEY}:{ACCESS_KEY_SECRET}"


def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "filter" not in found:
        raise _Refused(400, "Failed to parse json of request: filter is required")
    return found


def _object(asked: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = asked.get(name)
    return found if isinstance(found, dict) else {}


def _moment(wanted: Mapping[str, Any], name: str) -> float | None:
    if name not in wanted:
        return None
    try:
        found = datetime.fromisoformat(wanted[name])
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise _Refused(400, f"{name} is not in ISO-8601 format")
    return found.timestamp()


def _place(cursor: object) -> int:
    if cursor is None:
        return 0
    try:
        kind, _, place = base64.urlsafe_b64decode(str(cursor)).decode().partition(":")
        if kind == "page":
            return int(place)
    except (binascii.Error, ValueError):
        pass
    raise _Refused(400, "The cursor is invalid or has expired")


def _selected(call: Call, selector: Mapping[str, Any]) -> str:
    """A call with what its content selector exposes."""
    exposed = _object(selector, "exposedFields")
    found = [f'"metaData":{call.parts["metaData"]}']
    if selector.get("context", "None") != "None":
        found.append(f'"context":{call.parts["context"]}')
    if exposed.get("parties"):
        found.append(f'"parties":{call.parts["parties"]}')
    for part, names in (("content", _CONTENT), ("interaction", _INTERACTION)):
        wanted = [name for flag, name in names.items() if _object(exposed, part).get(flag)]
        if wanted:
            within = ",".join(f'"{name}":{call.parts[f"{part}.{name}"]}' for name in wanted)
            found.append(f'"{part}":{{{within}}}')
    return f"{{{','.join(found)}}}"


def _transcript(call: Call) -> str:
    return f'{{"callId":"{call.key}","transcript":{call.transcript}}}'
