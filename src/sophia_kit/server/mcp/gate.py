"""What has to be right with a request before the SDK sees it.

The SDK makes a task, a transport and streams for every request it is handed, also for one that it then refuses.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from mcp_types import INVALID_REQUEST, PARSE_ERROR
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.errors import InvalidRequest, MethodRefused, RequestRefused, SophiaError
from sophia_kit.server.auth.caller import caller_of
from sophia_kit.server.problems import refuse

__all__ = ["MOST_DEPTH", "Gate"]

MOST_DEPTH: Final = 32
"""How deeply the JSON of a message may be nested."""

_JSON: Final = "application/json"
_ACCEPTED: Final = frozenset({_JSON, "application/*", "*/*"})


class Gate:
    """An ASGI application before the SDK's: lets single JSON-RPC messages through, by POST, from those who may ask.

    Each request is answered by itself: there is no session to open with GET or to end with DELETE.

    Args:
        scope: what the caller needs.
    """

    def __init__(self, app: ASGIApp, *, scope: str) -> None:
        self._app = app
        self._scope = scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller_of(scope).require(self._scope)
            _check_head(scope)
        except SophiaError as error:
            await refuse(error, scope, receive, send, {"Allow": "POST"} if isinstance(error, MethodRefused) else None)
            return
        body = await _body(receive)
        if body is None:
            return
        found = _mistake(body)
        if found is not None:
            await _rejection(*found)(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


def _check_head(scope: Scope) -> None:
    """
    Raises:
        MethodRefused: not POST.
        RequestRefused: what is sent, or what is accepted, isn't JSON.
    """
    if scope["method"] != "POST":
        raise MethodRefused(
            f"MCP is spoken by POST here, not {str(scope['method'])[:20]}.",
            hint="There are no sessions and no streams to open: each message is answered by itself.",
        )
    headers = Headers(scope=scope)
    if _media_type(headers.get("content-type", "")) != _JSON:
        refusal = RequestRefused("A message is sent as JSON.", hint=f"Send Content-Type: {_JSON}.")
        refusal.status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        raise refusal
    if _ACCEPTED.isdisjoint(_media_type(part) for part in headers.get("accept", "").split(",")):
        refusal = RequestRefused("The answer is JSON.", hint=f"Send Accept: {_JSON}, text/event-stream.")
        refusal.status = HTTPStatus.NOT_ACCEPTABLE
        raise refusal


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


async def _body(receive: Receive) -> bytes | None:
    """The whole body, whose size the server limits; None when the caller has left."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _mistake(body: bytes) -> tuple[int, str] | None:
    """The code of JSON-RPC and a sentence, when the body isn't a single message."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return PARSE_ERROR, "The body isn't JSON."
    if isinstance(message, list):
        return INVALID_REQUEST, "Messages are sent one at a time, not in batches."
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return INVALID_REQUEST, 'The body isn\'t a JSON-RPC message: {"jsonrpc": "2.0", ...}.'
    if "id" in message and (isinstance(message["id"], bool) or not isinstance(message["id"], str | int)):
        return INVALID_REQUEST, "The id of a request is a text or a whole number."
    if not isinstance(message.get("method"), str):
        return INVALID_REQUEST, "The message names no method. This server asks nothing, so it awaits no answers."
    if not isinstance(message.get("params", {}), dict):
        return INVALID_REQUEST, "The params of a message are an object."
    if _deeper(message, MOST_DEPTH):
        return INVALID_REQUEST, f"The message is nested more than {MOST_DEPTH} deep."
    return None


def _deeper(item: Any, most: int) -> bool:
    if not isinstance(item, dict | list):
        return False
    inner = item.values() if isinstance(item, dict) else item
    return most == 0 or any(_deeper(one, most - 1) for one in inner)


def _rejection(code: int, told: str) -> JSONResponse:
    """A JSON-RPC error, as the protocol asks for, that carries the problem."""
    problem = InvalidRequest(told, hint="Each POST carries one request or notification of MCP.")
    problem.status = HTTPStatus.BAD_REQUEST
    error = {"code": code, "message": told, "data": problem.problem()}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=HTTPStatus.BAD_REQUEST)


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
