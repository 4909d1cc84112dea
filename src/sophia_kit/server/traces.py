"""Sends traces where OpenTelemetry's own variables say, and writes their ids into the log."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

from opentelemetry import trace

from sophia_kit.server.problems import trace_id

__all__ = ["exported_traces", "log_to_stderr"]

_PATIENCE_S: Final = 3.0
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@contextmanager
def exported_traces() -> Iterator[bool]:
    """While this runs, the process's spans go to a collector by OTLP over HTTP, when one of OpenTelemetry's variables
    names it; at the end what is left is sent. Yields whether one is named. Once a process.

    OpenTelemetry's other variables (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_SDK_DISABLED` ...) work too.
    """
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or not any(os.environ.get(name) for name in _ENDPOINTS):
        yield False
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    described = Resource({"service.name": "sophia-kit", "service.version": version("sophia-kit")})
    provider = TracerProvider(resource=described.merge(OTELResourceDetector().detect()))
    # It tells of each attempt; that a batch was given up is enough.
    logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.ERROR)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield True
    finally:
        # A collector that is away is tried for half a minute, and nobody waits for that at the end.
        sending = threading.Thread(target=provider.shutdown, daemon=True)
        sending.start()
        sending.join(_PATIENCE_S)


class _WithTrace(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = trace_id() or "-"
        return True


def log_to_stderr() -> None:
    """Have the process log its warnings to stderr, each with the trace it belongs to."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithTrace())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s trace=%(trace_id)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
