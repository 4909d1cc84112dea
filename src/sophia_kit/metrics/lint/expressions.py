"""The aggregate expressions of a definition, parsed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from sophia_kit.metrics.definition import (
    CumulativeDefinition,
    PointInTimeDefinition,
    RatioDefinition,
    SimpleDefinition,
)

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition

__all__ = ["expressions"]


def expressions(definition: Definition) -> Iterator[tuple[tuple[str, ...], exp.Expression]]:
    """Each with the keys that lead to it. The definition loads, so they parse."""
    texts: dict[tuple[str, ...], str] = {}
    if isinstance(definition, SimpleDefinition | CumulativeDefinition | PointInTimeDefinition):
        texts["expression",] = definition.expression
    if isinstance(definition, RatioDefinition):
        texts["numerator", "expression"] = definition.numerator.expression
        texts["denominator", "expression"] = definition.denominator.expression
    for where, text in texts.items():
        tree = sqlglot.parse_one(text, dialect="duckdb")
        assert isinstance(tree, exp.Expression)
        yield where, tree
