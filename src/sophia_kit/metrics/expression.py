"""The expression language: a small part of SQL, parsed and checked against an allow-list.

An aggregate expression combines `sum`, `count`, `count(DISTINCT ...)`, `avg`, `min`, `max` and `quantile_cont`, each
with a `FILTER (WHERE ...)` of its own where wanted. A condition compares columns and literals. A formula, for derived
metrics, is arithmetic over names, with `abs`; a requirement compares such formulas. Whatever isn't listed here is
refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sophia_kit.core.suggest import nearest

__all__ = [
    "ExpressionError",
    "adds_up",
    "evaluate_formula",
    "parse_aggregate",
    "parse_condition",
    "parse_formula",
    "parse_requirement",
    "requirement_holds",
]

_AGGREGATES: tuple[type[exp.Expression], ...] = (
    exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max, exp.PercentileCont,
)  # fmt: skip
_ARITHMETIC: tuple[type[exp.Expression], ...] = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren, exp.Literal, exp.Column, exp.Identifier,
)  # fmt: skip
_SCALAR: tuple[type[exp.Expression], ...] = (
    *_ARITHMETIC,
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Is,
    exp.Null, exp.Boolean, exp.Case, exp.If, exp.Coalesce, exp.Nullif,
)  # fmt: skip
_COMPARISONS: dict[type[exp.Expression], Callable[[Fraction, Fraction], bool]] = {
    exp.EQ: operator.eq, exp.NEQ: operator.ne, exp.GT: operator.gt, exp.GTE: operator.ge, exp.LT: operator.lt,
    exp.LTE: operator.le,
}  # fmt: skip
_FORMULA: tuple[type[exp.Expression], ...] = (*_ARITHMETIC, exp.Abs)
_AROUND_AGGREGATES: tuple[type[exp.Expression], ...] = (exp.Filter, exp.Where, exp.Distinct, exp.Star)
FUNCTIONS = ("sum", "count", "avg", "min", "max", "quantile_cont", "coalesce", "nullif")
FORMULA_FUNCTIONS = ("abs",)


class ExpressionError(ValueError):
    """What is wrong with an expression. `hint` says what would be right; a DefinitionError locates it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def parse_aggregate(text: str, columns: Iterable[str]) -> exp.Expression:
    """An expression over aggregates of `columns`."""
    tree = _parse(text)
    _check(tree, (*_SCALAR, *_AGGREGATES, *_AROUND_AGGREGATES))
    _check_columns(tree, columns)
    aggregates = list(tree.find_all(*_AGGREGATES))
    if not aggregates:
        raise ExpressionError("the expression aggregates nothing", "Use sum, count, avg, min or max.")
    for aggregate in aggregates:
        if aggregate.find_ancestor(*_AGGREGATES):
            raise ExpressionError("an aggregate stands inside another", "Aggregate once.")
    for column in tree.find_all(exp.Column):
        if not column.find_ancestor(*_AGGREGATES, exp.Filter):
            raise ExpressionError(f"column {column.name!r} stands outside an aggregate", f"Say sum({column.name}).")
    for several in tree.find_all(exp.Distinct):
        if len(several.expressions) != 1 or not isinstance(several.parent, exp.Count):
            raise ExpressionError(f"{several.sql('duckdb')!r} isn't permitted here", "Say count(DISTINCT column).")
    for aggregate in aggregates:
        _check_arguments(aggregate)
    for percentile in tree.find_all(exp.PercentileCont):
        _check_percentile(percentile)
    return tree


def _check_arguments(node: exp.Expression) -> None:
    """One column or value, and a star for a count alone: engines take others for different functions."""
    inner = node.this
    starred = isinstance(inner, exp.Star)
    if inner is None or node.expressions or (starred and not isinstance(node, exp.Count)):
        raise ExpressionError(
            f"{node.sql('duckdb').lower()!r} isn't permitted: an aggregate takes one value",
            "Say e.g. sum(amount), and count(*) for rows.",
        )


def _check_percentile(node: exp.Expression) -> None:
    share = node.args.get("expression")
    if not isinstance(share, exp.Literal) or share.is_string or not 0 < Fraction(share.this) < 1:
        raise ExpressionError(
            f"{node.sql('duckdb').lower()} names no percentile", "Say e.g. quantile_cont(amount, 0.95)."
        )


def adds_up(tree: exp.Expression, counted_once: Collection[str] = (), inputs: Collection[str] = ()) -> bool:
    """Whether the values of parts of the rows sum to the value of all: a sum of sums and counts, each maybe scaled.

    `counted_once`: columns of which no value is found in two of the parts, so that distinct counts add up too.
    `inputs`: of a formula those that add up themselves.
    """

    def holds(part: exp.Expression) -> bool:
        return adds_up(part, counted_once, inputs)

    if isinstance(tree, exp.Paren | exp.Neg | exp.Filter):
        return holds(tree.this)
    if isinstance(tree, exp.Add | exp.Sub):
        return holds(tree.this) and holds(tree.expression)
    if isinstance(tree, exp.Mul):
        sides = (tree.this, tree.expression)
        return any(_constant(a) and holds(b) for a, b in (sides, sides[::-1]))
    if isinstance(tree, exp.Div):
        return holds(tree.this) and _constant(tree.expression)
    if isinstance(tree, exp.Coalesce):
        others = tree.expressions
        zero = all(isinstance(item, exp.Literal) and item.this == "0" for item in others)
        return zero and holds(tree.this)
    if isinstance(tree, exp.Count) and isinstance(tree.this, exp.Distinct):
        return tree.this.expressions[0].name in counted_once
    if isinstance(tree, exp.Column):
        return tree.name in inputs
    return isinstance(tree, exp.Sum | exp.Count)


