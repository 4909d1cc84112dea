"""What a metric was meant to be: plans by month, or a constant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from sophia_kit.metrics.cells import Cell
from sophia_kit.metrics.principal import permitted
from sophia_kit.metrics.value import Period, Unknown

if TYPE_CHECKING:
    from sophia_kit.metrics.cells import Reader
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.query import MetricQuery

__all__ = ["Targets"]

_PLANS = "plans"
_SQL = (
    "SELECT month, unit, CAST(sum(value) AS DECIMAL(38, 10)) AS value, count(*) AS row_count\nFROM plans\n"
    "WHERE metric = $metric AND month BETWEEN CAST($first_month AS DATE) AND CAST($last_month AS DATE)\n"
    "GROUP BY month, unit\nORDER BY month"
)


class Targets:
    """The targets of one query. `load` once, then `at`."""

    def __init__(self, reader: Reader, definition: Definition, unit: str, query: MetricQuery) -> None:
        self._reader = reader
        self._definition = definition
        self._unit = unit
        self._restricted = bool(query.by or permitted(query.principal, definition, query.filters))
        self._plans: dict[date, list[tuple[Fraction, str]]] = defaultdict(list)

    def load(self, periods: Sequence[Period]) -> None:
        """Read the plans that `periods` need."""
        target = self._definition.target
        if target is None or target.plan is None or self._restricted:
            return
        params = {
            "metric": target.plan,
            "first_month": min(period.start for period in periods).replace(day=1),
            "last_month": max(period.end_inclusive for period in periods),
        }
        self._reader.views[_PLANS] = None
        for row in self._reader.run(_SQL, params):
            planned = (Fraction(row["value"]), row["unit"])
            self._plans[row["month"].replace(day=1)] += [planned] * row["row_count"]

    def at(self, period: Period) -> Cell:
        """The target of a period, or why there is none."""
        target = self._definition.target
        if target is None:
            return _none(f"{self._definition.label} has no target.")
        if self._restricted:
            return _none("Targets are set for the whole company, not for a part of it.")
        if target.value is not None:
            if target.unit not in (None, self._unit):
                return _none(f"The target is in {target.unit}, the value in {self._unit}.")
            return Cell(Fraction(target.value), None)
        if period.grain in ("day", "week"):
            return _none(f"Plans are monthly: there is none for {period.label}.")
        months = _months(period)
        if target.combine == "last":
            months = months[-1:]
        total = Fraction(0)
        for month in months:
            planned = self._plans.get(month, [])
            if len(planned) != 1:
                many = "several plans" if planned else "no plan"
                return _none(f"There is {many} of {target.plan} for {month:%b %Y}.")
            value, unit = planned[0]
            if unit != self._unit:
                return _none(f"The plan is in {unit}, the value in {self._unit}.")
            total += value
        return Cell(total, None)


def _none(reason: str) -> Cell:
    return Cell(None, Unknown("no_target", reason))


def _months(period: Period) -> list[date]:
    first, last = (day.year * 12 + day.month - 1 for day in (period.start, period.end_inclusive))
    return [date(index // 12, index % 12 + 1, 1) for index in range(first, last + 1)]
