"""The parts of a metric's statement: joins, dimensions, filters and conversion, and how a SELECT is laid out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from sophia_kit.metrics.definition import Conversion, Converted, RowsDefinition
from sophia_kit.metrics.expression import parse_aggregate, parse_condition
from sophia_kit.metrics.value import NOT_SET

if TYPE_CHECKING:
    from sophia_kit.metrics.dialects import SqlDialect
    from sophia_kit.metrics.schema import Path, Schema

__all__ = ["Parts", "Shape", "select", "with_steps"]

_FX_VIEW = "fx_daily"


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes two queries of one metric the same statement.

    Attributes:
        by: dimensions grouped by; `filters`: dimensions restricted.
        single: whether one period is asked: it needs no join with the list of periods. Not for cohorts.
        named: whether the rates that are lacking are named, which costs more than counting rows that lack one.
        periods, members: how many periods are asked and how many members each filter permits, where the dialect
            expands lists.
    """

    by: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    single: bool = False
    named: bool = False
    periods: int = 1
    members: tuple[int, ...] = ()


class Parts:
    """What all kinds share. Joins are written as dimensions are reached, parameters noted as they are used.

    Attributes:
        views: the canonical views read, the base first.
        parameters: the parameters used.
        dimensions: SQL of what is grouped by.
    """

    def __init__(self, definition: RowsDefinition, shape: Shape, dialect: SqlDialect, schema: Schema) -> None:
        self.definition = definition
        self.shape = shape
        self.dialect = dialect
        self.schema = schema
        self.views: dict[str, None] = {definition.base: None}
        self.parameters: dict[str, None] = {}
        self._aliases: dict[tuple[str, ...], str] = {}
        self.joins: list[str] = []
        self.dimensions = [self._dimension(name) for name in shape.by]
        self._filters = [self._dimension(name) for name in shape.filters]
        if isinstance(definition.currency, Conversion):
            self.views[_FX_VIEW] = None

    def parameter(self, name: str) -> str:
        """SQL of a scalar parameter."""
        self.parameters[name] = None
        return f"${name}"

    def day(self, name: str) -> str:
        """SQL of a parameter that is a day. The cast lets the statement run again from values that were printed."""
        return f"CAST({self.parameter(name)} AS DATE)"

    def number(self, expression: str) -> str:
        return f"CAST({expression} AS {self.dialect.number})"

    def periods(self, columns: Mapping[str, str]) -> str:
        """A SELECT of a row for each period, from parameter to the column it fills."""
        sql, parameters = self.dialect.periods(columns, self.shape.periods)
        self.parameters |= dict.fromkeys(parameters)
        return sql

    def rates(self, rate_day: str) -> list[str]:
        """The join with exchange rates of `rate_day`; empty when nothing is converted."""
        rule = self.definition.currency
        if not isinstance(rule, Conversion):
            return []
        return [
            f"LEFT JOIN {_FX_VIEW} AS fx ON fx.from_currency = base.{rule.code} "
            f"AND fx.to_currency = {self.parameter('currency')} AND fx.day = {rate_day}"
        ]

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
            lacking = f"{code} IS DISTINCT FROM {self.parameter('currency')} AND fx.rate IS NULL AND ({given})"
            text = f"coalesce({code}, 'an amount without a currency') || ' on ' || CAST({rate_day} AS VARCHAR)"
        lacking += f" AND {condition}" if condition else ""
        return self.dialect.texts_where(text, lacking) if self.shape.named else self.dialect.count_where(lacking)

    def amount(self, name: str) -> str:
        """SQL of a column, converted where it is an amount."""
        return self.dialect.expression(self._column(name))

    def condition(self, text: str | None, replaced: Mapping[str, str] | None = None) -> str:
        """SQL of a condition, names in `replaced` put in; empty when there is none."""
        if text is None:
            return ""
        known = (*self.schema.columns(self.definition.base), *(replaced or {}))
        return f"({self.dialect.expression(self._placed(parse_condition(text, known), replaced))})"

    def aggregate(self, text: str, only: str | None = None) -> str:
        """SQL of an expression over aggregates; of one aggregate over the rows that meet `only`."""
        known = self.schema.columns(self.definition.base)
        tree = self._placed(parse_aggregate(text, known))
        if only is not None:
            condition = self._placed(parse_condition(only, known))
            tree = exp.Filter(this=tree, expression=exp.Where(this=condition))
        return self.dialect.expression(tree)

    def partials(self, text: str, step: str) -> tuple[list[str], str]:
        """An expression in two steps: its aggregates over a part of the rows, and of these the value of the whole.

        The first are columns `part_<n>` of `step`. Sums of sums and counts, and extremes of extremes: nothing else.
        """
        tree = self._placed(parse_aggregate(text, self.schema.columns(self.definition.base)))
        first: list[str] = []
        for node in list(tree.find_all(exp.Sum, exp.Count, exp.Min, exp.Max)):
            whole = node.parent if isinstance(node.parent, exp.Filter) else node
            assert isinstance(whole, exp.Expression)
            column = exp.column(f"part_{len(first)}", table=step)
            first.append(f"{self.dialect.expression(whole)} AS {column.name}")
            again = exp.Sum(this=column) if isinstance(node, exp.Count) else type(node)(this=column)
            assert isinstance(again, exp.Expression)
            if whole is tree:
                tree = again
            else:
                whole.replace(again)
        return first, self.dialect.expression(tree)

    def results(self, value: str, below: str, counted: str, missing: str) -> list[str]:
        """The columns that every statement ends with."""
        return [
            f"{self.number(value)} AS value",
            f"{self.number(below)} AS denominator",
            f"{counted} AS row_count",
            f"{missing} AS missing_rates",
        ]

    def gathered(self, column: str) -> str:
        """What `missing` said of parts of the rows, for the whole."""
        if self.definition.currency is None:
            return "0"
        return self.dialect.texts_of(column) if self.shape.named else f"CAST(sum({column}) AS BIGINT)"

    def where(self, *conditions: str) -> list[str]:
        """All of `conditions` that aren't empty, and the filters asked for."""
        given = [text for text in conditions if text]
        counts = self.shape.members or (1,) * len(self._filters)
        for index, (sql, count) in enumerate(zip(self._filters, counts, strict=True)):
            condition, parameters = self.dialect.among(sql, f"filter_{index}", count)
            self.parameters |= dict.fromkeys(parameters)
            given.append(condition)
        return given

    def named_dimensions(self) -> list[str]:
        return [f"{sql} AS dim_{index}" for index, sql in enumerate(self.dimensions)]

    def _placed(self, tree: exp.Expression, replaced: Mapping[str, str] | None = None) -> exp.Expression:
        """The tree with its columns qualified, amounts converted, and names in `replaced` put in."""
        placed = tree.copy()
        for quotient in placed.find_all(exp.Div):
            if not isinstance(quotient.expression, exp.Literal):
                # Nothing to divide by is NULL on every engine: DuckDB would say infinity, Snowflake fail.
                quotient.set("expression", exp.Nullif(this=quotient.expression, expression=exp.Literal.number(0)))
        for percentile in placed.find_all(exp.PercentileCont):
            # A percentile of a DECIMAL would be rounded to its places.
            percentile.set("this", exp.cast(percentile.this, "DOUBLE", copy=False))
        for node in list(placed.find_all(exp.Column)):
            sql = (replaced or {}).get(node.name)
            put = exp.var(sql) if sql else self._column(node.name)
            if isinstance(put, exp.Mul):
                put = exp.paren(put, copy=False)
            if node is placed:
                return put
            node.replace(put)
        return placed

    def _column(self, name: str) -> exp.Expression:
        rule = self.definition.currency
        column = exp.column(name, table="base")
        if not (isinstance(rule, Conversion) and name in rule.amounts):
            return column
        # One product for all rows: a CASE over amounts of different scales would round them to the smaller one.
        same = exp.EQ(this=exp.column(rule.code, table="base"), expression=exp.var(self.parameter("currency")))
        rate = exp.Case(ifs=[exp.If(this=same, true=exp.Literal.number(1))], default=exp.column("rate", table="fx"))
        return exp.Mul(this=column, expression=rate)

    def _dimension(self, name: str) -> str:
        path = self.schema.resolve_path(self.definition.base, self.definition.dimensions[name])
        return f"coalesce(CAST({self._reach(path)}.{path.column} AS VARCHAR), '{NOT_SET}')"

    def _reach(self, path: Path) -> str:
        here = "base"
        for end, hop in enumerate(path.hops, start=1):
            route = tuple(f"{hop.column}.{hop.view}" for hop in path.hops[:end])
            if route not in self._aliases:
                alias = f"{hop.view}_{len(self._aliases)}"
                self._aliases[route] = alias
                self.joins.append(f"LEFT JOIN {hop.view} AS {alias} ON {alias}.{hop.key} = {here}.{hop.column}")
                self.views[hop.view] = None
            here = self._aliases[route]
        return here


def select(
    columns: Iterable[str], source: str, joins: Iterable[str] = (), where: Sequence[str] = (), by: Sequence[str] = ()
) -> str:
    """A SELECT, laid out a line for each part."""
    lines = ["SELECT", _listed(columns), f"FROM {source}", *joins]
    if where:
        lines += ["WHERE", "  " + "\n  AND ".join(where)]
    if by:
        lines += ["GROUP BY", _listed(by)]
    return "\n".join(lines)


def with_steps(steps: Sequence[tuple[str, str]], final: str) -> str:
    """A SELECT that stands on others, each with its name."""
    if not steps:
        return final
    written = ",\n".join(f"{name} AS (\n{_indented(sql)}\n)" for name, sql in steps)
    return f"WITH {written}\n{final}"


def _listed(items: Iterable[str]) -> str:
    return ",\n".join(f"  {item}" for item in items)


def _indented(sql: str) -> str:
    return "\n".join(f"  {line}" for line in sql.split("\n"))
