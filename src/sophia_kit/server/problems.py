"""Every error leaves as RFC 9457 problem JSON: the kit's own, the framework's, and those nobody foresaw."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.errors import (
    InternalError,
    InvalidRequest,
    LimitReached,
    MethodRefused,
    PathUnknown,
    RequestRefused,
    ScopeMissing,
    SophiaError,
    TooManyRequests,
    Unauthenticated,
)
from sophia_kit.server.auth.tokens import tokens_blotted
from sophia_kit.server.models.errors import error_member, is_model_path

__all__ = [
    "CHALLENGE",
    "MEDIA_TYPE",
    "LastResort",
    "Problem",
    "documented",
    "handle_errors",
    "problem_response",
    "refuse",
    "trace_id",
]

MEDIA_TYPE: Final = "application/problem+json"
CHALLENGE: Final = 'Bearer realm="sophia-kit"'
_log = logging.getLogger(__name__)
_PATH_SHOWN = 200
_ERRORS_SHOWN = 20


class Problem(BaseModel):
    """An error, as RFC 9457 says; some kinds carry further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="What kind of error, as a URN.", examples=["urn:sophia-kit:error:unknown-name"])
    title: str = Field(description="The kind in words; the same for every error of it.", examples=["Unknown name"])
    status: int = Field(examples=[404])
    detail: str = Field(description="What went wrong, and where.", examples=["No metric is called 'reveneu'."])
    code: str = Field(description="The kind, stable; programs may branch on it.", examples=["unknown-name"])
    hint: str | None = Field(description="What to do about it.", examples=["Did you mean revenue?"])
    provider: str | None = Field(description="The vendor or part concerned.", examples=[None])
    retryable: bool = Field(description="Whether the same request may succeed later.", examples=[False])
    instance: str = Field(description="The path that was asked.", examples=["/v1/metrics/reveneu"])
    trace_id: str | None = Field(
        description="Finds this request in logs and traces.", examples=["4bf92f3577b34da6a3ce929d0e0e4736"]
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these errors, for the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def trace_id() -> str | None:
    """The id of the trace that is running, 32 hexadecimal digits; None outside of one."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def problem_response(error: SophiaError, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """The error as it leaves; with `Retry-After` where it says how long to wait, and with `WWW-Authenticate` (RFC 6750)
    where a token, or one with more scopes, is wanted. Where OpenAI's clients ask, their form of it stands beside.

    One that is no fault of the caller's is logged, with what isn't told to another machine."""
    if error.status >= 500 and not isinstance(error, InternalError):
        _log.warning("%s %s: %s: %s", scope.get("method", "WebSocket"), _template(scope), error.code, error)
    content = error.problem() | {"instance": str(scope.get("path", "")), "trace_id": trace_id()}
    sent = dict(headers or {})
    if is_model_path(content["instance"]):
        member = error_member(error)
        content["error"] = member | {"message": tokens_blotted(member["message"])}
        sent["x-should-retry"] = str(error.retryable).lower()
    # A token in the wrong place, an address above all, isn't repeated.
    content |= {name: tokens_blotted(text) for name, text in content.items() if isinstance(text, str)}
    content["instance"] = content["instance"][:_PATH_SHOWN]
    if isinstance(error, ScopeMissing):
        sent.setdefault("WWW-Authenticate", f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"')
    elif isinstance(error, Unauthenticated):
        sent.setdefault("WWW-Authenticate", CHALLENGE)
    if isinstance(error, TooManyRequests | LimitReached):
        sent.setdefault("Retry-After", str(max(1, round(error.retry_after))))
    return JSONResponse(content, status_code=error.status, headers=sent, media_type=MEDIA_TYPE)


async def refuse(
    error: SophiaError, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str] | None = None
) -> None:
    """Answer a request or a WebSocket's handshake with an error, in a middleware's place."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": error.code})
        return
    await problem_response(error, scope, headers)(scope, receive, send)


def handle_errors(app: FastAPI) -> None:
    """Have the application answer every error that its routes raise as a problem."""

    async def of_the_kit(request: Request, error: Exception) -> Response:
        assert isinstance(error, SophiaError)
        return problem_response(error, request.scope)

    async def of_the_form(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(_invalid(error), request.scope)

    async def of_the_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(_of_status(error.status_code, request), request.scope, error.headers)

    app.add_exception_handler(SophiaError, of_the_kit)
    app.add_exception_handler(RequestValidationError, of_the_form)
    app.add_exception_handler(HTTPException, of_the_framework)


class LastResort:
    """Pure ASGI middleware: an exception that nobody caught is logged, and leaves as a problem that tells nothing of
    its inside. Where an answer has begun already, the connection breaks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except SophiaError as error:
            if begun:
                raise
            await refuse(error, scope, receive, send)
        except Exception:
            if begun:
                raise
            _log.exception("A request ended in a mistake of the kit's own; trace %s", trace_id())
            mistake = InternalError(
                "The request ended in a mistake of the kit's own.",
                hint="Give whoever runs this server the trace_id; its log tells more.",
            )
            await refuse(mistake, scope, receive, send)


def _template(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", ""))


def _invalid(error: RequestValidationError) -> InvalidRequest:
    # What was sent isn't repeated: it may be a secret in the wrong place.
    found = [(".".join(str(part) for part in one["loc"]), str(one["msg"])) for one in error.errors()[:_ERRORS_SHOWN]]
    where, what = found[0] if found else ("request", "not readable")
    return InvalidRequest(f"{where}: {what}.", errors=found, hint="/openapi.json describes what each path takes.")


def _of_status(status: int, request: Request) -> SophiaError:
    path = request.scope["path"][:_PATH_SHOWN]
    if status == HTTPStatus.NOT_FOUND:
        return PathUnknown(f"Nothing is served at {path}.", hint="/openapi.json lists what is.")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodRefused(f"{path} doesn't take {request.method}.", hint="This server only reads: use GET.")
    known = RequestRefused if status < 500 else InternalError
    refusal = known(f"The request was answered with {status} {HTTPStatus(status).phrase}.")
    refusal.status = status
    return refusal
