"""Sessions that are lent out one query at a time: a session runs one statement, so that no two share its state."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sophia_kit.core.errors import WarehouseError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

__all__ = ["Sessions"]


class Sessions:
    """At most `most` sessions, opened when they are needed and used again. Safe to share between threads."""

    def __init__(self, open_: Callable[[], SnowflakeConnection], most: int) -> None:
        self._open = open_
        self._free: queue.LifoQueue[SnowflakeConnection | None] = queue.LifoQueue()
        for _ in range(most):
            self._free.put(None)
        self._alive: set[SnowflakeConnection] = set()
        self._guard = threading.Lock()
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[SnowflakeConnection]:
        """A session for one query; given up when the query fails, since a failed one may have lost its server.

        Raises:
            WarehouseError: the sessions are closed.
            SophiaError: of a login that fails.
        """
        session = self._free.get()
        kept = False
        try:
            if self._closed:
                raise WarehouseError("The warehouse is closed.", hint="Open it again.", provider="snowflake")
            if session is None:
                session = self._open()
                with self._guard:
                    self._alive.add(session)
            yield session
            kept = True
        finally:
            if session is not None and not kept:
                self._end(session)
            self._free.put(session if kept else None)

    def close(self) -> None:
        """End every session; a statement that still runs in one is aborted by Snowflake."""
        self._closed = True
        with self._guard:
            sessions = tuple(self._alive)
        for session in sessions:
            self._end(session)

    def _end(self, session: SnowflakeConnection) -> None:
        with self._guard:
            self._alive.discard(session)
        # Without a retry: a server that is gone has no session to end.
        session.close(retry=False)
