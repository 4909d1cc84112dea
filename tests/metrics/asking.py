"""Asks a metric in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sophia_kit.core.clock import Clock
from sophia_kit.metrics import Calendar, Catalogue, MetricQuery, MetricResult, MetricValue, evaluate
from sophia_kit.metrics.value import ComparisonKind, Grain
from sophia_kit.warehouse import Warehouse


@dataclass(frozen=True)
class Asking:
    warehouse: Warehouse
    catalogue: Catalogue
    clock: Clock
    calendar: Calendar

    def result(
        self,
        metric: str,
        day: date = date(2025, 6, 30),
        *,
        grain: Grain | None = None,
        by: tuple[str, ...] = (),
        compare: tuple[ComparisonKind, ...] = (),
        filters: Mapping[str, str | tuple[str, ...]] | None = None,
        unfinished: bool = False,
        periods: int = 1,
    ) -> MetricResult:
        pairs = tuple((name, (of,) if isinstance(of, str) else of) for name, of in (filters or {}).items())
        query = MetricQuery(metric, day, grain, by, compare, pairs, unfinished, periods)
        return evaluate(self.warehouse, self.catalogue, query, self.clock, self.calendar)

    def value(
        self,
        metric: str,
        day: date = date(2025, 6, 30),
        *,
        grain: Grain | None = None,
        compare: tuple[ComparisonKind, ...] = (),
        filters: Mapping[str, str | tuple[str, ...]] | None = None,
        unfinished: bool = False,
    ) -> MetricValue:
        return self.result(metric, day, grain=grain, compare=compare, filters=filters, unfinished=unfinished).value
