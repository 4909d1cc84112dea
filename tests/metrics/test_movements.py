"""MRR movements, for any history of prices, currencies and rates: they sum to the change, and to what is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sophia_kit.ingest import load_contracts
from sophia_kit.warehouse import models

FIRST = date(2025, 1, 1)
MONTH_ENDS = [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30), date(2025, 5, 31)]

amounts = st.decimals(Decimal("0.01"), Decimal(100_000), places=2)
prices = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from(["a", "b", "c"]),
        "mrr": amounts,
        "currency": st.sampled_from(["USD", "USD", "CAD", "EUR"]),
        "valid_from": st.integers(0, 150).map(lambda days: FIRST + timedelta(days=days)),
        "stays": st.integers(1, 200) | st.none(),
    }
)
rates = st.fixed_dictionaries(
    {
        "from_currency": st.sampled_from(["CAD", "EUR"]),
        "day": st.sampled_from(MONTH_ENDS).flatmap(
            lambda end: st.integers(0, 6).map(lambda back: end - timedelta(days=back))
        ),
        "rate": st.decimals(Decimal("0.00000001"), Decimal(3), places=8),
    }
)
SIGNS = ("new", "expansion", "contraction", "churned", "fx")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """The canonical views over empty raw tables, in memory."""
    con = duckdb.connect()
    con.execute("CREATE SCHEMA raw; CREATE SCHEMA meta")
    con.execute("CREATE TABLE meta.snapshot (known_at TIMESTAMP, currency VARCHAR)")
    con.execute("INSERT INTO meta.snapshot VALUES (?, 'USD')", [datetime(2025, 5, 31, 23, 59, 59)])  # noqa: DTZ001
    for name in ("subscriptions", "fx_rates"):
        con.execute(load_contracts()[name].ddl())
    for name in ("subscriptions", "fx_rates", "fx_daily", "mrr_movements"):
        con.execute(f"CREATE VIEW {name} AS {models()[name]}")
    yield con
    con.close()


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    con.execute(f"DELETE FROM raw.{table}")
    for index, row in enumerate(rows):
        full = {"source_id": str(index), "is_deleted": False, "modified_at": FIRST, **row}
        marks = ", ".join("?" for _ in full)
        con.execute(f"INSERT INTO raw.{table} ({', '.join(full)}) VALUES ({marks})", list(full.values()))


def balance(con: duckdb.DuckDBPyConnection, day: date) -> tuple[Decimal, bool]:
    """MRR on a day in dollars, and whether every rate it needs is there."""
    total, lacking = con.execute(
        """
        SELECT coalesce(sum(CASE WHEN p.currency = 'USD' THEN p.mrr ELSE p.mrr * f.rate END), 0),
            count(*) FILTER (WHERE p.currency <> 'USD' AND f.rate IS NULL)
        FROM subscriptions p
        LEFT JOIN fx_daily f ON f.from_currency = p.currency AND f.to_currency = 'USD' AND f.day = $day
        WHERE p.valid_from <= $day AND (p.valid_to IS NULL OR p.valid_to > $day)
        """,
        {"day": day},
    ).fetchall()[0]
    return Decimal(total), lacking == 0


def quoted(con: duckdb.DuckDBPyConnection, day: date, history: list[dict[str, Any]]) -> bool:
    """Whether every foreign currency of the history has a rate on a day."""
    found = {row[0] for row in con.execute("SELECT from_currency FROM fx_daily WHERE day = ?", [day]).fetchall()}
    return {price["currency"] for price in history} - {"USD"} <= found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(prices, min_size=1, max_size=8), quotes=st.lists(rates, max_size=14))
def test_movements_sum_exactly_to_the_change(
    connection: duckdb.DuckDBPyConnection, history: list[dict[str, Any]], quotes: list[dict[str, Any]]
) -> None:
    rows = []
    for price in history:
        stays = price["stays"]
        until = None if stays is None else price["valid_from"] + timedelta(days=stays)
        rows.append({"plan": "Core", "valid_to": until, **{k: v for k, v in price.items() if k != "stays"}})
    fill(connection, "subscriptions", rows)
    fill(connection, "fx_rates", [{"to_currency": "USD", **quote} for quote in quotes])
    moved = connection.execute("SELECT month_end, movement, amount, missing_rate FROM mrr_movements").fetchall()
    assert {movement for _, movement, _, _ in moved} <= set(SIGNS)
    assert all((amount is None) == (missing is not None) for _, _, amount, missing in moved)
    opening = date(2024, 12, 31)
    for closing in MONTH_ENDS:
        (before, rated_before), (after, rated_after) = balance(connection, opening), balance(connection, closing)
        amounts_of_month = [amount for end, _, amount, _ in moved if end == closing]
        if rated_before and rated_after and None not in amounts_of_month:
            assert sum(amounts_of_month, Decimal(0)) == after - before
        elif not (rated_before and rated_after):
            assert None in amounts_of_month, "a balance without a rate must not pass for a known change"
        if quoted(connection, opening, history) and quoted(connection, closing, history):
            assert None not in amounts_of_month
        opening = closing


@pytest.mark.parametrize(
    ("prices_of_a", "expected"),
    [
        ([(100, date(2025, 2, 3), None)], {(date(2025, 2, 28), "new"): 100}),
        (
            [(100, date(2025, 1, 3), date(2025, 3, 31))],
            {(date(2025, 1, 31), "new"): 100, (date(2025, 3, 31), "churned"): -100},
        ),
        (
            [
                (100, date(2025, 1, 3), date(2025, 2, 10)),
                (130, date(2025, 2, 10), date(2025, 3, 1)),
                (70, date(2025, 3, 1), None),
            ],
            {
                (date(2025, 1, 31), "new"): 100,
                (date(2025, 2, 28), "expansion"): 30,
                (date(2025, 3, 31), "contraction"): -60,
            },
        ),
        (
            [(100, date(2025, 1, 3), date(2025, 2, 1)), (40, date(2025, 3, 5), None)],
            {(date(2025, 1, 31), "new"): 100, (date(2025, 2, 28), "churned"): -100, (date(2025, 3, 31), "new"): 40},
        ),
        ([(100, date(2025, 2, 3), date(2025, 2, 20))], {}),
    ],
)
def test_what_a_customer_did_has_a_name(
    connection: duckdb.DuckDBPyConnection,
    prices_of_a: list[tuple[int, date, date | None]],
    expected: dict[tuple[date, str], int],
) -> None:
    fill(connection, "fx_rates", [])
    fill(
        connection,
        "subscriptions",
        [
            {"account_id": "a", "plan": "x", "mrr": mrr, "currency": "USD", "valid_from": since, "valid_to": until}
            for mrr, since, until in prices_of_a
        ],
    )
    found = connection.execute("SELECT month_end, movement, amount FROM mrr_movements").fetchall()
    assert {(end, movement): amount for end, movement, amount in found} == expected


def test_a_rate_s_change_is_no_movement_of_customers(connection: duckdb.DuckDBPyConnection) -> None:
    """100 CAD at 0.70 and then at 0.75, raised to 120 CAD: 15.00 of expansion at the new rate, 5.00 by the rate."""
    day = date(2025, 1, 10)
    fill(
        connection,
        "subscriptions",
        [
            {"account_id": "a", "plan": "x", "currency": "CAD", "mrr": mrr, "valid_from": since, "valid_to": until}
            for mrr, since, until in ((100, day, date(2025, 2, 10)), (120, date(2025, 2, 10), None))
        ],
    )
    quotes = ((date(2025, 1, 31), "0.70"), (date(2025, 2, 28), "0.75"))
    fill(
        connection,
        "fx_rates",
        [{"from_currency": "CAD", "to_currency": "USD", "day": end, "rate": rate} for end, rate in quotes],
    )
    found = connection.execute(
        "SELECT movement, amount FROM mrr_movements WHERE month_end = DATE '2025-02-28' ORDER BY movement"
    ).fetchall()
    assert found == [("expansion", Decimal(15)), ("fx", Decimal(5))]
    missing = connection.execute(
        "SELECT movement, amount, missing_rate FROM mrr_movements WHERE month_end = DATE '2025-03-31'"
    ).fetchall()
    assert missing == [("fx", None, "CAD on 2025-03-31")]


def test_daily_rates_hold_for_five_days_and_no_longer(connection: duckdb.DuckDBPyConnection) -> None:
    fill(
        connection,
        "fx_rates",
        [
            {"from_currency": "CAD", "to_currency": "USD", "day": date(2025, 3, 3), "rate": "0.7"},
            {"from_currency": "CAD", "to_currency": "USD", "day": date(2025, 3, 5), "rate": "0.8"},
        ],
    )
    found = connection.execute("SELECT day, rate FROM fx_daily ORDER BY day").fetchall()
    assert found == [
        *((date(2025, 3, number), Decimal("0.7")) for number in (3, 4)),
        *((date(2025, 3, number), Decimal("0.8")) for number in range(5, 11)),
    ]


def test_the_models_are_packaged_beside_the_warehouse() -> None:
    folder = Path(__file__).parents[2] / "src" / "sophia_kit" / "warehouse" / "models"
    assert set(models()) == {path.stem for path in folder.glob("*.sql")}
