"""Gong, by its public API: users, calls with what Gong found in them, who took part, what was said, trackers.

Reference: Gong, "Gong API V2" (help.gong.io/apidocs: Introduction, Users, Calls, Settings; the same in the
application, below `/settings/api/documentation`). Calls and transcripts are read by POST.

A call isn't flat. Its fields are named by their path (`metaData.id`), and so are the members of its lists, which have
names rather than places: `interaction.interactionStats.Talk Ratio`, `context.Salesforce.Account.objectId`.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sophia_kit.connectors.api import ApiConnector, Page, Token, moment_text
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.connectors.gong_fields import (
    COMPETITORS,
    FIELDS,
    KEYS,
    STARTED,
    CallShape,
    Record,
    plain,
    said,
    took_part,
)
from sophia_kit.core.errors import AuthFailed, ProviderError, RequestRejected
from sophia_kit.core.http import Answer, HttpClient

__all__ = ["Gong"]

PROVIDER = "gong"
_USERS, _TRACKERS = "/v2/users", "/v2/settings/trackers"
_CALLS, _TRANSCRIPTS = "/v2/calls/extensive", "/v2/calls/transcript"
_NO_CALLS = "no calls found corresponding to the provided filters"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_RESOURCES = {
    resource.name: resource
    for resource in (
        Resource("users", "gong_users", "created"),
        Resource("calls", "gong_calls", STARTED),
        Resource("parties", "gong_call_parties", STARTED),
        Resource("transcripts", "gong_call_turns", STARTED, opt_in="transcripts"),
        Resource("trackers", "gong_trackers", "updated"),
    )
}
_SELECTORS: Mapping[str, Mapping[str, Any]] = {
    "calls": {
        "context": "Basic",
        "exposedFields": {
            "content": {"topics": True, "trackers": True},
            "interaction": {"personInteractionStats": True, "questions": True},
        },
    },
    "parties": {"exposedFields": {"parties": True}},
    "transcripts": {},
}


class _NoCalls(RequestRejected):
    """Gong's way to say that it has no calls of a filter."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page of a list: its items, and the answer they came with."""

    items: list[Record] = field(repr=False)
    answer: Answer


