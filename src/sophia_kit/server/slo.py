"""How well the server answers: counts, latencies and the share of failures of the last hour, against a target."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, Field

__all__ = ["Figure", "ServiceLevel", "ServiceRecord"]

_SLOT_S: Final = 60.0
_SLOTS: Final = 60
# Each class of durations is 2 % wider than the one below it, so that is how far a percentile may be too high.
_GROWTH: Final = math.log(1.02)
_SHORTEST_S: Final = 0.0001


class Figure(BaseModel):
    """A number, or the reason why there is none."""

    value: float | None
    unknown: str | None = Field(description="Why there is no number; null when there is one.")


class RouteLevel(BaseModel):
    """One route's share of the window."""

    route: str = Field(examples=["GET /v1/metrics/{name}"])
    requests: int
    failed: int
    p95_ms: float


class ServiceLevel(BaseModel):
    """What `/slo` answers. Failed is what was answered with 5xx, or not at all."""

    requests: int = Field(description="Since the server started.")
    failed: int = Field(description="Since the server started.")
    window_s: int = Field(description="What follows is about the last so many seconds.")
    window_requests: int
    window_failed: int
    error_rate: Figure = Field(description="Failed requests as a share of all, 0 to 1.")
    error_rate_target: float = Field(description="The share that may fail.")
    objective: Literal["met", "missed", "unknown"] = Field(description="Whether the error rate is within its target.")
    p50_ms: Figure = Field(description="Half of the requests were answered within this; at most 2 % too high.")
    p95_ms: Figure
    p99_ms: Figure
    routes: list[RouteLevel] = Field(description="The routes that were asked in the window, the busiest first.")


@dataclass(slots=True)
class _Slot:
    number: int
    failed: Counter[str] = field(default_factory=Counter)
    took: dict[str, Counter[int]] = field(default_factory=dict)


class ServiceRecord:
    """Requests by minute and route, of the last hour. For one thread: the event loop's.

    Args:
        target: the share of requests that may fail.
        now: seconds on a clock that never goes back.
    """

    def __init__(self, target: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._now = now
        self._requests = 0
        self._failed = 0
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS)

    def add(self, route: str, *, failed: bool, seconds: float) -> None:
        """Count a request that was answered, or given up, after so many seconds."""
        self._requests += 1
        self._failed += failed
        number = int(self._now() // _SLOT_S)
        if not self._slots or self._slots[-1].number != number:
            self._slots.append(_Slot(number))
        slot = self._slots[-1]
        slot.took.setdefault(route, Counter())[_class_of(seconds)] += 1
        slot.failed[route] += failed

    def level(self) -> ServiceLevel:
        """The state now; figures are unknown when nobody asked anything."""
        oldest = int(self._now() // _SLOT_S) - _SLOTS
        took: dict[str, Counter[int]] = {}
        failed: Counter[str] = Counter()
        for slot in self._slots:
            if slot.number > oldest:
                failed.update(slot.failed)
                for route, counts in slot.took.items():
                    took.setdefault(route, Counter()).update(counts)
        every: Counter[int] = Counter()
        for counts in took.values():
            every.update(counts)
        requests, lost = every.total(), failed.total()
        rate = lost / requests if requests else None
        routes = [
            RouteLevel(
                route=route,
                requests=counts.total(),
                failed=failed[route],
                p95_ms=_percentile(counts, 95),
            )
            for route, counts in took.items()
        ]
        return ServiceLevel(
            requests=self._requests,
            failed=self._failed,
            window_s=int(_SLOT_S * _SLOTS),
            window_requests=requests,
            window_failed=lost,
            error_rate=_figure(rate),
            error_rate_target=self._target,
            objective="unknown" if rate is None else "met" if rate <= self._target else "missed",
            p50_ms=_figure(_percentile(every, 50) if requests else None),
            p95_ms=_figure(_percentile(every, 95) if requests else None),
            p99_ms=_figure(_percentile(every, 99) if requests else None),
            routes=sorted(routes, key=lambda level: (-level.requests, level.route)),
        )


def _figure(value: float | None) -> Figure:
    if value is None:
        return Figure(value=None, unknown=f"Nobody asked anything in the last {_SLOTS} minutes.")
    return Figure(value=value, unknown=None)


def _class_of(seconds: float) -> int:
    return math.ceil(math.log(max(seconds, _SHORTEST_S) / _SHORTEST_S) / _GROWTH)


def _percentile(counts: Counter[int], percent: int) -> float:
    """Milliseconds within which that percentage of the requests was answered (nearest rank)."""
    rank = math.ceil(counts.total() * percent / 100)
    passed = 0
    for number in sorted(counts):
        passed += counts[number]
        if passed >= rank:
            return round(_SHORTEST_S * math.exp(number * _GROWTH) * 1000, 3)
    raise AssertionError("an empty count has no percentiles")
