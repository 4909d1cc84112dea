"""The way in over real connections: what no client library would send, and WebSockets that outlive their token."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from tests.server.auth.conftest import FRESH_S, Guarded, bearer, guarded_server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sophia_kit.server.auth.tokens import revoke


@dataclass(frozen=True, slots=True)
class Wire:
    guarded: Guarded
    port: int

    def ask(self, target: str, *headers: str, method: str = "GET") -> int:
        """The status of a request whose first line and headers are sent as they are."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *headers, "Connection: close", "", ""]
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall("\r\n".join(lines).encode("latin-1"))
            answer = connection.makefile("rb").readline()
        return int(answer.split()[1])

    def socket(self, **headers: str) -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}/ws", additional_headers=headers, open_timeout=10)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder: Path = tmp_path_factory.mktemp("wire")
    with guarded_server(folder) as guarded, socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(guarded.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        running.start()
        while not server.started:
            time.sleep(0.01)
        yield Wire(guarded, listener.getsockname()[1])
        server.should_exit = True
        running.join()


@pytest.mark.parametrize(
    "target",
    [
        "/who",
        "//who",
        "/who/",
        "/./who",
        "/healthz/../who",
        "/healthz/%2e%2e/who",
        "/sign-in/../who",
        "/sign-in%2f..%2fwho",
        "/healthz%2f..%2fwho",
        "/%2fhealthz",
        "/healthz%00",
        "/healthz;x/../who",
        "/who%3f/healthz",
        "/who?/healthz",
        "/healthz%3f",
        "/mounted/page",
        "/mounted//page",
        "//mounted/page",
        "/mounted/../mounted/page",
        "/mounted%2fpage",
        "/healthz/../mounted/page",
        "http://127.0.0.1/who",
        "*",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_path_leads_around_the_door(wire: Wire, target: str, method: str) -> None:
    before = list(wire.guarded.reached)
    assert wire.ask(target, method=method) in (400, 401, 429)
    assert wire.guarded.reached == before


def test_what_is_open_is_open_by_its_encoded_name_too(wire: Wire) -> None:
    # The router decodes paths before it compares them, and so does the door: they can't disagree.
    assert wire.ask("/%68ealthz") == 200


@pytest.mark.parametrize(
    "headers",
    [
        ["Authorization: Bearer {token}", "Authorization: Bearer {token}"],
        ["Authorization: Basic eA==", "authorization: Bearer {token}"],
        ["Authorization: Bearer {token}", "Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Authorization : Bearer {token}"],
        ["X: y\rAuthorization: Bearer {token}"],
        ["X: y\nAuthorization: Basic eA==", "Authorization: Bearer {token}"],
        [" Authorization: Bearer {token}"],
        ["Authorization: Basic eA==,", " Bearer {token}"],
        ["Authorization_: Bearer {token}"],
        ["Authorization: Bearer {token}\x00"],
    ],
)
def test_headers_that_two_readers_would_read_differently_let_nobody_in(wire: Wire, headers: list[str]) -> None:
    token = wire.guarded.issue()
    before = list(wire.guarded.reached)
    assert wire.ask("/who", *(header.format(token=token) for header in headers)) in (400, 401, 429)
    assert wire.guarded.reached == before
    assert wire.ask("/who", f"Authorization: Bearer {token}") == 200


def test_a_websocket_needs_a_token_too(wire: Wire) -> None:
    before = list(wire.guarded.reached)
    for headers in ({}, bearer("sophia_0000000000000000_" + "A" * 43), {"Cookie": "sophia-session=guess"}):
        with pytest.raises(InvalidStatus) as refused:
            wire.socket(**headers)
        assert refused.value.response.status_code in (401, 429)
        assert refused.value.response.headers["Content-Type"] == "application/problem+json"
    assert wire.guarded.reached == before
    with wire.socket(**bearer(wire.guarded.issue("Ada"))) as open_socket:
        assert open_socket.recv(timeout=10) == "Ada"


def ended(open_socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as end:
        open_socket.recv(timeout=10)
    return end.value.rcvd.code if end.value.rcvd else None


def test_an_open_websocket_ends_when_its_token_is_revoked(wire: Wire) -> None:
    token, record = wire.guarded.issued("Ada")
    with wire.socket(**bearer(token)) as first, wire.socket(**bearer(wire.guarded.issue("Bo"))) as other:
        assert (first.recv(timeout=10), other.recv(timeout=10)) == ("Ada", "Bo")
        time.sleep(2 * FRESH_S)
        first.send("still here")
        assert first.recv(timeout=10) == "still here"
        revoke(wire.guarded.state, record.token_id, now=wire.guarded.clock.now())
        assert ended(first) == 1008
        other.send("still here")
        assert other.recv(timeout=10) == "still here"


def test_an_open_websocket_ends_when_its_token_expires(wire: Wire) -> None:
    token = wire.guarded.issue("Ada", lifetime=timedelta(hours=1))
    with wire.socket(**bearer(token)) as open_socket:
        assert open_socket.recv(timeout=10) == "Ada"
        wire.guarded.clock.ahead = timedelta(hours=1)
        try:
            assert ended(open_socket) == 1008
        finally:
            wire.guarded.clock.ahead = timedelta(0)
