"""A circuit breaker: what fails again and again is left alone for a while, then tried by one request."""

from __future__ import annotations

__all__ = ["Breaker"]

_MEMORY = 0.8
"""How much of a deployment's health each outcome leaves in place: the last five weigh two thirds."""


class Breaker:
    """Closed (all pass), open (none pass), or half open (one passes, and decides).

    Times are seconds of one steady clock, given with each call.

    Args:
        failures: how many in a row open it.
        open_s: how long it stays open.
    """

    def __init__(self, failures: int, open_s: float) -> None:
        self._limit = failures
        self._open_s = open_s
        self._failures = 0
        self._opened: float | None = None
        self._trying = False
        self._health = 1.0

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def health(self) -> float:
        """The share of successes, the latest weighing most; above 0, so that what recovers is found out."""
        return max(self._health, 0.01)

    def permits(self, now: float) -> bool:
        """Whether a request may pass."""
        if self._opened is None:
            return True
        return now >= self._opened + self._open_s and not self._trying

    def closes_at(self) -> float | None:
        """When the next request may try it; None when it isn't open."""
        return None if self._opened is None else self._opened + self._open_s

    def begin(self) -> None:
        """A request passes. It ends with `succeeded`, `failed` or `abandoned`."""
        self._trying = self._opened is not None

    def succeeded(self) -> None:
        self._failures, self._opened, self._trying = 0, None, False
        self._health = self._health * _MEMORY + 1 - _MEMORY

    def failed(self, now: float) -> None:
        self._failures += 1
        self._health *= _MEMORY
        if self._trying or self._failures >= self._limit:
            self._opened = now
        self._trying = False

    def abandoned(self) -> None:
        """It ended in a way that says nothing of the deployment, as when the caller went away."""
        self._trying = False
