"""Which period is answered, what unknown means and when, how stale is told, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.metrics.asking import Asking
from tests.metrics.conftest import NIGHT, Tiny

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.metrics import Calendar, Catalogue
from sophia_kit.metrics.value import Grain


def posted(day: date, amount: object, currency: str = "USD", **more: Any) -> dict[str, Any]:
    entry = {"entry_day": day, "account_code": "4000", "account_class": "revenue", "stream": "fees"}
    return {**entry, "amount": amount, "currency": currency, **more}


def price(account: str, mrr: object, since: date, until: date | None = None, currency: str = "USD") -> dict[str, Any]:
    return {
        "account_id": account, "plan": "Core", "mrr": mrr, "currency": currency, "valid_from": since, "valid_to": until
    }  # fmt: skip


def rate(day: date, value: object) -> dict[str, Any]:
    return {"from_currency": "CAD", "to_currency": "USD", "day": day, "rate": value}


def employed(fte: object, since: date, until: date | None = None, kind: str = "full_time") -> dict[str, Any]:
    return {"employment_type": kind, "fte": fte, "status": "active", "hired_day": since, "left_day": until}


MONTHS = [date(2025, number, 15) for number in range(1, 7)]
LEDGER = {"ledger_entries": [posted(day, 100 * index) for index, day in enumerate(MONTHS, start=1)]}


@pytest.mark.parametrize(
    ("day", "unfinished", "label", "complete", "value"),
    [
        (date(2025, 6, 30), False, "Jun 2025", True, 600),
        (date(2025, 6, 29), False, "May 2025", True, 500),
        (date(2025, 6, 29), True, "Jun 2025", False, 600),
        (date(2025, 6, 14), True, "Jun 2025", False, 0),
        (date(2025, 6, 30), True, "Jun 2025", True, 600),
    ],
)
def test_the_period_is_the_last_finished_one_unless_asked_for(
    tiny: Tiny, day: date, unfinished: bool, label: str, complete: bool, value: int
) -> None:
    """Rows after the day asked about don't count: what is asked is how things stood on that day."""
    found = tiny(LEDGER).value("revenue", day, unfinished=unfinished)
    assert (found.period.label, found.period.complete, found.value) == (label, complete, Decimal(value))


def test_a_day_that_is_still_running_ends_no_period(tiny: Tiny) -> None:
    asking = tiny(LEDGER, now=datetime(2025, 6, 30, 12, tzinfo=UTC))
    assert asking.value("revenue", date(2025, 6, 30)).period.label == "May 2025"


@pytest.mark.parametrize(("grain", "value"), [("month", 500), ("quarter", 300 + 400 + 500), ("year", 600 + 1500)])
def test_the_fiscal_year_says_where_quarters_and_years_begin(tiny: Tiny, grain: Grain, value: int) -> None:
    """The year from June to May ends in May: quarters are June-August, ..., March-May."""
    asking = tiny({"ledger_entries": [*LEDGER["ledger_entries"], posted(date(2024, 8, 1), 600)]}, calendar=Calendar(6))
    assert asking.value("revenue", date(2025, 5, 31), grain=grain).value == value


def test_a_balance_counts_what_is_in_force_on_the_last_day(tiny: Tiny) -> None:
    asking = tiny(
        {
            "employees": [
                employed(1, date(2025, 1, 1)),
                employed("0.5", date(2025, 6, 30), kind="part_time"),
                employed(1, date(2025, 7, 1)),
                employed(1, date(2025, 1, 1), date(2025, 6, 30)),
                employed(1, date(2025, 1, 1), date(2025, 7, 1)),
                employed(1, date(2025, 1, 1), kind="contractor"),
            ]
        }
    )
    value = asking.value("headcount")
    assert (value.value, value.display, value.unit) == (Decimal("2.5"), "2.5", "fte")


def test_no_rows_in_a_period_that_the_tables_cover_is_a_true_zero_for_sums(tiny: Tiny) -> None:
    asking = tiny({"ledger_entries": [posted(date(2025, 4, 1), 1), posted(date(2025, 6, 1), 1)]})
    assert asking.value("revenue", date(2025, 5, 31)).value == 0
    assert asking.value("revenue", date(2025, 5, 31)).unknown is None


