"""Which warehouse answers: a snapshot on DuckDB or Snowflake, as the settings say; opened once and kept open."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sophia_kit.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from sophia_kit.core.settings import Settings, SnowflakeSettings
    from sophia_kit.warehouse import Engine, Snapshot, Warehouse

__all__ = ["current_engine", "current_snapshot", "engine_at"]

_KEPT_OPEN = 2
_open: OrderedDict[Path | SnowflakeSettings, Engine] = OrderedDict()
_open_guard = threading.Lock()


def current_engine(settings: Settings) -> Engine:
    """What `metric` asks when it is given no warehouse: what is known now.

    Raises:
        NoSnapshot: nothing was loaded yet.
        Unconfigured, AuthFailed, Unreachable: of Snowflake.
    """
    engine = engine_at(settings, None)
    assert engine is not None
    return engine


def current_snapshot(settings: Settings) -> Warehouse:
    """The current snapshot on DuckDB, whichever engine metrics are asked on; kept open for those who ask again.

    Raises:
        NoSnapshot: nothing was loaded yet.
        SnapshotDamaged: it can't be opened.
    """
    from sophia_kit.warehouse import Warehouse

    snapshot = _snapshot(settings, None)
    assert snapshot is not None
    found = _kept(snapshot.path, lambda: _duckdb(snapshot, settings))
    assert isinstance(found, Warehouse)
    return found


def engine_at(settings: Settings, known_at: datetime | None) -> Engine | None:
    """What was known at a moment, or now when None is given; None when that isn't kept.

    Snowflake keeps what it holds now: a moment before its `known_at` isn't kept.

    Raises:
        InputError: the moment has no time zone.
        NoSnapshot: nothing was loaded yet.
        Unconfigured, AuthFailed, Unreachable: of Snowflake.
    """
    if known_at is not None and known_at.tzinfo is None:
        raise InputError(f"{known_at} has no time zone.", hint=f"Say e.g. {known_at.isoformat()}Z.")
    if settings.engine == "snowflake":
        engine = _kept(settings.snowflake, lambda: _snowflake(settings))
        return engine if known_at is None or engine.known_at <= known_at else None
    snapshot = _snapshot(settings, known_at)
    return None if snapshot is None else _kept(snapshot.path, lambda: _duckdb(snapshot, settings))


def _snapshot(settings: Settings, known_at: datetime | None) -> Snapshot | None:
    from sophia_kit.warehouse import SnapshotStore

    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    current = store.current()
    return current if known_at is None else store.known_at(known_at.astimezone(UTC))


def _duckdb(snapshot: Snapshot, settings: Settings) -> Engine:
    from sophia_kit.warehouse import Warehouse

    return Warehouse.open(snapshot, settings)


def _snowflake(settings: Settings) -> Engine:
    from sophia_kit.warehouse.snowflake import SnowflakeWarehouse

    return SnowflakeWarehouse.open(settings)


def _kept(key: Path | SnowflakeSettings, open_: Callable[[], Engine]) -> Engine:
    """The warehouse of that key, opened once; the last two stay open for those who ask again."""
    with _open_guard:
        found = _open.pop(key, None) or open_()
        _open[key] = found
        while len(_open) > _KEPT_OPEN:
            # Not closed: another thread may be asking it. It closes with its last user.
            _open.popitem(last=False)
    return found


@atexit.register
def _close() -> None:
    """DuckDB complains at length about connections that are open when the interpreter ends."""
    for warehouse in _open.values():
        warehouse.close()
    _open.clear()
