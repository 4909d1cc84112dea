"""A server on loopback that answers what a test says, down to the faults of a bad connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is sent as it is when bytes, as JSON otherwise.

    `delay_s` passes before anything is sent; `cut_at` sends that many bytes of the body and closes; `drop` closes
    without an answer; `drip_s` passes between single bytes of the body.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0
    cut_at: int | None = None
    drop: bool = False
    drip_s: float = 0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class WireServer:
    """Serves `answer`; an async context manager. Counts connections and keeps every request."""

    def __init__(self, answer: Callable[[Request], Reply]) -> None:
        self.answer = answer
        self.accepted = 0
        self.requests: list[Request] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._open)

    async def all_closed(self, within_s: float = 2.0) -> bool:
        """Whether every client has hung up by then."""
        return await self._until(lambda: not self._open, within_s)

    async def received(self, count: int, within_s: float = 2.0) -> bool:
        """Whether `count` requests have come by then."""
        return await self._until(lambda: len(self.requests) >= count, within_s)

    async def _until(self, condition: Callable[[], bool], within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return condition()
        return True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._open.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await _read(reader)
                self.requests.append(request)
                self._changed.set()
                sending = asyncio.create_task(_send(writer, self.answer(request)))
                while not sending.done() and not reader.at_eof():
                    await asyncio.wait({sending}, timeout=0.01)
                if not sending.done():
                    sending.cancel()
                    break
                if not sending.result():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            self._changed.set()
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    if reply.delay_s:
        await asyncio.sleep(reply.delay_s)
    if reply.drop:
        return False
    content = reply.content
    headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **reply.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} Reply\r\n{head}\r\n".encode("latin-1"))
    sent = content if reply.cut_at is None else content[: reply.cut_at]
    if reply.drip_s:
        for place in range(len(sent)):
            writer.write(sent[place : place + 1])
            await writer.drain()
            await asyncio.sleep(reply.drip_s)
    else:
        writer.write(sent)
    await writer.drain()
    return reply.cut_at is None