UNKNOWN: list[tuple[str, dict[str, Any], Callable[[Tiny], Asking], str]] = [
    ("not_loaded", {}, lambda tiny: tiny(LEDGER, never=["ledger_entries"]), "erp"),
    ("no_rows", {}, lambda tiny: tiny({}), "holds no rows"),
    (
        "before_data",
        {"day": date(2025, 2, 3)},
        lambda tiny: tiny({"ledger_entries": [posted(date(2025, 2, 1), 1)]}),
        "begins on 2025-02-01",
    ),
    (
        "not_covered",
        {},
        lambda tiny: tiny(
            {"ledger_entries": [posted(date(2025, 5, 1), 1)]},
            loaded={"ledger_entries": datetime(2025, 6, 20, tzinfo=UTC)},
        ),
        "last loaded before it ended",
    ),
    (
        "missing_rate",
        {},
        lambda tiny: tiny({"ledger_entries": [posted(date(2025, 6, 10), 1), posted(date(2025, 6, 10), 1, "CAD")]}),
        "CAD on 2025-06-10",
    ),
    (
        "missing_rate",
        {},
        lambda tiny: tiny(
            {
                "ledger_entries": [posted(date(2025, 6, 10), 1), posted(date(2025, 6, 10), 1, "CAD")],
                "fx_rates": [rate(date(2025, 6, 4), "0.7"), rate(date(2025, 6, 11), "0.7")],
            }
        ),
        "CAD on 2025-06-10",
    ),
]


@pytest.mark.parametrize(("code", "question", "make", "reason"), UNKNOWN)
def test_unknown_says_why_and_is_never_zero(
    tiny: Tiny, code: str, question: dict[str, Any], make: Callable[[Tiny], Asking], reason: str
) -> None:
    value = make(tiny).value("revenue", **question)
    assert value.value is None
    assert value.unknown is not None
    assert value.unknown.code == code
    assert reason in value.unknown.reason
    assert value.display == "unknown"


def test_a_ratio_of_nothing_is_unknown(tiny: Tiny) -> None:
    asking = tiny({"payments": [{"status": "pending", "amount": 1, "attempted_day": date(2025, 6, 3)}]})
    value = asking.value("payment_success_rate")
    assert value.unknown is not None
    assert value.unknown.code == "no_rows"
    before = tiny(
        {"payments": [{"status": "failed", "amount": 1, "attempted_day": date(2025, 4, 3)}]}, folder="before"
    ).value("payment_success_rate")
    assert before.unknown is not None
    assert before.unknown.code == "no_rows"


def test_a_rate_of_at_most_five_days_before_converts(tiny: Tiny) -> None:
    asking = tiny(
        {
            "ledger_entries": [posted(date(2025, 6, 10), 100, "CAD"), posted(date(2025, 6, 12), "0.10", "CAD")],
            "fx_rates": [rate(date(2025, 6, 5), "0.7"), rate(date(2025, 6, 12), "0.71234567")],
        }
    )
    assert asking.value("revenue").value == Decimal("70") + Decimal("0.071234567")


def test_an_amount_without_a_currency_can_t_be_converted(tiny: Tiny) -> None:
    deal = {"opportunity_id": "d", "stage": "Proposal", "amount": 5, "close_day": date(2025, 7, 9)}
    asking = tiny(
        {
            "salesforce_opportunities": [
                {"source_id": "d", "name": "d", "stage": "Proposal", "is_closed": False, "close_day": date(2025, 7, 9)}
            ],
            "salesforce_opportunity_history": [deal | {"changed_day": date(2025, 6, 1), "created_at": NIGHT}],
        }
    )
    value = asking.value("open_pipeline")
    assert value.unknown is not None
    assert value.unknown.code == "missing_rate"
    assert "without a currency" in value.unknown.reason


def test_a_missing_rate_leaves_the_members_alone_that_need_none(tiny: Tiny) -> None:
    rows = [posted(date(2025, 6, 10), 1, stream="a"), posted(date(2025, 6, 10), 1, "CAD", stream="b")]
    values = {v.members[0][1]: v for v in tiny({"ledger_entries": rows}).result("revenue", by=("stream",)).values}
    assert values["a"].value == 1
    assert values["b"].unknown is not None


def twelve_months(skip: int | None = None, fte: object = 2) -> dict[str, list[dict[str, Any]]]:
    days = [date(2024 + (number > 12), (number - 1) % 12 + 1, 5) for number in range(7, 19)]
    entries = [posted(day, 1000) for index, day in enumerate(days) if index != skip]
    return {"ledger_entries": entries, "employees": [employed(fte, date(2024, 6, 1))]}


def test_revenue_per_employee_is_a_year_s_revenue_over_the_average_of_its_month_ends(tiny: Tiny) -> None:
    asking = tiny(twelve_months())
    value = asking.result("rpe", compare=("target",)).value
    assert value.value == 6000
    assert value.comparisons[0].base == 1_000_000
    assert value.comparisons[0].good is False


