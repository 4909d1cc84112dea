"""Which formulas can be taken apart by a dimension: sums of inputs, and one such sum over another."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

__all__ = ["Quotient", "is_sum", "quotient_of"]


@dataclass(frozen=True, slots=True)
class Quotient:
    """A formula as one sum over another: their expressions, and the inputs that each names."""

    numerator: str
    denominator: str
    above: frozenset[str]
    below: frozenset[str]


def is_sum(tree: exp.Expression) -> bool:
    """Whether the formula of a whole is the sum of its members' formulas: a weighted sum without a constant term."""
    if isinstance(tree, exp.Column):
        return True
    if isinstance(tree, exp.Paren | exp.Neg):
        return is_sum(tree.this)
    if isinstance(tree, exp.Add | exp.Sub):
        return is_sum(tree.this) and is_sum(tree.expression)
    if isinstance(tree, exp.Mul):
        return (_is_constant(tree.this) and is_sum(tree.expression)) or (
            is_sum(tree.this) and _is_constant(tree.expression)
        )
    if isinstance(tree, exp.Div):
        return is_sum(tree.this) and _is_constant(tree.expression)
    return False


def quotient_of(tree: exp.Expression) -> Quotient | None:
    """The formula as one sum over another; None when it is nothing of this kind."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if not isinstance(tree, exp.Div) or not is_sum(tree.this) or not is_sum(tree.expression):
        return None
    above, below = tree.this, tree.expression
    return Quotient(above.sql("duckdb"), below.sql("duckdb"), _names(above), _names(below))


def _is_constant(tree: exp.Expression) -> bool:
    return tree.find(exp.Column) is None


def _names(tree: exp.Expression) -> frozenset[str]:
    return frozenset(column.name for column in tree.find_all(exp.Column))
