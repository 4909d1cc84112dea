"""The canonical views in Snowflake's dialect.

A model inside the portable subset is written by sqlglot; `PORTABLE` lists the constructs that may stand in it, and the
tests run each on both engines. A model outside of it has a file of its own in `models/snowflake/`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import sqlglot
from sqlglot import exp

from sophia_kit.core.errors import DefinitionError
from sophia_kit.warehouse.canonical import model_references, models

__all__ = ["PORTABLE", "own_models", "portable", "snowflake_models"]

PORTABLE: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.From, exp.Where, exp.Table, exp.TableAlias, exp.Column, exp.Identifier, exp.Alias, exp.Literal,
    exp.Boolean, exp.Null, exp.Paren, exp.Star, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT,
    exp.GTE, exp.Is, exp.In, exp.Between, exp.Add, exp.Sub, exp.Interval, exp.Var, exp.Coalesce, exp.Case, exp.If,
    exp.Join, exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Group, exp.Having, exp.Count, exp.Min, exp.Max,
    exp.LogicalOr, exp.LogicalAnd, exp.Window, exp.WindowSpec, exp.Order, exp.Ordered, exp.RowNumber, exp.Lead,
    exp.Lag, exp.Qualify, exp.DPipe, exp.Lower, exp.Upper, exp.Trim, exp.Distinct,
)  # fmt: skip
"""No sum, product or cast: their types differ between the engines. A model that needs one has a file of its own."""


@cache
def own_models() -> dict[str, str]:
    """The models that have a file of their own for Snowflake, by view."""
    folder = resources.files("sophia_kit.warehouse") / "models" / "snowflake"
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8").rstrip().rstrip(";")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }


@cache
def snowflake_models() -> dict[str, str]:
    """SQL by view name, each view after those it reads; without the views of the kit's own loads, which aren't here.

    Raises:
        DefinitionError: a model holds what isn't portable and has no file of its own.
    """
    found = {}
    for name, sql in models().items():
        if any(table.startswith("raw.") for table in model_references()[name]):
            found[name] = own_models().get(name) or portable(name, sql)
    return found


def portable(name: str, sql: str) -> str:
    """A model of DuckDB's dialect in Snowflake's.

    Raises:
        DefinitionError: it holds a construct that isn't in `PORTABLE`.
    """
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    for node in tree.walk():
        if not isinstance(node, PORTABLE):
            raise DefinitionError(
                f"{node.sql('duckdb')} isn't portable ({type(node).__name__}).",
                file=f"warehouse/models/{name}.sql",
                hint=f"Say it otherwise, or write models/snowflake/{name}.sql; see docs/snowflake.md.",
            )
    return tree.sql("snowflake", pretty=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)
