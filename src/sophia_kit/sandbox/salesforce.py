"""Salesforce's REST API, as far as a reader needs it.

Shapes follow Salesforce's own "REST API Developer Guide" (developer.salesforce.com, atlas.en-us.api_rest): Query,
QueryAll and their "More Results" pages, Query Options header, Limits, Limit Info header, sObject Describe, Status
Codes and Error Responses, and its chapter on the OAuth refresh-token process; logins by assertion are in
`salesforce_app`. Where the guide leaves a choice (form of
a query locator, wording of a message) the sandbox's is its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import polars as pl

from sophia_kit.sandbox.blemishes import crm_malformed
from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.salesforce_app import GRANT_TYPE, App
from sophia_kit.sandbox.soql import Query, SoqlError, parse
from sophia_kit.sandbox.tables import TABLES
from sophia_kit.sandbox.vendor import Request, Response, json_response

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "OBJECTS", "REFRESH_TOKEN", "Salesforce"]

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox"  # noqa: S105 - opens nothing but the sandbox
REFRESH_TOKEN = "sandbox"  # noqa: S105

OBJECTS = {
    "Account": "salesforce_accounts",
    "Contact": "salesforce_contacts",
    "Opportunity": "salesforce_opportunities",
    "OpportunityHistory": "salesforce_opportunity_history",
    "Task": "salesforce_tasks",
    "User": "salesforce_users",
}
DAILY_LIMIT = 100_000
_TOKEN_PATH = "/services/oauth2/token"  # noqa: S105
_VERSIONS = range(30, 68)
_PAGE, _LEAST = 2000, 200
_OPEN_CURSORS = 500
_ORGANISATION = "00DSB0000000001EAA"


@dataclass(frozen=True, slots=True)
class _Cursor:
    fields: tuple[str, ...]
    source: str
    records: list[dict[str, Any]]


class Salesforce:
    """Serves a company's CRM. Access tokens live `token_life_s` seconds. Safe to use from several threads.

    Attributes:
        app: whose private key opens it without a refresh token.
    """

    prefixes = ("/services/",)

    def __init__(self, company: Company, *, token_life_s: float = 7200.0) -> None:
        self.app = App(CLIENT_ID)
        self._company = company
        self._token_life_s = token_life_s
        self._lock = threading.RLock()
        self._tokens: dict[str, float] = {}
        self._records: dict[str, list[dict[str, Any]]] = {}
        self._cursors: dict[str, _Cursor] = {}
        self._serial = itertools.count(1)
        self._calls = 0

    def show(self, company: Company) -> None:
        with self._lock:
            self._company = company
            self._records.clear()

    def expire_tokens(self) -> None:
        """Make every token given so far invalid, as an administrator would."""
        with self._lock:
            self._tokens.clear()

    def answer(self, request: Request) -> Response:
        if request.path == _TOKEN_PATH:
            return self._token(request)
        with self._lock:
            self._calls += 1
        if request.method != "GET":
            message = f"HTTP Method '{request.method}' not allowed. Allowed are GET"
            return self._error(405, "METHOD_NOT_ALLOWED", message, {"Allow": "GET"})
        if request.path.rstrip("/") == "/services/data":
            return json_response(200, [_version(v) for v in _VERSIONS])
        match = re.fullmatch(r"/services/data/v(\d+)\.0(/.*)?", request.path)
        if match is None or int(match[1]) not in _VERSIONS:
            return self._error(404, "NOT_FOUND", "The requested resource does not exist")
        if not self._signed_in(request):
            return self.expired(request)
        return self._resource(request, f"/services/data/v{match[1]}.0", (match[2] or "").rstrip("/"))

    def expired(self, request: Request) -> Response:
        return self._error(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def failed(self, status: int) -> Response:
        if status == 429:
            return self._error(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests in a short time.")
        return self._error(status, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")

    def _resource(self, request: Request, base: str, path: str) -> Response:
        if path in ("/query", "/queryAll"):
            return self._query(request, base, deleted=path == "/queryAll")
        if (match := re.fullmatch(r"/(?:query|queryAll)/(\w+)-(\d+)", path)) is not None:
            return self._page(request, base, match[1], int(match[2]))
        if path == "/limits":
            left = {"Max": DAILY_LIMIT, "Remaining": max(0, DAILY_LIMIT - self._calls)}
            return json_response(200, {"DailyApiRequests": left}, self._usage())
        if path == "/sobjects":
            listed = [{"name": n, "label": n, "queryable": True, "createable": False} for n in OBJECTS]
            return json_response(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed}, self._usage())
        match = re.fullmatch(r"/sobjects/(\w+)/describe", path)
        if match is not None and match[1] in OBJECTS:
            return json_response(200, _describe(match[1], base), self._usage())
        if path == "":
            names = ("query", "queryAll", "limits", "sobjects")
            return json_response(200, {name: f"{base}/{name}" for name in names}, self._usage())
        return self._error(404, "NOT_FOUND", "The requested resource does not exist")

    def _query(self, request: Request, base: str, *, deleted: bool) -> Response:
        try:
            query = parse(request.query.get("q", ""))
            found = self._select(query, deleted=deleted)
        except SoqlError as error:
            return self._error(400, error.code, error.message)
        if not query.fields:
            content: dict[str, Any] = {"totalSize": len(found), "done": True, "records": []}
            return json_response(200, content, self._usage())
        locator = f"01gSB{next(self._serial):010d}AAA"
        with self._lock:
            self._cursors[locator] = _Cursor(query.fields, query.source, found)
            while len(self._cursors) > _OPEN_CURSORS:
                del self._cursors[next(iter(self._cursors))]
        return self._page(request, base, locator, 0)

    def _select(self, query: Query, *, deleted: bool) -> list[dict[str, Any]]:
        if query.source not in OBJECTS:
            raise SoqlError("INVALID_TYPE", f"sObject type '{query.source}' is not supported.")
        shape = TABLES[OBJECTS[query.source]]
        named = [*query.fields, *(c.field for c in query.where), *(field for field, _ in query.order)]
        for field in named:
            if field not in shape.schema:
                raise SoqlError("INVALID_FIELD", f"No such column '{field}' on entity '{query.source}'.")
        found = [
            record
            for record in self._all(query.source)
            if (deleted or not record.get("IsDeleted")) and all(c.holds(record) for c in query.where)
        ]
        for field, descending in reversed(query.order):
            found.sort(key=_order_of(field), reverse=descending)
        return found if query.limit is None else found[: query.limit]

    def _all(self, source: str) -> list[dict[str, Any]]:
        with self._lock:
            if source not in self._records:
                records = _json_records(self._company.table(OBJECTS[source]))
                until = number(self._company.day)
                records += [r for thing, _, _, r in crm_malformed(self._company.profile, until) if thing == source]
                self._records[source] = records
            return self._records[source]

    def _page(self, request: Request, base: str, locator: str, offset: int) -> Response:
        with self._lock:
            cursor = self._cursors.get(locator)
        if cursor is None or offset > len(cursor.records):
            return self._error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        asked = re.search(r"batchSize\s*=\s*(\d+)", request.headers.get("sforce-query-options", ""))
        size = request.page_size(_PAGE if asked is None else min(_PAGE, max(_LEAST, int(asked[1]))))
        until = min(len(cursor.records), offset + size)
        content: dict[str, Any] = {"totalSize": len(cursor.records), "done": until == len(cursor.records)}
        if not content["done"]:
            content["nextRecordsUrl"] = f"{base}/query/{locator}-{until}"
        content["records"] = [
            {"attributes": {"type": cursor.source, "url": f"{base}/sobjects/{cursor.source}/{record['Id']}"}}
            | {field: record[field] for field in cursor.fields}
            for record in cursor.records[offset:until]
        ]
        return json_response(200, content, self._usage())

    def _token(self, request: Request) -> Response:
        if request.method != "POST":
            return self._error(405, "METHOD_NOT_ALLOWED", "Allowed are POST", {"Allow": "POST"})
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        client, secret = _client(request, form)
        if form.get("grant_type") == GRANT_TYPE:
            wrong = self.app.refusal(form.get("assertion", ""), request.base_url)
            return self._issued(request, "api") if wrong is None else _refused(*wrong)
        if form.get("grant_type") != "refresh_token":
            return _refused("unsupported_grant_type", "grant type not supported")
        if client != CLIENT_ID:
            return _refused("invalid_client_id", "client identifier invalid")
        if secret != CLIENT_SECRET:
            return _refused("invalid_client", "invalid client credentials")
        if form.get("refresh_token") != REFRESH_TOKEN:
            return _refused("invalid_grant", "expired access/refresh token")
        return self._issued(request, "api refresh_token")

    def _issued(self, request: Request, scope: str) -> Response:
        token = f"{_ORGANISATION[:15]}!{hashlib.sha256(f'{id(self)}.{next(self._serial)}'.encode()).hexdigest()}"
        with self._lock:
            self._tokens[token] = time.monotonic() + self._token_life_s
        issued = str(time.time_ns() // 1_000_000)
        signature = base64.b64encode(hashlib.sha256(issued.encode()).digest()).decode()
        content = {
            "access_token": token,
            "signature": signature,
            "scope": scope,
            "instance_url": request.base_url,
            "id": f"{request.base_url}/id/{_ORGANISATION}/005SB0000000000YAA",
            "token_type": "Bearer",
            "issued_at": issued,
        }
        return json_response(200, content)

    def _signed_in(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            return scheme.lower() == "bearer" and self._tokens.get(token, 0.0) > time.monotonic()

    def _usage(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self._calls}/{DAILY_LIMIT}"}

    def _error(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
        return json_response(status, [{"message": message, "errorCode": code}], self._usage() | (headers or {}))


def _order_of(field: str) -> Callable[[dict[str, Any]], tuple[int, float, str]]:
    """Sort key of a record: nulls first, then numbers and booleans, then text."""

    def order(record: dict[str, Any]) -> tuple[int, float, str]:
        value = record[field]
        if value is None:
            return 0, 0.0, ""
        return (2, 0.0, value) if isinstance(value, str) else (1, float(value), "")

    return order


def _refused(code: str, description: str) -> Response:
    return json_response(400, {"error": code, "error_description": description})


def _client(request: Request, form: dict[str, str]) -> tuple[str | None, str | None]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        return client, secret
    return form.get("client_id"), form.get("client_secret")


def _version(version: int) -> dict[str, str]:
    return {"label": f"Sandbox {version}", "url": f"/services/data/v{version}.0", "version": f"{version}.0"}


def _json_records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    columns = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime):
            columns.append(pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S.000+0000"))
        elif isinstance(kind, pl.Date):
            columns.append(pl.col(name).dt.strftime("%Y-%m-%d"))
        elif isinstance(kind, pl.Decimal):
            columns.append(pl.col(name).cast(pl.Float64))
        else:
            columns.append(pl.col(name))
    return frame.select(columns).to_dicts()


_FIELD_TYPES = {
    "string": "string",
    "bool": "boolean",
    "date": "date",
    "timestamp": "datetime",
    "decimal": "currency",
    "int": "int",
}


def _describe(source: str, base: str) -> dict[str, Any]:
    fields = []
    for name, kind in TABLES[OBJECTS[source]].schema.items():
        contract = TABLES[OBJECTS[source]].columns.get(name, "bool")
        label = _FIELD_TYPES[contract.partition("(")[0]]
        if name == "Id":
            label = "id"
        elif name.endswith("Id"):
            label = "reference"
        elif name == "Probability":
            label = "percent"
        fields.append(
            {
                "name": name,
                "label": name.removesuffix("__c"),
                "type": label,
                "custom": name.endswith("__c"),
                "nillable": name not in ("Id", "IsDeleted", "SystemModstamp", "CreatedDate"),
                "filterable": True,
                "length": 18 if label in ("id", "reference") else 255 if label == "string" else 0,
                "precision": kind.precision if isinstance(kind, pl.Decimal) else 0,
                "scale": kind.scale if isinstance(kind, pl.Decimal) else 0,
            }
        )
    urls = {"sobject": f"{base}/sobjects/{source}", "describe": f"{base}/sobjects/{source}/describe"}
    return {"name": source, "label": source, "queryable": True, "createable": False, "fields": fields, "urls": urls}
