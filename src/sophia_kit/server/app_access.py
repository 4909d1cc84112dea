"""Lets a reader into a published app, and to nobody's session but their own."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette._utils import get_route_path
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.errors import PathUnknown, SophiaError
from sophia_kit.reports import told_reader
from sophia_kit.server.auth.caller import Caller, caller_of
from sophia_kit.server.problems import refuse

__all__ = ["AppAccess"]

_SESSION_HEADER: Final = b"marimo-session-id"
# Secrets that a notebook has no use for, and a second name of sessions that would go around the first.
_WITHHELD: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"marimo-stable-session-id"})
_FILE: Final = re.compile(r"@file/(\d+-[\w.-]+)")
_FILES_KEPT: Final = 20_000
# What marimo's frontend asks of an app. Its other paths tell about the process, or lead to a session another way.
_ASKED: Final = re.compile(
    r"/(ws|health|assets/.*|@file/.*|files/.*|public/.*|api/kernel/(set_ui_element_value|set_model_value|function_call)"
    r"|api/version|custom\.css|[\w.-]+\.(js|css|ico|png|svg|webmanifest|json|woff2?))?"
)


class AppAccess:
    """Pure ASGI middleware around a published app of marimo's.

    The notebook is told who reads it, in the user of its request (`reports.reader_of`). A session's id is the
    browser's own choice, and who knows it could take the session over: inside, each caller's ids are their own. Files
    of a session are served to the caller alone to whom a message of the app named them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._key = secrets.token_bytes(32)
        self._told = _Told()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path = get_route_path(scope)
        try:
            caller = caller_of(scope)
            caller.require("apps:read")
            if _ASKED.fullmatch(path) is None:
                raise _absent(scope)
            name = _FILE.search(path)
            if name is not None and not self._told.to(caller, name[1]):
                raise _absent(scope)
        except SophiaError as error:
            await refuse(error, scope, receive, send)
            return

        async def noted(message: Message) -> None:
            text = message.get("text") if message["type"] == "websocket.send" else None
            if text is not None and "@file/" in text:
                self._told.note(caller, _FILE.findall(text))
            if name is not None and message["type"] == "http.response.start":
                # marimo would have a browser keep it for a day, signed out or not.
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        await self._app(self._own(scope, caller), receive, noted)

    def _own(self, scope: Scope, caller: Caller) -> Scope:
        """The request as the app gets it."""
        query = [
            (name, self._session(caller, value) if name == "session_id" else value)
            for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            # The app's own notebook is the only one there is.
            if name != "file"
        ]
        headers = [
            (name, self._session(caller, value.decode("latin-1")).encode() if name == _SESSION_HEADER else value)
            for name, value in scope["headers"]
            if name not in _WITHHELD
        ]
        return {
            **scope,
            "user": told_reader(caller.principal),
            "query_string": urlencode(query).encode("latin-1"),
            "headers": headers,
        }

    def _session(self, caller: Caller, name: str) -> str:
        digest = blake2b(repr((_identity(caller), name)).encode(), key=self._key, digest_size=16)
        return f"s_{digest.hexdigest()}"


class _Told:
    """Which files each caller was told of, the last ones."""

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[object, str], None] = OrderedDict()

    def note(self, caller: Caller, names: Iterable[str]) -> None:
        for name in names:
            key = (_identity(caller), name)
            self._names[key] = None
            self._names.move_to_end(key)
        while len(self._names) > _FILES_KEPT:
            self._names.popitem(last=False)

    def to(self, caller: Caller, name: str) -> bool:
        return (_identity(caller), name) in self._names


def _identity(caller: Caller) -> tuple[object, ...]:
    """What makes two callers one: the same token, with the same rights."""
    return (caller.token_id, caller.principal.name, caller.principal.attributes)


def _absent(scope: Scope) -> PathUnknown:
    return PathUnknown(f"Nothing is served at {scope['path'][:200]}.", hint="/ lists the apps.")