def _constant(tree: exp.Expression) -> bool:
    if isinstance(tree, exp.Paren | exp.Neg):
        return _constant(tree.this)
    return isinstance(tree, exp.Literal)


def parse_condition(text: str, columns: Iterable[str]) -> exp.Expression:
    """A condition on one row."""
    tree = _parse(text)
    aggregate = tree.find(*_AGGREGATES)
    if aggregate is not None:
        raise ExpressionError(
            f"a filter looks at one row, so it can't hold {aggregate.sql('duckdb')}",
            "Put aggregates into the expression.",
        )
    _check(tree, _SCALAR)
    _check_columns(tree, columns)
    return tree


def parse_formula(text: str, names: Iterable[str]) -> exp.Expression:
    """Arithmetic over `names`."""
    tree = _parse(text)
    _check_formula(tree)
    _check_columns(tree, names, kind="input")
    return tree


def parse_requirement(text: str, names: Iterable[str]) -> exp.Expression:
    """A comparison of two formulas over `names`."""
    tree = _parse(text)
    if type(tree) not in _COMPARISONS:
        raise ExpressionError(f"{text!r} compares nothing", "Say e.g. churn > 0.")
    for side in (tree.this, tree.expression):
        _check_formula(side)
    _check_columns(tree, names, kind="input")
    return tree


def requirement_holds(tree: exp.Expression, values: Mapping[str, Fraction]) -> bool:
    """Whether the comparison holds.

    Raises:
        ZeroDivisionError: one of its sides divides by zero.
    """
    return _COMPARISONS[type(tree)](evaluate_formula(tree.this, values), evaluate_formula(tree.expression, values))


def evaluate_formula(tree: exp.Expression, values: Mapping[str, Fraction]) -> Fraction:
    """The formula's exact value.

    Raises:
        ZeroDivisionError: it divides by zero.
    """
    if isinstance(tree, exp.Column):
        return values[tree.name]
    if isinstance(tree, exp.Literal):
        return Fraction(tree.this)
    if isinstance(tree, exp.Paren):
        return evaluate_formula(tree.this, values)
    if isinstance(tree, exp.Neg):
        return -evaluate_formula(tree.this, values)
    if isinstance(tree, exp.Abs):
        return abs(evaluate_formula(tree.this, values))
    left, right = evaluate_formula(tree.this, values), evaluate_formula(tree.expression, values)
    if isinstance(tree, exp.Add):
        return left + right
    if isinstance(tree, exp.Sub):
        return left - right
    if isinstance(tree, exp.Mul):
        return left * right
    return left / right


@lru_cache(maxsize=4096)
def _parse(text: str) -> exp.Expression:
    """The tree of a text, parsed once. Who changes it copies it before."""
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as error:
        first = str(error).splitlines()[0].split(". Line")[0]
        raise ExpressionError(f"{text!r} doesn't parse: {first}", "Check brackets, quotes and commas.") from None
    assert isinstance(tree, exp.Expression)
    return tree


def _check(
    tree: exp.Expression, allowed: tuple[type[exp.Expression], ...], functions: tuple[str, ...] = FUNCTIONS
) -> None:
    for node in tree.walk():
        if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
            raise ExpressionError(f"{node.sql('duckdb')!r} isn't permitted", "IS goes with NULL: say e.g. paid = true.")
        if isinstance(node, allowed):
            continue
        if isinstance(node, exp.Func):
            name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
            raise ExpressionError(f"function {name!r} isn't permitted", nearest(name, functions))
        raise ExpressionError(
            f"{node.sql('duckdb')!r} isn't permitted ({type(node).__name__.lower()})",
            "docs/metrics.md lists what an expression may hold.",
        )


def _check_formula(tree: exp.Expression) -> None:
    _check(tree, _FORMULA, FORMULA_FUNCTIONS)
    for literal in tree.find_all(exp.Literal):
        if literal.is_string:
            raise ExpressionError(f"{literal.sql('duckdb')} is no number", "A formula is arithmetic over its inputs.")


def _check_columns(tree: exp.Expression, columns: Iterable[str], kind: str = "column") -> None:
    known = set(columns)
    for column in tree.find_all(exp.Column):
        if column.table:
            raise ExpressionError(
                f"{column.sql('duckdb')!r} names a table", "An expression reads columns of its base alone."
            )
        if column.name not in known:
            raise ExpressionError(f"unknown {kind} {column.name!r}", nearest(column.name, known))
