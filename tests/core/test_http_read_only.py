"""Law 5 on the wire: a write is refused before a connection is opened, by whatever way it is tried."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.wire import Reply, Request, WireServer

from sophia_kit.core.errors import PolicyRefused
from sophia_kit.core.http import HttpClient
from sophia_kit.core.policy import RequestPolicy
from sophia_kit.core.settings import HttpSettings
from sophia_kit.core.transport import ReadOnlyTransport

DATA = "/services/data/v66.0"
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "MERGE", "QUERY"]
PATHS = [
    "/services/oauth2/token",
    "/services/oauth2/revoke",
    f"{DATA}/limits",
    f"{DATA}/query",
    f"{DATA}/queryAll",
    f"{DATA}/queryAll/01g-2000",
    f"{DATA}/sobjects/Account",
    f"{DATA}/sobjects/Account/describe",
    f"{DATA}/sobjects/Account/001000000000001",
    f"{DATA}/sobjects/Account/External__c/7",
    f"{DATA}/composite",
    f"{DATA}/composite/batch",
    f"{DATA}/composite/sobjects",
    f"{DATA}/composite/tree/Account",
    f"{DATA}/jobs/ingest",
    f"{DATA}/jobs/query",
    f"{DATA}/actions/standard/emailSimple",
    f"{DATA}/process/approvals",
    f"{DATA}/chatter/feed-elements",
    f"{DATA}/tooling/executeAnonymous",
    f"{DATA}/tooling/sobjects/ApexClass",
    "/services/apexrest/anything",
    "/services/async/66.0/job",
    "/services/Soap/u/66.0",
    "/",
]
READS = {("POST", "/services/oauth2/token")} | {
    (method, path)
    for method in ("GET", "HEAD", "OPTIONS")
    for path in (
        f"{DATA}/limits",
        f"{DATA}/query",
        f"{DATA}/queryAll",
        f"{DATA}/queryAll/01g-2000",
        f"{DATA}/sobjects/Account/describe",
    )
}


async def dripping(content: bytes) -> AsyncIterator[bytes]:
    """A body that isn't known before it is sent."""
    for byte in content:
        yield bytes([byte])


@pytest.fixture
async def server() -> AsyncIterator[WireServer]:
    async with WireServer(lambda _request: Reply(body={})) as running:
        yield running


@pytest.mark.parametrize(("method", "path"), [pair for pair in itertools.product(METHODS, PATHS) if pair not in READS])
async def test_no_method_and_path_but_the_reads_opens_a_connection(method: str, path: str, server: WireServer) -> None:
    async with HttpClient("salesforce", server.url, HttpSettings()) as http:
        with pytest.raises(PolicyRefused):
            await http.request(method, path)
        for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            with pytest.raises(PolicyRefused):
                await http.request("GET", f"{DATA}/limits", headers={header: method})
        with pytest.raises(PolicyRefused):
            await http.request("GET", f"{DATA}/limits", params={"_HttpMethod": method})
    await asyncio.sleep(0)
    assert server.accepted == 0


@pytest.mark.parametrize(("method", "path"), sorted(READS))
async def test_the_reads_do(method: str, path: str, server: WireServer) -> None:
    transport = ReadOnlyTransport(RequestPolicy("salesforce"), httpx.URL(server.url))
    async with httpx.AsyncClient(transport=transport, base_url=server.url) as http:
        await http.send(http.build_request(method, path), stream=True)
    assert server.accepted == 1


@pytest.mark.parametrize(
    "path", ["//{other}/services/data/v66.0/limits", "http://{other}/services/data/v66.0/limits", "@{other}/limits", ""]
)
async def test_a_path_can_t_lead_to_another_host(path: str, server: WireServer) -> None:
    async with WireServer(lambda _request: Reply(body={})) as other:
        async with HttpClient("salesforce", server.url, HttpSettings()) as http:
            with pytest.raises(PolicyRefused):
                await http.get(path.format(other=f"127.0.0.1:{other.port}"))
        assert (server.accepted, other.accepted) == (0, 0)


async def test_the_transport_holds_against_a_caller_that_goes_around_the_client(server: WireServer) -> None:
    async with WireServer(lambda _request: Reply(body={})) as other:
        transport = ReadOnlyTransport(RequestPolicy("salesforce"), httpx.URL(server.url))
        async with httpx.AsyncClient(transport=transport) as http:
            for request in (
                httpx.Request("DELETE", f"{server.url}{DATA}/sobjects/Account/1"),
                httpx.Request("GET", f"{other.url}{DATA}/limits"),
                httpx.Request("GET", f"{server.url}{DATA}/limits", headers={"Host": "elsewhere.example"}),
                httpx.Request("GET", f"{server.url}{DATA}/limits?_method=DELETE"),
                httpx.Request("POST", f"{server.url}/services/oauth2/token", data={"a": "b", "_method": "DELETE"}),
                httpx.Request("POST", f"{server.url}/services/oauth2/token", json={"_method": "DELETE"}),
                httpx.Request("POST", f"{server.url}/services/oauth2/token", files={"_method": b"DELETE"}),
                httpx.Request("POST", f"{server.url}/services/oauth2/token", content=dripping(b"_method=DELETE")),
                httpx.Request("GET", f"{server.url}{DATA}/limits", data={"_method": "DELETE"}),
                httpx.Request("GET", f"{server.url}{DATA}/limits", extensions={"target": b"/services/oauth2/revoke"}),
                httpx.Request("GET", f"{server.url}{DATA}/limits", extensions={"sni_hostname": "elsewhere.example"}),
            ):
                with pytest.raises(PolicyRefused):
                    await http.send(request)
        assert (server.accepted, other.accepted) == (0, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirected_post_does_what_the_list_permits_or_nothing(status: int) -> None:
    def away(request: Request) -> Reply:
        return Reply(status, headers={"Location": "/services/oauth2/revoke"}) if request.method == "POST" else Reply()

    async with WireServer(away) as server, HttpClient("salesforce", server.url, HttpSettings()) as http:
        with pytest.raises(PolicyRefused, match="/services/oauth2/revoke"):
            await http.request("POST", "/services/oauth2/token", form={"token": "canary-token"})
    assert [request.path for request in server.requests] == ["/services/oauth2/token"]
