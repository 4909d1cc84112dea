"""What the conformance suite has to know of each vendor. A new connector adds itself here, and only here."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import polars as pl
from tests.wire import Reply, Request

from sophia_kit.sandbox import Company
from sophia_kit.sandbox.automations import executions_at
from sophia_kit.sandbox.engineering import make_engineering
from sophia_kit.sandbox.github_records import node_id
from sophia_kit.sandbox.gong_calls import gong_id
from sophia_kit.sandbox.notion_workspace import notion_id
from sophia_kit.sandbox.slack_workspace import channel_id, ts_of


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor, as its connector reads it in the sandbox.

    Attributes:
        provider: names the connector and its section of the settings.
        resource, fields, key: what is read: a resource of several pages, and the field that identifies a record.
        keys: the keys that the company's records have; what is malformed comes on top.
        is_page: which requests bring records of the resource.
        records: the list of records in a page's decoded body.
        cut_to_one: makes a page's body that of a list of a single record. GitHub says in a header whether more follow.
        spoil: puts a value into a record of a page twice: into the field that `spoilt` names, and into a new one.
        spoilt, new: the names, in a record as it is read, of the field that was spoilt and of the new one.
        refused: status and body with which it says that a token is no longer accepted.
        writes: some documented requests that change something, as method and path.
        is_login: which requests sign in; None when its credentials are sent as they are.
        announces: whether it says how many records there are, so that a lost one is noticed.
    """

    provider: str
    resource: str
    fields: tuple[str, ...]
    key: str
    keys: Callable[[Company], set[str]]
    is_page: Callable[[Request], bool]
    records: Callable[[Any], list[dict[str, Any]]]
    cut_to_one: Callable[[Any], None]
    spoil: Callable[[dict[str, Any], Any], None]
    spoilt: str
    new: str
    refused: Reply
    writes: tuple[tuple[str, str], ...]
    is_login: Callable[[Request], bool] | None = None
    announces: bool = False

    def __str__(self) -> str:
        return self.provider


def _one_query(body: dict[str, Any]) -> None:
    body |= {"totalSize": 1, "done": True, "records": body["records"][:1]}
    body.pop("nextRecordsUrl", None)


def _one_calls(body: dict[str, Any]) -> None:
    paging = {"totalRecords": 1, "currentPageSize": 1, "currentPageNumber": 0}
    body |= {"records": paging, "calls": body["calls"][:1]}


def _one_history(body: dict[str, Any]) -> None:
    # One without a thread, which would bring more.
    one = next(message for message in body["messages"] if "thread_ts" not in message)
    body |= {"has_more": False, "response_metadata": {"next_cursor": ""}, "messages": [one]}


def _one_results(body: dict[str, Any]) -> None:
    body |= {"has_more": False, "next_cursor": None, "results": body["results"][:1]}


def _one_executions(body: dict[str, Any]) -> None:
    # One that waits for its turn isn't read.
    one = next(execution for execution in body["data"] if execution["startedAt"])
    body |= {"nextCursor": None, "data": [one]}


def _started(company: Company) -> set[str]:
    """The executions that have a time: one in the queue is read once it has started."""
    kept = executions_at(company.profile, company.moment)
    return {execution["id"] for execution in kept if execution["startedAt"] is not None}


def _pull_requests(company: Company) -> set[str]:
    work = make_engineering(company.profile, company.world.employees)
    return {
        node_id("PR", repository, item.number)
        for repository in work.repositories
        for item in work.items[repository.full_name]
        if item.pull and item.opened <= company.moment
    }


def _spoil_pull_request(record: dict[str, Any], value: Any) -> None:
    record |= {"title": value, "new_field": value}


def _spoil_execution(record: dict[str, Any], value: Any) -> None:
    record |= {"mode": value, "newField": value}


def _spoil_history(record: dict[str, Any], value: Any) -> None:
    record |= {"StageName": value, "New__c": value}


def _calls(company: Company) -> set[str]:
    """Those that weren't deleted, by Gong's ids."""
    live = company.table("calls").filter(~pl.col("is_deleted"))
    return {gong_id("call", int(key.removeprefix("call_"))) for key in live["source_id"]}


def _spoil_call(record: dict[str, Any], value: Any) -> None:
    record["metaData"] |= {"title": value, "newField": value}


def _messages(company: Company) -> set[str]:
    """Those that weren't deleted, by Slack's channels and times."""
    kept = company.table("messages").filter(~pl.col("is_deleted")).select("source_id", "channel", "posted_at")
    return {f"{channel_id(where)}:{ts_of(key, int(at.timestamp()))}" for key, where, at in kept.iter_rows()}


