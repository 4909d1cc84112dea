"""From a definition to SQL: one statement for all periods asked, its values bound as parameters.

Every statement returns `period_start`, one column `dim_<n>` for each dimension, `value`, `denominator` (NULL
where the kind has none), `row_count` and `missing_rates`: the number of rows that lack a rate, or, where the shape is
`named`, texts `EUR on 2025-03-31` as the dialect holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from sophia_kit.metrics.definition import (
    CohortDefinition,
    Conversion,
    CumulativeDefinition,
    DistinctCountDefinition,
    FlowDefinition,
    PercentileDefinition,
    PointInTimeDefinition,
    RatioDefinition,
    RowsDefinition,
    SimpleDefinition,
)
from sophia_kit.metrics.dialects import dialect_of
from sophia_kit.metrics.expression import parse_aggregate, parse_condition
from sophia_kit.metrics.schema import Schema, canonical
from sophia_kit.metrics.statement import Parts, Shape, select, with_steps
from sophia_kit.metrics.windows import by_day, running

if TYPE_CHECKING:
    from sophia_kit.warehouse import Dialect

__all__ = ["PERIOD_NAMES", "Compiled", "Shape", "compile_members", "compile_metric"]

PERIOD_NAMES = ("period_start", "period_end", "next_start", "next_end")
"""What the filter of a balance may name beside columns: bounds of its period and of the one after."""

_ONE_EXPRESSION = (SimpleDefinition, CumulativeDefinition, PercentileDefinition, DistinctCountDefinition)

Step = tuple[str, str]

_KEPT = "CASE WHEN balances.closing < balances.opening THEN balances.closing ELSE balances.opening END"
_COHORT_MEASURES = {
    "net": ("sum(balances.closing)", "sum(balances.opening)"),
    "gross": (f"sum({_KEPT})", "sum(balances.opening)"),
    "lost": ("sum(CASE WHEN balances.holds > 0 THEN 0 ELSE 1 END)", "count(*)"),
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement, the canonical views it reads, and the names of its parameters."""

    sql: str
    views: tuple[str, ...]
    parameters: frozenset[str]


def compile_metric(
    definition: RowsDefinition, shape: Shape, dialect: Dialect = "duckdb", schema: Schema | None = None
) -> Compiled:
    """The statement for `definition` in a dialect.

    Parameters: `starts`, `ends` (lists of DATE; `first_day`, `last_day` where `shape.single`), `openings` (cohorts and
    running totals; `opening` where `shape.single`, and with `last_day` where days are aggregated first), `next_starts`,
    `next_ends` (filters that name them; `next_start`, `next_end` where `shape.single`), `currency`, and `filter_<n>`
    (lists of VARCHAR). Where the dialect expands lists, a parameter for each item: `starts_0`, ...
    """
    parts = Parts(definition, shape, dialect_of(dialect), schema or canonical())
    if isinstance(definition, PointInTimeDefinition):
        sql = _balance(parts, definition)
    elif isinstance(definition, CohortDefinition):
        sql = _cohort(parts, definition)
    elif isinstance(definition, CumulativeDefinition) and not shape.single and by_day(definition, parts.schema):
        sql = running(parts, definition)
    else:
        assert isinstance(definition, FlowDefinition)
        sql = _flow(parts, definition)
    return Compiled(sql, tuple(parts.views), frozenset(parts.parameters))


def _flow(parts: Parts, definition: FlowDefinition) -> str:
    time = f"base.{definition.time}"
    rule = definition.currency
    rate_day = f"base.{rule.day}" if isinstance(rule, Conversion) else time
    own = parts.condition(definition.filter)
    steps: list[Step] = []
    cumulative = isinstance(definition, CumulativeDefinition)
    if parts.shape.single:
        start, met = f"{parts.day('first_day')} AS period_start", []
        first = parts.day("opening" if cumulative else "first_day")
        where = parts.where(f"{time} BETWEEN {first} AND {parts.day('last_day')}", own)
        by = list(parts.dimensions)
    else:
        columns = {"starts": "period_start", "ends": "period_end"}
        if cumulative:
            columns["openings"] = "opening_day"
        steps = [("periods", parts.periods(columns))]
        more, join, alias = parts.dialect.within_period(time, "opening_day" if cumulative else "period_start")
        steps += more
        start, met, where = f"{alias}.period_start", [join], parts.where(own)
        by = [f"{alias}.period_start", *parts.dimensions]
    groups = [start, *parts.named_dimensions()]
    source, joins, counted = f"{definition.base} AS base", [*met, *parts.joins], "count(*)"
    if not parts.shape.single and _sums_amounts(definition, parts.schema):
        # Summed by day and currency before it is converted: a product for each of these, not for each row. Over
        # several periods that is quicker than one by one; over a single one the further step costs as much as it saves.
        assert isinstance(rule, Conversion)
        names = [f"dim_{index}" for index in range(len(parts.dimensions))]
        sums = [f"sum(base.{name}) AS {name}" for name in rule.amounts]
        keys = [rate_day, f"base.{rule.code}"]
        inner = select([*groups, *keys, *sums, "count(*) AS row_count"], source, joins, where, [*by, *keys])
        steps.append(("sums", inner))
        groups = by = [f"base.{name}" for name in ("period_start", *names)]
        source, joins, where = "sums AS base", parts.rates(rate_day), []
        counted = "CAST(sum(base.row_count) AS BIGINT)"
    else:
        joins = [*met, *parts.rates(rate_day), *parts.joins]
    if isinstance(definition, RatioDefinition):
        value, below = (
            parts.aggregate(part.expression, part.filter) for part in (definition.numerator, definition.denominator)
        )
    else:
        assert isinstance(definition, _ONE_EXPRESSION)
        value, below = parts.aggregate(definition.expression), "NULL"
    results = parts.results(value, below, counted, parts.missing(rate_day))
    return with_steps(steps, select([*groups, *results], source, joins, where, by))


