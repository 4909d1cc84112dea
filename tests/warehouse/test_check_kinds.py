"""What each kind of check finds: on rows of every sort, the same as Polars; and the whole of a view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.core.settings import Settings
from sophia_kit.ingest import load_contracts
from sophia_kit.warehouse import SnapshotStore, Warehouse
from sophia_kit.warehouse.canonical import reads_one_table
from sophia_kit.warehouse.checks import CheckResult, check_draft, check_snapshot, read_results, write_results
from sophia_kit.warehouse.checks.compile import compile_scan
from sophia_kit.warehouse.checks.definition import KINDS, Check
from sophia_kit.warehouse.layout import create_layout

VIEW = "tickets"
NOW = datetime(2025, 7, 2, 2, tzinfo=UTC)


def check(kind: str, **fields: Any) -> Check:
    return KINDS[kind].model_validate({"name": kind, "view": VIEW, "kind": kind, "description": "It holds."} | fields)


ROW = st.fixed_dictionaries(
    {
        "category": st.sampled_from([None, "", "a", "b", "c"]),
        "account_id": st.sampled_from([None, "x", "y", "z"]),
        "score": st.one_of(st.none(), st.integers(-3, 3)),
        "top": st.one_of(st.none(), st.integers(-3, 3)),
        "status": st.sampled_from(["open", "solved", None]),
    }
)
SCHEMA: dict[str, Any] = {
    "category": pl.String, "account_id": pl.String, "score": pl.Int64, "top": pl.Int64, "status": pl.String
}  # fmt: skip
ACCOUNTS = ["x", "y"]
OPEN = pl.col("status") == "open"


def surplus(frame: pl.DataFrame, columns: list[str]) -> int:
    given_rows = frame.drop_nulls(columns)
    return given_rows.height - given_rows.select(columns).n_unique()


def broken(condition: pl.Expr) -> Any:
    return lambda frame: frame.filter(condition).height


CASES = [
    (check("not_null", column="category"), broken(pl.col("category").is_null())),
    (check("unique", columns=["category"]), lambda frame: surplus(frame, ["category"])),
    (check("unique", columns=["category", "score"]), lambda frame: surplus(frame, ["category", "score"])),
    (
        check("relationship", column="account_id", to="accounts.source_id"),
        broken(pl.col("account_id").is_not_null() & ~pl.col("account_id").is_in(ACCOUNTS)),
    ),
    (check("accepted_values", column="category", values=["a", "b"]), broken(~pl.col("category").is_in(["a", "b"]))),
    (check("range", column="score", min=-1, max=2), broken((pl.col("score") < -1) | (pl.col("score") > 2))),
    (check("range", column="score", max="top"), broken(pl.col("score") > pl.col("top"))),
]


@pytest.fixture(scope="module")
def scratch() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(ROW, max_size=12))
def test_failed_rows_are_those_that_polars_counts(
    scratch: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    scratch.register(VIEW, frame)
    scratch.register("accounts", pl.DataFrame({"source_id": [*ACCOUNTS, None]}, schema={"source_id": pl.String}))
    # Every other check once more, of the open ones alone.
    asked = [*CASES, *((each.model_copy(update={"when": "status = 'open'"}), count) for each, count in CASES[::2])]
    expected = [frame.height]
    for each, count in asked:
        part = frame.filter(OPEN) if each.when else frame
        expected += [part.height, count(part)]
    assert reads_one_table(VIEW)
    for rows_told in (0, 10**6):  # in one scan, and in a scan each
        found = scratch.execute(compile_scan(VIEW, [each for each, _ in asked], rows_told)).fetchall()
        assert [list(row) for row in found] == [expected]


@pytest.mark.parametrize("rows_told", [0, 10**6])
def test_where_there_are_no_keys_every_value_is_lost_and_nothing_else(
    scratch: duckdb.DuckDBPyConnection, rows_told: int
) -> None:
    given_rows = [{"account_id": "x", "status": "open"}, {"account_id": None, "status": "open"}]
    scratch.register(VIEW, pl.DataFrame(given_rows, schema=SCHEMA))
    scratch.register("accounts", pl.DataFrame({"source_id": []}, schema={"source_id": pl.String}))
    found = scratch.execute(compile_scan(VIEW, [CASES[3][0]], rows_told)).fetchall()
    assert found == [(2, 2, 1)]


def fill(connection: duckdb.DuckDBPyConnection, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Raw tables with these rows; those that aren't named were never loaded."""
    for name, contract in load_contracts().items():
        connection.execute(contract.ddl())
        for index, row in enumerate(rows.get(name, ())):
            full = {"source_id": f"{name}-{index}", "is_deleted": False, **row}
            marks = ", ".join("?" for _ in full)
            insert = f"INSERT INTO raw.{name} ({', '.join(full)}) VALUES ({marks})"
            connection.execute(insert, list(full.values()))
        at = NOW.replace(tzinfo=None) if name in rows else None
        connection.execute("INSERT INTO meta.freshness VALUES (?, 'x', ?, 36, 0)", [name, at])


