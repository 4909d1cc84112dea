"""A few shops in memory: an engine over rows given one by one, and metrics of each kind over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import duckdb

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.source_file import SourceFile
from sophia_kit.metrics import Calendar, Catalogue, MetricQuery, MetricResult, evaluate
from sophia_kit.metrics.catalogue import parse_definitions
from sophia_kit.metrics.schema import Schema
from sophia_kit.warehouse import QueryProvenance, QueryResult, TableFreshness

NOW = datetime(2025, 7, 1, 2, tzinfo=UTC)
SCHEMA = Schema(
    {
        "sales": "SELECT source_id, shop_id, day, amount, buyer FROM raw.sales",
        "shops": "SELECT source_id, town FROM raw.shops",
    },
    {"sales": {"shop_id": "shops"}},
    {"sales": frozenset({"raw.sales"}), "shops": frozenset({"raw.shops"})},
)

_COMMON = """
    description: For tests.
    source: These tests
    owner: Nobody
    base: sales
    time: day
    grains: [month, day, week, quarter, year]
    dimensions: {town: shops.town, shop: shop_id}
    golden: none
    unit: count
    format: decimal
    higher_is_better: true
"""


def _metric(name: str, own: str) -> str:
    return f"  {name}:\n    label: {name.replace('_', ' ').capitalize()}{_COMMON}    synonyms: [{name}s]\n    {own}\n"


TEXT = "metrics:\n" + "".join(
    _metric(name, own.replace("; ", "\n    "))
    for name, own in {
        "takings": "kind: simple; expression: sum(amount); additive: full",
        "tickets_sold": "kind: simple; expression: count(*); additive: full",
        "average_ticket": "kind: simple; expression: sum(amount) / count(*); additive: none",
        "share_of_large": "kind: ratio; numerator: {expression: count(*), filter: amount >= 50}; "
        "denominator: {expression: count(*)}; additive: none",
        "buyers": "kind: distinct_count; of: buyer; additive: none",
        "median_ticket": "kind: percentile; of: amount; percentile: 0.5; additive: none",
        "takings_of_year": "kind: cumulative; since: fiscal_year; expression: sum(amount); additive: dimensions",
        "takings_ever": "kind: cumulative; since: beginning; expression: sum(amount); additive: dimensions",
        "takings_of_3_months": "kind: cumulative; trailing_months: 3; expression: sum(amount); additive: dimensions",
        "takings_of_7_days": "kind: cumulative; trailing_days: 7; expression: sum(amount); additive: dimensions",
        "buyers_of_3_months": "kind: cumulative; trailing_months: 3; expression: count(DISTINCT buyer); additive: none",
    }.items()
)

CATALOGUE = Catalogue(parse_definitions(SourceFile("shops.yaml", TEXT), SCHEMA), schema=SCHEMA)

Sale = tuple[str, date, Decimal, str]
"""Shop, day, amount, buyer."""


class Shops:
    """An engine on DuckDB in memory, without snapshots. Shops a and b are in Ulm, c in Bonn."""

    dialect: Literal["duckdb"] = "duckdb"
    snapshot = None
    known_at = NOW
    demo = False
    time_zone = "UTC"
    currency = "USD"

    def __init__(self, sales: Iterable[Sale]) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(
            "CREATE TABLE sales (source_id VARCHAR, shop_id VARCHAR, day DATE, amount DECIMAL(18, 2), buyer VARCHAR);"
            "CREATE TABLE shops (source_id VARCHAR, town VARCHAR);"
            "INSERT INTO shops VALUES ('a', 'Ulm'), ('b', 'Ulm'), ('c', 'Bonn')"
        )
        rows = [(str(index), *sale) for index, sale in enumerate(sales)]
        if rows:
            marks = ", ".join(["(?, ?, ?, ?, ?)"] * len(rows))
            self._connection.execute(f"INSERT INTO sales VALUES {marks}", [cell for row in rows for cell in row])

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
    ) -> QueryResult:
        frame = self._connection.sql(sql, params=dict(params or {})).pl()
        where = QueryProvenance(sql, dict(params or {}), self.dialect, None, None, NOW, NOW, 0.0, self.demo)
        return QueryResult(frame, where)

    def freshness(self) -> dict[str, TableFreshness]:
        return {name: TableFreshness(name, "till", NOW, 24, 0) for name in ("sales", "shops")}

    def close(self) -> None:
        self._connection.close()

    def ask(self, metric: str, day: date, calendar: Calendar = Calendar(), **more: Any) -> MetricResult:  # noqa: B008
        return evaluate(self, CATALOGUE, MetricQuery(metric, day, **more), FrozenClock(NOW), calendar)

    def number(self, metric: str, day: date, calendar: Calendar = Calendar(), **more: Any) -> Decimal | None:  # noqa: B008
        return self.ask(metric, day, calendar, **more).value.value
