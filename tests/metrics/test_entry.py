"""`sk.metric` and `sk.explain`: defaults from the settings, snapshots by time, and what they say before a load."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.metrics.conftest import Tiny

from sophia_kit.core.errors import InputError, NoSnapshot, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.metrics import Catalogue, explain, metric
from sophia_kit.metrics.explanation import formula


def test_the_day_is_the_company_s_today_by_the_settings_clock(demo_settings: Settings) -> None:
    value = metric("arr", settings=demo_settings).value
    assert value.day == date(2025, 12, 31)
    assert value.period.label == "Dec 2025"
    assert value.demo is True
    assert value.unit == "USD"
    assert value.display.startswith("$")
    assert value == metric("arr", settings=demo_settings, day=date(2025, 12, 31), grain="month").value


def test_one_member_may_be_given_plainly_and_several_as_a_list(demo_settings: Settings) -> None:
    one = metric("arr", settings=demo_settings, filters={"segment": "Enterprise"}).value
    both = metric("arr", settings=demo_settings, filters={"segment": ["Enterprise", "Mid-Market"]}).value
    split = metric("arr", settings=demo_settings, by="segment", compare="prior_year").frame()
    parts = dict(split.select("segment", "value").rows())
    assert one.value == parts["Enterprise"]
    assert both.value == parts["Enterprise"] + parts["Mid-Market"]
    assert {"prior_year_base", "prior_year_absolute", "prior_year_relative", "prior_year_good"} < set(split.columns)


def test_a_snapshot_older_than_the_oldest_kept_is_unknown(demo_settings: Settings) -> None:
    early = datetime(2025, 12, 30, tzinfo=UTC)
    for value in metric("rpe", settings=demo_settings, known_at=early, compare="prior_year", periods=2).values:
        assert value.value is None
        assert value.unknown is not None
        assert value.unknown.code == "no_snapshot_at"
        assert "2025-12-30 00:00" in value.unknown.reason
        assert value.known_at is None
        assert value.comparisons[0].unknown == value.unknown
        assert value.provenance.tables == ("employees", "fx_rates", "ledger_entries")


def test_what_was_known_then_is_answered_from_the_snapshot_of_then(demo_settings: Settings) -> None:
    later = datetime(2026, 6, 1, tzinfo=UTC)
    value = metric("arr", settings=demo_settings, known_at=later).value
    assert value.known_at == demo_settings.clock().now()
    assert value.value == metric("arr", settings=demo_settings).value.value
    with pytest.raises(InputError, match="has no time zone"):
        metric("arr", settings=demo_settings, known_at=datetime(2026, 1, 1))  # noqa: DTZ001  # the mistake


def test_threads_ask_the_same_snapshot_at_once(demo_settings: Settings) -> None:
    found: list[Decimal | None] = []

    def ask() -> None:
        found.extend(metric("payment_volume", settings=demo_settings).value.value for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert len(set(found)) == 1


def test_before_anything_was_loaded_a_number_is_refused_and_an_explanation_is_not(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path)
    with pytest.raises(NoSnapshot):
        metric("arr", settings=settings)
    explanation = explain("arr", settings=settings)
    assert explanation.tables == ()
    assert explanation.freshness is None
    assert "FROM" in explanation.sql[0][1]


@pytest.mark.parametrize("name", [item.name for item in Catalogue.load()])
def test_every_metric_explains_itself(demo_settings: Settings, name: str) -> None:
    item = explain(name, settings=demo_settings)
    assert item.description
    assert item.source
    assert item.owner
    assert item.synonyms
    assert item.demo is True
    assert item.freshness is not None
    # The demo company asks no language model.
    assert item.freshness.status == ("unknown" if name.startswith("llm_") else "fresh")
    assert {state.table for state in item.tables} <= set(metric(name, settings=demo_settings).value.provenance.tables)
    assert all("SELECT" in sql for _, sql in item.sql)
    assert item.definition_digest == metric(name, settings=demo_settings).value.provenance.definition_digest


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "arr",
            "12 * sum(mrr) over subscriptions with in force from valid_from to valid_to on the period's last day, "
            "converted at the rate of period end",
        ),
        (
            "payment_success_rate",
            "count(*) where status = 'succeeded' / count(*) where status IN ('succeeded', 'failed') over payments with "
            "attempted_day in the period",
        ),
        (
            "rpe",
            "revenue_of_year / average_headcount where revenue_of_year = sum of revenue over 12 months, "
            "average_headcount = average of headcount over 12 months",
        ),
        ("ltv_cac", "ltv / cac"),
        ("pipeline_coverage", "pipeline / quota where pipeline = open_pipeline, quota = quota of the next period"),
    ],
)
def test_a_formula_reads_as_one_line(name: str, text: str) -> None:
    assert formula(Catalogue.load().get(name)) == text


def test_an_unknown_metric_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    for ask in (metric, explain):
        with pytest.raises(UnknownName) as caught:
            ask("headcout", settings=Settings(root=tmp_path))
        assert caught.value.suggestions == ("headcount",)


def test_an_explanation_says_how_fresh_each_table_is(tiny: Tiny, tmp_path: Path) -> None:
    from sophia_kit.core.clock import FrozenClock
    from sophia_kit.metrics.explanation import explain_metric

    asking = tiny({}, never=["fx_rates"])
    late = FrozenClock(asking.clock.now() + timedelta(hours=100))
    item = explain_metric(asking.catalogue, "arr", late, asking.warehouse)
    assert {state.table: state.status for state in item.tables} == {"subscriptions": "stale", "fx_rates": "unknown"}
    assert item.freshness is not None
    assert item.freshness.status == "unknown"