def results(rows: Mapping[str, Iterable[Mapping[str, Any]]], *checks: Check) -> dict[str, CheckResult]:
    """What checks find in these raw rows."""
    with duckdb.connect(config={"threads": 1}) as connection:
        create_layout(connection)
        fill(connection, rows)
        return {each.check_id: each for each in check_draft(connection, checks, now=NOW, time_zone="UTC")}


DRIFT = check("row_count_drift", max_drop="0.1", max_rise="0.5")


def add(connection: duckdb.DuckDBPyConnection, more: int) -> None:
    """So many more tickets, or fewer."""
    if more < 0:
        which = f"source_id IN (SELECT source_id FROM raw.{VIEW} LIMIT {-more})"
        connection.execute(f"DELETE FROM raw.{VIEW} WHERE {which}")
    else:
        numbers = f"SELECT 'more' || i, false FROM range({more}) AS numbers(i)"
        connection.execute(f"INSERT INTO raw.{VIEW} (source_id, is_deleted) {numbers}")


@pytest.mark.parametrize(
    ("before", "more", "status"),
    [
        (10, 0, "passed"),
        (10, 5, "passed"),
        (10, 6, "failed"),
        (10, -1, "passed"),
        (10, -2, "failed"),
        (0, 3, "skipped"),
    ],
)
def test_row_counts_are_compared_with_those_before(before: int, more: int, status: str) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        create_layout(connection)
        fill(connection, {VIEW: []})
        add(connection, before)
        first = check_draft(connection, [DRIFT], now=NOW, time_zone="UTC")
        write_results(connection, first)
        add(connection, more)
        (then,) = check_draft(connection, [DRIFT], now=NOW, time_zone="UTC")
    assert [each.status for each in first] == ["skipped"]
    assert (then.status, then.checked_rows, then.rows_before) == (status, before + more, before or None)


def test_a_snapshot_keeps_what_was_found_and_finds_it_again(tmp_path: Path) -> None:
    store, checks = SnapshotStore(tmp_path), [check("not_null", column="category"), DRIFT]
    for more in (4, 2):
        with store.draft(NOW) as draft:
            if draft.parent is None:
                fill(draft.connection, {VIEW: []})
            add(draft.connection, more)
            found = check_draft(draft.connection, checks, now=NOW, time_zone="UTC")
            write_results(draft.connection, found)
            snapshot = draft.publish(demo=False, time_zone="UTC", currency="USD")
    assert [(each.status, each.checked_rows, each.rows_before) for each in found] == [
        ("failed", 6, None),
        ("passed", 6, 4),
    ]
    with Warehouse.open(snapshot, Settings(root=tmp_path)) as warehouse:
        assert found == check_snapshot(warehouse, checks) == read_results(warehouse)


@pytest.mark.parametrize(("hours", "status"), [(47, "passed"), (49, "failed")])
def test_the_latest_row_may_be_so_old(hours: int, status: str) -> None:
    fresh = check("freshness", column="opened_at", hours=48)
    opened = (NOW - timedelta(hours=hours)).replace(tzinfo=None)
    found = results({VIEW: [{"opened_at": opened}, {"opened_at": None}]}, fresh)
    assert found["tickets.freshness"].status == status