@pytest.mark.parametrize("skip", [0, 4, 11])
def test_a_missing_month_makes_a_trailing_year_unknown_and_is_named(tiny: Tiny, skip: int) -> None:
    value = tiny(twelve_months(skip)).value("rpe")
    assert value.unknown is not None
    assert value.unknown.code in ("missing_month", "before_data")
    missing = date(2024 + (skip > 5), (skip + 6) % 12 + 1, 1)
    assert f"{missing:%b %Y}" in value.unknown.reason
    assert value.provenance.tables == ("employees", "fx_rates", "ledger_entries")


def test_nobody_employed_gives_nothing_to_divide_by(tiny: Tiny) -> None:
    value = tiny(twelve_months(fte=0)).value("rpe")
    assert value.unknown is not None
    assert value.unknown.code == "no_rows"


def test_retention_follows_the_customers_of_a_year_ago_at_one_rate(tiny: Tiny) -> None:
    """100 + 100 CAD then; 150 now, the Canadian left; the newcomer's 999 doesn't count. Both at today's 0.5."""
    asking = tiny(
        {
            "subscriptions": [
                price("a", 100, date(2024, 1, 1), date(2025, 1, 1)),
                price("a", 150, date(2025, 1, 1)),
                price("b", 100, date(2024, 1, 1), date(2025, 3, 1), "CAD"),
                price("c", 999, date(2025, 2, 1)),
            ],
            "fx_rates": [rate(date(2024, 6, 28), "0.9"), rate(date(2025, 6, 30), "0.5")],
        }
    )
    assert asking.value("nrr").value == 1
    early = asking.value("nrr", date(2024, 6, 30))
    assert early.unknown is not None
    assert early.unknown.code == "before_data"


def test_a_balance_before_everything_was_kept_is_unknown(tiny: Tiny) -> None:
    """Of those who were there then only the ones that stayed are known: their balance is not the company's."""
    stayed = [price("a", 100, date(2023, 1, 1)), price("b", 100, date(2024, 7, 1))]
    asking = tiny({"subscriptions": stayed})
    assert asking.value("mrr", date(2024, 5, 31)).value == 100
    asking = replace(asking, calendar=replace(asking.calendar, history_begins=date(2024, 6, 1)))
    assert asking.value("mrr", date(2024, 6, 30)).value == 100
    found = asking.value("mrr", date(2024, 6, 30), compare=("prior_period",)).comparisons[0]
    assert found.unknown is not None
    assert found.unknown.code == "before_data"
    nrr = asking.value("nrr", date(2025, 5, 31))
    assert nrr.unknown is not None
    assert nrr.unknown.code == "before_data"
    assert asking.value("nrr", date(2025, 6, 30)).value == 1
    with pytest.raises(InputError, match="2024-06-01"):
        asking.value("mrr", date(2024, 5, 31))


def test_comparisons_say_how_much_and_whether_that_is_good(tiny: Tiny) -> None:
    plan = {"metric": "revenue", "month": date(2025, 6, 1), "value": 500, "unit": "USD"}
    asking = tiny({**LEDGER, "plans": [plan]})
    value = asking.value("revenue", compare=("prior_period", "prior_year", "target"))
    period, year, target = value.comparisons
    assert (period.base, period.absolute, period.relative, period.good) == (
        Decimal(500),
        Decimal(100),
        Decimal("0.2"),
        True,
    )
    assert period.base_period is not None
    assert period.base_period.label == "May 2025"
    assert year.unknown is not None
    assert year.unknown.code == "before_data"
    assert (target.base, target.absolute, target.relative, target.good) == (
        Decimal(500),
        Decimal(100),
        Decimal("0.2"),
        True,
    )


def test_a_change_from_zero_has_no_relative_size(tiny: Tiny) -> None:
    rows = [posted(date(2025, 5, 3), 5, account_class="cogs"), posted(date(2025, 6, 3), 5)]
    (change,) = tiny({"ledger_entries": rows}).value("revenue", compare=("prior_period",)).comparisons
    assert (change.base, change.absolute, change.relative, change.good) == (Decimal(0), Decimal(5), None, True)


def test_a_fall_is_good_where_lower_is_better(tiny: Tiny) -> None:
    failed = {"status": "failed", "amount": 1}
    days = (date(2025, 5, 3), date(2025, 5, 4), date(2025, 6, 3))
    asking = tiny({"payments": [failed | {"attempted_day": day} for day in days]})
    (change,) = asking.value("failed_payments", compare=("prior_period",)).comparisons
    assert (change.absolute, change.good) == (Decimal(-1), True)


