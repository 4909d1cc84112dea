"""Faults on demand: what a vendor's API does on a bad day."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from sophia_kit.sandbox.draws import Draws

__all__ = ["FAULT_KINDS", "FaultKind", "Faults"]

FaultKind = Literal[
    "too_many_requests",  # 429 with Retry-After
    "server_error",  # 500
    "slow",  # the right answer, late
    "drop",  # the connection is reset without an answer
    "cut_body",  # Content-Length promises more than is sent before the connection ends
    "truncated_json",  # a complete HTTP answer whose JSON stops in the middle
    "malformed_json",  # a complete HTTP answer that is no JSON
    "expired_token",  # what the vendor says of a token that has ended: 401, or Slack's token_expired
]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


@dataclass(frozen=True)
class Faults:
    """Which requests go wrong, and how.

    Attributes:
        script: number of a request (the first is 1) to its fault.
        shares: share of requests, 0 to 1, for each kind; drawn by `seed` and the request's number.
        paths: only requests whose path contains this are counted and fail.
        limit: no more faults than this, in all; None for no limit.
        retry_after_s: what Retry-After says in a 429.
        slow_s: how late a slow answer is.
    """

    script: Mapping[int, FaultKind] = field(default_factory=dict)
    shares: Mapping[FaultKind, float] = field(default_factory=dict)
    seed: int = 0
    paths: str = ""
    limit: int | None = None
    retry_after_s: int = 1
    slow_s: float = 1.0

    def __post_init__(self) -> None:
        for kind in (*self.script.values(), *self.shares):
            if kind not in FAULT_KINDS:
                raise ValueError(f"no fault is called {kind!r}; known: {', '.join(FAULT_KINDS)}")
        if any(share < 0 for share in self.shares.values()) or sum(self.shares.values()) > 1:
            raise ValueError("shares must be at least 0 and sum to at most 1")

    def start(self) -> FaultCounter:
        """The faults of a server that has not answered anything yet."""
        return FaultCounter(self)


class FaultCounter:
    """Counts requests and says which of them fails. Safe to use from several threads."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._draws = Draws(faults.seed, "faults")
        self._lock = threading.Lock()
        self._requests = 0
        self._failed = 0
        self._expired: set[Hashable] = set()

    def next(self, path: str, signed: Hashable = None) -> FaultKind | None:
        """The fault of this request, if any.

        Args:
            signed: what a request with a token asks for; None for one without. By its share `expired_token` hits no
                request that has none, and none again before it was answered: a token that was just renewed is good.
        """
        faults = self._faults
        if faults.paths not in path:
            return None
        with self._lock:
            self._requests += 1
            kind = faults.script.get(self._requests)
            if kind is None:
                kind = self._drawn(self._requests)
                if kind == "expired_token" and (signed is None or signed in self._expired):
                    kind = None
            if kind is None or (faults.limit is not None and self._failed >= faults.limit):
                self._expired.discard(signed)
                return None
            if kind == "expired_token":
                self._expired.add(signed)
            self._failed += 1
            return kind

    def _drawn(self, request: int) -> FaultKind | None:
        left = self._draws.below("request", request, 1_000_000)
        for kind, share in self._faults.shares.items():
            left -= round(share * 1_000_000)
            if left < 0:
                return kind
        return None
