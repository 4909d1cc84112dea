"""Twelve metric queries on TPC-H beside the same questions in SQL by hand, on one DuckDB.

    python tests/benchmarks/bench_tpch.py [SCALE]

Definitions and relationships are in `tpch/`. Both sides read their rows as a Polars frame; the metric's time holds all
that an answer takes: periods, parameters, exact numbers. The sides take turns, and the median counts. A result that
differs ends the benchmark.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import yaml
from rich.console import Console
from rich.table import Table

from sophia_kit.core.clock import FrozenClock
from sophia_kit.metrics import Catalogue, MetricQuery, evaluate
from sophia_kit.metrics.compile import Shape, compile_metric
from sophia_kit.metrics.definition import RowsDefinition
from sophia_kit.metrics.schema import Schema
from sophia_kit.warehouse import Dialect, QueryProvenance, QueryResult, TableFreshness

HERE = Path(__file__).parent / "tpch"
NOW = datetime(1999, 1, 1, tzinfo=UTC)
END = date(1998, 7, 31)
RUNS = 7
TARGET, COLD_MS, CACHED_MS = 1.1, 3.0, 0.1

REVENUE = "l_extendedprice * (1 - l_discount)"
MONTHS = "date_trunc('month', {0})::DATE"
CUSTOMERS = "JOIN orders ON o_orderkey = l_orderkey JOIN customer ON c_custkey = o_custkey"


@dataclass(frozen=True)
class Case:
    """`by_hand` returns the period's first day, the members asked by, and the value."""

    name: str
    query: MetricQuery
    by_hand: str


def ask(metric: str, day: date = END, **more: Any) -> MetricQuery:
    return MetricQuery(metric, day, **more)