def _spoil_message(record: dict[str, Any], value: Any) -> None:
    record |= {"text": value, "new_field": value}


def _spoil_check_in(record: dict[str, Any], value: Any) -> None:
    for name in ("Current value", "Mood"):
        record["properties"][name] = {"id": "x%3Ay", "type": "number", "number": value}


VENDORS = (
    Vendor(
        provider="salesforce",
        resource="OpportunityHistory",
        fields=("Id", "OpportunityId", "StageName", "Amount", "CreatedDate", "SystemModstamp"),
        key="Id",
        keys=lambda company: set(company.table("salesforce_opportunity_history")["Id"]),
        is_page=lambda request: "/query" in request.path,
        records=lambda body: body["records"],
        cut_to_one=_one_query,
        spoil=_spoil_history,
        spoilt="StageName",
        new="New__c",
        refused=Reply(401, body=[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]),
        writes=(
            ("POST", "/services/data/v66.0/sobjects/Account"),
            ("PATCH", "/services/data/v66.0/sobjects/Account/001SB000000000AAAA"),
            ("DELETE", "/services/data/v66.0/sobjects/Account/001SB000000000AAAA"),
            ("POST", "/services/data/v66.0/composite"),
            ("GET", "/services/data/v66.0/tooling/executeAnonymous"),
            ("POST", "/services/oauth2/revoke"),
            ("GET", "/services/oauth2/revoke"),
        ),
        is_login=lambda request: request.path == "/services/oauth2/token",
        announces=True,
    ),
    Vendor(
        provider="gong",
        resource="calls",
        fields=("metaData.id", "metaData.started", "metaData.title", "metaData.duration", "content.topics"),
        key="metaData.id",
        keys=_calls,
        is_page=lambda request: request.path == "/v2/calls/extensive",
        records=lambda body: body["calls"],
        cut_to_one=_one_calls,
        spoil=_spoil_call,
        spoilt="metaData.title",
        new="metaData.newField",
        refused=Reply(401, body={"requestId": "4al018gzaztcr8nbukw", "errors": ["Failed to verify credentials"]}),
        writes=(
            ("POST", "/v2/calls"),
            ("PUT", "/v2/calls/7700000000000000001/media"),
            ("PUT", "/v2/calls/users-access"),
            ("DELETE", "/v2/calls/users-access"),
            ("POST", "/v2/data-privacy/erase-data-for-email-address"),
            ("POST", "/v2/crm/entities"),
            ("POST", "/v2/meetings"),
            ("POST", "/v2/flows/prospects/assign"),
        ),
        announces=True,
    ),
    Vendor(
        provider="slack",
        resource="messages",
        fields=("id", "channel", "thread_id", "user", "text", "posted_at"),
        key="id",
        keys=_messages,
        is_page=lambda request: request.path == "/api/conversations.history",
        records=lambda body: body["messages"],
        cut_to_one=_one_history,
        spoil=_spoil_message,
        spoilt="text",
        new="new_field",
        refused=Reply(200, body={"ok": False, "error": "invalid_auth"}),
        writes=(
            ("POST", "/api/chat.postMessage"),
            ("GET", "/api/chat.postMessage"),
            ("GET", "/api/chat.delete"),
            ("GET", "/api/conversations.archive"),
            ("GET", "/api/conversations.join"),
            ("GET", "/api/auth.revoke"),
            ("POST", "/api/files.upload"),
            ("POST", "/api/admin.users.remove"),
        ),
    ),
    Vendor(
        provider="notion",
        resource="check_ins",
        fields=("id", "last_edited_time", "in_trash", "title", "Key result", "Current value", "Checked at"),
        key="id",
        keys=lambda company: {
            notion_id(company.profile.seed, "page", key) for key in company.table("key_result_checkins")["source_id"]
        },
        is_page=lambda request: request.path.endswith("/query"),
        records=lambda body: body["results"],
        cut_to_one=_one_results,
        spoil=_spoil_check_in,
        spoilt="Current value",
        new="Mood",
        refused=Reply(401, body={"object": "error", "status": 401, "code": "unauthorized", "message": "Invalid."}),
        writes=(
            ("POST", "/v1/pages"),
            ("PATCH", "/v1/pages/ded8723f-5b64-40b7-bc1b-d8b66541833c"),
            ("PATCH", "/v1/pages/ded8723f-5b64-40b7-bc1b-d8b66541833c/markdown"),
            ("PATCH", "/v1/blocks/ded8723f-5b64-40b7-bc1b-d8b66541833c/children"),
            ("DELETE", "/v1/blocks/ded8723f-5b64-40b7-bc1b-d8b66541833c"),
            ("PATCH", "/v1/data_sources/ded8723f-5b64-40b7-bc1b-d8b66541833c"),
            ("POST", "/v1/databases"),
            ("POST", "/v1/comments"),
            ("POST", "/v1/file_uploads"),
            ("POST", "/v1/oauth/token"),
        ),
    ),
    Vendor(
        provider="github",
        resource="pull_requests",
        fields=("repository", "node_id", "number", "title", "state", "user.login", "created_at", "updated_at"),
        key="node_id",
        keys=_pull_requests,
        is_page=lambda request: request.path.endswith("/pulls"),
        records=lambda body: body,
        cut_to_one=lambda body: body.__delitem__(slice(1, None)),
        spoil=_spoil_pull_request,
        spoilt="title",
        new="new_field",
        refused=Reply(401, body={"message": "Bad credentials", "status": "401"}),
        writes=(
            ("POST", "/repos/larkfield/payments/pulls"),
            ("PATCH", "/repos/larkfield/payments/pulls/1"),
            ("PUT", "/repos/larkfield/payments/pulls/1/merge"),
            ("POST", "/repos/larkfield/payments/issues"),
            ("POST", "/repos/larkfield/payments/actions/runs/1/rerun"),
            ("POST", "/repos/larkfield/payments/actions/workflows/1/dispatches"),
            ("POST", "/repos/larkfield/payments/git/blobs"),
            ("DELETE", "/repos/larkfield/payments"),
            ("DELETE", "/app/installations/20000002"),
            ("POST", "/graphql"),
        ),
        is_login=lambda request: request.path.endswith("/access_tokens"),
    ),
    Vendor(
        provider="n8n",
        resource="executions",
        fields=("id", "workflowId", "status", "mode", "startedAt", "stoppedAt", "changedAt"),
        key="id",
        keys=_started,
        is_page=lambda request: request.path == "/api/v1/executions",
        records=lambda body: body["data"],
        cut_to_one=_one_executions,
        spoil=_spoil_execution,
        spoilt="mode",
        new="newField",
        refused=Reply(401, body={"message": "unauthorized"}),
        writes=(
            ("POST", "/api/v1/workflows"),
            ("PUT", "/api/v1/workflows/sbWorkflow000001"),
            ("DELETE", "/api/v1/workflows/sbWorkflow000001"),
            ("POST", "/api/v1/workflows/sbWorkflow000001/activate"),
            ("POST", "/api/v1/executions/1/retry"),
            ("DELETE", "/api/v1/executions/1"),
            ("POST", "/api/v1/credentials"),
            ("POST", "/webhook/sign-up"),
            ("GET", "/webhook/sign-up"),
        ),
    ),
)


