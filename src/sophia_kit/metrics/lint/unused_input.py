"""`unused-input`: what a metric says that it derives from takes part in its formula."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from sophia_kit.metrics.definition import DerivedDefinition
from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    if not isinstance(definition, DerivedDefinition):
        return
    texts = [definition.expression, *(item.condition for item in definition.requires)]
    trees = [sqlglot.parse_one(text, dialect="duckdb") for text in texts]
    used = {column.name for tree in trees for column in tree.find_all(exp.Column)}
    for name in definition.inputs:
        if name not in used:
            yield Remark(
                ("inputs", name), f"{name} isn't used: it can only make the value unknown", "Use it, or leave it out."
            )


RULE = Rule("unused-input", _check)
