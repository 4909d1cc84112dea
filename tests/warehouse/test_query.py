"""The query interface: reads its snapshot, and nothing else, within limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sophia_kit.core.errors import NoSnapshot, QueryLimit, QueryRefused, SnapshotDamaged, WarehouseError
from sophia_kit.core.settings import Settings
from sophia_kit.warehouse import Snapshot, SnapshotStore, Warehouse

Publish = Callable[..., Snapshot]

ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(1000) b WHERE a.range + b.range = 7"


@pytest.fixture(autouse=True)
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """These snapshots hold one table; the canonical views have tests of their own."""
    monkeypatch.setattr("sophia_kit.warehouse.query.models", dict)


@pytest.fixture
def warehouse(publish: Publish, settings: Settings) -> Iterator[Warehouse]:
    with Warehouse.open(publish(1), settings) as opened:
        yield opened


def test_a_result_is_a_frame_with_its_provenance(warehouse: Warehouse) -> None:
    result = warehouse.query("SELECT source_id, amount FROM raw.things WHERE source_id = ?", ["1"])
    assert result.frame.rows() == [("1", Decimal("1.50"))]
    assert result.provenance.sql == "SELECT source_id, amount FROM raw.things WHERE source_id = ?"
    assert result.provenance.params == ("1",)
    assert result.provenance.snapshot_id == warehouse.snapshot.snapshot_id
    assert result.provenance.known_at == warehouse.snapshot.known_at
    assert result.provenance.engine == "duckdb"
    assert result.provenance.demo is False


def test_parameters_are_bound_never_spliced(warehouse: Warehouse) -> None:
    hostile = "'; DROP TABLE raw.things; --"
    assert warehouse.query("SELECT $x AS x", {"x": hostile}).frame.item() == hostile


def test_demo_is_said_by_the_data_not_by_the_settings(publish: Publish, settings: Settings) -> None:
    with Warehouse.open(publish(1, demo=True), settings) as opened:
        assert opened.demo
        assert opened.query("SELECT 1").provenance.demo


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM raw.things",
        "INSERT INTO raw.things VALUES ('2', 'b', 1, NULL, NULL)",
        "UPDATE raw.things SET label = 'x'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMP VIEW v AS SELECT 1",
        "DROP VIEW raw.things",
        "ATTACH ':memory:' AS other",
        "COPY (SELECT 1) TO '/tmp/never.csv'",
        "SET memory_limit = '1GB'",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CHECKPOINT",
        "BEGIN",
        "EXPORT DATABASE '/tmp/never'",
        "WITH x AS (SELECT 1) INSERT INTO raw.things SELECT '3', 'c', 1, NULL, NULL",
        "SELECT 1; DELETE FROM raw.things",
        "SELECT 1; SELECT 2",
        "EXPLAIN ANALYZE DELETE FROM raw.things",
        "",
        "not sql at all",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('https://127.0.0.1/x.parquet')",
        "SELECT * FROM not_there",
        "SELECT not_there FROM raw.things",
    ],
)
def test_anything_but_one_select_on_the_snapshot_is_refused(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(QueryRefused):
        warehouse.query(sql)
    assert warehouse.query("SELECT count(*) FROM raw.things").frame.item() == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "VALUES (1)",
        "FROM raw.things SELECT 1 LIMIT 1",
        "SELECT 1 UNION ALL SELECT 2 ORDER BY 1 LIMIT 1",
    ],
)
def test_every_form_of_select_passes(warehouse: Warehouse, sql: str) -> None:
    assert warehouse.query(sql).frame.row(0)[0] == 1


def test_even_past_the_guard_the_snapshot_cannot_be_written(warehouse: Warehouse) -> None:
    cursor = warehouse._cursor()
    with pytest.raises(duckdb.Error, match="read-only"):
        cursor.execute("DELETE FROM snapshot.raw.things")
    with pytest.raises(duckdb.Error):
        cursor.execute("SET enable_external_access = true")


def test_too_many_rows_are_an_error_not_a_cut(warehouse: Warehouse) -> None:
    with pytest.raises(QueryLimit, match="more than 10 rows"):
        warehouse.query("FROM range(11)", row_limit=10)
    assert warehouse.query("FROM range(10)", row_limit=10).frame.height == 10


def test_too_long_is_an_error_and_the_next_query_works(warehouse: Warehouse) -> None:
    with pytest.raises(QueryLimit, match=r"longer than 0\.2 s"):
        warehouse.query(ENDLESS, timeout_s=0.2)
    assert warehouse.query("SELECT 1").frame.item() == 1


def test_interrupt_stops_what_runs(warehouse: Warehouse) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(warehouse.query, ENDLESS)
        time.sleep(0.3)
        warehouse.interrupt()
        with pytest.raises(QueryLimit, match="interrupted"):
            running.result(timeout=10)


def test_threads_share_a_warehouse_and_get_their_own_rows(warehouse: Warehouse) -> None:
    barrier = threading.Barrier(8)

    def ask(number: int) -> list[int]:
        barrier.wait()
        sql = "SELECT ? AS n FROM range(3000)"
        return [warehouse.query(sql, [number * 100 + turn]).frame["n"].unique().item() for turn in range(6)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert answers == [[number * 100 + turn for turn in range(6)] for number in range(8)]


def test_a_reader_stays_on_its_snapshot_while_new_ones_are_published(
    publish: Publish, settings: Settings, store: SnapshotStore
) -> None:
    with Warehouse.open(publish(1), settings) as old:
        for day in range(2, 8):
            publish(day)
        assert not old.snapshot.path.exists()
        assert old.query("SELECT count(*) FROM raw.things").frame.item() == 1
        with Warehouse.open(store.current(), settings) as new:
            assert new.query("SELECT count(*) FROM raw.things").frame.item() == 7


def test_a_damaged_file_is_a_clear_error(publish: Publish, settings: Settings) -> None:
    snapshot = publish(1)
    snapshot.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(SnapshotDamaged) as caught:
        Warehouse.open(snapshot, settings)
    assert caught.value.hint


def test_a_closed_warehouse_says_so(publish: Publish, settings: Settings) -> None:
    warehouse = Warehouse.open(publish(1), settings)
    warehouse.close()
    with pytest.raises(WarehouseError, match="closed"):
        warehouse.query("SELECT 1")


def test_freshness_of_a_table_that_was_never_loaded_is_unknown(store: SnapshotStore, settings: Settings) -> None:
    with store.draft(datetime(2025, 1, 1, tzinfo=UTC)) as draft:
        draft.connection.execute(
            "INSERT INTO meta.freshness VALUES ('loaded', 'crm', '2025-01-01', 36, 7), ('never', 'erp', NULL, 24, 0)"
        )
        snapshot = draft.publish(demo=False, time_zone="UTC", currency="USD")
    with Warehouse.open(snapshot, settings) as opened:
        found = opened.freshness()
    assert found["never"].last_success_at is None
    assert found["loaded"].last_success_at == datetime(2025, 1, 1, tzinfo=UTC)


def test_asking_without_a_snapshot_names_the_command(store: SnapshotStore, tmp_path: Path) -> None:
    with pytest.raises(NoSnapshot):
        SnapshotStore(tmp_path / "none").current()