class Gong(ApiConnector):
    """The connector. See `sophia_kit.connectors.base.Connector`."""

    provider = PROVIDER
    title = "Gong"
    resources = _RESOURCES
    required = ("access_key", "access_key_secret")

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`. A record's key (`KEYS`) and incremental field come in any case.

        Of calls, parties and transcripts, the last `repull_days` before `since` are read again, and what is missing
        there was deleted: Gong says neither when a call changed nor which is gone. Users and trackers are few; they
        are read whole each time.

        Raises:
            MalformedAnswer: also when pages repeat, or hold fewer or more records than Gong announced.
        """
        wanted = self._resource(resource)
        reached = self._since(since)
        named = dict.fromkeys([*fields, KEYS[resource], wanted.incremental_field])
        asked = tuple(name for name in named if name in FIELDS[resource])
        absent = [name for name in named if name not in FIELDS[resource]]
        image: datetime | None = _EVER
        if resource in _SELECTORS:
            image = reached and reached - timedelta(days=self._settings.gong.repull_days)
        competitors = await self._competitors() if resource == "calls" and COMPETITORS in asked else None
        if COMPETITORS in asked and competitors is None:
            absent.append(COMPETITORS)
        pages = {
            "users": lambda: self._plain("users", self._lists("users", _USERS), asked),
            "trackers": lambda: self._plain("trackers", self._trackers(), asked),
            "calls": lambda: self._calls(CallShape(asked, competitors), image, until),
            "parties": lambda: self._parties(asked, image, until),
            "transcripts": lambda: self._transcripts(asked, image, until),
        }[resource]()
        async for batch in self._batches(wanted, pages, absent=tuple(absent), image_since=image):
            yield batch

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`: what Gong's reference names, and what the connector makes of its lists."""
        self._resource(resource)
        return tuple(sorted(FIELDS[resource]))

    async def _probe(self) -> str:
        answer = await (await self._connected()).get(_USERS)
        return f"Gong answers; it has {self._page(answer, 'users')[1]:,} users."

    async def _plain(self, resource: str, lists: AsyncIterator[_Listed], asked: Sequence[str]) -> AsyncIterator[Page]:
        async for listed in lists:
            records = [plain(resource, item, asked) for item in listed.items]
            yield Page(records, listed.answer.demo, listed.answer.date)

    async def _calls(self, shape: CallShape, start: datetime | None, end: datetime | None) -> AsyncIterator[Page]:
        async for listed in self._call_lists("calls", start, end):
            records = [shape.record(call) for call in listed.items]
            yield Page(records, listed.answer.demo, listed.answer.date)

    async def _parties(self, asked: Sequence[str], start: datetime | None, end: datetime | None) -> AsyncIterator[Page]:
        async for listed in self._call_lists("parties", start, end):
            records = [record for call in listed.items for record in took_part(call, asked)]
            yield Page(records, listed.answer.demo, listed.answer.date)

    async def _transcripts(
        self, asked: Sequence[str], start: datetime | None, end: datetime | None
    ) -> AsyncIterator[Page]:
        """A transcript names its call and not when that began: each page of calls is read first, then what was said
        in them."""
        async for listed in self._call_lists("transcripts", start, end):
            metas = [meta for call in listed.items if isinstance(meta := call.get("metaData"), dict)]
            begun = {meta["id"]: meta.get("started") for meta in metas if isinstance(meta.get("id"), str)}
            records: list[Record] = []
            if begun:
                body = {"filter": {"callIds": list(begun)}}
                async for spoken in self._lists("callTranscripts", _TRANSCRIPTS, body):
                    for item in spoken.items:
                        call = item.get("callId")
                        if not isinstance(call, str) or call not in begun:
                            raise self._malformed("it sent the transcript of a call that wasn't asked for")
                        records += said(call, begun[call], item.get("transcript"), asked)
            yield Page(records, listed.answer.demo, listed.answer.date)

    def _call_lists(self, resource: str, start: datetime | None, end: datetime | None) -> AsyncIterator[_Listed]:
        moments = {"fromDateTime": start, "toDateTime": end}
        window = {name: moment_text(moment) for name, moment in moments.items() if moment is not None}
        return self._lists("calls", _CALLS, {"filter": window, "contentSelector": _SELECTORS[resource]})

    async def _lists(self, name: str, path: str, body: Mapping[str, Any] | None = None) -> AsyncIterator[_Listed]:
        """The pages of a list, by POST when there is a body. Calls may come and go while they are read: the number of
        records has to be one that Gong announced in the meantime, or between two of them."""
        api = await self._connected()
        guard = self._guard(name)
        received, totals, cursor = 0, set[int](), None
        while True:
            try:
                if body is None:
                    answer = await api.get(path, None if cursor is None else {"cursor": cursor})
                else:
                    answer = await api.request("POST", path, json={**body, **({"cursor": cursor} if cursor else {})})
            except _NoCalls:
                if received:
                    raise
                # An error doesn't tell whether the sandbox sent it; any answer does.
                yield _Listed([], await api.get(_USERS))
                return
            items, total, cursor = self._page(answer, name)
            guard.page(_key_of(item) for item in items)
            received += len(items)
            totals.add(total)
            yield _Listed(items, answer)
            if cursor is None:
                break
            guard.step(cursor)
        if not min(totals) <= received <= max(totals):
            raise self._malformed(f"it announced {max(totals):,} {name} and sent {received:,}")

    def _page(self, answer: Answer, name: str) -> tuple[list[Record], int, str | None]:
        body = answer.body if isinstance(answer.body, dict) else {}
        items, records = body.get(name), body.get("records")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self._malformed(f"its page holds no list of {name}")
        total = records.get("totalRecords") if isinstance(records, dict) else None
        if not isinstance(records, dict) or not isinstance(total, int) or isinstance(total, bool):
            raise self._malformed(f"its page of {name} does not say how many there are")
        cursor = records.get("cursor")
        return items, total, cursor if isinstance(cursor, str) and cursor else None

    async def _trackers(self) -> AsyncIterator[_Listed]:
        """All keyword trackers; they come on one page."""
        answer = await (await self._connected()).get(_TRACKERS)
        items = answer.body.get("keywordTrackers") if isinstance(answer.body, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise self._malformed("its answer holds no list of keyword trackers")
        yield _Listed(items, answer)

    async def _competitors(self) -> str | None:
        """The tracker that counts mentions of competitors, when there is one of its name. Without it a call that lacks
        the tracker would look like one in which no competitor was mentioned."""
        name = self._settings.gong.competitor_tracker
        async for listed in self._trackers():
            if any(tracker.get("trackerName") == name for tracker in listed.items):
                return name
        return None

    async def _open(self) -> HttpClient:
        given = self._settings.gong
        assert given.access_key_secret is not None
        secret = given.access_key_secret.get_secret_value()
        signed = base64.b64encode(f"{given.access_key}:{secret}".encode()).decode()
        return HttpClient(
            PROVIDER,
            given.base_url,
            self._settings.http,
            requests_per_second=given.requests_per_second,
            credentials=Token({"Authorization": f"Basic {signed}"}, (secret, signed)),
            explain=_explain,
            clock=self._clock,
        )


def _key_of(item: Record) -> str:
    meta = item.get("metaData")
    return str(meta.get("id") if isinstance(meta, dict) else item.get("callId") or item.get("id"))


def _explain(status: int, body: Any) -> ProviderError | None:
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list) or not errors or status < 400 or status == 429 or status >= 500:
        return None
    text = " ".join(" ".join(map(str, errors)).split())[:300]
    message = f"Gong answered {status}: {text} (request {str(body.get('requestId'))[:40]})"
    if status == 404 and text.lower().startswith(_NO_CALLS):
        return _NoCalls(message, provider=PROVIDER, hint="There is nothing to read.", http_status=status)
    if status in {401, 403}:
        keys = "SOPHIA_GONG__ACCESS_KEY and SOPHIA_GONG__ACCESS_KEY_SECRET"
        hint = f"Check {keys if status == 401 else 'the list of addresses that the key trusts'}; see docs/gong.md."
        return AuthFailed(message, provider=PROVIDER, hint=hint, http_status=status)
    hint = "See docs/gong.md; Gong's support finds the request by its id."
    return RequestRejected(message, provider=PROVIDER, hint=hint, http_status=status)
