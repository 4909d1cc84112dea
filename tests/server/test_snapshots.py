"""A request sees one snapshot, whatever is published meanwhile; none stays open for nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sophia_kit.core.errors import NoSnapshot, ShuttingDown, SnapshotDamaged, WarehouseError
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.server.snapshots import Snapshots
from sophia_kit.warehouse import Engine, Snapshot, SnapshotStore

Publish = Callable[[int], Snapshot]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "sophia.toml").touch()
    return load_settings(tmp_path)


@pytest.fixture
def publish(settings: Settings) -> Publish:
    """Publishes a snapshot whose two tables both hold the number."""
    store = SnapshotStore(settings.snapshots_dir, keep=2)

    def _publish(number: int) -> Snapshot:
        with store.draft(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)) as draft:
            for table in ("one", "other"):
                draft.connection.execute(f"CREATE OR REPLACE TABLE raw.{table} AS SELECT {number} AS number")
            return draft.publish(demo=False, time_zone="UTC", currency="USD")

    return _publish


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """These snapshots hold two tables; the canonical views have tests of their own."""
    monkeypatch.setattr("sophia_kit.warehouse.query.models", dict)


def number(engine: Engine, table: str = "one") -> int:
    return int(engine.query(f"SELECT number FROM raw.{table}").frame.item())


def test_before_anything_was_loaded_there_is_none(settings: Settings) -> None:
    with pytest.raises(NoSnapshot), Snapshots(settings).current():
        pass


def test_requests_share_one_engine(settings: Settings, publish: Publish) -> None:
    publish(1)
    snapshots = Snapshots(settings)
    with snapshots.current() as one, snapshots.current() as other:
        assert one is other
    with snapshots.current() as later:
        assert later is one


def test_a_request_keeps_its_snapshot_and_the_next_one_sees_the_new(settings: Settings, publish: Publish) -> None:
    first = publish(1)
    snapshots = Snapshots(settings)
    with snapshots.current() as before:
        second = publish(2)
        with snapshots.current() as after:
            assert (number(before), number(after)) == (1, 2)
            assert set(snapshots.open_ids()) == {first.snapshot_id, second.snapshot_id}
        assert number(before) == 1
    assert snapshots.open_ids() == (second.snapshot_id,)
    with pytest.raises(WarehouseError, match="closed"):
        before.query("SELECT 1")


def test_an_old_snapshot_that_nobody_uses_closes_with_the_swap(settings: Settings, publish: Publish) -> None:
    publish(1)
    snapshots = Snapshots(settings)
    with snapshots.current():
        pass
    second = publish(2)
    with snapshots.current():
        assert snapshots.open_ids() == (second.snapshot_id,)


def test_an_earlier_moment_is_answered_from_its_snapshot(settings: Settings, publish: Publish) -> None:
    first, second = publish(1), publish(2)
    snapshots = Snapshots(settings)
    with snapshots.at(second.known_at - timedelta(seconds=1)) as engine:
        assert engine is not None
        assert number(engine) == 1
    with snapshots.at(first.known_at - timedelta(seconds=1)) as engine:
        assert engine is None
    assert snapshots.open_ids() == ()


def test_a_pointer_to_a_damaged_file_is_an_error(settings: Settings, publish: Publish) -> None:
    published = publish(1)
    published.path.write_bytes(b"no database")
    with pytest.raises(SnapshotDamaged), Snapshots(settings).current():
        pass


def test_closed_it_stops_what_runs_and_takes_nothing_new(settings: Settings, publish: Publish) -> None:
    publish(1)
    snapshots = Snapshots(settings)
    with snapshots.current() as engine:
        snapshots.close()
        with pytest.raises(WarehouseError, match="closed"):
            engine.query("SELECT 1")
    with pytest.raises(ShuttingDown), snapshots.current():
        pass


def test_swaps_under_load_fail_nobody_and_mix_nothing(settings: Settings, publish: Publish) -> None:
    publish(0)
    snapshots = Snapshots(settings)
    over = threading.Event()
    seen: list[tuple[int, int]] = []
    failed: list[BaseException] = []

    def ask() -> None:
        last = 0
        try:
            while not over.is_set():
                with snapshots.current() as engine:
                    pair = number(engine), number(engine, "other")
                assert pair[0] == pair[1]
                assert pair[0] >= last
                last = pair[0]
                seen.append(pair)
        except BaseException as error:  # noqa: BLE001  # of another thread: told by the test
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for day in range(1, 5):
        publish(day)
    deadline = threading.Event()
    while (4, 4) not in seen and not failed:
        deadline.wait(0.01)
    over.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(snapshots.open_ids()) == 1