def test_a_part_of_a_sum_is_not_compared_with_a_whole(tiny: Tiny) -> None:
    value = tiny(LEDGER).value("revenue", date(2025, 6, 20), unfinished=True, compare=("prior_period",))
    assert value.value == 600
    assert value.comparisons[0].unknown is not None
    assert value.comparisons[0].unknown.code == "unfinished"


@pytest.mark.parametrize(
    ("plans", "reason"),
    [
        ([], "no plan of revenue for Apr 2025"),
        ([{"month": date(2025, 4, 1)}, {"month": date(2025, 5, 1)}], "no plan of revenue for Jun 2025"),
        ([{"month": date(2025, 4, 1)}, {"month": date(2025, 4, 1)}], "several plans of revenue for Apr 2025"),
        ([{"month": date(2025, 4, 1), "unit": "EUR"}], "in EUR, the value in USD"),
    ],
)
def test_a_target_needs_a_plan_for_every_month_in_the_metric_s_unit(
    tiny: Tiny, plans: list[dict[str, Any]], reason: str
) -> None:
    rows = [{"metric": "revenue", "value": 1, "unit": "USD", **plan} for plan in plans]
    (target,) = tiny({**LEDGER, "plans": rows}).value("revenue", grain="quarter", compare=("target",)).comparisons
    assert target.unknown is not None
    assert target.unknown.code == "no_target"
    assert reason in target.unknown.reason


def test_a_part_of_the_company_has_no_target(tiny: Tiny) -> None:
    asking = tiny(LEDGER)
    (target,) = asking.value("revenue", filters={"stream": "fees"}, compare=("target",)).comparisons
    assert target.unknown is not None
    assert "whole company" in target.unknown.reason


@pytest.mark.parametrize(("age", "status"), [(239, "fresh"), (240, "fresh"), (241, "stale")])
def test_a_value_stays_and_says_when_it_is_stale(tiny: Tiny, age: int, status: str) -> None:
    asking = tiny({"employees": [employed(1, date(2025, 1, 1))]}, now=NIGHT + timedelta(hours=age))
    value = asking.value("headcount")
    assert value.value == 1
    assert value.freshness.status == status
    assert value.freshness.as_of == NIGHT
    assert value.freshness.tables == (("employees",) if status == "stale" else ())


def test_members_without_a_name_are_kept_and_can_be_asked_for(tiny: Tiny) -> None:
    rows = [posted(date(2025, 6, 3), 5, stream=None), posted(date(2025, 6, 3), 7)]
    asking = tiny({"ledger_entries": rows})
    values = asking.result("revenue", by=("stream",)).values
    assert [(value.members, value.value) for value in values] == [
        ((("stream", "(not set)"),), Decimal(5)),
        ((("stream", "fees"),), Decimal(7)),
    ]
    assert asking.value("revenue", filters={"stream": "(not set)"}).value == 5
    assert asking.value("revenue", filters={"stream": ("(not set)", "fees")}).value == 12


def test_every_period_of_a_trend_carries_every_member(tiny: Tiny) -> None:
    rows = [posted(date(2025, 5, 3), 5, stream="a"), posted(date(2025, 6, 3), 7, stream="b")]
    frame = tiny({"ledger_entries": rows}).result("revenue", by=("stream",), periods=2).frame()
    assert frame.select("period_start", "stream", "value").rows() == [
        (date(2025, 5, 1), "a", 5),
        (date(2025, 5, 1), "b", 0),
        (date(2025, 6, 1), "a", 0),
        (date(2025, 6, 1), "b", 7),
    ]


def test_a_dimension_is_reached_over_a_relationship_without_multiplying_rows(tiny: Tiny) -> None:
    accounts = [{"source_id": "x", "name": "X", "segment": "Big"}, {"source_id": "y", "name": "Y", "segment": "Big"}]
    rows = [posted(date(2025, 6, 3), 5, customer_id="x"), posted(date(2025, 6, 3), 7, customer_id="gone")]
    asking = tiny({"ledger_entries": rows, "salesforce_accounts": accounts})
    values = asking.result("revenue", by=("segment",)).values
    assert {value.members[0][1]: value.value for value in values} == {"(not set)": 7, "Big": 5}
    never = tiny({"ledger_entries": rows}, never=["salesforce_accounts"], folder="never")
    assert never.value("revenue").value == 12
    unknown = never.result("revenue", by=("segment",)).value
    assert unknown.unknown is not None
    assert unknown.unknown.code == "not_loaded"
    assert never.result("revenue", by=("segment",)).frame()["segment"].to_list() == [None]


