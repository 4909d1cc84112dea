"""One definition, one number: the catalogue on DuckDB and, by the real connector, on a server of Snowflake's protocol.

The server computes with DuckDB, so that this proves the statements, the protocol and what leaves, not Snowflake's own
arithmetic. The same questions go to a real account where one is configured.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
import sqlglot
from pydantic import SecretStr
from tests.metrics.asking import Asking
from tests.metrics.engines import Remembering, questions
from tests.snowflake_account import SnowflakeAccount, snowflake_account

from sophia_kit.core.errors import DefinitionError
from sophia_kit.core.settings import Settings, SnowflakeSettings, WarehouseSettings
from sophia_kit.metrics import Calendar, Catalogue, MetricQuery, MetricValue, Unknown, evaluate, metric
from sophia_kit.metrics.change import explain_change
from sophia_kit.metrics.dialects import dialect_of
from sophia_kit.metrics.expression import (
    _AGGREGATES,
    _AROUND_AGGREGATES,
    _SCALAR,
    ExpressionError,
    parse_aggregate,
    parse_condition,
)
from sophia_kit.metrics.schema import canonical
from sophia_kit.warehouse import Engine, models
from sophia_kit.warehouse.snowflake import SnowflakeWarehouse, deploy_views, plan_views, snowflake_models
from sophia_kit.warehouse.snowflake.models import PORTABLE, own_models, portable

CATALOGUE = Catalogue.load()
DAY = date(2025, 12, 31)
EXPRESSIONS = Path(__file__).parents[2] / "docs" / "expressions.md"
UNPROVED = (
    "no Snowflake account: set SOPHIA_TEST_SNOWFLAKE. Unproved: that Snowflake itself rounds, sorts, casts and divides "
    "as its wire-compatible server does, and that its roles refuse what the kit's guard refuses"
)


@pytest.fixture(scope="module")
def account(larkfield: Asking, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnowflakeAccount]:
    assert larkfield.warehouse.snapshot is not None
    with snowflake_account(tmp_path_factory.mktemp("account"), larkfield.warehouse.snapshot.path) as running:
        yield running


@pytest.fixture(scope="module")
def snowflake(account: SnowflakeAccount) -> Iterator[Remembering]:
    """The account with the canonical views, deployed as a job deploys them."""
    writer = account.writer_settings()
    with SnowflakeWarehouse(account.settings()) as warehouse:
        deploy_views(writer, plan_views(writer, warehouse), {"GITHUB_ACTIONS": "true"})
        yield Remembering(warehouse)


@pytest.fixture(scope="module")
def embedded(larkfield: Asking) -> Remembering:
    """The same rows on DuckDB."""
    return Remembering(larkfield.warehouse)


def why(unknown: Unknown | None) -> Unknown | str | None:
    """Why it is unknown. Why a table was never loaded is what the kit's own loads know, not a platform's."""
    return unknown.code if unknown is not None and unknown.code == "not_loaded" else unknown


def same(here: MetricValue, there: MetricValue) -> bool:
    """Whether two values say the same. Numbers are equal to ten places: quotients are computed in floating point."""

    def near(one: Decimal | None, other: Decimal | None) -> bool:
        return one == other or (one is not None and other is not None and abs(one - other) < Decimal("1e-9"))

    told = [(v.period, v.members, why(v.unknown), v.unit, v.freshness, v.demo, v.display) for v in (here, there)]
    return (
        told[0] == told[1]
        and near(here.value, there.value)
        and len(here.comparisons) == len(there.comparisons)
        and all(
            (one.kind, why(one.unknown), one.base_period) == (two.kind, why(two.unknown), two.base_period)
            and near(one.base, two.base)
            and near(one.absolute, two.absolute)
            for one, two in zip(here.comparisons, there.comparisons, strict=True)
        )
    )


def differences(
    one: Engine, other: Engine, asking: Asking, query: MetricQuery
) -> list[tuple[MetricValue, MetricValue]]:
    here, there = (
        evaluate(engine, asking.catalogue, query, asking.clock, asking.calendar).values for engine in (one, other)
    )
    assert [(value.period, value.members) for value in here] == [(value.period, value.members) for value in there]
    return [pair for pair in zip(here, there, strict=True) if not same(*pair)]


# The demo company asks no language model, and this server gives a time that is NULL (never loaded) as 1970.
@pytest.mark.parametrize("name", [item.name for item in CATALOGUE if not item.name.startswith("llm_")])
def test_a_metric_is_the_same_on_both_engines(
    larkfield: Asking, embedded: Remembering, snowflake: Remembering, name: str
) -> None:
    for query in questions(CATALOGUE.get(name), DAY):
        assert differences(embedded, snowflake, larkfield, query) == [], (query.grain, query.by)


@pytest.mark.parametrize("name", ["nrr", "arr", "payment_success_rate"])
def test_a_change_is_explained_alike_on_both_engines(
    demo_settings: Settings, larkfield: Asking, snowflake: Remembering, name: str
) -> None:
    """Movements of a cohort and of a balance, and rate and mix: statements that nothing else asks."""
    here, there = (
        explain_change(
            name, "2025-12", dimensions=["segment"], settings=demo_settings, warehouse=engine, catalogue=CATALOGUE
        )
        for engine in (larkfield.warehouse, snowflake)
    )
    assert here.change is not None
    assert [item.unknown for item in here.breakdowns] == [None] * len(here.breakdowns)
    assert there.text() == here.text()
    assert [[(part.name, part.exact) for part in item.parts] for item in there.breakdowns] == [
        [(part.name, part.exact) for part in item.parts] for item in here.breakdowns
    ]


def test_the_questions_hold_every_grain_dimension_and_comparison() -> None:
    for definition in CATALOGUE:
        asked = list(questions(definition, DAY))
        assert {query.grain for query in asked} == set(definition.grains)
        assert {name for query in asked for name in query.by} == set(definition.dimensions)


def test_what_is_compared_is_mostly_known(larkfield: Asking, embedded: Remembering) -> None:
    """Unknown equals unknown, so that a company without data would pass."""
    asked = [next(questions(item, DAY)) for item in CATALOGUE]
    found = [evaluate(embedded, CATALOGUE, query, larkfield.clock, larkfield.calendar).values for query in asked]
    assert sum(values[0].value is not None for values in found) > 0.9 * len(found)


def test_only_aggregates_leave(
    larkfield: Asking, embedded: Remembering, snowflake: Remembering, account: SnowflakeAccount
) -> None:
    """Nothing that names a row was in any answer to the questions above, and nothing else was asked."""
    for definition in list(CATALOGUE)[:3]:
        for query in questions(definition, DAY):
            differences(embedded, snowflake, larkfield, query)
    left = {
        text
        for result in snowflake.results.values()
        for column in result.frame.iter_columns()
        if column.dtype == pl.String
        for text in column
    }
    assert "Enterprise" in left, "members of dimensions do leave"
    with duckdb.connect(str(larkfield.warehouse.snapshot.path), read_only=True) as snapshot:
        for table, column in ROW_NAMES:
            named = snapshot.execute(f"SELECT DISTINCT {column} FROM raw.{table} WHERE {column} <> ''").fetchall()
            rows = {text for (text,) in named}
            assert rows
            assert left.isdisjoint(rows), f"{table}.{column}"
    asked = [line for line in account.statements() if line["user"] == "SOPHIA_READER" and line["code"] is None]
    of_tables = [line for line in asked if "meta." not in line["sql"] and "information_schema" not in line["sql"]]
    assert len(of_tables) >= len(snowflake.results)
    assert all("source_id" not in line["columns"] for line in of_tables)
    assert {line["tag"] for line in asked} == {"sophia-kit"}


ROW_NAMES = (
    ("payments", "source_id"),
    ("salesforce_accounts", "source_id"),
    ("salesforce_contacts", "email"),
    ("gong_call_turns", "text"),
    ("slack_messages", "text"),
    ("employees", "source_id"),
)


def test_a_value_says_when_and_under_which_ids_it_was_asked(larkfield: Asking, snowflake: Remembering) -> None:
    query = MetricQuery("arr", DAY, "month", compare=("target",))
    (value,) = evaluate(snowflake, CATALOGUE, query, larkfield.clock, Calendar()).values
    provenance = value.provenance
    assert (provenance.engine, provenance.snapshot_id) == ("snowflake", None)
    assert len(provenance.query_ids) == 2
    assert provenance.ran_at is not None
    assert value.known_at == larkfield.warehouse.known_at
    assert value.demo


def test_an_installation_chooses_its_engine(
    larkfield: Asking, demo_settings: Settings, account: SnowflakeAccount, snowflake: Remembering
) -> None:
    given = {"workspace": "live", "frozen_at": None, "warehouse": WarehouseSettings(engine="snowflake")}
    settings = demo_settings.model_copy(update=given | {"snowflake": account.settings()})
    value = metric("headcount", day=DAY, settings=settings).value
    assert value.provenance.engine == "snowflake"
    assert value.value == larkfield.value("headcount", DAY).value
    assert value.known_at is not None
    earlier = metric("headcount", day=DAY, known_at=value.known_at - timedelta(seconds=1), settings=settings).value
    assert earlier.unknown is not None
    assert (earlier.value, earlier.unknown.code) == (None, "no_snapshot_at")
    assert "Snowflake keeps no snapshots" in earlier.unknown.reason
    on_demo = metric("headcount", day=DAY, settings=demo_settings.model_copy(update={"warehouse": given["warehouse"]}))
    assert on_demo.value.provenance.engine == "duckdb", "the demo is on DuckDB whatever is configured"


def rows_of_the_page() -> list[tuple[str, str]]:
    """Examples and what they are on Snowflake, from docs/expressions.md."""
    page = EXPRESSIONS.read_text(encoding="utf-8")
    return re.findall(r"^\| [^`|]*(?:`FILTER` )?\| `([^`]+)` \| `([^`]+)` \|$", page, re.M)


@pytest.mark.parametrize(("example", "translated"), rows_of_the_page())
def test_an_expression_means_the_same_on_both_engines(
    larkfield: Asking, snowflake: Remembering, example: str, translated: str
) -> None:
    names = canonical().columns("payments")
    if parses(example):
        tree, selected = parse_aggregate(example, names), "{}"
    else:
        tree, selected = parse_condition(example, names), "count(CASE WHEN {} THEN 1 END)"
    assert dialect_of("snowflake").expression(tree) == translated
    here = dialect_of("duckdb").expression(tree)
    ours = larkfield.warehouse.query(f"SELECT {selected.format(here)} AS value FROM payments").frame.item()
    theirs = snowflake.query(f"SELECT {selected.format(translated)} AS value FROM payments").frame.item()
    assert ours or "nowhere" in example, "an example that finds nothing shows nothing"
    assert abs(Decimal(str(ours)) - Decimal(str(theirs))) < Decimal("1e-6")


def test_the_page_shows_everything_that_an_expression_may_hold() -> None:
    names = canonical().columns("payments")
    trees = [parse_condition(text, names) if not parses(text) else parse_aggregate(text, names) for text in EXAMPLES]
    shown = {type(node) for tree in trees for node in tree.walk()}
    assert {kind.__name__ for kind in (*_AGGREGATES, *_SCALAR, *_AROUND_AGGREGATES) if kind not in shown} == set()


EXAMPLES = [example for example, _ in rows_of_the_page()]


def parses(text: str) -> bool:
    try:
        parse_aggregate(text, canonical().columns("payments"))
    except ExpressionError:
        return False
    return True


SELECTS = (
    "SELECT amount AS x FROM payments WHERE NOT (status = 'failed' OR amount < 10) AND amount <> 11 AND amount >= 12",
    "SELECT DISTINCT method AS x FROM payments WHERE amount > 5 AND status IN ('failed') AND amount <= 2000",
    "SELECT coalesce(failure_reason, 'none') AS x FROM payments WHERE amount BETWEEN 100 AND 200 OR risk_score IS NULL",
    "SELECT CASE WHEN status = 'failed' THEN attempted_day + 1 ELSE attempted_day - 1 END AS x FROM payments",
    "SELECT attempted_day + INTERVAL 3 MONTH > attempted_day AS x FROM payments WHERE TRUE",
    "SELECT opportunity_id AS x FROM opportunity_stage_history QUALIFY row_number() OVER "
    "(PARTITION BY opportunity_id ORDER BY created_at DESC, source_id) = 2",
    "SELECT lead(changed_day) OVER (PARTITION BY opportunity_id ORDER BY changed_day, source_id) AS x "
    "FROM opportunity_stage_history",
    "SELECT lag(stage) OVER (PARTITION BY opportunity_id ORDER BY changed_day, source_id "
    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS x FROM opportunity_stage_history",
    "WITH ever AS (SELECT stage, bool_or(is_closed) AS any_closed, bool_and(is_won) AS all_won, count(*) AS deals, "
    "min(amount) AS least, max(amount) AS most FROM opportunities GROUP BY stage HAVING count(*) > 1) "
    "SELECT stage || ' ' || lower(upper(trim(stage))) AS x FROM ever WHERE any_closed OR NOT all_won OR least < most",
    "SELECT accounts.segment AS x FROM (SELECT account_id FROM subscriptions UNION ALL SELECT NULL) AS held "
    "LEFT JOIN accounts ON accounts.source_id = held.account_id",
)


@pytest.mark.parametrize("select", SELECTS)
def test_what_is_portable_in_a_model_means_the_same_on_both_engines(
    larkfield: Asking, snowflake: Remembering, select: str
) -> None:
    around = "SELECT count(*) AS n, count(DISTINCT x) AS members, min(x) AS least, max(x) AS most FROM ({})"
    here = larkfield.warehouse.query(around.format(select)).frame.row(0)
    there = snowflake.query(around.format(portable("this", select))).frame.row(0)
    assert here[0] > 0
    assert here == there


def test_each_portable_construct_is_tried_above() -> None:
    tried = {type(node) for select in SELECTS for node in sqlglot.parse_one(select, dialect="duckdb").walk()}
    assert {kind.__name__ for kind in PORTABLE if kind not in tried} == set()


def test_a_model_that_is_not_portable_is_refused_by_its_name() -> None:
    with pytest.raises(DefinitionError, match=r"models/odd\.sql.*isn't portable \(TryCast\)"):
        portable("odd", "SELECT try_cast(amount AS INTEGER) AS amount FROM raw.payments")


def test_every_model_of_raw_rows_has_its_view_with_the_same_columns(snowflake: Remembering) -> None:
    there = snowflake_models()
    assert {name for name in own_models() if name not in there} == set()
    assert {name for name in models() if name not in there} == {
        "check_results",
        "freshness",
        "load_audit",
        "quarantine",
    }
    for name, sql in there.items():
        tree = sqlglot.parse_one(sql, dialect="snowflake")
        assert isinstance(tree, sqlglot.exp.Query)
        assert tuple(tree.named_selects) == canonical().columns(name), name


def test_once_deployed_nothing_is_left_to_do(account: SnowflakeAccount, snowflake: Remembering) -> None:
    with SnowflakeWarehouse(account.settings()) as warehouse:
        changes = plan_views(account.settings(), warehouse)
    assert {change.action for change in changes} == {"keep"}
    assert all(change.digest == change.deployed for change in changes)


@pytest.mark.real_account
def test_a_real_account_gives_the_same(larkfield: Asking, embedded: Remembering) -> None:
    given = os.environ.get("SOPHIA_TEST_SNOWFLAKE")
    if not given:
        pytest.skip(UNPROVED)
    key = SecretStr(os.environ["SOPHIA_TEST_SNOWFLAKE_KEY"])
    with SnowflakeWarehouse(SnowflakeSettings(**json.loads(given), private_key=key)) as warehouse:
        assert warehouse.demo
        other = Remembering(warehouse)
        asked = [query for item in CATALOGUE for query in questions(item, DAY)]
        assert [pair for query in asked for pair in differences(embedded, other, larkfield, query)] == []
