"""Snapshots: readers see a complete one or the one before, never anything else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from sophia_kit.core.errors import NoSnapshot, SnapshotDamaged, StorageError, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.warehouse import Snapshot, SnapshotStore, Warehouse, rows_digest

Publish = Callable[..., Snapshot]


def rows(snapshot: Snapshot) -> list[str]:
    with duckdb.connect(str(snapshot.path), read_only=True) as connection:
        return [row[0] for row in connection.execute("SELECT source_id FROM raw.things ORDER BY 1").fetchall()]


def test_nothing_published_is_an_error_with_a_hint(store: SnapshotStore) -> None:
    with pytest.raises(NoSnapshot) as caught:
        store.current()
    assert "sophia ingest run" in (caught.value.hint or "")
    assert store.list() == ()


def test_a_draft_starts_from_the_current_snapshot_and_leaves_it_as_it_was(
    store: SnapshotStore, publish: Publish
) -> None:
    first = publish(1)
    second = publish(2)
    assert rows(first) == ["1"]
    assert rows(second) == ["1", "2"]
    assert store.current() == second


def test_a_draft_that_is_left_unpublished_leaves_nothing(store: SnapshotStore, publish: Publish) -> None:
    first = publish(1)
    with pytest.raises(RuntimeError), store.draft(datetime(2025, 1, 2, tzinfo=UTC)) as draft:
        draft.connection.execute("DELETE FROM raw.things")
        raise RuntimeError
    assert store.current() == first
    assert rows(first) == ["1"]
    assert list((store.directory / "drafts").iterdir()) == []


def test_as_many_snapshots_as_asked_are_kept_and_the_current_is_among_them(
    store: SnapshotStore, publish: Publish
) -> None:
    kept = [publish(day) for day in range(1, 6)][-3:]
    assert store.list() == tuple(kept)
    assert {path.stem for path in store.directory.glob("*.duckdb")} == {snapshot.snapshot_id for snapshot in kept}


def test_known_at_finds_the_newest_that_was_known_then(store: SnapshotStore, publish: Publish) -> None:
    first, second = publish(10), publish(20)
    assert store.known_at(datetime(2025, 1, 9, tzinfo=UTC)) is None
    assert store.known_at(datetime(2025, 1, 10, tzinfo=UTC)) == first
    assert store.known_at(datetime(2025, 1, 15, tzinfo=UTC)) == first
    assert store.known_at(datetime(2025, 2, 1, tzinfo=UTC)) == second


def test_two_snapshots_known_at_the_same_time_are_told_apart_by_when_they_were_made(
    store: SnapshotStore, publish: Publish
) -> None:
    first, second = publish(10), publish(10, "b")
    assert first.snapshot_id != second.snapshot_id
    assert store.known_at(datetime(2025, 1, 10, tzinfo=UTC)) == second


def test_a_complete_file_that_was_never_pointed_to_is_not_seen_and_goes_with_the_next_draft(
    store: SnapshotStore, publish: Publish
) -> None:
    first = publish(1)
    pointer = store.directory / "current"
    second = publish(2)
    pointer.write_text(f"{first.snapshot_id}\n")  # as if the writer had died before it moved the pointer
    assert store.list() == (first,)
    with store.draft(datetime(2025, 1, 3, tzinfo=UTC)):
        assert not second.path.exists()


def test_a_pointer_to_nothing_is_a_clear_error(store: SnapshotStore, publish: Publish) -> None:
    publish(1).path.unlink()
    with pytest.raises(SnapshotDamaged, match="isn't there"):
        store.current()


@pytest.mark.parametrize(
    "said", [b"\xff\xfe", b"", b"../../etc/passwd", b"99999999T999999999999Z-99999999T999999999999Z"]
)
def test_a_pointer_that_holds_no_id_is_a_clear_error_and_nothing_is_removed_for_it(
    store: SnapshotStore, publish: Publish, said: bytes
) -> None:
    first, second = publish(1), publish(2)
    (store.directory / "current").write_bytes(said)
    with pytest.raises(SnapshotDamaged, match="isn't there"):
        store.current()
    with store.draft(datetime(2025, 1, 3, tzinfo=UTC)) as draft:
        assert draft.parent == second
        assert first.path.exists()


def test_without_a_pointer_nothing_is_removed_and_a_load_begins_from_the_newest(
    store: SnapshotStore, publish: Publish
) -> None:
    first, second = publish(1), publish(2)
    (store.directory / "current").unlink()
    assert store.list() == ()
    with store.draft(datetime(2025, 1, 3, tzinfo=UTC)) as draft:
        assert draft.parent == second
        third = draft.publish(demo=False, time_zone="UTC", currency="USD")
    assert store.list() == (first, second, third)


def test_a_pointer_that_can_t_be_read_is_a_clear_error(store: SnapshotStore, publish: Publish) -> None:
    publish(1)
    (store.directory / "current").unlink()
    (store.directory / "current").mkdir()
    for ask in (store.current, store.list):
        with pytest.raises(SnapshotDamaged, match="Is a directory"):
            ask()


@pytest.mark.parametrize("damage", ["gone", "garbage", "cut"])
def test_after_damage_a_load_begins_from_the_newest_snapshot_that_can_be_read(
    store: SnapshotStore, publish: Publish, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    def hurt(snapshot: Snapshot) -> None:
        if damage == "gone":
            snapshot.path.unlink()
        elif damage == "garbage":
            snapshot.path.write_bytes(b"no database" * 5000)
        else:
            os.truncate(snapshot.path, 5000)

    first, second, third = publish(1, "a"), publish(2, "b"), publish(3, "c")
    hurt(third)
    with store.draft(datetime(2025, 1, 4, tzinfo=UTC)) as draft:
        assert draft.parent == second
        assert "can't be read; the next begins from" in caplog.text
        assert first.path.exists()
    assert third.path.exists() is (damage != "gone"), "what may still be saved by hand is not removed"
    hurt(first)
    hurt(second)
    with store.draft(datetime(2025, 1, 4, tzinfo=UTC)) as draft:
        assert draft.parent is None
        fourth = draft.publish(demo=False, time_zone="UTC", currency="USD")
    assert store.current() == fourth


def test_an_unknown_id_is_a_clear_error(store: SnapshotStore, publish: Publish) -> None:
    publish(1)
    with pytest.raises(UnknownName):
        store.get("20200101T000000000000Z-20200101T000000000000Z")


def test_the_digest_is_of_rows_not_of_their_order_or_load(store: SnapshotStore, publish: Publish) -> None:
    snapshot = publish(1)
    first = digest_of(snapshot)
    with store.draft(datetime(2025, 1, 2, tzinfo=UTC)) as draft:
        draft.connection.execute("INSERT INTO raw.things VALUES ('2', 'b', 2, now()::TIMESTAMP, 'y')")
        draft.connection.execute("DELETE FROM raw.things WHERE source_id = '1'")
        draft.connection.execute("INSERT INTO raw.things VALUES ('1', 'a', 1.50, now()::TIMESTAMP, 'z')")
        draft.connection.execute("DELETE FROM raw.things WHERE source_id = '2'")
        again = draft.publish(demo=False, time_zone="UTC", currency="USD")
    assert digest_of(again) == first


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param("('1', 'a', 1)", "('1', 'a', 2)", id="a value"),
        pytest.param("('1', 'a', 1)", "('1', NULL, 1)", id="a null"),
        pytest.param("('1', '', 1)", "('1', NULL, 1)", id="empty and null"),
        pytest.param("('1', 'a' || chr(31) || '1:b', 1)", "('1', 'a', 1)", id="a separator within text"),
        pytest.param("('1', 'a', 1)", "('2', 'a', 1)", id="the key"),
    ],
)
def test_different_rows_have_different_digests(tmp_path: Path, left: str, right: str) -> None:
    digests = set()
    for position, values in enumerate((left, right)):
        with duckdb.connect(str(tmp_path / f"{position}.duckdb")) as connection:
            connection.execute("CREATE SCHEMA raw")
            connection.execute("CREATE TABLE raw.things (source_id VARCHAR, label VARCHAR, amount DECIMAL(18, 2))")
            connection.execute(f"INSERT INTO raw.things VALUES {values}")
            digests.add(rows_digest(connection))
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("BIGINT", "0", "NULL"),
        ("BOOLEAN", "false", "NULL"),
        ("DECIMAL(18, 2)", "0.00", "NULL"),
        ("DATE", "DATE '1970-01-01'", "NULL"),
        ("TIMESTAMP", "TIMESTAMP '1970-01-01'", "NULL"),
        ("BIGINT", "1", "2"),
        ("BOOLEAN", "false", "true"),
        ("DECIMAL(18, 2)", "0.01", "-0.01"),
        ("DECIMAL(38, 4)", "1", "18446744073709551617"),
        ("DATE", "DATE '1969-12-31'", "DATE '1970-01-02'"),
        ("TIMESTAMP", "TIMESTAMP '2025-01-01 00:00:00.000001'", "TIMESTAMP '2025-01-01'"),
    ],
)
def test_every_type_enters_the_digest(kind: str, left: str, right: str) -> None:
    digests = set()
    for value in (left, right):
        with duckdb.connect() as connection:
            connection.execute("CREATE SCHEMA raw")
            connection.execute(f"CREATE TABLE raw.things (source_id VARCHAR, thing {kind}, other {kind})")
            connection.execute(f"INSERT INTO raw.things VALUES ('1', {value}, {left}), ('2', {left}, {left})")
            digests.add(rows_digest(connection))
    assert len(digests) == 2


def test_text_that_moves_to_the_next_row_changes_the_digest() -> None:
    digests = set()
    for first, second in (("ab", "c"), ("a", "bc")):
        with duckdb.connect() as connection:
            connection.execute("CREATE SCHEMA raw")
            connection.execute("CREATE TABLE raw.things (source_id VARCHAR, label VARCHAR)")
            connection.execute("INSERT INTO raw.things VALUES ('1', ?), ('2', ?)", [first, second])
            digests.add(rows_digest(connection))
    assert len(digests) == 2


def test_an_open_warehouse_gives_the_digest_of_its_file(
    publish: Publish, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sophia_kit.warehouse.query.models", dict)
    snapshot = publish(1)
    with Warehouse.open(snapshot, settings) as warehouse:
        assert warehouse.rows_digest() == digest_of(snapshot)


def digest_of(snapshot: Snapshot) -> str:
    with duckdb.connect(str(snapshot.path), read_only=True) as connection:
        return rows_digest(connection)


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_readers_on_a_whole_snapshot(store: SnapshotStore) -> None:
    writer = textwrap.dedent(
        """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        from sophia_kit.warehouse import SnapshotStore

        store = SnapshotStore(Path(sys.argv[1]), keep=3)
        while True:
            with store.draft(datetime.now(UTC)) as draft:
                draft.connection.execute(
                    "CREATE OR REPLACE TABLE raw.things AS "
                    "SELECT i::VARCHAR AS source_id, repeat('x', 50) AS pad FROM range(20000) AS t(i)"
                )
                draft.publish(demo=False, time_zone="UTC", currency="USD")
            print("published", flush=True)
        """
    )
    for attempt in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, str(store.directory)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"published\n"
        try:
            process.wait(timeout=0.02 * (attempt + 1))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert len(rows(store.current())) == 20000
        assert all(len(rows(snapshot)) == 20000 for snapshot in store.list())


def test_a_full_disk_leaves_readers_where_they_were(small_disk: Path) -> None:
    store = SnapshotStore(small_disk / "snapshots", keep=3)
    with store.draft(datetime(2025, 1, 1, tzinfo=UTC)) as draft:
        draft.connection.execute("CREATE TABLE raw.things AS SELECT '1' AS source_id")
        first = draft.publish(demo=False, time_zone="UTC", currency="USD")
    with pytest.raises(StorageError) as caught, store.draft(datetime(2025, 1, 2, tzinfo=UTC)) as draft:
        draft.connection.execute("CREATE TABLE raw.big AS SELECT i, hash(i)::VARCHAR AS h FROM range(5000000) AS t(i)")
        draft.publish(demo=False, time_zone="UTC", currency="USD")
    assert "free space" in (caught.value.hint or "").lower()
    assert store.current() == first
    assert rows(first) == ["1"]
    assert list((store.directory / "drafts").iterdir()) == []
