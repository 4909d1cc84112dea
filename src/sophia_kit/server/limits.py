"""How much a request may send, and how long it may take until its answer begins."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.errors import RequestRefused, RequestTimeout, RequestTooLarge, ShuttingDown
from sophia_kit.server.problems import refuse

__all__ = ["BodyLimit", "TimeLimit"]

_EMPTY: Final[Message] = {"type": "http.disconnect"}


class BodyLimit:
    """Pure ASGI middleware: a body of more than `limit` bytes is refused, by its declared length or while it comes."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            await refuse(RequestRefused("Content-Length isn't a number."), scope, receive, send)
            return
        if int(declared) > self._limit:
            await refuse(self._too_large(), scope, receive, send)
            return
        seen, over, begun = 0, False, False

        async def counted() -> Message:
            nonlocal seen, over
            if over:
                return _EMPTY
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                over = True
                return _EMPTY
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            if over and not begun:
                return
            begun = True
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except Exception:
            # What the application makes of a body that ends in the middle isn't the caller's concern.
            if not over or begun:
                raise
        if over and not begun:
            await refuse(self._too_large(), scope, receive, send)

    def _too_large(self) -> RequestTooLarge:
        return RequestTooLarge(
            f"The body is larger than {self._limit:,} bytes.",
            hint="Send less, or have whoever runs this server raise SOPHIA_SERVER__MAX_REQUEST_BYTES.",
        )


class TimeLimit:
    """Pure ASGI middleware: an answer that hasn't begun after `seconds` is given up. One that has may go on: streams
    and WebSockets last as long as they last. `longer` gives paths their own seconds."""

    def __init__(self, app: ASGIApp, *, seconds: float, longer: Mapping[str, float] | None = None) -> None:
        self._app = app
        self._seconds = seconds
        self._longer = dict(longer or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seconds = self._longer.get(scope["path"], self._seconds)
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[None] = loop.create_future()
        begun = given_up = False

        def decide() -> None:
            if not decided.done():
                decided.set_result(None)

        async def watched(message: Message) -> None:
            nonlocal begun
            if given_up:
                return
            begun = True
            decide()
            await send(message)

        async def answer() -> None:
            try:
                await self._app(scope, receive, watched)
            finally:
                decide()

        # A task of its own: a query in a thread can't be cancelled, and the caller shouldn't have to wait for it.
        answering = asyncio.create_task(answer())
        timer = loop.call_later(seconds, decide)
        try:
            await decided
            if begun or answering.done():
                await answering
                return
            given_up = True
            late = RequestTimeout(
                f"No answer within {seconds:g} s.", hint="Ask for less: a shorter period, a smaller page."
            )
            await refuse(late, scope, receive, send)
        except asyncio.CancelledError:
            # The patience with what runs at the server's end is used up.
            if not begun and not given_up:
                given_up = True
                ended = ShuttingDown("The server ended before the answer was found.", hint="Ask again when it is back.")
                await refuse(ended, scope, receive, send)
            raise
        finally:
            timer.cancel()
            if not answering.done():
                answering.cancel()
                answering.add_done_callback(_forget)


def _forget(task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        task.exception()
