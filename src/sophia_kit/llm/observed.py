"""How deployments fare: seconds and failures of their calls, the older the less they count.

One unit for speed: seconds spent for an answer obtained. What a failed call took is spent too, at its full length, so
that a deployment doesn't become fast by failing. Before it was measured a deployment counts as the stated prior does,
and with every call less so (data/policy.toml).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Observed", "Prior", "Statistics"]


@dataclass(frozen=True, slots=True)
class Prior:
    """What counts before anything was measured: as many calls, each of so many seconds, that part of them failed.

    Attributes:
        half_life_s: seconds after which a measurement counts half.
    """

    calls: float
    seconds: float
    error_rate: float
    half_life_s: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """How a deployment fares at some moment.

    Attributes:
        seconds: spent for an answer obtained, failed calls among them.
        error_rate: share of calls that failed, 0 to 1.
        calls: how many calls that stands on, each counted by its age; 0 when there is the prior alone.
    """

    seconds: float
    error_rate: float
    calls: float


class _Sums:
    __slots__ = ("answers", "at", "calls", "seconds")

    def __init__(self, at: float) -> None:
        self.at = at
        self.calls = 0.0
        self.answers = 0.0
        self.seconds = 0.0


class Observed:
    """The deployments' measurements in this process. Safe between threads; moments are seconds since the epoch."""

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._lock = threading.Lock()
        self._sums: dict[str, _Sums] = {}

    def record(self, deployment: str, *, seconds: float, ok: bool, at: float) -> None:
        """Note a call that ended at `at`. One that is older than what was noted before counts by its age."""
        with self._lock:
            sums = self._sums.setdefault(deployment, _Sums(at))
            age = at - sums.at
            weight = 1.0
            if age >= 0:
                kept = self._kept(age)
                sums.calls *= kept
                sums.answers *= kept
                sums.seconds *= kept
                sums.at = at
            else:
                weight = self._kept(-age)
            sums.calls += weight
            sums.answers += weight if ok else 0.0
            sums.seconds += weight * max(seconds, 0.0)

    def warm(self, calls: Iterable[tuple[str, float, bool, float]]) -> None:
        """Note calls of the past, e.g. from the ledger: deployment, seconds, whether it answered, when."""
        for deployment, seconds, ok, at in calls:
            self.record(deployment, seconds=seconds, ok=ok, at=at)

    def statistics(self, deployment: str, at: float) -> Statistics:
        """How the deployment fares at `at`."""
        prior = self._prior
        with self._lock:
            sums = self._sums.get(deployment)
            if sums is None:
                calls = answers = seconds = 0.0
            else:
                kept = self._kept(max(at - sums.at, 0.0))
                calls, answers, seconds = sums.calls * kept, sums.answers * kept, sums.seconds * kept
        expected = prior.calls * (1 - prior.error_rate)
        return Statistics(
            seconds=(seconds + expected * prior.seconds) / (answers + expected),
            error_rate=(calls - answers + prior.calls * prior.error_rate) / (calls + prior.calls),
            calls=calls,
        )

    def _kept(self, age: float) -> float:
        return float(0.5 ** (age / self._prior.half_life_s))
