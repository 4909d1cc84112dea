"""What the server counts of itself, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from sophia_kit.server.slo import ServiceRecord

if TYPE_CHECKING:
    from sophia_kit.server.readiness import Readiness
    from sophia_kit.server.snapshots import Snapshots

__all__ = ["ASSETS", "CONTENT_TYPE_LATEST", "NOWHERE", "PROBES", "Measures"]

PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics", "/slo"})
"""What machines ask to watch the server. They aren't what it is for: its service level leaves them out."""

NOWHERE: Final = "none"
"""The route of what was refused before it came to one: a path that isn't served, a caller who isn't known. The service
level leaves it out too: whoever tries a thousand passwords doesn't make the server any better."""

ASSETS: Final = "/assets/*"
"""The end of the routes of an app's own files: a page is hundreds of them, quick ones, that would hide what is slow."""

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Measures:
    """Counters in a registry of their own, and the service level.

    Labels are bounded: methods of HTTP, templates of routes (never paths), statuses.

    Attributes:
        registry: what `/metrics` shows; the kit's counters of vendor calls and models are in it too.
        level: what `/slo` shows.
    """

    def __init__(self, error_rate_target: float, readiness: Readiness, snapshots: Snapshots) -> None:
        self.registry = CollectorRegistry()
        self.level = ServiceRecord(error_rate_target)
        self._requests = Counter(
            "sophia_server_requests",
            "Requests answered, by the template of their route; none where nothing is served.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sophia_server_request_seconds",
            "Seconds until a request was answered completely; of a stream, until it began.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.running = Gauge(
            "sophia_server_requests_running", "Requests that are being answered.", registry=self.registry
        )
        self.websockets = Gauge(
            "sophia_server_websockets_open", "WebSockets that are open: readers of apps.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_KitsOwn())
        self.registry.register(_Parts(readiness, snapshots))

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `status` 499: whoever asked went away."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)
        refused_unseen = route == NOWHERE and status < 500
        if route not in PROBES and not refused_unseen and not route.endswith(ASSETS):
            self.level.add(f"{known} {route}", failed=status >= 500, seconds=seconds)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)


class _KitsOwn:
    """The counters of the kit's other rooms, which live in the process's registry."""

    def collect(self) -> Iterator[Metric]:
        return (metric for metric in REGISTRY.collect() if metric.name.startswith("sophia_"))

    def describe(self) -> Iterable[Metric]:
        return ()


class _Parts:
    """What the server knows already of the parts behind it; reading it asks nobody."""

    def __init__(self, readiness: Readiness, snapshots: Snapshots) -> None:
        self._readiness = readiness
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        reachable = GaugeMetricFamily(
            "sophia_server_part_reachable",
            "1 when the part answered, 0 when it failed, as /readyz last heard; absent where nobody configured it.",
            labels=["part", "required"],
        )
        for part in self._readiness.last().parts:
            if part.state in ("reachable", "failing"):
                reachable.add_metric([part.part, str(part.required).lower()], part.state == "reachable")
        yield reachable
        known_at = self._snapshots.known_at()
        if known_at is not None:
            yield GaugeMetricFamily(
                "sophia_server_known_at_seconds",
                "As of when the rows that are served are known, in seconds since 1970.",
                value=known_at.timestamp(),
            )

    def describe(self) -> Iterable[Metric]:
        return ()
