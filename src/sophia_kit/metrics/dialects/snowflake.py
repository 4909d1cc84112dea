"""Snowflake's dialect: no FILTER, lists as a parameter for each item, division and averages in floating point.

Snowflake divides NUMBERs to six further places and averages them likewise; DuckDB does both in DOUBLE. Both are done
in DOUBLE here too, so that a metric has one meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.snowflake import Snowflake as Grammar

__all__ = ["Snowflake"]

_BETWEEN_TEXTS = "|"


class Snowflake:
    number = "NUMBER(38, 12)"
    expands_lists = True

    def expression(self, tree: exp.Expression) -> str:
        rewritten = tree.copy()
        for found in list(rewritten.find_all(exp.Filter)):
            replaced = _filtered(found)
            if found is rewritten:
                rewritten = replaced
            else:
                found.replace(replaced)
        for node in list(rewritten.find_all(exp.Div, exp.Avg)):
            _in_double(node)
        return Grammar().generate(rewritten, copy=False, unsupported_level=ErrorLevel.RAISE)

    def count_where(self, condition: str) -> str:
        return f"count(CASE WHEN {condition} THEN 1 END)"

    def texts_where(self, text: str, condition: str) -> str:
        return f"listagg(DISTINCT CASE WHEN {condition} THEN {text} END, '{_BETWEEN_TEXTS}')"

    def texts_of(self, column: str) -> str:
        return f"listagg({column}, '{_BETWEEN_TEXTS}')"

    def read_texts(self, value: Any) -> list[str]:
        return [text for text in str(value or "").split(_BETWEEN_TEXTS) if text]

    def periods(self, columns: Mapping[str, str], count: int) -> tuple[str, tuple[str, ...]]:
        selects = [
            ", ".join(f"CAST(${parameter}_{index} AS DATE) AS {column}" for parameter, column in columns.items())
            for index in range(count)
        ]
        names = tuple(f"{parameter}_{index}" for index in range(count) for parameter in columns)
        return "SELECT " + "\nUNION ALL SELECT ".join(selects), names

    def within_period(self, time: str, opening: str) -> tuple[tuple[tuple[str, str], ...], str, str]:
        return (), f"JOIN periods ON {time} BETWEEN periods.{opening} AND periods.period_end", "periods"

    def among(self, expression: str, parameter: str, count: int) -> tuple[str, tuple[str, ...]]:
        names = tuple(f"{parameter}_{index}" for index in range(count))
        return f"{expression} IN ({', '.join(f'${name}' for name in names)})", names

    def bind(self, parameter: str, items: Sequence[Any]) -> dict[str, Any]:
        return {f"{parameter}_{index}": item for index, item in enumerate(items)}


def _filtered(node: exp.Filter) -> exp.Expression:
    """`sum(x) FILTER (WHERE c)` as `sum(CASE WHEN c THEN x END)`: aggregates pass NULL over."""
    aggregate, condition = node.this, node.expression.this

    def only_where(value: exp.Expression) -> exp.Case:
        return exp.Case(ifs=[exp.If(this=condition.copy(), true=value)])

    inner = aggregate.this
    if isinstance(inner, exp.Star):
        aggregate.set("this", only_where(exp.Literal.number(1)))
    elif isinstance(inner, exp.Distinct):
        inner.set("expressions", [only_where(item) for item in inner.expressions])
    else:
        aggregate.set("this", only_where(inner))
    assert isinstance(aggregate, exp.Expression)
    return aggregate


def _in_double(node: exp.Expression) -> None:
    for key in ("this", "expression"):
        operand = node.args.get(key)
        if isinstance(operand, exp.Expression):
            node.set(key, exp.cast(operand, "DOUBLE", copy=False))
