"""From a definition to SQL: one statement for all periods asked, its values bound as parameters.

Every statement returns `period_start`, one column `dim_<n>` for each dimension, `value`, `denominator` (NULL
where the kind has none), `row_count` and `missing_rates`: the number of rows that lack a rate, or, where the shape is
`named`, a list of texts `EUR on 2025-03-31`.
"""

# ruff: noqa: S608  # names come from checked definitions, values are bound

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from sophia_kit.metrics.definition import (
    Aggregate,
    CohortDefinition,
    Conversion,
    Converted,
    PointInTimeDefinition,
    RatioDefinition,
    RowsDefinition,
    SimpleDefinition,
)
from sophia_kit.metrics.expression import parse_aggregate, parse_condition
from sophia_kit.metrics.schema import Path, columns, resolve_path
from sophia_kit.metrics.value import NOT_SET

__all__ = ["FX_VIEW", "Compiled", "Shape", "compile_members", "compile_metric"]

DIALECT = "duckdb"
FX_VIEW = "fx_daily"
PERIOD_NAMES = ("period_start", "period_end", "next_start", "next_end")
"""What the filter of a balance may name beside columns: bounds of its period and of the one after."""

# Wide enough for sums of amounts (two places) times rates (eight places).
_NUMBER = "DECIMAL(38, 10)"


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes two queries of one metric the same statement.

    Attributes:
        by: dimensions grouped by; `filters`: dimensions restricted.
        single: whether one period is asked: it needs no join with the list of periods. Not for cohorts.
        named: whether the rates that are lacking are named, which costs more than counting rows that lack one.
    """

    by: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    single: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement, the canonical views it reads, and the names of its parameters."""

    sql: str
    views: tuple[str, ...]
    parameters: frozenset[str]


def compile_metric(definition: RowsDefinition, shape: Shape) -> Compiled:
    """The statement for `definition` in DuckDB's dialect.

    Parameters: `starts`, `ends` (lists of DATE; `first_day`, `last_day` where `shape.single`), `openings` (cohorts),
    `next_starts`, `next_ends` (filters that name them; `next_start`, `next_end` where `shape.single`), `currency`, and
    `filter_<n>` (lists of VARCHAR).
    """
    builder = _Builder(definition, shape)
    if isinstance(definition, PointInTimeDefinition):
        sql = _balance(builder, definition)
    elif isinstance(definition, CohortDefinition):
        sql = _cohort(builder, definition)
    else:
        assert isinstance(definition, SimpleDefinition | RatioDefinition)
        sql = _flow(builder, definition)
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    named = {node.name for node in tree.find_all(exp.Placeholder)}
    return Compiled(tree.sql(dialect=DIALECT, pretty=True), tuple(builder.views), frozenset(named))


