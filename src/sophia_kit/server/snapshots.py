"""The warehouses that requests are answered from, each opened once and closed with its last request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sophia_kit.core.errors import ShuttingDown, SnapshotDamaged
from sophia_kit.warehouse import Snapshot, SnapshotStore, Warehouse

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.warehouse import Engine

__all__ = ["Snapshots"]

_SNOWFLAKE: Final = "snowflake"


@dataclass(slots=True)
class _Held:
    engine: Engine
    users: int = 0


class Snapshots:
    """Open engines by snapshot. Safe to share between threads.

    A request enters `current` once and asks what it is given throughout, so that no answer mixes two snapshots. When
    another snapshot has become the current one, the next request opens it, and the one before closes as soon as
    nobody uses it any more. Snowflake, which has no snapshots, is opened once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
        self._held: dict[str, _Held] = {}
        self._newest: str | None = None
        self._pointer: tuple[tuple[int, int, int], Snapshot] | None = None
        self._guard = threading.Lock()
        self._opening = threading.Lock()
        self._closed = False

    @contextmanager
    def current(self) -> Iterator[Engine]:
        """What is known now.

        Raises:
            NoSnapshot: nothing was loaded yet.
            SnapshotDamaged: the current snapshot can't be opened.
            Unconfigured, AuthFailed, Unreachable: of Snowflake.
            ShuttingDown: the server has closed.
        """
        key, held = self._lease_current()
        try:
            yield held.engine
        finally:
            self._release(key)

    @contextmanager
    def at(self, known_at: datetime) -> Iterator[Engine | None]:
        """What was known at a moment (with its time zone); None when that isn't kept.

        Raises:
            NoSnapshot, SnapshotDamaged, Unconfigured, AuthFailed, Unreachable, ShuttingDown: as `current`.
        """
        if self._settings.engine == "snowflake":
            with self.current() as engine:
                yield engine if engine.known_at <= known_at else None
            return
        self._store.current()
        snapshot = self._store.known_at(known_at.astimezone(UTC))
        if snapshot is None:
            yield None
            return
        held = self._lease(snapshot)
        try:
            yield held.engine
        finally:
            self._release(snapshot.snapshot_id)

    @contextmanager
    def of(self, snapshot_id: str) -> Iterator[Engine | None]:
        """A snapshot by its id; None when it isn't kept. Snowflake has none, and gives what it holds now.

        Raises:
            SnapshotDamaged, Unconfigured, AuthFailed, Unreachable, ShuttingDown: as `current`.
        """
        if self._settings.engine == "snowflake":
            with self.current() as engine:
                yield engine
            return
        snapshot = next((each for each in self._store.list() if each.snapshot_id == snapshot_id), None)
        if snapshot is None:
            yield None
            return
        held = self._lease(snapshot)
        try:
            yield held.engine
        finally:
            self._release(snapshot_id)

    def open_ids(self) -> tuple[str, ...]:
        """Which snapshots are open."""
        with self._guard:
            return tuple(self._held)

    def known_at(self) -> datetime | None:
        """As of when the warehouse that answers now knows its rows; None before the first request opened it."""
        with self._guard:
            held = self._held.get(_SNOWFLAKE if self._settings.engine == "snowflake" else self._newest or "")
            return None if held is None else held.engine.known_at

    def close(self) -> None:
        """Stop what still runs and let go of everything."""
        with self._guard:
            self._closed = True
            held, self._held = list(self._held.values()), {}
        for one in held:
            one.engine.close()

    def _lease_current(self) -> tuple[str, _Held]:
        if self._settings.engine == "snowflake":
            return _SNOWFLAKE, self._lease(None)
        while True:
            snapshot = self._pointed_at()
            try:
                held = self._lease(snapshot, newest=True)
            except SnapshotDamaged:
                # It may have been superseded and removed between reading the pointer and opening the file.
                if self._store.current() == snapshot:
                    raise
                continue
            return snapshot.snapshot_id, held

    def _pointed_at(self) -> Snapshot:
        """The current snapshot; the pointer to it is read anew when it was replaced since."""
        try:
            found = (self._store.directory / "current").stat()
        except OSError:
            return self._store.current()
        # Taken before the pointer is read: replaced in between, it is read once more than it need be.
        state = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = self._pointer
        if known is not None and known[0] == state and known[1].snapshot_id in self._held:
            return known[1]
        snapshot = self._store.current()
        self._pointer = (state, snapshot)
        return snapshot

    def _lease(self, snapshot: Snapshot | None, *, newest: bool = False) -> _Held:
        key = _SNOWFLAKE if snapshot is None else snapshot.snapshot_id
        found = self._take(key, newest=newest)
        if found is not None:
            return found
        with self._opening:
            found = self._take(key, newest=newest)
            if found is not None:
                return found
            engine = self._open(snapshot)
            with self._guard:
                if self._closed:
                    engine.close()
                    raise _shutting_down()
                held = self._held[key] = _Held(engine, users=1)
        if newest:
            self._supersede(key)
        return held

    def _take(self, key: str, *, newest: bool) -> _Held | None:
        with self._guard:
            if self._closed:
                raise _shutting_down()
            held = self._held.get(key)
            if held is not None:
                held.users += 1
        if held is not None and newest and key != self._newest:
            self._supersede(key)
        return held

    def _supersede(self, key: str) -> None:
        with self._guard:
            self._newest = key
            unused = [other for other, held in self._held.items() if other != key and held.users == 0]
            closing = [self._held.pop(other) for other in unused]
        for held in closing:
            held.engine.close()

    def _release(self, key: str) -> None:
        with self._guard:
            held = self._held.get(key)
            if held is None:
                return
            held.users -= 1
            if held.users or key in (self._newest, _SNOWFLAKE):
                return
            del self._held[key]
        held.engine.close()

    def _open(self, snapshot: Snapshot | None) -> Engine:
        if snapshot is not None:
            return Warehouse.open(snapshot, self._settings)
        from sophia_kit.warehouse.snowflake import SnowflakeWarehouse

        return SnowflakeWarehouse.open(self._settings)


def _shutting_down() -> ShuttingDown:
    return ShuttingDown("The server is shutting down.", hint="Ask again when it is back.")
