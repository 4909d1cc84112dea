"""Spans of queries to a warehouse and of questions to the metric layer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sophia_kit.core.errors import SophiaError

if TYPE_CHECKING:
    from opentelemetry.trace import Span

__all__ = ["told_span"]


@contextmanager
def told_span(name: str, *, outside: bool = False, **attributes: str | None) -> Iterator[Span | None]:
    """A span around what runs within, below the span that is running; an error of the kit's is told by its code.

    Yields None, and costs next to nothing, in a process without OpenTelemetry's SDK: without one spans go nowhere, and
    a command shouldn't load what it doesn't need.

    Args:
        outside: whether what runs is another system's work, asked for here.
        attributes: names the kit chose, never what somebody asked or read; `__` is written `.`, None is left out.
    """
    if "opentelemetry.sdk.trace" not in sys.modules:
        yield None
        return
    from opentelemetry.trace import SpanKind, StatusCode

    from sophia_kit.core.telemetry import tracer

    with tracer().start_as_current_span(
        name,
        kind=SpanKind.CLIENT if outside else SpanKind.INTERNAL,
        attributes={key.replace("__", "."): value for key, value in attributes.items() if value is not None},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except SophiaError as error:
            span.set_attribute("error.type", error.code)
            span.set_status(StatusCode.ERROR, error.code)
            raise
