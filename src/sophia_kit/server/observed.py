"""Every request as a span and a count: what it asked, how it was answered, how long that took."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.telemetry import tracer
from sophia_kit.server.measures import ASSETS, NOWHERE, Measures

__all__ = ["Observed"]

_UNTRACED: Final = frozenset({"/healthz", "/metrics"})
_CLIENT_WENT: Final = 499
_traceparent = TraceContextTextMapPropagator()


class Observed:
    """Pure ASGI middleware, the outermost: each request runs in a span of its own, below the caller's where a
    `traceparent` names one, and is counted by the template of its route. The answer says which trace it was."""

    def __init__(self, app: ASGIApp, *, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            with self._measures.websockets.track_inprogress():
                await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        below = scope.get("root_path", "")
        status, stream = _CLIENT_WENT, False
        began = time.perf_counter()
        answered = began
        with self._measures.running.track_inprogress(), _span(scope) as span:
            trace_id = trace.format_trace_id(span.get_span_context().trace_id)

            async def told(message: Message) -> None:
                nonlocal status, stream, answered
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers["X-Trace-Id"] = trace_id
                    stream = headers.get("content-type", "").startswith("text/event-stream")
                    status, answered = message["status"], time.perf_counter()
                await send(message)

            try:
                await self._app(scope, receive, told)
            finally:
                if not stream:
                    answered = time.perf_counter()
                route = _template(scope, below)
                self._measures.add(scope["method"], route, status, answered - began)
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(StatusCode.ERROR)


@contextmanager
def _span(scope: Scope) -> Iterator[Span]:
    """The request's span; without tracing one that goes nowhere, but has an id all the same, for answers and logs."""
    caller = context.Context()
    if any(name == b"traceparent" for name, _ in scope["headers"]):
        caller = _traceparent.extract(dict(Headers(scope=scope)), caller)
    if scope["path"] not in _UNTRACED and "opentelemetry.sdk.trace" in sys.modules:
        attributes: dict[str, Any] = {"http.request.method": scope["method"]}
        with tracer().start_as_current_span(
            scope["method"], caller, SpanKind.SERVER, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            if span.get_span_context().is_valid:
                yield span
                return
    known = trace.get_current_span(caller).get_span_context()
    if not known.is_valid:
        # Ids, not secrets: drawn as OpenTelemetry's SDK draws them.
        known = SpanContext(random.getrandbits(128) or 1, random.getrandbits(64) or 1, is_remote=False)
    silent = NonRecordingSpan(known)
    with trace.use_span(silent):
        yield silent


def _template(scope: Scope, below: str) -> str:
    """The route's template, so that labels don't grow with what is asked; what an app or a mount serves is one."""
    route = scope.get("route")
    mounted = scope.get("root_path", "").removeprefix(below)
    if mounted and scope["path"].startswith(f"{mounted}{ASSETS[:-1]}"):
        return f"{mounted}{ASSETS}"
    if mounted or isinstance(route, Mount):
        return f"{mounted or getattr(route, 'path', '')}/*"
    return str(getattr(route or _starlettes_own(scope), "path", NOWHERE))


def _starlettes_own(scope: Scope) -> BaseRoute | None:
    """The route that answered, of those that aren't FastAPI's: it doesn't leave them in the scope."""
    endpoint, router = scope.get("endpoint"), scope.get("router")
    if endpoint is None or router is None:
        return None
    routes = (route for route in router.routes if getattr(route, "endpoint", None) is endpoint)
    return next((route for route in routes if route.matches(scope)[0] is not Match.NONE), None)