class _Builder:
    """Joins, dimensions, filters and conversion, which all kinds share."""

    def __init__(self, definition: RowsDefinition, shape: Shape) -> None:
        self.definition = definition
        self.shape = shape
        self.views: dict[str, None] = {definition.base: None}
        self._joins: dict[tuple[str, ...], str] = {}
        self._join_sql: list[str] = []
        self.dimensions = [self._dimension(name) for name in shape.by]
        self._filters = [self._dimension(name) for name in shape.filters]
        if isinstance(definition.currency, Conversion):
            self.views[FX_VIEW] = None

    @property
    def dimension_joins(self) -> str:
        return " ".join(self._join_sql)

    def rates(self, rate_day: str) -> str:
        """The join with exchange rates of `rate_day`, a piece of SQL; empty when nothing is converted."""
        rule = self.definition.currency
        if not isinstance(rule, Conversion):
            return ""
        return (
            f"LEFT JOIN {FX_VIEW} AS fx ON fx.from_currency = base.{rule.code} "
            f"AND fx.to_currency = $currency AND fx.day = {rate_day}"
        )

    def missing(self, rate_day: str, condition: str | None = None) -> str:
        """SQL of how many rows lack a rate among those where `condition` holds; where asked for, of which rates."""
        rule = self.definition.currency
        if rule is None:
            return "0"
        if isinstance(rule, Converted):
            text = f"base.{rule.missing_rate}"
            lacking = f"{text} IS NOT NULL"
        else:
            code = f"base.{rule.code}"
            given = " OR ".join(f"base.{name} IS NOT NULL" for name in rule.amounts)
            lacking = f"{code} IS DISTINCT FROM $currency AND fx.rate IS NULL AND ({given})"
            text = f"coalesce({code}, 'an amount without a currency') || ' on ' || CAST({rate_day} AS VARCHAR)"
        lacking += f" AND {condition}" if condition else ""
        return f"{f'array_agg(DISTINCT {text})' if self.shape.named else 'count(*)'} FILTER (WHERE {lacking})"

    def amount(self, name: str) -> str:
        """SQL of a column, converted where it is an amount."""
        rule = self.definition.currency
        if isinstance(rule, Conversion) and name in rule.amounts:
            # One product for all rows: a CASE over amounts of different scales would round them to the smaller one.
            return f"base.{name} * CASE WHEN base.{rule.code} = $currency THEN 1 ELSE fx.rate END"
        return f"base.{name}"

    def render(self, tree: exp.Expression, replaced: dict[str, str] | None = None) -> str:
        """An expression's SQL with its columns qualified, amounts converted, names in `replaced` put in."""

        def place(node: exp.Expression) -> exp.Expression:
            if not isinstance(node, exp.Column) or node.table:
                return node
            sql = (replaced or {}).get(node.name) or self.amount(node.name)
            return (
                exp.paren(sqlglot.parse_one(sql, dialect=DIALECT), copy=False)
                if " " in sql
                else exp.column(*reversed(sql.split(".")))
            )

        return _columns_replaced(tree, place).sql(dialect=DIALECT)

    def condition(self, text: str | None, replaced: dict[str, str] | None = None) -> str:
        if text is None:
            return ""
        known = (*columns(self.definition.base), *(replaced or {}))
        return f"({self.render(parse_condition(text, known), replaced)})"

    def aggregate(self, text: str) -> str:
        return self.render(parse_aggregate(text, columns(self.definition.base)))

    def where(self, *conditions: str) -> str:
        asked = [f"list_contains($filter_{index}, {sql})" for index, sql in enumerate(self._filters)]
        given = [*(text for text in conditions if text), *asked]
        return f"WHERE {' AND '.join(given)}" if given else ""

    def grouped(self, *first: str) -> tuple[str, str]:
        """The select list of groups, and the GROUP BY list."""
        names = [f"dim_{index}" for index in range(len(self.dimensions))]
        selected = [*first, *(f"{sql} AS {name}" for sql, name in zip(self.dimensions, names, strict=True))]
        return "".join(f"{item}, " for item in selected), ", ".join([*first, *self.dimensions])

    def _dimension(self, name: str) -> str:
        path = resolve_path(self.definition.base, self.definition.dimensions[name])
        return f"coalesce(CAST({self._reach(path)}.{path.column} AS VARCHAR), '{NOT_SET}')"

    def _reach(self, path: Path) -> str:
        here = "base"
        for end in range(1, len(path.hops) + 1):
            route = tuple(f"{hop.column}.{hop.view}" for hop in path.hops[:end])
            hop = path.hops[end - 1]
            if route not in self._joins:
                alias = f"{hop.view}_{len(self._joins)}"
                self._joins[route] = alias
                self._join_sql.append(f"LEFT JOIN {hop.view} AS {alias} ON {alias}.source_id = {here}.{hop.column}")
                self.views[hop.view] = None
            here = self._joins[route]
        return here


def _columns_replaced(tree: exp.Expression, place: Callable[[exp.Expression], exp.Expression]) -> exp.Expression:
    result = tree.copy().transform(place)
    assert isinstance(result, exp.Expression)
    return result


