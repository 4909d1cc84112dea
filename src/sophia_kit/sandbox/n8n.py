"""n8n's public API, as far as a reader needs it.

Shapes follow the OpenAPI description of "n8n Public API" 1.1.1 (docs.n8n.io/api, pages Execution and Workflow;
github.com/n8n-io/n8n, packages/cli/src/public-api/v1: getExecutions, getWorkflows, limit, cursor), and the same
folder's pagination: a cursor is base64 of `limit` and either the last id or the offset. Executions come by falling
id. What the description leaves open (wording of a refusal) is the sandbox's own.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from typing import Any

from sophia_kit.sandbox.automations import executions_at, iso, workflows_at
from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.vendor import Request, Response, json_response

__all__ = ["N8N_API_KEY", "N8n"]

N8N_API_KEY = "sandbox"
_DEFAULT, _MOST = 100, 250
_PAGING = frozenset({"limit", "cursor"})
_PARAMETERS = {
    "executions": _PAGING | {"includeData", "status", "workflowId", "projectId", "redactExecutionData"},
    "workflows": _PAGING | {"offset", "active", "tags", "name", "projectId", "excludePinnedData"},
}
_STATUSES = ("canceled", "crashed", "error", "new", "running", "success", "unknown", "waiting")


class N8n:
    """Serves a company's automations. Safe to use from several threads."""

    prefixes = ("/api/v1/",)

    def __init__(self, company: Company) -> None:
        self._company = company
        self._lock = threading.Lock()
        self._records: dict[str, list[dict[str, Any]]] = {}

    def show(self, company: Company) -> None:
        with self._lock:
            self._company = company
            self._records = {}

    def answer(self, request: Request) -> Response:
        name = request.path.removeprefix("/api/v1/")
        if name not in _PARAMETERS:
            return _said(404, "not found")
        if request.method != "GET":
            return _said(405, f"{request.method} method not allowed")
        if "x-n8n-api-key" not in request.headers:
            return _said(401, "'X-N8N-API-KEY' header required")
        if request.headers["x-n8n-api-key"] != N8N_API_KEY:
            return self.expired(request)
        for unknown in request.query.keys() - _PARAMETERS[name]:
            return _said(400, f"Unknown query parameter '{unknown}'")
        try:
            limit, after = _place(request)
        except ValueError as error:
            return _said(400, str(error))
        found = self._all(name)
        size = request.page_size(limit)
        return (
            self._executions(request, found, size, after)
            if name == "executions"
            else _workflows(request, found, size, after)
        )

    def expired(self, request: Request) -> Response:
        return _said(401, "unauthorized")

    def failed(self, status: int) -> Response:
        return _said(status, "Too many requests" if status == 429 else "Internal server error")

    def _all(self, name: str) -> list[dict[str, Any]]:
        with self._lock:
            if name not in self._records:
                company = self._company
                make = executions_at if name == "executions" else workflows_at
                self._records[name] = make(company.profile, company.moment)
                if name == "executions":
                    self._records[name] = _with_malformed(self._records[name], company)
            return self._records[name]

    def _executions(self, request: Request, found: list[dict[str, Any]], size: int, after: dict[str, int]) -> Response:
        status, workflow = request.query.get("status"), request.query.get("workflowId")
        if status is not None and status not in _STATUSES:
            return _said(
                400, f"request/query/status must be equal to one of the allowed values: {', '.join(_STATUSES)}"
            )
        last = after.get("lastId")
        rest = [
            record
            for record in found
            if (last is None or int(record["id"]) < last)
            and status in (None, record["status"])
            and workflow in (None, record["workflowId"])
        ]
        page = rest[:size]
        cursor = _cursor({"lastId": page[-1]["id"], "limit": size}) if len(rest) > size else None
        return json_response(200, {"data": page, "nextCursor": cursor})


def _workflows(request: Request, found: list[dict[str, Any]], size: int, after: dict[str, int]) -> Response:
    active, name = request.query.get("active"), request.query.get("name")
    tags = {tag.strip() for tag in request.query.get("tags", "").split(",") if tag.strip()}
    rest = [
        workflow
        for workflow in found
        if active in (None, str(workflow["active"]).lower())
        and name in (None, workflow["name"])
        and tags <= {tag["name"] for tag in workflow["tags"]}
    ]
    start = after.get("offset", int(request.query.get("offset", 0)))
    page = rest[start : start + size]
    if request.query.get("excludePinnedData") == "true":
        page = [{key: value for key, value in workflow.items() if key != "pinData"} for workflow in page]
    cursor = _cursor({"limit": size, "offset": start + size}) if len(rest) > start + size else None
    return json_response(200, {"data": page, "nextCursor": cursor})


def _place(request: Request) -> tuple[int, dict[str, int]]:
    """How many records are asked for, and after which; a cursor's own limit wins.

    Raises:
        ValueError: they are none.
    """
    try:
        limit = int(request.query.get("limit", _DEFAULT))
    except ValueError:
        raise ValueError("request/query/limit must be number") from None
    if limit > _MOST:
        raise ValueError(f"request/query/limit must be <= {_MOST}")
    if "cursor" not in request.query:
        return limit, {}
    try:
        held = json.loads(base64.b64decode(request.query["cursor"], validate=True))
        after = {name: int(value) for name, value in held.items()}
        return after.pop("limit"), after
    except (binascii.Error, ValueError, AttributeError, KeyError, TypeError):
        raise ValueError("An invalid cursor was provided") from None


def _cursor(held: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(held).encode()).decode()


def _with_malformed(found: list[dict[str, Any]], company: Company) -> list[dict[str, Any]]:
    """Two records that nobody can use, as an instance has them after a hurried migration, among the good ones."""
    broken: list[dict[str, Any]] = []
    for days, wrong in ((3, {"status": "teleported"}), (5, {"startedAt": "yesterday", "stoppedAt": None})):
        day = company.profile.last - days
        moment = company.profile.calendar.at(day, 12 * 3600)
        good = next((record for record in found if record["status"] == "success"), None)
        if good is not None and moment + 5 <= company.moment:
            times = {"startedAt": iso(moment), "stoppedAt": iso(moment + 5)}
            broken.append(good | times | {"id": str(day * 1000 + 990)} | wrong)
    oldest = int(found[-1]["id"]) if found else 0
    kept = [record for record in broken if int(record["id"]) > oldest]
    return sorted([*found, *kept], key=lambda record: -int(record["id"]))


def _said(status: int, message: str) -> Response:
    return json_response(status, {"message": message})
