"""The only way in: it finds out who asks before anything behind it sees the request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.errors import InputError, SophiaError, TooManyRequests, Unauthenticated
from sophia_kit.server.auth.access import Access, client_address
from sophia_kit.server.auth.audit import AuditEntry, parameters
from sophia_kit.server.auth.caller import LOCAL, Caller
from sophia_kit.server.auth.credentials import Bearer, shown
from sophia_kit.server.auth.pages import to_sign_in
from sophia_kit.server.problems import CHALLENGE, refuse, trace_id

__all__ = ["OPEN", "Authentication"]

OPEN: Final = frozenset({"/healthz", "/sign-in", "/sign-out"})
"""The paths that anyone may ask; letter for letter, as the router compares them too."""


class Authentication:
    """Pure ASGI middleware: puts the caller into `scope["state"]["caller"]`, or answers in everyone's place.

    Without a valid token 401 and `WWW-Authenticate` (RFC 6750), for a browser that opens a page the way to the
    sign-in; 429 for a caller who asks too often, and for an address that keeps failing. A WebSocket ends when its
    caller's token or session does. What is answered, and what is refused, leaves a line in the audit log.

    Args:
        assets: paths that end in `/`, below which the frontend's own files lie: a page is hundreds of them. They need a
            token, and are neither counted nor audited.
    """

    def __init__(self, app: ASGIApp, *, access: Access, assets: Iterable[str] = ()) -> None:
        self._app = app
        self._access = access
        self._assets = tuple(assets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.pop("user", None)
        state = scope["state"] = {**scope.get("state", {}), "caller": None, "audited": {}}
        if scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        began = asyncio.get_running_loop().time()
        caller: Caller | None = None
        asset = scope.get("method") == "GET" and scope["path"].startswith(self._assets)
        try:
            caller = await self._caller(scope)
            if not asset:
                self._access.admit(caller)
        except SophiaError as error:
            await self._refuse(error, caller, scope, receive, send)
            return
        state["caller"] = caller
        if asset:
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = HTTPStatus.SWITCHING_PROTOCOLS
            elif message["type"] == "websocket.close" and status is None:
                status = HTTPStatus.FORBIDDEN
            await send(message)

        try:
            if scope["type"] == "websocket" and self._access.directory is not None:
                await self._while_valid(scope, receive, told)
            else:
                await self._app(scope, receive, told)
        finally:
            took = asyncio.get_running_loop().time() - began
            self._audit(scope, caller, HTTPStatus.INTERNAL_SERVER_ERROR if status is None else status, took)

    async def _caller(self, scope: Scope) -> Caller:
        directory = self._access.directory
        if directory is None:
            return LOCAL
        credential = shown(scope)
        if credential is None:
            raise Unauthenticated(
                "Nobody has signed in.", hint="Send Authorization: Bearer sophia_..., or sign in at /sign-in."
            )
        if isinstance(credential, Bearer):
            return await directory.holder(credential.token)
        return await directory.visitor(credential.session)

    async def _refuse(
        self, error: SophiaError, caller: Caller | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = {}
        if isinstance(error, Unauthenticated | InputError):
            if isinstance(error, Unauthenticated) and _opens_a_page(scope):
                await to_sign_in(_asked(scope))(scope, receive, send)
                return
            headers = {"WWW-Authenticate": _challenge(error, scope)}
            if "authorization" not in Headers(scope=scope):
                wait = self._access.nothing_shown(scope)
            elif wait := self._access.token_failed(scope):
                hint = "Check the token that it sends."
                error = TooManyRequests("This address has failed too often.", retry_after=wait, hint=hint)
            if wait:
                # Not audited: an address that goes on would fill the log.
                await refuse(error, scope, receive, send, headers)
                return
        self._audit(scope, caller, error.status, 0.0)
        await refuse(error, scope, receive, send, headers)

    async def _while_valid(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run a WebSocket until it ends, or until nobody with its credential would be let in any more."""
        over = False

        async def until_over(message: Message) -> None:
            if not over:
                await send(message)

        running = asyncio.ensure_future(self._app(scope, receive, until_over))
        watching = asyncio.create_task(self._until_invalid(scope))
        try:
            await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                over = True
                # What the application receives next is that the connection has ended.
                await send({"type": "websocket.close", "code": 1008, "reason": "signed out"})
            await running
        finally:
            running.cancel()
            watching.cancel()

    async def _until_invalid(self, scope: Scope) -> None:
        assert self._access.directory is not None
        with suppress(SophiaError):
            while True:
                await asyncio.sleep(self._access.directory.fresh_s)
                await self._caller(scope)

    def _audit(self, scope: Scope, caller: Caller | None, status: int, took_s: float) -> None:
        self._access.audit.write(
            AuditEntry(
                event="request" if scope["type"] == "http" else "websocket",
                caller=caller.principal.name if caller else None,
                token_id=caller.token_id if caller else None,
                client=client_address(scope),
                method=scope.get("method"),
                path=scope["path"],
                parameters=parameters(scope["query_string"]),
                outcome=int(status),
                duration_ms=round(took_s * 1000, 1),
                trace_id=trace_id(),
                notes=scope["state"]["audited"],
            )
        )


def _challenge(error: SophiaError, scope: Scope) -> str:
    """RFC 6750, section 3: no error code for a request that showed nothing."""
    if isinstance(error, InputError):
        return f'{CHALLENGE}, error="invalid_request"'
    if "authorization" in Headers(scope=scope):
        return f'{CHALLENGE}, error="invalid_token"'
    return CHALLENGE


def _opens_a_page(scope: Scope) -> bool:
    """Whether a person's browser asks for a page, and not a program or a script for data."""
    headers = Headers(scope=scope)
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and "authorization" not in headers
        and "text/html" in headers.get("accept", "")
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _asked(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"], safe="/") + (f"?{query}" if query else "")