@dataclass(slots=True)
class Gateway:
    """Stands before the sandbox and passes everything on; a test changes what it wants to be otherwise.

    Attributes:
        upstream: the sandbox's URL.
        url: its own, put in the place of the sandbox's wherever an answer names it, in a header or its body.
        before: given a request, the answer in the sandbox's place, or None.
        after: given a request and the sandbox's answer, the answer to give.
        below: the path that it stands below; nothing is found elsewhere. `url` names it too.
    """

    upstream: str
    url: str = ""
    before: Callable[[Request], Reply | None] = field(default=lambda _request: None)
    after: Callable[[Request, Reply], Reply] = field(default=lambda _request, reply: reply)
    below: str = ""

    def __call__(self, request: Request) -> Reply:
        return self.before(request) or self.after(request, self._forwarded(request))

    def _forwarded(self, request: Request) -> Reply:
        if not request.target.startswith(f"{self.below}/"):
            return Reply(404)
        where = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
        try:
            headers = {name: value for name, value in request.headers.items() if name not in {"host", "connection"}}
            target = request.target.removeprefix(self.below)
            connection.request(request.method, target, body=request.body, headers=headers)
            answer = connection.getresponse()
            body = answer.read().replace(self.upstream.encode(), self.url.encode())
            kept = {
                name: value.replace(self.upstream, self.url)
                for name, value in answer.getheaders()
                if name.lower() != "content-length"
            }
            return Reply(answer.status, body=body, headers=kept)
        finally:
            connection.close()
