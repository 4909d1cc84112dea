"""Metrics (Prometheus) and traces (OpenTelemetry) of calls to vendors.

Labels and attributes are names the kit chose: provider, method, path template, status, error code. Never a query
string, a header, a body or an identifier.
"""

from __future__ import annotations

from opentelemetry import trace
from prometheus_client import Counter, Histogram

__all__ = ["HTTP_REFUSALS", "HTTP_REQUESTS", "HTTP_RETRIES", "HTTP_SECONDS", "status_class", "tracer"]

HTTP_REQUESTS = Counter(
    "sophia_http_requests",
    "Requests sent to vendors; status is the class of the answer (2xx ... 5xx), or none without an answer.",
    ["provider", "method", "status"],
)
HTTP_SECONDS = Histogram(
    "sophia_http_request_seconds",
    "Seconds from sending a request to a vendor until its answer was read or given up.",
    ["provider", "method"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
HTTP_RETRIES = Counter(
    "sophia_http_retries", "Requests sent again, by the error code that made it necessary.", ["provider", "code"]
)
HTTP_REFUSALS = Counter(
    "sophia_http_refusals", "Requests that the read-only policy refused; nothing was sent.", ["provider"]
)


def tracer() -> trace.Tracer:
    """The kit's tracer; without an OpenTelemetry SDK in the process its spans cost nothing and go nowhere."""
    return trace.get_tracer("sophia_kit")


def status_class(status: int | None) -> str:
    """`2xx` for 204; `none` for None."""
    return "none" if status is None else f"{status // 100}xx"
