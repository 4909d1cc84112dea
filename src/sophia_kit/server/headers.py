"""Headers that keep a browser from doing more with an answer than it is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SecurityHeaders"]

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_PAGE: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# marimo's frontend carries its settings in inline scripts and its styles inline; Vega compiles expressions.
_APP: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)

# A page of an app is hundreds of them, and they hold nobody's numbers.
_ASSETS_KEPT: Final = "private, max-age=86400"


class SecurityHeaders:
    """Pure ASGI middleware. `apps` are the paths below which marimo's frontend runs; every other page runs no script.

    What carries numbers isn't to be kept: without a wish of its own an answer says `Cache-Control: no-store`.
    """

    def __init__(self, app: ASGIApp, *, apps: Iterable[str] = ()) -> None:
        self._app = app
        self._apps = tuple(apps)
        self._page = _raw(_ALWAYS | {"Content-Security-Policy": _PAGE})
        self._of_apps = _raw(_ALWAYS | {"Content-Security-Policy": _APP})
        self._of_assets = _raw(_ALWAYS | {"Content-Security-Policy": _APP, "Cache-Control": _ASSETS_KEPT})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        of_app = any(path == app or path.startswith(f"{app}/") for app in self._apps)
        asset = path.startswith(tuple(f"{app}/assets/" for app in self._apps))

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                wanted = self._of_apps if of_app else self._page
                if asset and message["status"] == 200:
                    wanted = self._of_assets
                given = {name.lower() for name, _ in message.get("headers", ())}
                added = [header for header in wanted if header[0] not in given]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, told)


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
