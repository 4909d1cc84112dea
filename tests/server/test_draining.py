"""The server's end: nobody who was let in goes without an answer, and nobody is waited for forever."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from sophia_kit.core.settings import load_settings
from sophia_kit.server import Services, create_app
from sophia_kit.server.draining import DrainingServer, server_of


@contextmanager
def served(root: Path, **more: Any) -> Iterator[tuple[str, DrainingServer, threading.Thread]]:
    """The application on a free port, in a thread of this process."""
    (root / "sophia.toml").touch()
    limits = {"requests_per_minute": 1_000_000, "shutdown_patience_s": 1, **more}
    with Services.open(load_settings(root, server=limits)) as services:
        app = create_app(services, apps=())

        @app.get("/try/soon")
        def soon() -> int:
            time.sleep(0.005)
            return 1

        @app.get("/try/never")
        async def never() -> None:
            await asyncio.sleep(60)

        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        server = server_of(app, services.settings.server)
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        running.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", server, running
        finally:
            server.should_exit = True
            running.join(20)
            listener.close()


def test_told_to_end_under_load_each_request_that_was_taken_is_answered(tmp_path: Path) -> None:
    became: Counter[str] = Counter()
    busy = threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(timeout=20) as client:
            while True:
                try:
                    became[str(client.get(url).status_code)] += 1
                except httpx.ConnectError:
                    # Nothing was sent: nobody listens any more.
                    return
                except httpx.HTTPError as error:
                    became[repr(error)] += 1
                    return
                if became["200"] > 30:
                    busy.set()

    with served(tmp_path) as (url, server, running):
        threads = [threading.Thread(target=ask, args=(url + "/try/soon",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert busy.wait(30)
        server.should_exit = True
        for thread in threads:
            thread.join(30)
        running.join(20)
        assert not running.is_alive()
    assert became.keys() == {"200"}


def test_what_takes_longer_than_the_patience_is_told_so(tmp_path: Path) -> None:
    with served(tmp_path) as (url, server, running):
        threading.Timer(0.5, lambda: setattr(server, "should_exit", True)).start()
        answer = httpx.get(url + "/try/never", timeout=20)
        running.join(20)
        assert not running.is_alive()
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["retryable"]) == (503, "shutting-down", True)


def test_while_it_ends_each_answer_is_its_connection_s_last_and_it_is_not_ready(tmp_path: Path) -> None:
    with served(tmp_path) as (url, server, _), httpx.Client() as client:
        assert "connection" not in client.get(url + "/healthz").headers
        server.should_exit = True
        while not server._ending.is_set():
            time.sleep(0.01)
        answer = client.get(url + "/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "shutting down")
    assert answer.headers["connection"] == "close"


def test_what_is_no_http_or_has_no_end_is_refused_as_a_problem_too(tmp_path: Path) -> None:
    with served(tmp_path) as (url, _, _):
        for sent, status, code in (
            (b"how do you do\r\n\r\n", b"400 Bad Request", "request-refused"),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, b"431 Request Header Fields Too Large", "request-too-large"),
        ):
            with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10) as connection:
                connection.sendall(sent)
                received = b""
                while part := connection.recv(65_536):
                    received += part
            head, _, body = received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            assert b"Content-Type: application/problem+json" in head
            assert json.loads(body)["code"] == code
        with httpx.Client() as client:
            for _ in range(3):
                answer = client.post(url + "/healthz", content=b"x" * 70_000, headers={"X": "x" * 30_000})
                assert answer.status_code == 405


def test_headers_that_do_not_come_or_come_for_ever_are_not_waited_for(tmp_path: Path) -> None:
    with served(tmp_path, request_timeout_s=1) as (url, server, _):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        complete = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for first, then, told in (
            (b"", b"", b""),
            (b"GET /healthz HTTP/1.1\r\nX: ", b"x", b"HTTP/1.1 408 Request Timeout"),
            (complete, b"", b"HTTP/1.1 200 OK"),
            (complete, b"\r\n", b"HTTP/1.1 408 Request Timeout"),
            (complete + b"GET /", b"x", b"HTTP/1.1 408 Request Timeout"),
        ):
            with socket.create_connection(address, timeout=15) as connection:
                connection.sendall(first)
                received = _until_closed(connection, trickling=then)
            assert told in received
            assert (b"request-timeout" in received) == (b"408" in told)
        with httpx.Client() as client:
            for _ in range(2):
                assert client.get(url + "/healthz").status_code == 200
                time.sleep(0.8)
        ends = time.monotonic() + 5
        while server.server_state.connections and time.monotonic() < ends:
            time.sleep(0.02)
        assert not server.server_state.connections


def _until_closed(connection: socket.socket, *, trickling: bytes) -> bytes:
    """What is received while a little is sent ten times a second; fails where the server keeps the connection."""
    connection.settimeout(0.1)
    received, ends = b"", time.monotonic() + 12
    while time.monotonic() < ends:
        try:
            part = connection.recv(65_536)
        except TimeoutError:
            with suppress(OSError):
                connection.sendall(trickling)
        except ConnectionResetError:
            return received
        else:
            if not part:
                return received
            received += part
    raise AssertionError("the connection was kept")
