"""Balances by their movements, retention by its cohort's, and what exchange rates do to both."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.metrics.asking import Asking
from tests.metrics.conftest import Tiny

from sophia_kit.core.settings import Settings
from sophia_kit.metrics.change import ChangeExplanation, explain_change

NOW = datetime(2025, 7, 1, 2, 0, tzinfo=UTC)


def price(account: str, mrr: str, first: date, end: date | None = None, currency: str = "USD") -> dict[str, Any]:
    return {"account_id": account, "mrr": Decimal(mrr), "currency": currency, "valid_from": first, "valid_to": end,
            "plan": "Core"}  # fmt: skip


PRICES = [
    price("stays", "100", date(2024, 1, 1)),
    price("grows", "100", date(2024, 1, 1), date(2025, 6, 10)),
    price("grows", "150", date(2025, 6, 10)),
    price("shrinks", "100", date(2024, 1, 1), date(2025, 6, 10)),
    price("shrinks", "60", date(2025, 6, 10)),
    price("leaves", "100", date(2024, 1, 1), date(2025, 6, 15)),
    price("comes", "30", date(2025, 6, 20)),
    price("maple", "100", date(2024, 1, 1), None, "CAD"),
]
RATES = [
    {"from_currency": "CAD", "to_currency": "USD", "day": day, "rate": Decimal(rate)}
    for day, rate in ((date(2024, 5, 31), "0.70"), (date(2024, 6, 28), "0.70"), (date(2025, 5, 30), "0.72"),
                      (date(2025, 6, 30), "0.75"))
]  # fmt: skip
ROWS = {
    "subscriptions": PRICES,
    "fx_rates": RATES,
    "salesforce_accounts": [{"source_id": name, "name": name.title(), "segment": name} for name in
                 ("stays", "grows", "shrinks", "leaves", "comes", "maple")],
}  # fmt: skip


def explain(ground: Asking, metric: str, *args: Any, **more: Any) -> ChangeExplanation:
    settings = Settings(root=Path("nowhere"), workspace="demo", frozen_at=NOW)
    return explain_change(
        metric, *args, settings=settings, warehouse=ground.warehouse, catalogue=ground.catalogue, **more
    )


@pytest.fixture
def ground(tiny: Tiny) -> Asking:
    return tiny(ROWS)


def parts(explanation: ChangeExplanation, by: str = "movements") -> dict[str, Fraction | None]:
    found = explanation.breakdown(by)
    assert found is not None
    assert found.unknown is None
    return {part.name: part.exact for part in found.parts}


def test_arr_moves_by_twelve_times_the_movements_of_mrr(ground: Asking) -> None:
    found = explain(ground, "arr", "2025-06", "prior_period", dimensions=["segment"])
    assert parts(found) == {
        "mrr_new": 360,
        "mrr_expansion": 600,
        "mrr_contraction": -480,
        "mrr_churned": -1200,
        "mrr_fx": 36,
    }
    assert found.change == 360 + 600 - 480 - 1200 + 36
    assert parts(found, "segment")["maple"] == 36


def test_over_a_year_the_movements_of_all_its_months_sum_to_the_change(tiny: Tiny) -> None:
    ground = tiny(ROWS | {"subscriptions": [item for item in PRICES if item["currency"] == "USD"]})
    found = explain(ground, "mrr", "2025-06", "prior_year", dimensions=[])
    assert parts(found) == {
        "mrr_churned": -100, "mrr_expansion": 50, "mrr_contraction": -40, "mrr_new": 30, "mrr_fx": 0
    }  # fmt: skip
    assert found.change == -60


def test_a_movement_that_lacks_a_rate_is_unknown_and_the_rest_is_told_together(ground: Asking) -> None:
    # Most month ends between have no rate: what rates did is unknown, what customers did is known.
    found = explain(ground, "mrr", "2025-06", "prior_year", dimensions=[])
    breakdown = found.breakdown("movements")
    assert breakdown is not None
    assert found.change == -60 + 5
    assert {part.name for part in breakdown.parts if part.exact is None} == {"mrr_fx"}
    assert breakdown.rest is not None
    assert breakdown.rest.exact == 5
    assert breakdown.unknown is not None
    assert breakdown.unknown.code == "missing_rate"


def test_movements_are_told_by_month_and_by_their_own_dimensions(ground: Asking) -> None:
    day = explain(ground, "mrr", "2025-06-12", "prior_period", dimensions=[]).breakdown("movements")
    assert day is not None
    assert day.unknown is not None
    assert day.parts == ()
    by_plan = explain(ground, "mrr", "2025-06", "prior_period", dimensions=[], filters={"plan": "Core"})
    movements = by_plan.breakdown("movements")
    assert movements is not None
    assert all(part.unknown is not None for part in movements.parts)


def test_retention_moves_by_what_its_cohort_did_and_not_by_rates(ground: Asking) -> None:
    found = explain(ground, "nrr", "2025-06", "prior_period", dimensions=["segment"])
    assert found.base.value == 1
    opening = Fraction(400) + 75
    assert parts(found) == {
        "expansion": Fraction(50) / opening,
        "contraction": Fraction(-40) / opening,
        "churn": Fraction(-100) / opening,
    }
    assert sum(part for part in parts(found, "segment").values() if part is not None) == found.change
    maple = found.breakdown("segment")
    assert maple is not None
    told = maple.part("maple")
    assert told is not None
    assert told.effects[0].exact == 0


def test_gross_retention_counts_no_expansion(ground: Asking) -> None:
    found = explain(ground, "grr", "2025-06", "prior_period", dimensions=[])
    assert set(parts(found)) == {"contraction", "churn"}
    assert found.change == Fraction(-140, 475)


def test_the_account_that_left_is_named(ground: Asking) -> None:
    found = explain(ground, "mrr_churned", "2025-06", "prior_period", dimensions=["account"])
    assert found.dimensions[0].named == ("Leaves",)
    assert found.good is False
