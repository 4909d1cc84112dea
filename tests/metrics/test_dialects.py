"""One expression, two dialects: a table of what is written for each, and what runs on DuckDB."""

from __future__ import annotations

import re
from itertools import product

import pytest
from tests.metrics.shops import CATALOGUE as SHOPS
from tests.metrics.shops import SCHEMA

from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.compile import Shape, compile_metric
from sophia_kit.metrics.definition import CohortDefinition, RowsDefinition, SimpleDefinition
from sophia_kit.metrics.dialects import dialect_of
from sophia_kit.metrics.expression import ExpressionError, adds_up, parse_aggregate
from sophia_kit.metrics.statement import Parts
from sophia_kit.warehouse import Dialect

CATALOGUE = Catalogue.load()
TAKINGS = SHOPS.get("takings")

TABLE = [
    ("sum(amount)", "SUM(base.amount)", "SUM(base.amount)"),
    (
        "sum(amount) FILTER (WHERE buyer = 'ann')",
        "SUM(base.amount) FILTER(WHERE base.buyer = 'ann')",
        "SUM(CASE WHEN base.buyer = 'ann' THEN base.amount END)",
    ),
    (
        "count(*) FILTER (WHERE amount > 1)",
        "COUNT(*) FILTER(WHERE base.amount > 1)",
        "COUNT(CASE WHEN base.amount > 1 THEN 1 END)",
    ),
    (
        "count(DISTINCT buyer) FILTER (WHERE amount > 1)",
        "COUNT(DISTINCT base.buyer) FILTER(WHERE base.amount > 1)",
        "COUNT(DISTINCT CASE WHEN base.amount > 1 THEN base.buyer END)",
    ),
    ("avg(amount)", "AVG(base.amount)", "AVG(CAST(base.amount AS DOUBLE))"),
    (
        "sum(amount) / count(*)",
        "SUM(base.amount) / NULLIF(COUNT(*), 0)",
        "CAST(SUM(base.amount) AS DOUBLE) / CAST(NULLIF(COUNT(*), 0) AS DOUBLE)",
    ),
    (
        "quantile_cont(amount, 0.95)",
        "QUANTILE_CONT(CAST(base.amount AS DOUBLE), 0.95)",
        "PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY CAST(base.amount AS DOUBLE))",
    ),
    (
        "quantile_cont(amount, 0.5) FILTER (WHERE buyer IS NOT NULL)",
        "QUANTILE_CONT(CAST(base.amount AS DOUBLE), 0.5) FILTER(WHERE NOT base.buyer IS NULL)",
        "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY CASE WHEN NOT base.buyer IS NULL "
        "THEN CAST(base.amount AS DOUBLE) END)",
    ),
    (
        r"sum(amount) FILTER (WHERE buyer = 'o''neill\')",
        r"SUM(base.amount) FILTER(WHERE base.buyer = 'o''neill\')",
        r"SUM(CASE WHEN base.buyer = 'o\'neill\\' THEN base.amount END)",
    ),
    (
        "-coalesce(sum(nullif(amount, 0)), 0)",
        "-COALESCE(SUM(NULLIF(base.amount, 0)), 0)",
        "-COALESCE(SUM(NULLIF(base.amount, 0)), 0)",
    ),
]


@pytest.mark.parametrize(("text", "duckdb", "snowflake"), TABLE)
def test_an_expression_is_written_for_each_dialect(text: str, duckdb: str, snowflake: str) -> None:
    assert isinstance(TAKINGS, RowsDefinition)
    written: dict[Dialect, str] = {"duckdb": duckdb, "snowflake": snowflake}
    for name, expected in written.items():
        parts = Parts(TAKINGS, Shape(), dialect_of(name), SCHEMA)
        assert parts.aggregate(text) == expected


