"""What the conformance suite has to know of each vendor. A new connector adds itself here, and only here."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.wire import Reply, Request

from sophia_kit.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor, as its connector reads it in the sandbox.

    Attributes:
        provider: names the connector and its section of the settings.
        settings: the section, without its `base_url`.
        resource, fields, key: what is read: a resource of several pages, and the field that identifies a record.
        table: where the sandbox's company holds the same records.
        is_login, is_page: which requests sign in, and which bring records.
        records: the list of records in a page's decoded body.
        refused: status and body with which it says that a token is no longer accepted.
    """

    provider: str
    settings: Mapping[str, Any]
    resource: str
    fields: tuple[str, ...]
    key: str
    table: str
    is_login: Callable[[Request], bool]
    is_page: Callable[[Request], bool]
    records: Callable[[Any], list[dict[str, Any]]]
    refused: Reply

    def __str__(self) -> str:
        return self.provider


VENDORS = (
    Vendor(
        provider="salesforce",
        settings={"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN},
        resource="OpportunityHistory",
        fields=("Id", "OpportunityId", "StageName", "Amount", "CreatedDate", "SystemModstamp"),
        key="Id",
        table="salesforce_opportunity_history",
        is_login=lambda request: request.path == "/services/oauth2/token",
        is_page=lambda request: "/query" in request.path,
        records=lambda body: body["records"],
        refused=Reply(401, body=[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]),
    ),
)


@dataclass(slots=True)
class Gateway:
    """Stands before the sandbox and passes everything on; a test changes what it wants to be otherwise.

    Attributes:
        upstream: the sandbox's URL.
        url: its own, put in the place of the sandbox's wherever an answer names it.
        before: given a request, the answer in the sandbox's place, or None.
        after: given a request and the sandbox's answer, the answer to give.
    """

    upstream: str
    url: str = ""
    before: Callable[[Request], Reply | None] = field(default=lambda _request: None)
    after: Callable[[Request, Reply], Reply] = field(default=lambda _request, reply: reply)

    def __call__(self, request: Request) -> Reply:
        return self.before(request) or self.after(request, self._forwarded(request))

    def _forwarded(self, request: Request) -> Reply:
        where = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
            connection.request(request.method, request.target, body=request.body, headers=headers)
            answer = connection.getresponse()
            body = answer.read().replace(self.upstream.encode(), self.url.encode())
            kept = {name: value for name, value in answer.getheaders() if name.lower() != "content-length"}
            return Reply(answer.status, body=body, headers=kept)
        finally:
            connection.close()