def _flow(builder: _Builder, definition: SimpleDefinition | RatioDefinition) -> str:
    time = f"base.{definition.time}"
    rule = definition.currency
    rate_day = f"base.{rule.day}" if isinstance(rule, Conversion) else time
    own = builder.condition(definition.filter)
    if builder.shape.single:
        steps, period, spine = [], [], ""
        where = builder.where(f"{time} BETWEEN CAST($first_day AS DATE) AND CAST($last_day AS DATE)", own)
    else:
        steps = [
            f"periods AS (SELECT {_listed('starts', 'period_start')}, {_listed('ends', 'period_end')})",
            "days AS (SELECT period_start, CAST(unnest(generate_series(period_start, period_end, INTERVAL 1 DAY)) "
            "AS DATE) AS day FROM periods)",
        ]
        period, spine = ["days.period_start"], f"JOIN days ON days.day = {time}"
        where = builder.where(own)
    groups, by = builder.grouped(*period)
    source = f"FROM {definition.base} AS base {spine}"
    counted = "count(*)"
    if not builder.shape.single and _sums_amounts(definition):
        # Summed by day and currency before it is converted: a product for each of these, not for each row. Over
        # several periods that is quicker than one by one; over a single one the further step costs as much as it saves.
        assert isinstance(rule, Conversion)
        names = [f"dim_{index}" for index in range(len(builder.dimensions))]
        sums = ", ".join(f"sum(base.{name}) AS {name}" for name in rule.amounts)
        keys = f"{rate_day}, base.{rule.code}"
        steps.append(
            f"sums AS (SELECT {groups}{keys}, {sums}, count(*) AS row_count {source} {builder.dimension_joins} {where} "
            f"GROUP BY {by}, {keys})"
        )
        keep = ["base.period_start", *(f"base.{name}" for name in names)]
        groups, by = "".join(f"{name}, " for name in keep), ", ".join(keep)
        source, joins, where = "FROM sums AS base", builder.rates(rate_day), ""
        counted = "CAST(sum(base.row_count) AS BIGINT)"
    else:
        joins = f"{builder.rates(rate_day)} {builder.dimension_joins}"
    if isinstance(definition, RatioDefinition):
        value, below = (_part(builder, part) for part in (definition.numerator, definition.denominator))
    else:
        value, below = builder.aggregate(definition.expression), "NULL"
    start = "CAST($first_day AS DATE) AS period_start, " if builder.shape.single else ""
    return (
        f"{_with(steps)}SELECT {start}{groups}CAST({value} AS {_NUMBER}) AS value, "
        f"CAST({below} AS {_NUMBER}) AS denominator, {counted} AS row_count, "
        f"{builder.missing(rate_day)} AS missing_rates {source} {joins} {where}{_group_by(by)}"
    )


def _sums_amounts(definition: SimpleDefinition | RatioDefinition) -> bool:
    """Whether the metric is made of plain sums of amounts that are converted."""
    rule = definition.currency
    if not isinstance(definition, SimpleDefinition) or not isinstance(rule, Conversion):
        return False
    tree = parse_aggregate(definition.expression, columns(definition.base))
    return all(
        isinstance(node, exp.Sum)
        and isinstance(node.this, exp.Column)
        and node.this.name in rule.amounts
        and not isinstance(node.parent, exp.Filter)
        for node in tree.find_all(exp.AggFunc)
    )


def _part(builder: _Builder, part: Aggregate) -> str:
    aggregate, condition = builder.aggregate(part.expression), builder.condition(part.filter)
    return f"{aggregate} FILTER (WHERE {condition})" if condition else aggregate


def _balance(builder: _Builder, definition: PointInTimeDefinition) -> str:
    valid, rule = definition.valid, definition.currency
    if builder.shape.single:
        parameters = ("first_day", "last_day", "next_start", "next_end")
        bounds = {name: f"CAST(${given} AS DATE)" for name, given in zip(PERIOD_NAMES, parameters, strict=True)}
    else:
        bounds = {name: f"periods.{name}" for name in PERIOD_NAMES}
    rate_day = bounds["period_end"]
    if isinstance(rule, Conversion) and rule.day != "period_end":
        rate_day = f"base.{rule.day}"
    own = builder.condition(definition.filter, bounds)
    in_force = _in_force("base", valid.from_, valid.to, bounds["period_end"])
    if builder.shape.single:
        groups, by = builder.grouped()
        steps, start = [], f"{bounds['period_start']} AS period_start, "
        source, where = f"FROM {definition.base} AS base", builder.where(in_force, own)
    else:
        listed = [_listed("starts", "period_start"), _listed("ends", "period_end")]
        if "periods.next_" in own:
            listed += [_listed("next_starts", "next_start"), _listed("next_ends", "next_end")]
        groups, by = builder.grouped("periods.period_start")
        steps, start = [f"periods AS (SELECT {', '.join(listed)})"], ""
        source, where = f"FROM periods JOIN {definition.base} AS base ON {in_force}", builder.where(own)
    return (
        f"{_with(steps)}SELECT {start}{groups}CAST({builder.aggregate(definition.expression)} AS {_NUMBER}) AS value, "
        f"CAST(NULL AS {_NUMBER}) AS denominator, count(*) AS row_count, {builder.missing(rate_day)} AS missing_rates "
        f"{source} {builder.rates(rate_day)} {builder.dimension_joins} {where}{_group_by(by)}"
    )


