"""Stops what takes too long: one thread for all that runs, where a timer of its own would cost each query a thread."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Deadlines"]


class Deadlines:
    """Calls back for what hasn't ended in time. Safe to share between threads; its thread starts with the first."""

    def __init__(self) -> None:
        self._begin()
        # The thread isn't in a process that was forked off this one.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._running: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wakes = -math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def within(self, seconds: float, stop: Callable[[], None]) -> Iterator[None]:
        """What runs inside is stopped after so many seconds. Once it has ended, `stop` isn't called any more.

        Args:
            stop: returns at once, and raises nothing.
        """
        key, due = object(), time.monotonic() + seconds
        with self._changed:
            self._running[key] = due, stop
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="sophia-deadlines", daemon=True)
                self._thread.start()
            elif due < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._running.pop(key, None)

    def _watch(self) -> None:
        with self._changed:
            while True:
                self._wakes = self._stop_overdue()
                patience = self._wakes - time.monotonic()
                self._changed.wait(None if patience == math.inf else min(max(patience, 0.0), threading.TIMEOUT_MAX))

    def _stop_overdue(self) -> float:
        """Stop what is due; when the next one is. Not a part of `_watch`, which would hold on to what it saw last."""
        now = time.monotonic()
        for key, (due, stop) in tuple(self._running.items()):
            if due <= now:
                del self._running[key]
                stop()
        return min((due for due, _ in self._running.values()), default=math.inf)
