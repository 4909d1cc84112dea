"""Running totals over several periods: rows are aggregated by day once, whatever number of windows a day lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from sophia_kit.metrics.definition import Conversion, CumulativeDefinition
from sophia_kit.metrics.expression import parse_aggregate
from sophia_kit.metrics.statement import Parts, select, with_steps

if TYPE_CHECKING:
    from sophia_kit.metrics.schema import Schema

__all__ = ["by_day", "running"]


def by_day(definition: CumulativeDefinition, schema: Schema) -> bool:
    """Whether the values of days make the value of a window: not of averages, percentiles and distinct counts."""
    tree = parse_aggregate(definition.expression, schema.columns(definition.base))
    return all(
        isinstance(node, exp.Sum | exp.Min | exp.Max)
        or (isinstance(node, exp.Count) and not isinstance(node.this, exp.Distinct))
        for node in tree.find_all(exp.AggFunc)
    )


def running(parts: Parts, definition: CumulativeDefinition) -> str:
    """The statement for several periods of a definition that is `by_day`."""
    time, rule = f"base.{definition.time}", definition.currency
    rate_day = f"base.{rule.day}" if isinstance(rule, Conversion) else time
    names = [f"dim_{index}" for index in range(len(parts.dimensions))]
    of_days, of_window = parts.partials(definition.expression, "daily")
    spanned = f"{time} BETWEEN {parts.day('opening')} AND {parts.day('last_day')}"
    daily = select(
        [
            f"{time} AS day",
            *parts.named_dimensions(),
            *of_days,
            "count(*) AS row_count",
            f"{parts.missing(rate_day)} AS missing_rates",
        ],
        f"{definition.base} AS base",
        [*parts.rates(rate_day), *parts.joins],
        parts.where(spanned, parts.condition(definition.filter)),
        [time, *parts.dimensions],
    )
    periods = parts.periods({"starts": "period_start", "ends": "period_end", "openings": "opening_day"})
    more, join, alias = parts.dialect.within_period("daily.day", "opening_day")
    by = [f"{alias}.period_start", *(f"daily.{name}" for name in names)]
    results = parts.results(
        of_window, "NULL", "CAST(sum(daily.row_count) AS BIGINT)", parts.gathered("daily.missing_rates")
    )
    return with_steps([("periods", periods), *more, ("daily", daily)], select([*by, *results], "daily", [join], (), by))