def _with(steps: list[str]) -> str:
    return f"WITH {', '.join(steps)} " if steps else ""


def _group_by(columns_by: str) -> str:
    return f" GROUP BY {columns_by}" if columns_by else ""


def _cohort(builder: _Builder, definition: CohortDefinition) -> str:
    valid = definition.valid
    rate_day = "periods.period_end"
    then = _in_force("base", valid.from_, valid.to, "periods.opening_day")
    now = _in_force("base", valid.from_, valid.to, "periods.period_end")
    amount = builder.amount(definition.amount)
    groups, by = builder.grouped("periods.period_start", f"base.{definition.entity}")
    names = [f"dim_{index}" for index in range(len(builder.dimensions))]
    outer = "".join(f"{name}, " for name in names)
    missing = "CAST(sum(missing_rates) AS BIGINT)"
    if builder.shape.named:
        missing = "flatten(array_agg(missing_rates) FILTER (WHERE missing_rates IS NOT NULL))"
    return (
        f"WITH periods AS (SELECT {_listed('starts', 'period_start')}, {_listed('ends', 'period_end')}, "
        f"{_listed('openings', 'opening_day')}), "
        f"balances AS (SELECT {groups}"
        f"sum(CASE WHEN {then} THEN base.{definition.amount} ELSE 0 END) AS held, "
        f"sum(CASE WHEN {then} THEN {amount} ELSE 0 END) AS opening, "
        f"sum(CASE WHEN {now} THEN {amount} ELSE 0 END) AS closing, "
        f"{builder.missing(rate_day, f'(({then}) OR ({now}))')} AS missing_rates "
        f"FROM periods JOIN {definition.base} AS base ON base.{valid.from_} <= periods.period_end "
        f"AND (base.{valid.to} IS NULL OR base.{valid.to} > periods.opening_day) "
        f"{builder.rates(rate_day)} {builder.dimension_joins} {builder.where(builder.condition(definition.filter))} "
        f"GROUP BY {by}) "
        f"SELECT period_start, {outer}CAST(sum(closing) AS {_NUMBER}) AS value, "
        f"CAST(sum(opening) AS {_NUMBER}) AS denominator, count(*) AS row_count, "
        f"{missing} AS missing_rates "
        f"FROM balances WHERE held > 0 GROUP BY {', '.join(['period_start', *names])}"
    )


def _listed(parameter: str, column: str) -> str:
    """A list of days, a row each. The cast lets the statement run again from values that were printed."""
    return f"unnest(CAST(${parameter} AS DATE[])) AS {column}"


def _in_force(alias: str, first: str, end: str, day: str) -> str:
    return f"{alias}.{first} <= {day} AND ({alias}.{end} IS NULL OR {alias}.{end} > {day})"


def compile_members(definition: RowsDefinition, dimension: str) -> Compiled:
    """The statement that lists a dimension's members (column `member`), whatever the period."""
    builder = _Builder(definition, Shape(by=(dimension,)))
    sql = (
        f"SELECT DISTINCT {builder.dimensions[0]} AS member FROM {definition.base} AS base "
        f"{builder.dimension_joins} ORDER BY member"
    )
    return Compiled(sqlglot.parse_one(sql, dialect=DIALECT).sql(dialect=DIALECT), tuple(builder.views), frozenset())
