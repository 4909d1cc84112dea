"""Refuses what another site's page asks through a reader's browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

__all__ = ["SameOriginOnly"]


class SameOriginOnly:
    """Pure ASGI middleware: a request that names an origin has to name this server's own.

    Browsers send `Origin` with every WebSocket and every cross-site request that can change something.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and _foreign(Headers(scope=scope)):
            refuse = (
                WebSocketClose(code=1008, reason="another origin")
                if scope["type"] == "websocket"
                else PlainTextResponse("Another origin.", status_code=403)
            )
            await refuse(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
