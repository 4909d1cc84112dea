"""Salesforce, by its REST API: describe, and SOQL over all records, deleted ones included.

Reference: Salesforce, "REST API Developer Guide" (Query, QueryAll, sObject Describe, Limit Info Header) and "Object
Reference".
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sophia_kit.connectors.api import ApiConnector, Page
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.connectors.salesforce_access import Access
from sophia_kit.connectors.salesforce_login import Session, lacking, malformed
from sophia_kit.connectors.soql import Condition, Order, Select, require_select
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import (
    AuthFailed,
    InputError,
    ProviderError,
    ProviderTimeout,
    QueryLimit,
    RateLimited,
    RequestRejected,
)
from sophia_kit.core.http import Answer, HttpClient
from sophia_kit.core.settings import Settings

__all__ = ["OVERLAP", "Salesforce"]

PROVIDER = "salesforce"
OVERLAP = timedelta(minutes=10)
"""How far before its cursor an incremental read begins. A record's SystemModstamp is taken while its transaction
runs, and it becomes visible when that commits; ten minutes is the longest that Salesforce lets a transaction run
("Apex Developer Guide", Execution Governors and Limits, maximum execution time)."""

_STAMP = "SystemModstamp"
_RESOURCES = {
    name: Resource(name, table, _STAMP)
    for name, table in (
        ("Account", "salesforce_accounts"),
        ("Contact", "salesforce_contacts"),
        ("Opportunity", "salesforce_opportunities"),
        ("OpportunityHistory", "salesforce_opportunity_history"),
        ("Task", "salesforce_tasks"),
        ("User", "salesforce_users"),
    )
}
_NOT_READ = frozenset({"address", "base64", "location"})
_PAGE_RECORDS = 2000
_UNTIL_QUOTA_RETURNS_S = 3600.0
_USAGE_HOLDS_S = 900.0
"""How long a stated API use is believed. A process that runs for days asks again once it is older."""
_ACCESS_HINT = "Give the integration user read access to the object and its fields; see docs/salesforce.md."


@dataclass(frozen=True, slots=True)
class _Usage:
    """API requests used of those that the organisation has a day, as it said in answer to the request `asked`."""

    asked: int
    used: int
    granted: int
    heard_at: float


@dataclass(frozen=True, slots=True)
class _Answered:
    records: list[dict[str, Any]]
    total: int
    next_path: str | None


class Salesforce(ApiConnector):
    """The connector. See `sophia_kit.connectors.base.Connector`.

    Args:
        settings: `settings.salesforce` and `settings.http` are used.
        clock: real time; not the clock of a demo.
        overlap: see `OVERLAP`.
    """

    provider = PROVIDER
    title = "Salesforce"
    resources = _RESOURCES
    required = ("base_url", "client_id")

    def __init__(self, settings: Settings, *, clock: Clock | None = None, overlap: timedelta = OVERLAP) -> None:
        super().__init__(settings, clock=clock)
        self._overlap = overlap
        self._session: Session | None = None
        self._access = Access(settings.salesforce, self.resources)
        self._described: dict[str, Mapping[str, str]] = {}
        self._usage: _Usage | None = None
        self._asked = self._unanswered = 0

    @classmethod
    def missing(cls, settings: Settings) -> tuple[str, ...]:
        """See `ConnectorKind.missing`; either login will do."""
        return tuple(cls.variable(name) for name in lacking(settings.salesforce))

    def off(self, resource: str) -> str | None:
        """See `Connector.off`."""
        return None if self._access.has(resource) else "it is not listed in SOPHIA_SALESFORCE__OBJECTS"

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        await super().aclose()
        if session is not None:
            await session.aclose()

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`. `Id`, `SystemModstamp` and, where the object has it, `IsDeleted` come in any case. A
        field that `salesforce.fields` doesn't list is not asked for, and absent.

        `since` is a `cursor_high`; records are read from `OVERLAP` before it.

        Raises:
            PolicyRefused: the object is not one of `salesforce.objects`; nothing was sent.
            MalformedAnswer: also when pages repeat, or hold fewer or more records than Salesforce announced.
            RateLimited: also when the organisation's API use passed `api_limit_share`.
        """
        asked = self._resource(resource)
        self._access.require(resource)
        reached = self._since(since)
        query, absent = await self._select(resource, reached and reached - self._overlap, until, fields)
        async for batch in self._batches(asked, self._pages("/queryAll", query), absent=absent):
            yield batch

    async def query(self, soql: str, *, row_limit: int = 10_000) -> AsyncIterator[Batch]:
        """What a SOQL query of one's own finds, page by page to the end; deleted records aren't among it.

        For looking things up: nothing is stored, and the privacy policy of stored fields isn't applied.

        Args:
            soql: one SELECT over one object; see `sophia_kit.connectors.soql`.
            row_limit: the most records that it may find.

        Raises:
            QueryRefused: it isn't such a query, or asks for what `salesforce.objects` and `salesforce.fields` don't
                list; nothing was sent.
            QueryLimit: it finds more than `row_limit`; at most one page was read.
            Unconfigured, ProviderError: see `read`.
        """
        if row_limit < 1:
            raise InputError("A row limit is at least 1.", hint="Leave row_limit out for 10,000.")
        asked = require_select(soql)
        self._access.require_query(asked)
        bounded = replace(asked, limit=row_limit + 1 if asked.limit is None else min(asked.limit, row_limit + 1))
        async for page in self._pages("/query", bounded, row_limit):
            yield Batch(asked.source, page.records, None, page.demo)

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`. Compound fields are left out: their parts are fields of their own; so are files."""
        self._resource(resource)
        self._access.require(resource)
        described = await self._describe(resource)
        return tuple(sorted(name for name, kind in described.items() if kind not in _NOT_READ))

    async def _probe(self) -> str:
        """Log in and ask what an object looks like, as every load does first."""
        await self._describe(self._access.objects[0])
        usage = self._usage
        spent = "" if usage is None else f" {usage.used:,} of {usage.granted:,} daily API requests are used."
        return f"Logged in; API {self._settings.salesforce.api_version} answers.{spent}"

    async def _select(
        self, resource: str, start: datetime | None, end: datetime | None, fields: Sequence[str]
    ) -> tuple[Select, tuple[str, ...]]:
        available = await self._describe(resource)
        if lacking := {"Id", _STAMP} - available.keys():
            raise RequestRejected(
                f"Salesforce's {resource} shows the integration user no {' and no '.join(sorted(lacking))}.",
                provider=PROVIDER,
                hint=_ACCESS_HINT,
            )
        asked = dict.fromkeys([*fields, "Id", _STAMP, *({"IsDeleted"} & available.keys())])
        query = Select(
            tuple(name for name in asked if name in available),
            resource,
            (
                *(() if start is None else (Condition(_STAMP, ">=", start),)),
                *(() if end is None else (Condition(_STAMP, "<", end),)),
            ),
            (Order(_STAMP), Order("Id")),
        )
        return query, tuple(name for name in asked if name not in available)

    async def _describe(self, resource: str) -> Mapping[str, str]:
        """Field types by name, of the fields that may be read."""
        if resource not in self._described:
            answer = await self._get(f"/sobjects/{resource}/describe")
            try:
                fields = {str(item["name"]): str(item.get("type", "")) for item in answer.body["fields"]}
            except (KeyError, TypeError, AttributeError):
                raise malformed(f"its description of {resource} lists no fields") from None
            self._described[resource] = {
                name: kind for name, kind in fields.items() if self._access.allows(resource, name)
            }
        return self._described[resource]

    async def _pages(self, path: str, query: Select, row_limit: int | None = None) -> AsyncIterator[Page]:
        text, resource = str(query), query.source
        require_select(text)
        headers = {"Sforce-Query-Options": f"batchSize={_PAGE_RECORDS}"}
        answer = await self._get(path, {"q": text}, headers)
        announced: int | None = None
        received = 0
        guard = self._guard(resource)
        # Without keys, pages that are alike may well be different ones.
        keyed = any(name.lower() == "id" for name in query.fields)
        while True:
            page = _page(answer, resource)
            announced = page.total if announced is None else announced
            if row_limit is not None and announced > row_limit:
                raise QueryLimit(
                    f"The query finds more than {row_limit:,} records of {resource}.",
                    hint="Narrow it with WHERE or LIMIT, or raise row_limit.",
                    provider=PROVIDER,
                )
            received += len(page.records)
            if keyed:
                guard.page(record.get("Id") for record in page.records)
            if page.total != announced or received > announced:
                raise malformed(
                    f"it announced {announced:,} records of {resource} and sends {max(received, page.total):,}"
                )
            yield Page(page.records, answer.demo, answer.date)
            if page.next_path is None:
                break
            if not page.records:
                raise malformed(f"its pages of {resource} lead in a circle")
            guard.step(page.next_path)
            answer = await self._request(page.next_path, None, headers)
        if received != announced:
            raise malformed(f"it announced {announced:,} records of {resource} and sent {received:,}")

    async def _get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await self._request(f"/services/data/{self._settings.salesforce.api_version}{path}", params, headers)

    async def _request(self, path: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Answer:
        client = await self._connected()
        self._leave_others_their_share()
        self._asked += 1
        asked = self._asked
        self._unanswered += 1
        try:
            answer = await client.get(path, params, headers=headers)
        finally:
            self._unanswered -= 1
        stated = _api_usage(answer.headers.get("sforce-limit-info", ""))
        # Readings go on side by side: what was said to a later request counts.
        if stated is not None and (self._usage is None or asked > self._usage.asked):
            self._usage = _Usage(asked, *stated, heard_at=time.monotonic())
        return answer

    def _leave_others_their_share(self) -> None:
        usage, share = self._usage, self._settings.salesforce.api_limit_share
        if usage is None or time.monotonic() - usage.heard_at > _USAGE_HOLDS_S:
            return
        # Those that are under way aren't in the number that was heard.
        if usage.used + self._unanswered > share * usage.granted:
            raise RateLimited(
                f"Salesforce reports {usage.used:,} of {usage.granted:,} daily API requests used; "
                f"reading stops at {share:.0%}.",
                provider=PROVIDER,
                hint="Wait until the 24-hour window moves on, or raise SOPHIA_SALESFORCE__API_LIMIT_SHARE.",
                http_status=None,
                retry_after=_UNTIL_QUOTA_RETURNS_S,
            )

    async def _open(self) -> HttpClient:
        given = self._settings.salesforce
        self._session = self._session or Session(given, self._settings.http, self._clock)
        return HttpClient(
            PROVIDER,
            await self._session.instance_url(),
            self._settings.http,
            requests_per_second=given.requests_per_second,
            credentials=self._session,
            explain=_explain_api,
            conceal=self._session.configured_secrets,
            clock=self._clock,
        )


def _page(answer: Answer, resource: str) -> _Answered:
    body = answer.body
    if not isinstance(body, dict):
        raise malformed(f"its page of {resource} is no object")
    records, total, done, following = (body.get(key) for key in ("records", "totalSize", "done", "nextRecordsUrl"))
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise malformed(f"its page of {resource} holds no list of records")
    if not isinstance(total, int) or isinstance(total, bool) or not isinstance(done, bool):
        raise malformed(f"its page of {resource} does not say how many records there are")
    if done == isinstance(following, str):
        raise malformed(f"its page of {resource} does not say whether another follows")
    for record in records:
        record.pop("attributes", None)
    return _Answered(records, total, following if isinstance(following, str) else None)


def _explain_api(status: int, body: Any) -> ProviderError | None:
    first = body[0] if isinstance(body, list) and body and isinstance(body[0], dict) else {}
    code, said = str(first.get("errorCode", ""))[:80], " ".join(str(first.get("message", "")).split())[:300]
    if not code or status < 400 or status in {401, 429} or status >= 500:
        return None
    message = f"Salesforce answered {status} {code}: {said}"
    # One code for two limits: "ConcurrentRequests (...)" and "ConcurrentPerOrgLongTxn" pass within a minute, the day's
    # "TotalRequests" doesn't (Salesforce Help 000389067, "API Request Limits and Allocations").
    if code == "REQUEST_LIMIT_EXCEEDED" and said.startswith("Concurrent"):
        hint = "Too many long requests of the organisation's run at the same time. Run the load at a quieter hour."
        return RateLimited(message, provider=PROVIDER, hint=hint, http_status=status)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return RateLimited(
            message,
            provider=PROVIDER,
            hint="The organisation's daily API requests are used up. Wait until the 24-hour window moves on.",
            http_status=status,
            retry_after=_UNTIL_QUOTA_RETURNS_S,
        )
    if code == "QUERY_TIMEOUT":
        return ProviderTimeout(message, provider=PROVIDER, hint="Try again later.", http_status=status)
    if status == 403:
        return AuthFailed(message, provider=PROVIDER, hint=_ACCESS_HINT, http_status=status)
    if code == "INVALID_QUERY_LOCATOR":
        hint = "The results of the query expired between two pages. Run the load again."
    elif code in {"INVALID_FIELD", "INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS"}:
        hint = _ACCESS_HINT
    else:
        hint = "See Salesforce's list of API status codes."
    return RequestRejected(message, provider=PROVIDER, hint=hint, http_status=status)


def _api_usage(header: str) -> tuple[int, int] | None:
    found = re.search(r"(?:^|[ ;,])api-usage=(\d+)/(\d+)", header)
    return None if found is None else (int(found[1]), int(found[2]))
