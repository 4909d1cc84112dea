"""A server that ends without losing a request."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.server.protocol import http_protocol

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sophia_kit.core.settings import ServerSettings

__all__ = ["DrainingServer", "LastAnswers", "server_of"]

_DRAIN_S: Final = 1.0
_LOOK_S: Final = 0.05
# linux/filter.h and asm-generic/socket.h
_RETURN: Final = 0x06
_SO_ATTACH_FILTER: Final = 26


class LastAnswers:
    """Pure ASGI middleware: once `ending` is set, each answer is the last one of its connection, and says so. A caller
    who keeps connections open then never sends a request into one that is being closed."""

    def __init__(self, app: ASGIApp, *, ending: asyncio.Event) -> None:
        self._app = app
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if self._ending.is_set() and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, told)


def server_of(app: FastAPI, settings: ServerSettings) -> DrainingServer:
    """The server of an application that `create_app` made."""
    config = uvicorn.Config(
        app,
        http=http_protocol(settings.request_timeout_s),
        ws_max_size=settings.max_request_bytes,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_patience_s)),
        lifespan="on",
    )
    return DrainingServer(config, ending=app.state.ending)


class DrainingServer(uvicorn.Server):
    """Uvicorn, which when told to end lets its callers leave first: `ending` is set, no connection is taken any more,
    and those that are open get the answers they wait for, each as their last. Then what runs may finish within the
    patience of the configuration. A second Ctrl-C ends the wait."""

    def __init__(self, config: uvicorn.Config, *, ending: asyncio.Event) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending.set()
        for listener in sockets or ():
            _take_no_more(listener)
        ends = asyncio.get_running_loop().time() + _DRAIN_S
        # What had connected before is accepted meanwhile.
        await asyncio.sleep(_LOOK_S)
        # Uvicorn keeps a set of connections, and no event of its becoming empty.
        while self.server_state.connections and not self.force_exit and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        await super().shutdown(sockets)


def _take_no_more(listener: socket.socket) -> None:
    """Have a listening socket ignore who knocks from now on, where the system can (Linux).

    Closing it resets every connection that was made and not yet accepted, with the request that is in it. Ignored,
    nobody connects any more; what has connected can be accepted before it is closed; and who knocked is refused when
    the knock is repeated. The filter is one instruction of the socket filters that socket(7) describes: drop all.
    """
    if sys.platform != "linux":
        return
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, 0))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))
    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
