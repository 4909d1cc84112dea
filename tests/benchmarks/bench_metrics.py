"""What asking a metric costs beside the same question written by hand, on the same cursor of the same snapshot.

Target: less than 5 ms more than the hand-written SQL. 1.5 M payments, a tenth of them in a foreign currency.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import load_contracts
from sophia_kit.metrics import Catalogue, MetricQuery, evaluate
from sophia_kit.warehouse import Snapshot, SnapshotStore, Warehouse

RUNS = 25
TARGET_MS = 5.0
NIGHT = datetime(2026, 1, 1, 2, tzinfo=UTC)
DAY = date(2025, 12, 31)

_ROWS = {
    "payments": """SELECT 'p' || i, 'r' || (i % 6000), 'a' || (i % 400), (i % 2000) + 0.25,
        CASE WHEN i % 400 < 40 THEN 'CAD' ELSE 'USD' END, CASE WHEN i % 37 = 0 THEN 'failed' ELSE 'succeeded' END,
        CASE WHEN i % 37 = 0 THEN 'insufficient_funds' END, 'ach', 'north', 0.3, 100, 3,
        TIMESTAMP '2023-01-01' + INTERVAL (i * 63) SECOND, TIMESTAMP '2026-01-01',
        CAST(TIMESTAMP '2023-01-01' + INTERVAL (i * 63) SECOND AS DATE), 'payments_platform', FALSE,
        TIMESTAMP '2026-01-01', 'load' FROM range(1500000) t(i)""",
    "salesforce_accounts": """SELECT 'a' || i, 'Account ' || i, 'Customer', 'Housing',
        ['Small', 'Middle', 'Large'][i % 3 + 1], 'US', 'USD', 'u', TIMESTAMP '2023-01-01', TIMESTAMP '2023-01-01',
        'salesforce', FALSE, TIMESTAMP '2026-01-01', 'load' FROM range(400) t(i)""",
    "fx_rates": """SELECT 'f' || i, 'CAD', 'USD', DATE '2022-12-30' + CAST(i AS INTEGER), 0.7 + i / 10000,
        TIMESTAMP '2026-01-01', 'treasury', FALSE, TIMESTAMP '2026-01-01', 'load' FROM range(1100) t(i)
        WHERE dayofweek(DATE '2022-12-30' + CAST(i AS INTEGER)) BETWEEN 1 AND 5""",
    "subscriptions": """SELECT 's' || i, 'a' || (i % 400), 'Core', 1000 + i,
        CASE WHEN i % 400 < 40 THEN 'CAD' ELSE 'USD' END, DATE '2023-01-01' + CAST(i % 300 + i // 400 * 300 AS INTEGER),
        CASE WHEN i < 800 THEN DATE '2023-01-01' + CAST(i % 300 + (i // 400 + 1) * 300 AS INTEGER) END,
        TIMESTAMP '2026-01-01', 'billing', FALSE, TIMESTAMP '2026-01-01', 'load' FROM range(1200) t(i)""",
}

_RATES = "LEFT JOIN fx_daily r ON r.from_currency = p.currency AND r.to_currency = 'USD' AND r.day = "
_DOLLARS = "CASE WHEN p.currency = 'USD' THEN p.{0} ELSE p.{0} * r.rate END"


@dataclass(frozen=True)
class Case:
    name: str
    query: MetricQuery
    by_hand: str


CASES = (
    Case(
        "payment_success_rate, a month",
        MetricQuery("payment_success_rate", DAY),
        "SELECT count(*) FILTER (WHERE status = 'succeeded') / count(*) FILTER (WHERE status <> 'pending') "
        "FROM payments WHERE attempted_day BETWEEN DATE '2025-12-01' AND DATE '2025-12-31'",
    ),
    Case(
        "payment_volume, a month",
        MetricQuery("payment_volume", DAY),
        f"SELECT sum({_DOLLARS.format('amount')}) FROM payments p {_RATES} p.attempted_day "
        "WHERE status = 'succeeded' AND attempted_day BETWEEN DATE '2025-12-01' AND DATE '2025-12-31'",
    ),
    Case(
        "payment_volume by segment",
        MetricQuery("payment_volume", DAY, by=("segment",)),
        f"SELECT a.segment, sum({_DOLLARS.format('amount')}) FROM payments p {_RATES} p.attempted_day "
        "LEFT JOIN accounts a ON a.source_id = p.account_id "
        "WHERE status = 'succeeded' AND attempted_day BETWEEN DATE '2025-12-01' AND DATE '2025-12-31' "
        "GROUP BY a.segment ORDER BY a.segment",
    ),
    Case(
        "payment_volume, 13 months",
        MetricQuery("payment_volume", DAY, periods=13),
        f"SELECT date_trunc('month', attempted_day) AS m, sum({_DOLLARS.format('amount')}) FROM payments p "
        f"{_RATES} p.attempted_day WHERE status = 'succeeded' "
        "AND attempted_day BETWEEN DATE '2024-12-01' AND DATE '2025-12-31' GROUP BY m ORDER BY m",
    ),
    Case(
        "arr, a month end",
        MetricQuery("arr", DAY),
        f"SELECT 12 * sum({_DOLLARS.format('mrr')}) FROM subscriptions p {_RATES} DATE '2025-12-31' "
        "WHERE valid_from <= DATE '2025-12-31' AND (valid_to IS NULL OR valid_to > DATE '2025-12-31')",
    ),
)


def make_snapshot(folder: Path) -> Snapshot:
    store = SnapshotStore(folder)
    with store.draft(NIGHT) as draft:
        for name, contract in load_contracts().items():
            draft.connection.execute(contract.ddl())
            if name in _ROWS:
                draft.connection.execute(f"INSERT INTO raw.{name} {_ROWS[name]}")
            draft.connection.execute(
                "INSERT INTO meta.freshness VALUES (?, ?, ?, ?, 0)",
                [name, contract.source_system, NIGHT.replace(tzinfo=None), contract.freshness_hours],
            )
        return draft.publish(demo=False, time_zone="UTC", currency="USD")


def rows_by_hand(warehouse: Warehouse, sql: str) -> list[tuple[object, ...]]:
    return warehouse.query(sql).frame.rows()


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    table = Table(
        title=f"A metric beside the same SQL by hand, median of {RUNS} (target: less than {TARGET_MS:g} ms more)"
    )
    for heading in ("question", "by hand, ms", "metric, ms", "ratio", "overhead, ms", "share of target", "same result"):
        table.add_column(heading, justify="left" if heading == "question" else "right")
    with tempfile.TemporaryDirectory() as folder:
        try:
            snapshot = make_snapshot(Path(folder))
        except duckdb.Error as error:
            raise SystemExit(f"The snapshot can't be made: {error}") from error
        catalogue, clock = Catalogue.load(), FrozenClock(NIGHT)
        with Warehouse.open(snapshot, Settings(root=Path(folder))) as warehouse:
            for case in CASES:
                hand = partial(rows_by_hand, warehouse, case.by_hand)
                ours = partial(evaluate, warehouse, catalogue, case.query, clock)
                expected = [Decimal(str(row[-1])) for row in hand()]
                found = [value.value or Decimal(0) for value in ours().values]
                same = all(abs(a - b) < Decimal("0.005") for a, b in zip(expected, found, strict=True))
                # Turn by turn, so that a busy moment of the machine meets both alike.
                pairs = [(milliseconds(hand), milliseconds(ours)) for _ in range(RUNS)]
                by_hand, metric = (statistics.median(side) for side in zip(*pairs, strict=True))
                more = statistics.median(b - a for a, b in pairs)
                cells = (
                    f"{by_hand:.1f}",
                    f"{metric:.1f}",
                    f"{metric / by_hand:.2f}",
                    f"{more:.1f}",
                    f"{more / TARGET_MS:.2f}",
                )
                table.add_row(case.name, *cells, "yes" if same else "NO")
    Console().print(table)


if __name__ == "__main__":
    main()
