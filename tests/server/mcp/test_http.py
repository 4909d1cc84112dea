"""MCP over HTTP, in the real server with authentication: for the SDK's client, and for those who shouldn't get in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.types import Receive, Scope, Send
from tests.server.serving import Serving, serving

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.settings import ServerSettings, Settings
from sophia_kit.server.auth.caller import LOCAL
from sophia_kit.server.auth.tokens import issue
from sophia_kit.server.mcp import SERVERS
from sophia_kit.server.mcp.gate import MOST_DEPTH, Gate

ARR = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "query_metric", "arguments": {"metric": "arr"}},
}
HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(demo: Any, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    project = demo.copy(tmp_path_factory.mktemp("mcp-http") / "project")
    guarded = ServerSettings(
        host="0.0.0.0",
        names=("kit.example",),
        authentication="tokens",
        requests_per_minute=100_000,
        max_request_bytes=20_000,
    )
    with serving(settings.model_copy(update={"root": project.root, "server": guarded}), apps=()) as running:
        yield running


@asynccontextmanager
async def connected(served: Serving, server: str, token: str) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        url = f"http://127.0.0.1:{served.port}/mcp/{server}"
        async with Client(streamable_http_client(url, http_client=http)) as client:
            yield client


async def test_each_server_answers_at_its_path_with_what_the_page_tells(served: Serving) -> None:
    token = served.token("agent")
    page = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text("utf-8")
    for name in SERVERS:
        async with connected(served, name, token) as client:
            assert client.server_info is not None
            assert client.server_info.name == f"sophia-{name}"
            tools = (await client.list_tools()).tools
            assert tools
            assert [tool.name for tool in tools if f"`{tool.name}`" not in page] == []
            assert (await client.list_resources()).resources


async def test_a_call_is_answered_for_the_tokens_principal(served: Serving) -> None:
    for segment in ("Enterprise", "Mid-Market"):
        async with connected(served, "metrics", served.token("ada", (("segment", (segment,)),))) as client:
            result = await client.call_tool("query_metric", {"metric": "arr", "by": ["segment"]})
            assert result.structured_content is not None
            assert [value["members"] for value in result.structured_content["values"]] == [{"segment": segment}]
        async with connected(served, "salesforce", served.token("ada", (("segment", (segment,)),))) as client:
            result = await client.call_tool("find_accounts", {"fields": ["segment"], "limit": 200})
            assert result.structured_content is not None
            assert {row["segment"] for row in result.structured_content["rows"]} == {segment}
        async with connected(served, "slack", served.token("ada", (("segment", (segment,)),))) as client:
            result = await client.call_tool("list_channels", {})
            assert result.structured_content is not None
            assert (result.is_error, result.structured_content["code"]) == (True, "access-refused")


def post(served: Serving, body: Any = ARR, path: str = "/mcp/metrics", **headers: str) -> httpx.Response:
    sent = HEADERS | {"Authorization": f"Bearer {served.token('agent')}"} | headers
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with httpx.Client() as client:
        return client.post(f"http://127.0.0.1:{served.port}{path}", headers=sent, content=content)


def test_the_tool_that_was_called_stands_in_the_audit_log(served: Serving) -> None:
    assert post(served).json()["result"]["structuredContent"]["metric"] == "arr"
    lines = [json.loads(line) for file in served.services.settings.audit_dir.glob("*") for line in file.open()]
    assert {"tool": "query_metric"} in [line.get("notes") for line in lines if line.get("path") == "/mcp/metrics"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8765", "10.1.2.3:8765", "[::1]:8765", "Kit.Example:443"])
def test_by_whatever_name_or_address_the_server_is_reached_so_is_mcp(served: Serving, host: str) -> None:
    for more in ({}, {"Origin": f"https://{host}"}, {"Accept": "*/*"}):
        answer = post(served, Host=host, **more)
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"]["structuredContent"]["metric"] == "arr"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": "Bearer canary-of-nobody"}, 401, "unauthenticated"),
        ({"Host": "evil.example"}, 400, "foreign-host"),
        ({"Origin": "https://evil.example"}, 403, "foreign-origin"),
        ({"Content-Type": "text/plain"}, 415, "request-refused"),
        ({"Accept": "text/html"}, 406, "request-refused"),
    ],
)
def test_who_or_what_may_not_come_in_is_told_so(
    served: Serving, headers: dict[str, str], status: int, code: str
) -> None:
    answer = post(served, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_without_the_servers_scope_is_refused(served: Serving) -> None:
    token, _ = issue(
        served.services.state, name="bot", scopes=["gong:read"], now=SystemClock().now(), lifetime=timedelta(hours=1)
    )
    answer = post(served, Authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (403, "scope-missing", "metrics:read")
    assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_a_body_over_the_limit_is_refused(served: Serving) -> None:
    answer = post(served, ARR | {"padding": "x" * 20_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "request-too-large")


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_are_no_sessions_to_open_or_end(served: Serving, method: str) -> None:
    headers = HEADERS | served.headers(served.token("agent"))
    answer = httpx.request(method, f"http://127.0.0.1:{served.port}/mcp/slack", headers=headers)
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "method-refused")


class Sdk:
    """What stands behind the gate: remembers whether anything came."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def through_the_gate(body: bytes) -> tuple[httpx.Response, list[bytes]]:
    sdk = Sdk()
    gate = Gate(sdk, scope="metrics:read")

    async def as_local(scope: Scope, receive: Receive, send: Send) -> None:
        await gate({**scope, "state": {"caller": LOCAL}}, receive, send)

    transport = httpx.ASGITransport(app=as_local)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=HEADERS) as client:
        return await client.post("/mcp/metrics", content=body), sdk.bodies


def nested(depth: int) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600),
        (b'{"id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32600),
        (nested(MOST_DEPTH), -32600),
    ],
)
async def test_what_is_no_message_never_reaches_the_sdk(body: bytes, code: int) -> None:
    answer, reached = await through_the_gate(body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["data"]["code"], reached) == (400, code, "invalid-request", [])


@pytest.mark.parametrize("body", [json.dumps(ARR).encode(), nested(MOST_DEPTH - 2), b'{"jsonrpc":"2.0","method":"n"}'])
async def test_a_message_passes_as_it_came(body: bytes) -> None:
    answer, reached = await through_the_gate(body)
    assert (answer.status_code, reached) == (200, [body])