CASES = (
    Case(
        "Discount given in 1994 (Q6)",
        ask("discount_given", date(1994, 12, 31), grain="year"),
        "SELECT DATE '1994-01-01', sum(l_extendedprice * l_discount) FROM lineitem WHERE l_shipdate BETWEEN "
        "DATE '1994-01-01' AND DATE '1994-12-31' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24",
    ),
    Case(
        "Charge to date by flag and status (Q1)",
        ask("charge_to_date", by=("flag", "status")),
        f"SELECT DATE '1998-07-01', l_returnflag, l_linestatus, sum({REVENUE} * (1 + l_tax)) FROM lineitem "
        "WHERE l_shipdate <= DATE '1998-07-31' GROUP BY ALL",
    ),
    Case(
        "Revenue of 1994 by nation of customers in Asia (Q5)",
        ask("revenue", date(1994, 12, 31), grain="year", by=("nation",), filters=(("region", ("ASIA",)),)),
        f"SELECT DATE '1994-01-01', n_name, sum({REVENUE}) FROM lineitem {CUSTOMERS} "
        "JOIN nation ON n_nationkey = c_nationkey JOIN region ON r_regionkey = n_regionkey WHERE r_name = 'ASIA' "
        "AND l_shipdate BETWEEN DATE '1994-01-01' AND DATE '1994-12-31' GROUP BY n_name",
    ),
    Case(
        "Late lines of 1994 by priority, two modes (Q12)",
        ask(
            "late_lines", date(1994, 12, 31), grain="year", by=("mode", "priority"),
            filters=(("mode", ("MAIL", "SHIP")),),
        ),
        "SELECT DATE '1994-01-01', l_shipmode, o_orderpriority, count(*) FROM lineitem "
        "JOIN orders ON o_orderkey = l_orderkey WHERE l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate "
        "AND l_shipdate < l_commitdate AND l_receiptdate BETWEEN DATE '1994-01-01' AND DATE '1994-12-31' GROUP BY ALL",
    ),
    Case(
        "Revenue, 60 months",
        ask("revenue", periods=60),
        f"SELECT {MONTHS.format('l_shipdate')} AS m, sum({REVENUE}) FROM lineitem "
        "WHERE l_shipdate BETWEEN DATE '1993-08-01' AND DATE '1998-07-31' GROUP BY m",
    ),
    Case(
        "Return rate by mode, 8 quarters (Q10)",
        ask("return_rate", date(1995, 6, 30), grain="quarter", by=("mode",), periods=8),
        "SELECT date_trunc('quarter', l_shipdate)::DATE AS q, l_shipmode, "
        "sum(l_extendedprice) FILTER (WHERE l_returnflag = 'R') / sum(l_extendedprice) FROM lineitem "
        "WHERE l_shipdate BETWEEN DATE '1993-07-01' AND DATE '1995-06-30' GROUP BY ALL",
    ),
    Case(
        "Revenue by brand, a quarter (Q14)",
        ask("revenue", date(1995, 9, 30), grain="quarter", by=("brand",)),
        f"SELECT DATE '1995-07-01', p_brand, sum({REVENUE}) FROM lineitem JOIN part ON p_partkey = l_partkey "
        "WHERE l_shipdate BETWEEN DATE '1995-07-01' AND DATE '1995-09-30' GROUP BY p_brand",
    ),
    Case(
        "Revenue of three months, 24 months on end",
        ask("revenue_of_quarter", periods=24),
        f"WITH monthly AS (SELECT {MONTHS.format('l_shipdate')} AS m, sum({REVENUE}) AS v FROM lineitem "
        "WHERE l_shipdate BETWEEN DATE '1996-06-01' AND DATE '1998-07-31' GROUP BY m) "
        "SELECT * FROM (SELECT m, sum(v) OVER (ORDER BY m ROWS 2 PRECEDING) FROM monthly) WHERE m >= DATE '1996-08-01'",
    ),
    Case(
        "Lines in transit by mode, 12 month ends",
        ask("lines_in_transit", by=("mode",), periods=12),
        "WITH ends AS (SELECT range::DATE AS m FROM range(DATE '1997-08-01', DATE '1998-08-01', INTERVAL 1 MONTH)) "
        "SELECT m, l_shipmode, count(*) FROM ends JOIN lineitem ON l_shipdate <= last_day(m) "
        "AND l_receiptdate > last_day(m) GROUP BY ALL",
    ),
    Case(
        "Average order by priority, 8 quarters",
        ask("average_order", date(1997, 12, 31), grain="quarter", by=("priority",), periods=8),
        "SELECT date_trunc('quarter', o_orderdate)::DATE AS q, o_orderpriority, avg(o_totalprice) FROM orders "
        "WHERE o_orderdate BETWEEN DATE '1996-01-01' AND DATE '1997-12-31' GROUP BY ALL",
    ),
    Case(
        "Buyers, 24 months",
        ask("buyers", periods=24),
        f"SELECT {MONTHS.format('o_orderdate')} AS m, count(DISTINCT o_custkey) FROM orders "
        "WHERE o_orderdate BETWEEN DATE '1996-08-01' AND DATE '1998-07-31' GROUP BY m",
    ),
    Case(
        "Large order by segment, a year",
        ask("large_order", date(1997, 12, 31), grain="year", by=("segment",)),
        "SELECT DATE '1997-01-01', c_mktsegment, quantile_cont(o_totalprice::DOUBLE, 0.95) FROM orders "
        "JOIN customer ON c_custkey = o_custkey WHERE o_orderdate BETWEEN DATE '1997-01-01' AND DATE '1997-12-31' "
        "GROUP BY c_mktsegment",
    ),
)  # fmt: skip


class Tpch:
    """An engine on the generated tables."""

    dialect: Dialect = "duckdb"
    snapshot = None
    known_at = NOW
    demo = False
    time_zone = "UTC"
    currency = "USD"

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, int]) -> None:
        self.connection = connection
        self._tables = tables

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
    ) -> QueryResult:
        frame = self.connection.sql(sql, params=dict(params or {})).pl()
        return QueryResult(frame, QueryProvenance(sql, {}, self.dialect, None, None, NOW, NOW, 0.0, self.demo))

    def freshness(self) -> dict[str, TableFreshness]:
        return {name: TableFreshness(name, "tpchgen", NOW, 24, rows) for name, rows in self._tables.items()}

    def close(self) -> None:
        self.connection.close()


def load(folder: Path, scale: str) -> tuple[Tpch, Schema]:
    """Generate the tables and load them once, as the views' columns have them."""
    program = Path(sys.executable).with_name("tpchgen-cli")
    subprocess.run([program, "parquet", "-s", scale, f"--output-dir={folder}"], check=True, capture_output=True)
    connection = duckdb.connect(str(folder / "tpch.duckdb"))
    models, rows = {}, {}
    for file in sorted(folder.glob("*.parquet")):
        connection.execute(f"CREATE TABLE {file.stem} AS FROM '{file}'")
        columns = ", ".join(name for name, *_ in connection.execute(f"DESCRIBE {file.stem}").fetchall())
        models[file.stem] = f"SELECT {columns} FROM raw.{file.stem}"
        rows[file.stem] = connection.execute(f"SELECT count(*) FROM {file.stem}").fetchall()[0][0]
    relationships = yaml.safe_load((HERE / "relationships.yaml").read_text())
    schema = Schema(models, relationships, {name: frozenset({f"raw.{name}"}) for name in models})
    return Tpch(connection, rows), schema


