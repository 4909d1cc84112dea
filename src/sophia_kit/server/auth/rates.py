"""How often one caller may ask: the generic cell rate algorithm, one number for each caller.

ITU-T Recommendation I.371, annex A, "virtual scheduling": a request is due one interval after the one before; a caller
may be ahead of what is due by the burst, and no further. There is no window at whose border twice as much passes.
"""

from __future__ import annotations

from typing import Final

__all__ = ["RateLimit"]

_KEYS: Final = 10_000
"""How many callers are remembered; of more, those that asked least lately are forgotten."""


class RateLimit:
    """So many requests a minute for each key, all of a minute's at once when it was quiet before."""

    def __init__(self, per_minute: int) -> None:
        self._interval = 60.0 / per_minute
        self._ahead = self._interval * (per_minute - 1)
        self._due: dict[str, float] = {}

    def wait(self, key: str, now: float) -> float:
        """Seconds until the key may ask; 0 when it may now, and then that counts. `now` is of a monotonic clock."""
        due = max(now, self._due.get(key, now))
        if (early := due - self._ahead - now) > 0:
            return early
        self._due[key] = due + self._interval
        if len(self._due) > _KEYS:
            self._forget()
        return 0.0

    def exhausted(self, key: str, now: float) -> float:
        """What `wait` would answer, without counting."""
        return max(0.0, self._due.get(key, now) - self._ahead - now)

    def _forget(self) -> None:
        # Half at a time, so that callers with ever new keys don't have each of their requests sort the table.
        latest = sorted(self._due.items(), key=lambda item: item[1])[_KEYS // 2 :]
        self._due = dict(latest)
