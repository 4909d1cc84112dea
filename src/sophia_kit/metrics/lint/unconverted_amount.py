"""`unconverted-amount`: amounts of several currencies aren't added up as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from sophia_kit.metrics.definition import Conversion, RowsDefinition
from sophia_kit.metrics.lint.expressions import expressions
from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    if not isinstance(definition, RowsDefinition) or definition.unit != "money":
        return
    rule = definition.currency
    if not isinstance(rule, Conversion):
        return
    for where, tree in expressions(definition):
        for node in tree.find_all(exp.Sum, exp.Avg, exp.Min, exp.Max, exp.PercentileCont):
            names = {column.name for column in node.find_all(exp.Column)}
            if names and not names & set(rule.amounts):
                listed = " and ".join(sorted(names))
                yield Remark(
                    where,
                    f"{node.sql('duckdb').lower()} is money that isn't converted",
                    f"Add {listed} to currency.amounts.",
                )


RULE = Rule("unconverted-amount", _check)