def answers(engine: Tpch, catalogue: Catalogue, query: MetricQuery) -> dict[tuple[object, ...], Decimal]:
    found = evaluate(engine, catalogue, query, FrozenClock(NOW)).values
    return {
        (value.period.start, *(member for _, member in value.members)): value.value
        for value in found
        if value.value is not None
    }


def by_hand(engine: Tpch, sql: str) -> dict[tuple[object, ...], Decimal]:
    return {row[:-1]: Decimal(str(row[-1])) for row in engine.connection.sql(sql).pl().rows()}


def same(ours: dict[tuple[object, ...], Decimal], theirs: dict[tuple[object, ...], Decimal]) -> bool:
    """Equal to ten digits: averages and percentiles are floating point on both sides."""
    return ours.keys() == theirs.keys() and all(
        abs(ours[key] - value) <= max(abs(value), Decimal(1)) * Decimal("1e-10") for key, value in theirs.items()
    )


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def compile_times(catalogue: Catalogue, dialect: Dialect) -> tuple[float, float]:
    """Of every metric, alone and grouped: the slowest compile that isn't kept, and the mean of one that is; ms.

    Expressions are parsed when the catalogue is read, so that is not a part of it; the grammar was imported before.
    """
    rows = [item for item in catalogue if isinstance(item, RowsDefinition)]
    asked = [(item, Shape(by=by, periods=3)) for item in rows for by in ((), tuple(item.dimensions)[:2])]
    works = [partial(compile_metric, item, shape, dialect, catalogue.schema) for item, shape in asked]
    works[0]()
    cold = max(statistics.median(milliseconds(work) for _ in range(RUNS)) for work in works)
    for item, shape in asked:
        catalogue.compile(item, shape, dialect)

    def again() -> None:
        for item, shape in asked:
            catalogue.compile(item, shape, dialect)

    return cold, statistics.median(milliseconds(again) for _ in range(20)) / len(asked)


def main() -> None:
    scale = sys.argv[1] if len(sys.argv) > 1 else "1"
    table = Table(title=f"TPC-H at scale {scale}: a metric beside the same SQL by hand, median of {RUNS}")
    for heading in ("question", "rows", "by hand, ms", "metric, ms", "ratio", "same result"):
        table.add_column(heading, justify="left" if heading == "question" else "right")
    differing, sums = [], [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        engine, schema = load(Path(folder), scale)
        catalogue = Catalogue.read(HERE / "metrics", schema)
        for case in CASES:
            sides = partial(by_hand, engine, case.by_hand), partial(answers, engine, catalogue, case.query)
            theirs, ours = sides[0](), sides[1]()
            agree = same(ours, theirs)
            pairs = [(milliseconds(sides[0]), milliseconds(sides[1])) for _ in range(RUNS)]
            hand, metric = (statistics.median(side) for side in zip(*pairs, strict=True))
            sums = [sums[0] + hand, sums[1] + metric]
            cells = (str(len(ours)), f"{hand:.1f}", f"{metric:.1f}", f"{metric / hand:.2f}", "yes" if agree else "NO")
            table.add_row(case.name, *cells)
            if not agree:
                differing.append(case.name)
        engine.close()
    table.add_section()
    total = f"{sums[1] / sums[0]:.2f}"
    table.add_row(f"all twelve (target: at most {TARGET:g})", "", f"{sums[0]:.1f}", f"{sums[1]:.1f}", total, "")
    console = Console()
    console.print(table)
    compiled = Table(title="Compiling a metric, ms")
    for heading in ("catalogue and dialect", f"slowest (target: {COLD_MS:g})", f"again (target: {CACHED_MS:g})"):
        compiled.add_column(heading, justify="left" if heading.startswith("cat") else "right")
    dialects: tuple[Dialect, ...] = ("duckdb", "snowflake")
    for name, kept in (("TPC-H", catalogue), ("the package's", Catalogue.load())):
        for dialect in dialects:
            cold, again = compile_times(kept, dialect)
            compiled.add_row(f"{name}, {dialect}", f"{cold:.2f}", f"{again:.4f}")
    console.print(compiled)
    if differing:
        raise SystemExit(f"Different results: {', '.join(differing)}")


if __name__ == "__main__":
    main()