def test_an_expression_s_tree_is_the_same_after_it_was_written() -> None:
    """It is parsed once and kept: writing it for one dialect must not change it for the other."""
    assert isinstance(TAKINGS, RowsDefinition)
    text = "sum(amount) FILTER (WHERE buyer = 'ann') / count(*)"
    before = repr(parse_aggregate(text, SCHEMA.columns("sales")))
    dialects: list[Dialect] = ["snowflake", "duckdb", "snowflake"]
    for name in dialects:
        Parts(TAKINGS, Shape(), dialect_of(name), SCHEMA).aggregate(text)
    assert repr(parse_aggregate(text, SCHEMA.columns("sales"))) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count(DISTINCT buyer, day)", "isn't permitted here"),
        ("sum(DISTINCT amount)", "isn't permitted here"),
        ("quantile_cont(amount, 95)", "names no percentile"),
        ("quantile_cont(amount, amount)", "names no percentile"),
        ("sum(amount) FILTER (WHERE (amount > 1) IS TRUE)", "isn't permitted"),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)", "isn't permitted"),
    ],
)
def test_what_the_dialects_would_understand_differently_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse_aggregate(text, SCHEMA.columns("sales"))


@pytest.mark.parametrize(
    ("text", "sums"),
    [
        ("sum(amount)", True),
        ("12 * sum(amount) - count(*) / 2", True),
        ("-coalesce(sum(amount) FILTER (WHERE amount > 1), 0)", True),
        ("sum(amount) / count(*)", False),
        ("sum(amount) + 1", False),
        ("coalesce(sum(amount), 1)", False),
        ("sum(amount) * count(*)", False),
        ("max(amount)", False),
        ("avg(amount)", False),
        ("quantile_cont(amount, 0.5)", False),
        ("count(DISTINCT buyer)", False),
    ],
)
def test_what_adds_up_is_told_from_the_expression(text: str, sums: bool) -> None:
    assert adds_up(parse_aggregate(text, SCHEMA.columns("sales"))) is sums


def test_a_distinct_count_adds_up_over_what_belongs_to_what_it_counts() -> None:
    assert adds_up(parse_aggregate("count(DISTINCT buyer)", SCHEMA.columns("sales")), {"buyer"})


@pytest.mark.parametrize("name", [item.name for item in CATALOGUE if isinstance(item, RowsDefinition)])
def test_no_statement_for_snowflake_holds_what_it_lacks(name: str) -> None:
    item = CATALOGUE.get(name)
    assert isinstance(item, RowsDefinition)
    by = tuple(item.dimensions)[:1]
    for single, named in product((True, False), (True, False)):
        shape = Shape(by, by, single and not isinstance(item, CohortDefinition), named, 2, (3,) * len(by))
        compiled = compile_metric(item, shape, "snowflake")
        assert not re.search(r"\b(FILTER|unnest|generate_series|list_contains|array_agg|flatten)\b", compiled.sql)
        assert set(re.findall(r"\$(\w+)", compiled.sql)) == compiled.parameters
        if by:
            assert {"filter_0_0", "filter_0_1", "filter_0_2"} <= compiled.parameters
    duckdb = compile_metric(item, Shape(by, by), "duckdb")
    assert set(re.findall(r"\$(\w+)", duckdb.sql)) == duckdb.parameters


def test_a_statement_is_compiled_once_for_a_definition_and_anew_for_a_variation_of_it() -> None:
    assert isinstance(TAKINGS, SimpleDefinition)
    first = SHOPS.compile(TAKINGS, Shape())
    other = SHOPS.compile(TAKINGS.model_copy(update={"expression": "2 * sum(amount)"}), Shape())
    assert first.sql != other.sql
    again = SHOPS.compile(TAKINGS, Shape())
    assert again == first
    assert SHOPS.compile(TAKINGS, Shape()) is again


def test_a_literal_that_looks_like_a_parameter_is_none() -> None:
    assert isinstance(TAKINGS, SimpleDefinition)
    odd = TAKINGS.model_copy(update={"filter": "buyer = '$currency'"})
    assert compile_metric(odd, Shape(single=True), schema=SCHEMA).parameters == {"first_day", "last_day"}
