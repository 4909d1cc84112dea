"""Salesforce, by its REST API: refresh-token login, describe, and SOQL over all records, deleted ones included.

Reference: Salesforce, "REST API Developer Guide" (QueryAll, sObject Describe, Limit Info Header) and
"OAuth 2.0 Refresh Token Flow for Renewed Sessions".
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sophia_kit.connectors.api import ApiConnector, Page
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.connectors.salesforce_login import Session, malformed
from sophia_kit.connectors.soql import Condition, Order, Select, require_select
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import (
    AuthFailed,
    ProviderError,
    ProviderTimeout,
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
        ("User", "salesforce_users"),
    )
}
_NOT_READ = frozenset({"address", "base64", "location"})
_PAGE_RECORDS = 2000
_UNTIL_QUOTA_RETURNS_S = 3600.0
_ACCESS_HINT = "Give the integration user read access to the object and its fields; see docs/salesforce.md."


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
    required = ("base_url", "client_id", "client_secret", "refresh_token")

    def __init__(self, settings: Settings, *, clock: Clock | None = None, overlap: timedelta = OVERLAP) -> None:
        super().__init__(settings, clock=clock)
        self._overlap = overlap
        self._session: Session | None = None
        self._described: dict[str, Mapping[str, str]] = {}
        self._usage: tuple[int, int] | None = None

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        await super().aclose()
        if session is not None:
            await session.aclose()

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`. `Id`, `SystemModstamp` and, where the object has it, `IsDeleted` come in any case.

        `since` is a `cursor_high`; records are read from `OVERLAP` before it.

        Raises:
            MalformedAnswer: also when pages repeat, or hold fewer or more records than Salesforce announced.
            RateLimited: also when the organisation's API use passed `api_limit_share`.
        """
        asked = self._resource(resource)
        reached = self._since(since)
        query, absent = await self._query(resource, reached and reached - self._overlap, until, fields)
        async for batch in self._batches(asked, self._pages(resource, query), absent=absent):
            yield batch

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`. Compound fields are left out: their parts are fields of their own; so are files."""
        self._resource(resource)
        described = await self._describe(resource)
        return tuple(sorted(name for name, kind in described.items() if kind not in _NOT_READ))

    async def _probe(self) -> str:
        """Log in and ask what an account looks like, as every load does first."""
        await self._describe("Account")
        spent = "" if self._usage is None else f" {self._usage[0]:,} of {self._usage[1]:,} daily API requests are used."
        return f"Logged in; API {self._settings.salesforce.api_version} answers.{spent}"

    async def _query(
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
        """Field types by name."""
        if resource not in self._described:
            answer = await self._get(f"/sobjects/{resource}/describe")
            try:
                fields = {str(item["name"]): str(item.get("type", "")) for item in answer.body["fields"]}
            except (KeyError, TypeError, AttributeError):
                raise malformed(f"its description of {resource} lists no fields") from None
            self._described[resource] = fields
        return self._described[resource]

    async def _pages(self, resource: str, query: Select) -> AsyncIterator[Page]:
        text = str(query)
        require_select(text)
        headers = {"Sforce-Query-Options": f"batchSize={_PAGE_RECORDS}"}
        answer = await self._get("/queryAll", {"q": text}, headers)
        announced: int | None = None
        received = 0
        guard = self._guard(resource)
        while True:
            page = _page(answer, resource)
            announced = page.total if announced is None else announced
            received += len(page.records)
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
        share = self._settings.salesforce.api_limit_share
        if self._usage is not None and self._usage[0] > share * self._usage[1]:
            raise RateLimited(
                f"Salesforce reports {self._usage[0]:,} of {self._usage[1]:,} daily API requests used; "
                f"reading stops at {share:.0%}.",
                provider=PROVIDER,
                hint="Wait until the 24-hour window moves on, or raise SOPHIA_SALESFORCE__API_LIMIT_SHARE.",
                http_status=None,
                retry_after=_UNTIL_QUOTA_RETURNS_S,
            )
        answer = await (await self._connected()).get(path, params, headers=headers)
        self._usage = _api_usage(answer.headers.get("sforce-limit-info", "")) or self._usage
        return answer

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
