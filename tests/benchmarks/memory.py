"""The memory that a piece of work takes, from inside its process."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

__all__ = ["PeakMemory"]

_SAMPLE_S = 0.01


class PeakMemory:
    """Samples this process's resident memory while the `with` block runs.

    Attributes:
        before_mb, peak_mb: at the beginning, and the largest since.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before_mb = self.peak_mb = self._now()

    def _now(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.peak_mb = max(self.peak_mb, self._now())

    def __enter__(self) -> PeakMemory:
        self.before_mb = self.peak_mb = self._now()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.peak_mb = max(self.peak_mb, self._now())