def test_today_is_the_companys_day() -> None:
    limit = check("range", column="opened_day", max="today")
    found = results({VIEW: [{"opened_day": date(2025, 7, 2)}, {"opened_day": date(2025, 7, 3)}]}, limit)
    assert found["tickets.range"].detail == "1 of 2 rows: opened_day is above today, e.g. tickets-1."


def test_no_rows_are_no_success() -> None:
    given_open = check("not_null", column="category", when="status = 'open'")
    found = results({VIEW: [{"status": "solved"}], "surveys": []}, given_open, survey("not_null"))
    assert found["tickets.not_null"].status == "skipped"
    assert found["tickets.not_null"].detail == "Nothing to check: no row meets `status = 'open'`."
    assert found["surveys.not_null"].detail == "Nothing to check: surveys holds no rows."


def survey(kind: str) -> Check:
    return check(kind, view="surveys", column="kind")


RECONCILED = check(
    "reconciliation", view="payments", measure="2 * count(*)", columns=["currency"], time="attempted_day",
    by=["currency"], settle_days=1, tolerance="0.1", allowance="1",
    against={"view": "ledger_entries", "measure": "sum(amount)", "columns": ["amount"], "time": "entry_day"},
)  # fmt: skip


def sides(paid: Mapping[str, int], booked: Mapping[str, int]) -> dict[str, list[dict[str, Any]]]:
    """Payments and postings by `2025-05 USD`."""
    days = {key: date.fromisoformat(f"{key[:7]}-15") for key in {**paid, **booked}}
    return {
        "payments": [
            {"attempted_day": days[key], "currency": key[8:]} for key, count in paid.items() for _ in range(count)
        ],
        "ledger_entries": [
            {"entry_day": days[key], "currency": key[8:], "amount": Decimal(amount)} for key, amount in booked.items()
        ],
    }


@pytest.mark.parametrize(
    ("paid", "booked", "status", "detail"),
    [
        ({"2025-05 USD": 10}, {"2025-05 USD": 20}, "passed", "payments and ledger_entries agree."),
        ({"2025-05 USD": 10}, {"2025-05 USD": 22}, "passed", "payments and ledger_entries agree."),
        ({"2025-05 USD": 10}, {"2025-05 USD": 23}, "failed", "in 1 of 1 comparisons: 2025-05 USD: 20 against 23.00."),
        ({"2025-05 USD": 1}, {"2025-05 USD": 3}, "passed", "agree."),
        ({"2025-05 CAD": 9}, {"2025-05 USD": 18}, "failed", "2025-05 CAD: 18 against nothing; 2025-05 USD: nothing"),
        # June is over for a day only, July not at all; in April one side hasn't begun.
        ({"2025-05 USD": 1, "2025-07 USD": 9}, {"2025-05 USD": 2, "2025-04 USD": 50}, "passed", "agree."),
        ({"2025-05 USD": 1, "2025-06 USD": 9}, {"2025-05 USD": 2}, "failed", "2025-06 USD: 18 against nothing."),
        ({"2025-07 USD": 9}, {"2025-07 USD": 5}, "skipped", "neither side has rows in a settled month"),
    ],
)
def test_two_sources_are_compared_by_settled_months_and_groups(
    paid: dict[str, int], booked: dict[str, int], status: str, detail: str
) -> None:
    found = results(sides(paid, booked), RECONCILED)["payments.reconciliation"]
    assert (found.status, detail in found.detail) == (status, True), found.detail


def test_a_snapshot_of_before_there_were_checks_has_no_results(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    with store.draft(NOW) as draft:
        for contract in load_contracts().values():
            draft.connection.execute(contract.ddl())
        draft.connection.execute("DROP TABLE meta.check_results")
        snapshot = draft.publish(demo=False, time_zone="UTC", currency="USD")
    with Warehouse.open(snapshot, Settings(root=tmp_path)) as warehouse:
        assert read_results(warehouse) == ()
