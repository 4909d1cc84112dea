"""What the expression language permits, and what it says of the rest."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from sophia_kit.metrics.expression import (
    ExpressionError,
    evaluate_formula,
    parse_aggregate,
    parse_condition,
    parse_formula,
    parse_requirement,
    requirement_holds,
)

COLUMNS = ("amount", "status", "is_won", "day")


@pytest.mark.parametrize(
    "text",
    [
        "sum(amount)",
        "12 * sum(amount)",
        "-sum(amount)",
        "count(*)",
        "count(DISTINCT status)",
        "count(*) FILTER (WHERE status = 'failed' AND NOT is_won)",
        "sum(amount) / nullif(count(*), 0)",
        "min(day)",
        "avg(CASE WHEN is_won THEN amount ELSE 0 END)",
        "coalesce(max(amount), 0)",
    ],
)
def test_aggregates_that_are_permitted(text: str) -> None:
    assert parse_aggregate(text, COLUMNS).sql("duckdb")


@pytest.mark.parametrize(
    "text", ["is_won", "status IN ('a', 'b')", "amount BETWEEN 1 AND 2 OR day IS NULL", "amount + 1 > 3"]
)
def test_conditions_that_are_permitted(text: str) -> None:
    assert parse_condition(text, COLUMNS).sql("duckdb")


@pytest.mark.parametrize(
    ("parse", "text", "message", "hint"),
    [
        (parse_aggregate, "summ(amount)", "function 'summ' isn't permitted", "sum"),
        (parse_aggregate, "median(amount)", "function 'median' isn't permitted", "min"),
        (parse_aggregate, "sum(amonut)", "unknown column 'amonut'", "amount"),
        (parse_aggregate, "sum(other.amount)", "names a table", "base alone"),
        (parse_aggregate, "amount", "aggregates nothing", "sum"),
        (parse_aggregate, "sum(amount) + amount", "outside an aggregate", "sum(amount)"),
        (parse_aggregate, "sum(count(amount))", "inside another", "once"),
        (parse_aggregate, "sum((SELECT 1))", "isn't permitted", "docs/metrics.md"),
        (parse_aggregate, "sum(amount", "doesn't parse", "brackets"),
        (parse_aggregate, "sum(amount) OVER ()", "isn't permitted", "docs/metrics.md"),
        (parse_aggregate, "sum(amount); DROP TABLE x", "isn't permitted", "docs/metrics.md"),
        (parse_aggregate, "min(amount, day)", "takes one value", "sum(amount)"),
        (parse_aggregate, "max(amount, 3)", "takes one value", "sum(amount)"),
        (parse_aggregate, "sum(*)", "takes one value", "count(*)"),
        (parse_aggregate, "count()", "takes one value", "count(*)"),
        (parse_condition, "sum(amount) > 3", "can't hold SUM(amount)", "expression"),
        (parse_condition, "lower(status) = 'a'", "function 'lower' isn't permitted", "Known"),
        (parse_condition, "read_csv('x') IS NULL", "isn't permitted", "Known"),
        (parse_formula, "amount % 2", "isn't permitted", "docs/metrics.md"),
        (parse_formula, "amuont / day", "unknown input 'amuont'", "amount"),
        (parse_formula, "abz(amount)", "function 'abz' isn't permitted", "abs"),
        (parse_formula, "amount / 'two'", "'two' is no number", "arithmetic"),
        (parse_requirement, "status = 'won'", "'won' is no number", "arithmetic"),
        (parse_requirement, "amount", "compares nothing", "churn > 0"),
        (parse_requirement, "amount > 0 AND day > 0", "compares nothing", "churn > 0"),
        (parse_requirement, "amuont > 0", "unknown input 'amuont'", "amount"),
        (parse_requirement, "coalesce(amount, 1) > 0", "function 'coalesce' isn't permitted", "abs"),
    ],
)
def test_what_is_refused_says_why_and_what_would_be_right(
    parse: Callable[[str, tuple[str, ...]], object], text: str, message: str, hint: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text, COLUMNS)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a / b", Fraction(1, 3)),
        ("-(a - b) * 2 + 0.5", Fraction(9, 2)),
        ("a + b", Fraction(4)),
        ("1 - abs(a - b) / b", Fraction(1, 3)),
    ],
)
def test_a_formula_is_exact(text: str, expected: Fraction) -> None:
    assert evaluate_formula(parse_formula(text, ("a", "b")), {"a": Fraction(1), "b": Fraction(3)}) == expected


@pytest.mark.parametrize(
    ("text", "holds"),
    [("a > 0", True), ("a >= b", False), ("a < b", True), ("b <= 3", True), ("a = b / 3", True), ("a <> 1", False)],
)
def test_a_requirement_compares_exactly(text: str, holds: bool) -> None:
    values = {"a": Fraction(1), "b": Fraction(3)}
    assert requirement_holds(parse_requirement(text, ("a", "b")), values) == holds
