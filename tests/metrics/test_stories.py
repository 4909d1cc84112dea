"""The demo company's stories, as its metrics tell them."""

from __future__ import annotations

from datetime import date

import pytest
from tests.metrics.asking import Asking

from sophia_kit.core.settings import Settings
from sophia_kit.sandbox import Company
from sophia_kit.sandbox.truth import Truth

LAST = date(2025, 12, 31)


@pytest.fixture(scope="module")
def truth(demo_settings: Settings) -> Truth:
    return Company.load(demo_settings.root / "data" / "company.toml", scale=0.02).truth


def test_the_deal_that_never_moves_is_among_the_stuck_ones(larkfield: Asking, truth: Truth) -> None:
    assert truth.stuck_deal is not None
    stuck = {"stage": truth.stuck_deal.stage}
    before = larkfield.value("stuck_pipeline", date(2025, 7, 31), filters=stuck).value or 0
    after = larkfield.value("stuck_pipeline", date(2025, 8, 31), filters=stuck).value or 0
    assert after - before >= truth.stuck_deal.amount


def test_the_account_whose_calls_turn_sour_drags_sentiment_down(larkfield: Asking, truth: Truth) -> None:
    assert truth.souring_account is not None
    name = larkfield.warehouse.query(
        "SELECT name FROM accounts WHERE source_id = $id", {"id": truth.souring_account.account_id}
    ).frame.item()
    quarters = [
        larkfield.value("call_sentiment", day, grain="quarter", filters={"account": name}).value
        for day in (date(2025, 9, 30), LAST)
    ]
    assert None not in quarters
    assert (quarters[0] or 0) > 0 > (quarters[1] or 0)


def test_the_outage_shows_in_failures_and_in_the_slowest_payments(larkfield: Asking, truth: Truth) -> None:
    assert truth.outage is not None
    for metric, times in (("failed_payments", 3), ("failure_rate", 3), ("processing_time_p95", 3)):
        on, before = larkfield.result(metric, truth.outage.day, grain="day", periods=2).values[::-1]
        assert (on.value or 0) > times * (before.value or 0), metric


def test_runway_ends_with_the_burn(larkfield: Asking, truth: Truth) -> None:
    assert truth.financing is not None
    before = larkfield.value("runway", date(2023, 10, 31)).value
    after = larkfield.value("runway", truth.financing.day).value
    assert 6 < (before or 0) < 24 < (after or 0)
    today = larkfield.value("runway", LAST)
    assert (today.value, today.unknown and today.unknown.code) == (None, "undefined")
    assert (larkfield.value("burn", LAST, grain="year").value or 0) < 0
