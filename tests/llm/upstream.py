"""A model server made of bytes: it sends exactly what a test says, and stops wherever the test says.

`llmock` is the upstream of most tests; this one is for the positions and shapes that it can't produce.
"""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["RESET", "Pause", "Seen", "Upstream", "error", "event", "final", "json_answer", "piece", "running", "stream"]

RESET = object()
"""A step: the connection is reset."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A step: nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came in: when (of `time.monotonic`), its headers by lower-case name, its decoded body."""

    at: float
    path: str
    headers: dict[str, str] = field(repr=False)
    body: Any = field(repr=False)


Step = bytes | Pause | object


class Upstream:
    """Plays one list of steps a request; the last one again when there are no more."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.cut = threading.Event()
        self._plays: deque[list[Step]] = deque()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=True)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def play(self, *steps: Step) -> None:
        """The steps of the next request that has none yet."""
        self._plays.append(list(steps))

    def forget(self) -> None:
        """Drop what was to be played and what was seen."""
        self._plays.clear()
        self.requests.clear()

    def close(self) -> None:
        self.cut.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self) -> list[Step]:
        return self._plays.popleft() if len(self._plays) > 1 else self._plays[0]

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        upstream = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                first = self.rfile.readline().decode()
                if not first:
                    return
                headers = {}
                while (line := self.rfile.readline().decode().strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = json.loads(self.rfile.read(int(headers.get("content-length", 0))) or b"null")
                upstream.requests.append(Seen(time.monotonic(), first.split()[1], headers, body))
                for step in upstream._next():
                    if isinstance(step, Pause):
                        upstream.cut.wait(step.seconds)
                    elif step is RESET:
                        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        self.request.close()
                        return
                    else:
                        assert isinstance(step, bytes)
                        try:
                            self.wfile.write(step)
                            self.wfile.flush()
                        except OSError:
                            return

        return Handler


@contextmanager
def running() -> Iterator[Upstream]:
    upstream = Upstream()
    try:
        yield upstream
    finally:
        upstream.close()


_HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: %s\r\n"


def stream(*events: bytes) -> bytes:
    """A streamed answer whose end is the end of the connection: nothing on the wire tells a whole one from a cut."""
    return _HEAD % (b"200 OK", b"text/event-stream") + b"\r\n" + b"".join(events)


def event(data: Any) -> bytes:
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def piece(text: str | None = None, finish: str | None = None, **delta: Any) -> bytes:
    """A chunk of a stream."""
    said = delta if text is None else {"content": text, **delta}
    return event({"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]})


def final(prompt: int = 7, completion: int = 5) -> bytes:
    """The usage and the end of a stream."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event({"id": "c", "model": "m-1", "choices": [], "usage": usage}) + event(b"[DONE]")


def json_answer(body: Any, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = _HEAD % (status.encode(), b"application/json") + headers.encode()
    return head + b"Content-Length: %d\r\n\r\n" % len(content) + content


def error(status: str, message: str = "no", code: str | None = None, headers: str = "") -> bytes:
    """An answer that refuses."""
    return json_answer({"error": {"message": message, "type": "x", "code": code}}, status, headers)
