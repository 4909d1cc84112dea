"""A server that ends without losing a request."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DrainingServer", "LastAnswers"]

_DRAIN_S: Final = 1.0
_LOOK_S: Final = 0.05


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


class DrainingServer(uvicorn.Server):
    """Uvicorn, which when told to end first has its callers leave: `ending` is set, requests are still taken for a
    moment, each as its connection's last. Then nothing new is accepted, and what runs may finish within the patience
    of the configuration. A second Ctrl-C ends the wait."""

    def __init__(self, config: uvicorn.Config, *, ending: asyncio.Event) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending.set()
        ends = asyncio.get_running_loop().time() + _DRAIN_S
        # Uvicorn keeps a set of connections, and no event of its becoming empty.
        while self.server_state.connections and not self.force_exit and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        await super().shutdown(sockets)
