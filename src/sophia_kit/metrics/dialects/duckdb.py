"""DuckDB's dialect: lists are bound as lists, and a day meets its period by a join of equals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import ErrorLevel, exp
from sqlglot.dialects.duckdb import DuckDB as Grammar

__all__ = ["DuckDB"]


class DuckDB:
    number = "DECIMAL(38, 12)"
    expands_lists = False

    def expression(self, tree: exp.Expression) -> str:
        return Grammar().generate(tree, copy=False, unsupported_level=ErrorLevel.RAISE)

    def count_where(self, condition: str) -> str:
        return f"count(*) FILTER (WHERE {condition})"

    def texts_where(self, text: str, condition: str) -> str:
        return f"array_agg(DISTINCT {text}) FILTER (WHERE {condition})"

    def texts_of(self, column: str) -> str:
        return f"flatten(array_agg({column}) FILTER (WHERE {column} IS NOT NULL))"

    def read_texts(self, value: Any) -> list[str]:
        return list(value or ())

    def periods(self, columns: Mapping[str, str], count: int) -> tuple[str, tuple[str, ...]]:
        # The cast lets the statement run again from values that were printed.
        listed = (f"unnest(CAST(${parameter} AS DATE[])) AS {column}" for parameter, column in columns.items())
        return f"SELECT {', '.join(listed)}", tuple(columns)

    def within_period(self, time: str, opening: str) -> tuple[tuple[tuple[str, str], ...], str, str]:
        # A hash join on the day; a join on BETWEEN would compare each row with each period.
        span = f"generate_series({opening}, period_end, INTERVAL 1 DAY)"
        days = f"SELECT period_start, CAST(unnest({span}) AS DATE) AS day\nFROM periods"
        return (("days", days),), f"JOIN days ON days.day = {time}", "days"

    def among(self, expression: str, parameter: str, count: int) -> tuple[str, tuple[str, ...]]:
        return f"list_contains(${parameter}, {expression})", (parameter,)

    def bind(self, parameter: str, items: Sequence[Any]) -> dict[str, Any]:
        return {parameter: list(items)}