@pytest.mark.parametrize(
    ("column", "hint"), [("attempted_at", "of type DATE: attempted_day, say"), ("status", "of type DATE.")]
)
def test_a_time_that_is_no_day_is_told_apart(tiny: Tiny, column: str, hint: str) -> None:
    """The likeliest slip in a first metric of one's own: a moment has no company day."""
    paid = {"attempted_at": datetime(2025, 6, 3, 9, tzinfo=UTC), "attempted_day": date(2025, 6, 3), "status": "failed"}
    asking = tiny({"payments": [paid]})
    definition = asking.catalogue.get("failed_payments").model_copy(update={"time": column})
    asking = replace(asking, catalogue=Catalogue([definition]))
    with pytest.raises(InputError, match=f"takes its days from {column} of payments, which holds no dates") as caught:
        asking.value("failed_payments")
    assert hint in (caught.value.hint or "")


def test_a_member_that_one_input_knows_is_a_member(tiny: Tiny) -> None:
    """A seller who has a quota and never had a deal attained nothing of it, and is no misspelling."""
    users = [{"source_id": "u", "name": "Ann"}, {"source_id": "v", "name": "Ben"}]
    quota = {"quarter_start": date(2025, 4, 1), "amount": 10, "currency": "USD", "owner_id": "v"}
    deal = {"close_day": date(2025, 5, 1), "amount": 5, "currency": "USD", "owner_id": "u", "is_won": True}
    asking = tiny({"salesforce_users": users, "quotas": [quota], "salesforce_opportunities": [deal]})
    assert asking.value("quota_attainment", filters={"owner": "Ben"}).value == 0
    assert asking.value("quota", filters={"owner": ("Ben", "(not set)")}).value == 10
    with pytest.raises(UnknownName, match="No owner is called 'Bem'"):
        asking.value("quota_attainment", filters={"owner": ("Ben", "Bem")})


@pytest.mark.parametrize(
    ("question", "error", "message", "hint"),
    [
        ({"metric": "revenu"}, UnknownName, "No metric is called 'revenu'", "revenue"),
        ({"by": ("segmnt",)}, UnknownName, "No dimension of revenue is called 'segmnt'", "segment"),
        ({"filters": {"segmnt": "x"}}, UnknownName, "No dimension of revenue is called 'segmnt'", "segment"),
        ({"filters": {"stream": "fee"}}, UnknownName, "No stream is called 'fee'", "fees"),
        ({"filters": {"stream": ("fees", "fee")}}, UnknownName, "No stream is called 'fee'", "fees"),
        ({"grain": "week"}, UnknownName, "No grain of revenue is called 'week'", "month"),
        ({"compare": ("prior_yaer",)}, UnknownName, "No comparison is called 'prior_yaer'", "prior_year"),
        ({"day": date(2025, 7, 2)}, InputError, "2025-07-02 has not come yet", "up to 2025-07-01"),
        ({"day": date(2024, 12, 31)}, InputError, "its data begins on 2025-01-15", "from 2025-01-15 on"),
        ({"periods": 0}, InputError, "0 periods", "1 to 400"),
        ({"by": ("stream", "stream")}, InputError, "named twice", "once"),
        ({"filters": {"stream": ()}}, InputError, "permits no member", "one"),
    ],
)
def test_what_can_t_be_answered_is_refused_with_a_hint(
    tiny: Tiny, question: dict[str, Any], error: type[InputError], message: str, hint: str
) -> None:
    asking = tiny(LEDGER)
    with pytest.raises(error) as caught:
        asking.result(**{"metric": "revenue", **question})
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_several_values_are_not_taken_for_one(tiny: Tiny) -> None:
    with pytest.raises(InputError, match="2 values here, not one"):
        _ = tiny(LEDGER).result("revenue", periods=2).value


def test_a_value_carries_what_is_needed_to_check_it(tiny: Tiny) -> None:
    asking = tiny(LEDGER)
    value = asking.value("revenue", filters={"stream": "fees"})
    params = dict(value.provenance.params)
    assert params == {
        "first_day": date(2025, 6, 1), "last_day": date(2025, 6, 30), "currency": "USD", "filter_0": ("fees",)
    }  # fmt: skip
    again = asking.warehouse.query(
        value.provenance.sql, {k: list(v) if isinstance(v, tuple) else str(v) for k, v in params.items()}
    )
    assert again.frame["value"].item() == value.value
    assert value.provenance.tables == ("fx_rates", "ledger_entries")
    assert value.provenance.source_systems == ("erp", "treasury")
    assert value.provenance.snapshot_id == asking.warehouse.snapshot.snapshot_id
    assert value.known_at == NIGHT
    assert value.demo is False