def _sums_amounts(definition: FlowDefinition, schema: Schema) -> bool:
    """Whether the metric is made of plain sums of amounts that are converted."""
    rule = definition.currency
    if not isinstance(definition, SimpleDefinition) or not isinstance(rule, Conversion):
        return False
    tree = parse_aggregate(definition.expression, schema.columns(definition.base))
    return all(
        isinstance(node, exp.Sum)
        and isinstance(node.this, exp.Column)
        and node.this.name in rule.amounts
        and not isinstance(node.parent, exp.Filter)
        for node in tree.find_all(exp.AggFunc)
    )


def _balance(parts: Parts, definition: PointInTimeDefinition) -> str:
    valid, rule = definition.valid, definition.currency
    single = parts.shape.single
    named = _period_names(parts, definition)
    if single:
        given = dict(zip(PERIOD_NAMES, ("first_day", "last_day", "next_start", "next_end"), strict=True))
        used = dict.fromkeys(("period_start", "period_end", *named))
        bounds = {name: parts.day(given[name]) for name in used}
    else:
        bounds = {name: f"periods.{name}" for name in PERIOD_NAMES}
    rate_day = bounds["period_end"]
    if isinstance(rule, Conversion) and rule.day != "period_end":
        rate_day = f"base.{rule.day}"
    own = parts.condition(definition.filter, bounds)
    in_force = _in_force("base", valid.from_, valid.to, bounds["period_end"])
    base = f"{definition.base} AS base"
    if single:
        steps: list[Step] = []
        start, by, source, met = f"{bounds['period_start']} AS period_start", [], base, []
        where = parts.where(in_force, own)
    else:
        columns = {"starts": "period_start", "ends": "period_end"}
        if any(name.startswith("next_") for name in named):
            columns |= {"next_starts": "next_start", "next_ends": "next_end"}
        steps = [("periods", parts.periods(columns))]
        start = "periods.period_start"
        by, source, met, where = [start], "periods", [f"JOIN {base} ON {in_force}"], parts.where(own)
    value = parts.aggregate(definition.expression)
    results = parts.results(value, "NULL", "count(*)", parts.missing(rate_day))
    joins = [*met, *parts.rates(rate_day), *parts.joins]
    columns_ = [start, *parts.named_dimensions(), *results]
    return with_steps(steps, select(columns_, source, joins, where, [*by, *parts.dimensions]))


def _period_names(parts: Parts, definition: PointInTimeDefinition) -> list[str]:
    """Which bounds of periods the filter names."""
    if definition.filter is None:
        return []
    tree = parse_condition(definition.filter, (*parts.schema.columns(definition.base), *PERIOD_NAMES))
    found = {column.name for column in tree.find_all(exp.Column)}
    return [name for name in PERIOD_NAMES if name in found]


def _cohort(parts: Parts, definition: CohortDefinition) -> str:
    valid = definition.valid
    rate_day = "periods.period_end"
    then = _in_force("base", valid.from_, valid.to, "periods.opening_day")
    now = _in_force("base", valid.from_, valid.to, "periods.period_end")
    held, amount = f"base.{definition.amount}", parts.amount(definition.amount)
    periods = parts.periods({"starts": "period_start", "ends": "period_end", "openings": "opening_day"})
    balances = select(
        [
            "periods.period_start",
            *parts.named_dimensions(),
            f"sum(CASE WHEN {then} THEN {held} ELSE 0 END) AS held",
            f"sum(CASE WHEN {then} THEN {amount} ELSE 0 END) AS opening",
            f"sum(CASE WHEN {now} THEN {amount} ELSE 0 END) AS closing",
            f"sum(CASE WHEN {now} THEN {held} ELSE 0 END) AS holds",
            f"{parts.missing(rate_day, f'(({then}) OR ({now}))')} AS missing_rates",
        ],
        "periods",
        [
            f"JOIN {definition.base} AS base ON base.{valid.from_} <= periods.period_end "
            f"AND (base.{valid.to} IS NULL OR base.{valid.to} > periods.opening_day)",
            *parts.rates(rate_day),
            *parts.joins,
        ],
        parts.where(parts.condition(definition.filter)),
        ["periods.period_start", f"base.{definition.entity}", *parts.dimensions],
    )
    missing = parts.gathered("balances.missing_rates")
    names = [f"balances.{name}" for name in ("period_start", *(f"dim_{i}" for i in range(len(parts.dimensions))))]
    value, below = _COHORT_MEASURES[definition.measure]
    results = parts.results(value, below, "count(*)", missing)
    final = select([*names, *results], "balances", (), ["balances.held > 0"], names)
    return with_steps([("periods", periods), ("balances", balances)], final)


def _in_force(alias: str, first: str, end: str, day: str) -> str:
    return f"{alias}.{first} <= {day} AND ({alias}.{end} IS NULL OR {alias}.{end} > {day})"


def compile_members(
    definition: RowsDefinition, shape: Shape, dialect: Dialect = "duckdb", schema: Schema | None = None
) -> Compiled:
    """The statement that lists the members of the dimension in `shape.by` (column `member`), whatever the period."""
    parts = Parts(definition, shape, dialect_of(dialect), schema or canonical())
    where = parts.where()
    members = select([f"DISTINCT {parts.dimensions[0]} AS member"], f"{definition.base} AS base", parts.joins, where)
    return Compiled(f"{members}\nORDER BY member", tuple(parts.views), frozenset(parts.parameters))
