"""Merging: of each record the latest version stays, whatever the order; the same again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sophia_kit.core.errors import IngestError
from sophia_kit.ingest import Contract, read_contract
from sophia_kit.ingest.convert import Refused
from sophia_kit.ingest.quarantine import Quarantine
from sophia_kit.ingest.raw import Loaded, RawTable, latest_versions, prepare_raw

CONTRACT = """\
table: rents
description: A rent.
source: landing
resource: rents
source_system: ledger
freshness_hours: 36
deleted_field: is_deleted
columns:
  - {name: source_id, from: source_id, type: string, required: true}
  - {name: amount, from: amount, type: int}
  - {name: modified_at, from: modified_at, type: timestamp, required: true}
"""
START = datetime(2025, 1, 1, tzinfo=UTC)
Version = tuple[str, int, int, bool]


@pytest.fixture
def contract() -> Contract:
    return read_contract(CONTRACT, "rents.yaml")


@pytest.fixture
def connection(contract: Contract) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("CREATE SCHEMA raw; CREATE SCHEMA meta")
        opened.execute(
            "CREATE TABLE meta.quarantine (quarantine_id VARCHAR, table_name VARCHAR, source_system VARCHAR, "
            "source_id VARCHAR, reason VARCHAR, record VARCHAR, first_seen_at TIMESTAMP, load_id VARCHAR, "
            "resolved_at TIMESTAMP)"
        )
        prepare_raw(opened, [contract], "America/Chicago")
        yield opened


def frame(versions: list[Version], **extra: list[Any]) -> pl.DataFrame:
    """Versions are (key, hour of change, amount, deleted)."""
    columns = {
        "source_id": [version[0] for version in versions],
        "amount": [version[2] for version in versions],
        "modified_at": [(START + timedelta(hours=version[1])).replace(tzinfo=None) for version in versions],
        "is_deleted": [version[3] for version in versions],
    }
    types: dict[str, pl.DataType | type[pl.DataType]] = {
        "source_id": pl.String, "amount": pl.Int64, "modified_at": pl.Datetime("us"), "is_deleted": pl.Boolean
    }  # fmt: skip
    return pl.DataFrame(columns | extra, schema_overrides=types)


def load(
    connection: duckdb.DuckDBPyConnection, contract: Contract, batches: list[list[Version]], load_id: str = "one"
) -> Loaded:
    table = RawTable(connection, contract, load_id=load_id, loaded_at=START)
    table.begin()
    for batch in batches:
        table.add(latest_versions(frame(batch)))
    return table.finish()


def rows(
    connection: duckdb.DuckDBPyConnection, columns: str = "source_id, amount, is_deleted"
) -> list[tuple[Any, ...]]:
    return connection.execute(f"SELECT {columns} FROM raw.rents ORDER BY source_id").fetchall()


versions = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 30), st.integers(0, 3), st.booleans()),
    unique_by=lambda version: version[:2],
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(versions=versions, data=st.data())
def test_any_order_in_any_batches_and_loads_gives_the_latest_versions(
    connection: duckdb.DuckDBPyConnection, contract: Contract, versions: list[Version], data: st.DataObject
) -> None:
    connection.execute("DELETE FROM raw.rents")
    latest = {version[0]: version for version in sorted(versions, key=lambda version: version[1])}
    order = data.draw(st.permutations(versions))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=4)))
    pieces = [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    first = data.draw(st.integers(0, len(pieces)))
    load(connection, contract, pieces[:first])
    load(connection, contract, pieces[first:], "two")
    expected = [(key, amount, gone) for key, (_, _, amount, gone) in sorted(latest.items())]
    assert rows(connection) == expected

    before = rows(connection, "*")
    again = load(connection, contract, pieces, "three")
    assert rows(connection, "*") == before
    assert again == Loaded(0, 0)


def test_of_equally_old_versions_the_one_delivered_last_stays(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    load(connection, contract, [[("a", 1, 1, False), ("a", 1, 2, False)], [("a", 1, 3, False)]])
    assert rows(connection) == [("a", 3, False)]
    load(connection, contract, [[("a", 1, 4, False)]])
    assert rows(connection) == [("a", 4, False)]


def test_versions_of_one_record_merge_whatever_its_unknown_fields_are_called(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    table = RawTable(connection, contract, load_id="one", loaded_at=START)
    table.begin()
    table.add(latest_versions(frame([("a", 2, 20, False), ("a", 1, 10, False)], row=["second", "first"])))
    table.finish()
    assert rows(connection, 'source_id, amount, "row"') == [("a", 20, "second")]


def test_versions_merge_in_a_table_of_several_row_groups_whatever_its_fields_are_called(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    table = RawTable(connection, contract, load_id="one", loaded_at=START)
    table.begin()
    many = frame([(f"k{number}", 1, 1, False) for number in range(130_000)])
    table.add(many.with_columns(hashed=pl.lit("x"), row=pl.lit("x"), age=pl.lit("x")))
    for amount in (2, 3):
        table.add(frame([(f"k{number}", 1, amount, False) for number in range(0, 130_000, 10_000)]))
    assert table.finish() == Loaded(130_000, 0)
    amounts = {int(str(key)[1:]): amount for amount, key in rows(connection, "amount, source_id")}
    assert {amounts[number] for number in range(0, 130_000, 10_000)} == {3}
    assert sum(amounts.values()) == 130_000 + 2 * 13


def test_a_late_old_version_does_not_overwrite_a_newer_one(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    load(connection, contract, [[("a", 5, 50, False)]])
    assert load(connection, contract, [[("a", 4, 40, False)]], "two") == Loaded(0, 0)
    assert rows(connection, "amount, load_id") == [(50, "one")]


def test_a_deleted_record_stays_as_a_tombstone(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    load(connection, contract, [[("a", 1, 1, False), ("b", 1, 1, False)]])
    assert load(connection, contract, [[("a", 2, 1, True)]]) == Loaded(1, 1)
    assert rows(connection) == [("a", 1, True), ("b", 1, False)]


def test_a_full_image_marks_what_it_lacks_deleted(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    load(connection, contract, [[("a", 1, 1, False), ("b", 1, 1, False), ("c", 1, 1, True)]])
    table = RawTable(connection, contract, load_id="two", loaded_at=START)
    table.begin()
    table.delivered(pl.Series("source_id", ["a"]))
    table.add(frame([("a", 1, 1, False)]))
    assert table.finish(delete_undelivered=True) == Loaded(1, 1)
    assert rows(connection, "source_id, is_deleted, load_id") == [
        ("a", False, "one"),
        ("b", True, "two"),
        ("c", True, "one"),
    ]


def test_a_load_over_another_holds_no_batch_that_it_has_written(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    load(connection, contract, [[("a", 9, 10, False)]])
    table = RawTable(connection, contract, load_id="two", loaded_at=START)
    table.begin()
    long = frame([("a", 1, 20, False)], note=["x" * 10_000_000])
    table.add(long)
    before = psutil.Process().memory_info().rss
    for _ in range(20):
        table.add(long)
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert table.finish() == Loaded(0, 0)


@pytest.mark.parametrize("held", [[], [[("z", 1, 1, False)]]], ids=["empty table", "filled table"])
def test_a_load_that_fails_leaves_the_table_as_it_was(
    connection: duckdb.DuckDBPyConnection, contract: Contract, held: list[list[Version]]
) -> None:
    load(connection, contract, held)
    before = rows(connection, "*")
    table = RawTable(connection, contract, load_id="two", loaded_at=START)
    table.begin()
    table.add(frame([(f"k{number}", 1, number, False) for number in range(130_000)]))
    table.rollback()
    assert rows(connection, "*") == before
    load(connection, contract, [[("a", 1, 1, False)]], "three")
    assert ("a", 1, False) in rows(connection)


def test_an_unknown_column_is_added_and_kept_where_a_batch_lacks_it(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    load(connection, contract, [[("a", 1, 1, False)]])
    table = RawTable(connection, contract, load_id="two", loaded_at=START)
    table.begin()
    table.add(frame([("b", 1, 2, False)], Floor=["3"]))
    table.finish()
    load(connection, contract, [[("b", 2, 9, False)]], "three")
    assert rows(connection, 'source_id, amount, "Floor"') == [("a", 1, None), ("b", 9, "3")]


def test_a_contract_may_gain_a_column_but_not_change_ones_type(connection: duckdb.DuckDBPyConnection) -> None:
    grown = CONTRACT + "  - {name: floor, from: floor, type: string}\n"
    prepare_raw(connection, [read_contract(grown, "rents.yaml")], "America/Chicago")
    assert rows(connection, "floor") == []
    with pytest.raises(IngestError, match=r"raw\.rents\.amount is BIGINT .* and DECIMAL\(18,2\) in its contract"):
        other = CONTRACT.replace("type: int", 'type: "decimal(18,2)"')
        prepare_raw(connection, [read_contract(other, "rents.yaml")], "America/Chicago")


def test_a_company_day_that_a_contract_gains_is_filled_for_the_rows_that_are_there(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    load(connection, contract, [[("a", 5, 1, False), ("b", 6, 1, False), ("c", 6, 1, True)]])
    gained = CONTRACT.replace("columns:", "days: {modified_day: modified_at}\ncolumns:")
    prepare_raw(connection, [read_contract(gained, "rents.yaml")], "America/Chicago")
    last, first = date(2024, 12, 31), date(2025, 1, 1)
    assert rows(connection, "source_id, modified_day") == [("a", last), ("b", first), ("c", first)]


def findings(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT source_id, reason, load_id, resolved_at IS NULL FROM meta.quarantine ORDER BY source_id, reason"
    ).fetchall()


def test_a_refusal_is_kept_once_and_resolved_by_a_good_version(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    bad = Refused("a", "amount is not int: 'x'", '{"amount": "x"}')
    keyless = Refused(None, "source_id is required and empty", "{}")
    nothing = frame([])

    def settle(loaded: list[Version], refused: list[Refused], load_id: str) -> None:
        Quarantine(connection, contract, load_id=load_id, seen_at=START).settle(
            frame(loaded) if loaded else nothing, refused
        )

    settle([], [bad, bad, keyless], "one")
    settle([], [bad], "two")
    open_ = [("a", bad.reason, "one", True), (None, keyless.reason, "one", True)]
    assert findings(connection) == open_
    settle([("b", 1, 1, False)], [], "three")
    assert findings(connection) == open_
    settle([("a", 1, 1, False)], [], "four")
    assert findings(connection) == [("a", bad.reason, "one", False), (None, keyless.reason, "one", True)]
    settle([], [bad], "five")
    assert findings(connection) == open_
