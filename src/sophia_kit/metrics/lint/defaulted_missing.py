"""`defaulted-missing`: what is missing stays unknown; no constant stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from sophia_kit.metrics.lint.expressions import expressions
from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    for where, tree in expressions(definition):
        for node in tree.find_all(exp.Coalesce):
            if any(isinstance(item, exp.Literal) for item in node.expressions) and not _sums(node):
                yield Remark(
                    where,
                    f"{node.sql('duckdb').lower()} puts a constant where a value is missing",
                    "Leave coalesce out: what isn't known is unknown.",
                )


def _sums(node: exp.Coalesce) -> bool:
    """Whether it is a sum of nothing, which is 0."""
    zero = all(isinstance(item, exp.Literal) and item.this == "0" for item in node.expressions)
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    return zero and (isinstance(inner, exp.Sum | exp.Count) or isinstance(node.parent, exp.Sum))


RULE = Rule("defaulted-missing", _check)
