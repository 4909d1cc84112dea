"""Writes of many calls that take effect together: one transaction, and one wait for the disk, for all that wait."""

from __future__ import annotations

import atexit
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sophia_kit.core.errors import ModelRefused
from sophia_kit.state import State

__all__ = ["Writer"]

T = TypeVar("T")
_TOGETHER = 200
_Work = tuple[Callable[[State], Any], "Future[Any]"]


class Writer:
    """Runs pieces of work on the state, each whole or not at all, in a thread of its own and in their order.

    Work may be refused (`ModelRefused`): what it wrote before stays, and other work of the same transaction isn't
    touched. Any other error undoes the transaction, and each piece of work in it fails.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Callable[[State], T]) -> Future[T]:
        """Have `work` done; its result once it is on the disk.

        Raises:
            RuntimeError: the writer is closed.
        """
        done: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the ledger's writer is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="llm-ledger", daemon=True)
                self._thread.start()
                # What is under way is written also when nobody closes the gateway.
                atexit.register(self.close)
            self._waiting.put((work, done))
        return done

    def flush(self) -> None:
        """Wait until everything submitted so far is written."""
        with self._lock:
            idle = self._thread is None or self._closed
        if not idle:
            self.submit(lambda state: None).result()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
            self._waiting.put(None)
        if thread is not None:
            thread.join()
            atexit.unregister(self.close)

    def _run(self) -> None:
        going = True
        while going:
            first = self._waiting.get()
            batch: list[_Work] = []
            item: _Work | None = first
            while True:
                if item is None:
                    going = False
                    break
                batch.append(item)
                if len(batch) == _TOGETHER:
                    break
                try:
                    item = self._waiting.get_nowait()
                except queue.Empty:
                    break
            if batch:
                self._write(batch)

    def _write(self, batch: list[_Work]) -> None:
        ended: list[tuple[Future[Any], Any, ModelRefused | None]] = []
        try:
            with self._state.transaction():
                for work, done in batch:
                    try:
                        ended.append((done, work(self._state), None))
                    except ModelRefused as refused:
                        ended.append((done, None, refused))
        except Exception as error:  # noqa: BLE001  # the thread lives on, and whoever waits is told
            for _, done in batch:
                done.set_exception(error)
            return
        for done, result, refused_ in ended:
            if refused_ is None:
                done.set_result(result)
            else:
                done.set_exception(refused_)
