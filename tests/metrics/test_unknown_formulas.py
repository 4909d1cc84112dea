"""What has nothing to divide by, or no meaning, is unknown and says why: metric by metric, on rows made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.metrics.asking import Asking
from tests.metrics.conftest import Tiny, tiny_in

Table = Sequence[Mapping[str, Any]]

QUARTER = date(2025, 6, 30)
MONTHS = [date(2023 + index // 12, index % 12 + 1, 28) for index in range(30)]


def posted(day: date, amount: object, account_class: str = "revenue", stream: str = "x") -> dict[str, object]:
    return {"entry_day": day, "amount": amount, "currency": "USD", "account_class": account_class, "stream": stream}


def priced(account: str, first: date, until: date | None = None, mrr: int = 100) -> dict[str, object]:
    return {"account_id": account, "valid_from": first, "valid_to": until, "mrr": mrr, "currency": "USD"}


def deal(**fields: object) -> dict[str, object]:
    return {
        "close_day": date(2025, 5, 1), "created_day": date(2025, 4, 1), "is_closed": True, "is_won": False,
        "stage": "Closed Lost", "amount": 10, "currency": "USD", "owner_id": "u", "account_id": "a", **fields,
    }  # fmt: skip


EARNING = [
    row for day in MONTHS for row in (posted(day, 100), posted(day, -40, "cogs"), posted(day, -30, "sales_marketing"))
]
FORECAST = {
    "owner_id": "u", "quarter_start": date(2025, 4, 1), "category": "commit", "amount": 5, "currency": "USD",
    "made_at": datetime(2025, 4, 3, tzinfo=UTC), "made_day": date(2025, 4, 3),
}  # fmt: skip
QUOTA = {"owner_id": "u", "quarter_start": date(2025, 1, 1), "amount": 9, "currency": "USD"}


UNCOUNTED = [
    {"attempted_day": date(2025, 6, 2), "status": "pending"},
    {"attempted_day": date(2025, 6, 2), "status": "failed", "processor_fee": 1, "currency": "USD"},
]
GROUNDS: dict[str, Mapping[str, Table]] = {
    "nobody comes, nobody leaves, nothing is won": {
        "ledger_entries": EARNING,
        "subscriptions": [priced("a", date(2023, 1, 1))],
        "salesforce_opportunities": [deal()],
        "forecasts": [FORECAST],
        "surveys": [{"kind": "csat", "score": 5, "answered_day": date(2025, 5, 2)}],
        "gong_calls": [{"started_day": date(2025, 6, 2)}],
        "payments": UNCOUNTED,
    },
    "cash comes in, revenue began a year ago, customers have left": {
        "ledger_entries": [
            row
            for day in MONTHS
            for row in (
                posted(day, 7, "cash"),
                posted(day, 0 if day < date(2024, 7, 1) else 5),
                posted(day, -1, "cogs"),
            )
        ],
        "subscriptions": [priced("a", date(2023, 1, 1), date(2024, 1, 1))],
        "salesforce_opportunities": [deal(is_won=True)],
        "quotas": [QUOTA],
        "surveys": [{"kind": "nps", "score": 9, "answered_day": date(2025, 6, 2)}],
    },
    "the ledger began in April, and in May no cash moved": {
        "ledger_entries": [*EARNING[-9:], *(posted(day, -7, "cash") for day in (MONTHS[-3], MONTHS[-1]))],
        "subscriptions": [priced("a", date(2023, 1, 1))],
    },
    "cost without revenue, and none of the old customers": {
        "ledger_entries": [posted(date(2025, 1, 5), 9), posted(date(2025, 6, 5), -1, "cogs")],
        "subscriptions": [priced("a", date(2023, 1, 1), date(2023, 5, 1)), priced("b", date(2025, 1, 1))],
    },
    "customers cost more than they pay, and came this year": {
        "ledger_entries": [*EARNING, posted(MONTHS[-1], -9999, "cogs")],
        "subscriptions": [priced("a", date(2025, 1, 1)), priced("b", date(2025, 5, 1))],
    },
}
NOTHING_WON, CASH_IN, SHORT, NO_REVENUE, COSTLY = GROUNDS


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Asking]]:
    with ExitStack() as stack:
        made: dict[str, Asking] = {}

        def _ground(name: str) -> Asking:
            if name not in made:
                made[name] = tiny_in(tmp_path_factory.mktemp("ground"), stack)(GROUNDS[name])
            return made[name]

        yield _ground


@pytest.mark.parametrize(
    ("where", "metric", "code", "reason"),
    [
        (NOTHING_WON, "cac", "undefined", "No customer was won"),
        (NOTHING_WON, "ltv", "undefined", "No customer left"),
        (NOTHING_WON, "ltv_cac", "undefined", "No customer left"),
        (NOTHING_WON, "acv", "no_rows", "ACV"),
        (NOTHING_WON, "sales_cycle", "no_rows", "Average sales cycle"),
        (NOTHING_WON, "sales_velocity", "no_rows", "Open deals is unknown"),
        (NOTHING_WON, "forecast_accuracy", "no_rows", "nothing to divide by"),
        (NOTHING_WON, "nps", "no_rows", "NPS"),
        (NOTHING_WON, "call_sentiment", "no_rows", "nothing to divide by"),
        (NOTHING_WON, "processing_time_p95", "no_rows", "95th percentile"),
        (NOTHING_WON, "processor_cost_per_payment", "no_rows", "nothing to divide by"),
        (CASH_IN, "runway", "undefined", "nothing is burnt"),
        (CASH_IN, "rule_of_40", "undefined", "no revenue in the year before"),
        (CASH_IN, "quota_attainment", "no_rows", "nothing to divide by"),
        (CASH_IN, "arpa", "no_rows", "nothing to divide by"),
        (CASH_IN, "csat", "no_rows", "CSAT"),
        (SHORT, "rule_of_40", "missing_month", "Revenue is unknown"),
        (SHORT, "ltv", "missing_month", "is unknown for"),
        (SHORT, "runway", "missing_month", "May 2025"),
        (SHORT, "revenue_ttm", "before_data", "begins on 2025-04-28"),
        (NO_REVENUE, "gross_margin", "no_rows", "nothing to divide by"),
        (NO_REVENUE, "grr", "no_rows", "GRR"),
        (COSTLY, "cac_payback", "undefined", "no gross margin"),
        (COSTLY, "logo_churn", "before_data", "2024-06-30 is needed"),
    ],
)
def test_it_is_unknown_and_says_why(
    ground: Callable[[str], Asking], where: str, metric: str, code: str, reason: str
) -> None:
    value = ground(where).value(metric, QUARTER)
    assert value.value is None
    assert value.unknown is not None
    assert (value.unknown.code, reason in value.unknown.reason) == (code, True), value.unknown


def test_growth_does_not_count_for_gross_retention_and_a_customer_is_one_logo(tiny: Tiny) -> None:
    """One customer doubled, one halved, one left: of 300 paid a year ago, 100 + 50 + 0 are kept."""
    changed = date(2025, 1, 1)
    rows = [
        priced("up", date(2024, 1, 1), changed), priced("up", changed, None, 200),
        priced("down", date(2024, 1, 1), changed), priced("down", changed, None, 50),
        priced("gone", date(2024, 1, 1), changed),
    ]  # fmt: skip
    asking = tiny({"subscriptions": rows})
    assert round(asking.value("nrr", QUARTER).value or 0, 6) == Decimal("0.833333")
    assert asking.value("grr", QUARTER).value == Decimal("0.5")
    assert round(asking.value("logo_churn", QUARTER).value or 0, 6) == Decimal("0.333333")
    assert asking.value("customers", QUARTER).value == 2


def test_a_deal_is_stuck_by_its_stage_alone(tiny: Tiny) -> None:
    """Sixty days count from the stage; a close day that is pushed out is no move, another stage is."""

    def state(deal_id: str, day: date, stage: str) -> dict[str, object]:
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        return {"opportunity_id": deal_id, "changed_day": day, "created_at": at, "stage": stage, "amount": 10}

    deals = [deal(source_id=name, is_closed=False, stage="Proposal") for name in ("pushed", "moved", "back")]
    history = [
        state("pushed", date(2025, 4, 30), "Proposal"), state("pushed", date(2025, 6, 20), "Proposal"),
        state("moved", date(2025, 4, 30), "Proposal"), state("moved", date(2025, 6, 20), "Negotiation"),
        state("back", date(2025, 3, 1), "Proposal"), state("back", date(2025, 5, 1), "Negotiation"),
        state("back", date(2025, 5, 2), "Proposal"),
    ]  # fmt: skip
    asking = tiny({"salesforce_opportunities": deals, "salesforce_opportunity_history": history})
    stuck = {day: asking.value("stuck_deals", day, grain="day").value for day in (date(2025, 6, 29), QUARTER)}
    assert stuck == {date(2025, 6, 29): 0, QUARTER: 1}
    assert asking.value("stuck_deals", date(2025, 4, 30), grain="day").value == 0
    assert asking.value("open_deals", QUARTER).value == 3


def test_the_last_forecast_before_the_quarter_ends_counts(tiny: Tiny) -> None:
    late = {"made_at": datetime(2025, 7, 1, 1, tzinfo=UTC), "made_day": date(2025, 7, 1), "amount": 900}
    middle = {"made_at": datetime(2025, 5, 3, tzinfo=UTC), "made_day": date(2025, 5, 3), "amount": 8}
    asking = tiny(
        {
            "forecasts": [FORECAST, FORECAST | middle, FORECAST | late, FORECAST | {"category": "pipeline"}],
            "salesforce_opportunities": [deal(is_won=True)],
        }
    )
    assert asking.value("forecast", QUARTER).value == 8
    assert asking.value("forecast_accuracy", QUARTER).value == Decimal("0.8")
