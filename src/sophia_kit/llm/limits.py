"""Requests and tokens a minute: by deployment, provider, key and tenant. Counted in this process.

Whatever a minute's limit is, no stretch of sixty seconds has more. A request counts with the tokens that it may use,
and with those that it did use once they are known.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sophia_kit.core.errors import LimitReached

if TYPE_CHECKING:
    from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings

__all__ = ["Limits", "Passed"]

_MINUTE_S = 60.0


@dataclass(slots=True)
class _Entry:
    at: float
    amount: int
    counts: bool = True


class _Window:
    """The last minute's amounts of one limit."""

    __slots__ = ("_entries", "_sum", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: deque[_Entry] = deque()
        self._sum = 0

    def wait(self, amount: int, now: float) -> float:
        """Seconds until `amount` fits; infinite when it never will."""
        if amount > self.limit:
            return math.inf
        while self._entries and self._entries[0].at + _MINUTE_S <= now:
            left = self._entries.popleft()
            left.counts = False
            self._sum -= left.amount
        over = self._sum + amount - self.limit
        if over <= 0:
            return 0.0
        for entry in self._entries:
            over -= entry.amount
            if over <= 0:
                return entry.at + _MINUTE_S - now
        return 0.0

    def add(self, amount: int, now: float) -> _Entry:
        entry = _Entry(now, amount)
        self._entries.append(entry)
        self._sum += amount
        return entry

    def correct(self, entry: _Entry, amount: int) -> None:
        if entry.counts:
            self._sum += amount - entry.amount
        entry.amount = amount


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that was let pass, as each limit counts it: `requests` or `tokens`."""

    _counted: tuple[tuple[_Window, _Entry, str], ...] = field(repr=False)


class Limits:
    """All limits of the settings.

    Args:
        now: a steady clock, in seconds.
    """

    def __init__(self, settings: LlmSettings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str, str], _Window] = {}
        own_keys = {name.lower().replace("-", "_") for name in settings.keys}
        self._keys = {
            name: name if name.replace("-", "_") in own_keys else one.provider
            for name, one in settings.deployments.items()
        }

    def take(self, deployment: str, tenant: str, tokens: int) -> Passed:
        """Let a request pass that may use so many tokens, or refuse it.

        Raises:
            LimitReached: it doesn't fit; says which limit, and in how many seconds it will. Nothing is counted then.
        """
        with self._lock:
            now = self._now()
            asked = []
            for what, whose, name, limit in self._limits(deployment, tenant):
                window = self._window(what, whose, name, limit)
                amount = 1 if what == "requests" else tokens
                wait = window.wait(amount, now)
                if wait > 0:
                    raise _reached(what, whose, name, limit, wait, amount)
                asked.append((window, what, amount))
            return Passed(tuple((window, window.add(amount, now), what) for window, what, amount in asked))

    def used(self, passed: Passed, tokens: int) -> None:
        """Say how many tokens it did use."""
        with self._lock:
            for window, entry, what in passed._counted:
                if what == "tokens":
                    window.correct(entry, tokens)

    def give_back(self, passed: Passed) -> None:
        """Say that it was not sent after all: it counts nowhere."""
        with self._lock:
            for window, entry, _ in passed._counted:
                window.correct(entry, 0)

    def _limits(self, deployment: str, tenant: str) -> Iterator[tuple[str, str, str, int]]:
        """The limits that a request falls under: of what, whose, the name, how many."""
        one: DeploymentSettings = self._settings.deployments[deployment]
        limits = self._settings.limits
        found = [
            ("requests", "deployment", deployment, one.requests_per_minute),
            ("tokens", "deployment", deployment, one.tokens_per_minute),
            ("requests", "provider", one.provider, limits.provider_requests),
            ("tokens", "provider", one.provider, limits.provider_tokens),
            ("requests", "key", self._keys[deployment], limits.key_requests),
            ("tokens", "key", self._keys[deployment], limits.key_tokens),
            ("requests", "tenant", tenant, limits.tenant_requests),
            ("tokens", "tenant", tenant, limits.tenant_tokens),
        ]
        for what, whose, name, limit in found:
            if limit is not None and (whose != "tenant" or name):
                yield what, whose, name, limit

    def _window(self, what: str, whose: str, name: str, limit: int) -> _Window:
        key = (what, whose, name)
        if key not in self._windows:
            self._windows[key] = _Window(limit)
        return self._windows[key]


def _reached(what: str, whose: str, name: str, limit: int, wait: float, amount: int) -> LimitReached:
    if math.isinf(wait):
        never = LimitReached(
            f"The request may use {amount:,} {what}, and {whose} {name} has {limit:,} a minute.",
            retry_after=_MINUTE_S,
            hint="Send less at once, give a smaller max_tokens, or raise the limit; see docs/budgets.md.",
        )
        never.retryable = False
        return never
    return LimitReached(
        f"The {limit:,} {what} a minute of {whose} {name} are used up.",
        retry_after=math.ceil(wait * 1000) / 1000,
        hint=f"It fits again in {wait:.1f} s.",
    )
