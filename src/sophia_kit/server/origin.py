"""Refuses what is asked by another name than the server's, or by another site's page through a reader's browser."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sophia_kit.core.errors import ForeignHost, ForeignOrigin
from sophia_kit.server.problems import refuse

__all__ = ["LOOPBACK_NAMES", "KnownHosts", "SameOriginOnly"]

LOOPBACK_NAMES: Final = ("localhost",)


class KnownHosts:
    """Pure ASGI middleware: the `Host` header is an address or one of `names`, whatever the port. Another site's name
    that was made to resolve to this machine (DNS rebinding) gets no answer."""

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._known(Headers(scope=scope).getlist("host")):
            error = ForeignHost(
                "This server doesn't go by the name in the Host header.",
                hint="Ask by the name it was started with; SOPHIA_SERVER__NAMES holds further ones.",
            )
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, hosts: list[str]) -> bool:
        # Of two, a proxy may have believed the other (RFC 9112, section 3.2).
        if len(hosts) != 1:
            return False
        name = _name(hosts[0])
        return name in self._names or _is_address(name)


class SameOriginOnly:
    """Pure ASGI middleware: a request that names an origin has to name this server's own.

    Browsers send `Origin` with every WebSocket and every cross-site request that can change something.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and _foreign(Headers(scope=scope)):
            error = ForeignOrigin(
                "A page of another site asked for this.", hint="Open this server's own page, or ask from a program."
            )
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)


def _name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and (port.isdigit() or not port) else host).lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        # No browser names an origin like this.
        return True
