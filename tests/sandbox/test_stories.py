"""Every planted story can be found in the tables, by plain Polars, as the truth says."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from sophia_kit.sandbox import Company


def _sum(amounts: pl.Series) -> Decimal:
    return sum(amounts, Decimal())


def _mrr(company: Company, day: date, accounts: tuple[str, ...] | None = None) -> dict[str, Decimal]:
    """Monthly price by currency in force on a day."""
    frame = company.table("subscriptions").filter(
        (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))
    )
    if accounts is not None:
        frame = frame.filter(pl.col("account_id").is_in(accounts))
    return dict(frame.group_by("currency").agg(pl.col("mrr").sum()).iter_rows())


def _nrr(company: Company, day: date, segment: str) -> Decimal:
    """Net revenue retention over a year, US dollars alone."""
    accounts = company.table("salesforce_accounts").filter(
        (pl.col("Segment__c") == segment) & (pl.col("CurrencyIsoCode") == "USD")
    )["Id"]
    frame = company.table("subscriptions").filter(pl.col("account_id").is_in(accounts.to_list()))

    def on(when: date) -> pl.DataFrame:
        return frame.filter(
            (pl.col("valid_from") <= when) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > when))
        )

    before = on(day - timedelta(365))
    after = on(day).filter(pl.col("account_id").is_in(before["account_id"].to_list()))
    return _sum(after["mrr"]) / _sum(before["mrr"])


def test_the_outage(company: Company) -> None:
    story = company.truth.outage
    assert story is not None
    local = pl.col("attempted_at").dt.convert_time_zone(company.time_zone)
    attempts = company.table("payments").with_columns(day=local.dt.date(), hour=local.dt.hour())
    failed = attempts.filter(pl.col("failure_reason") == story.failure_reason)
    assert len(failed) == story.failed_attempts > 20
    assert set(failed["day"]) == {story.day}
    assert set(failed["processor"]) == {story.processor}
    assert failed["hour"].is_between(8, 19).all()
    hit = attempts.filter(
        (pl.col("day") == story.day) & (pl.col("processor") == story.processor) & pl.col("hour").is_between(8, 19)
    )
    assert (hit["status"] == "failed").all()
    others = attempts.filter((pl.col("day") == story.day) & (pl.col("processor") != story.processor))
    assert (others["status"] == "failed").mean() < 0.15  # type: ignore[operator]
    incident = company.table("messages").filter(pl.col("channel") == "incidents")
    assert set(incident["posted_at"].dt.convert_time_zone(company.time_zone).dt.date()) == {story.day}


def test_a_segment_churns_after_its_price_rise(company: Company) -> None:
    story = company.truth.price_rise
    assert story is not None
    accounts = company.table("salesforce_accounts")
    raised = accounts.filter(pl.col("Id").is_in(story.accounts))
    assert set(raised["Segment__c"]) == {story.segment} == {"Small Business"}
    before, after = _mrr(company, story.day - timedelta(1), story.accounts), _mrr(company, story.day, story.accounts)
    assert (before, after) == (dict(story.mrr_before), dict(story.mrr_after))
    assert all(abs(after[c] / before[c] - (1 + Decimal(story.percent) / 100)) < Decimal("0.001") for c in before)
    ends = company.table("subscriptions").group_by("account_id").agg(pl.col("valid_to").sort_by("valid_from").last())
    left = ends.filter(pl.col("account_id").is_in(story.accounts) & (pl.col("valid_to") <= company.day))
    assert dict(left.iter_rows()) == dict(story.left)
    assert 0.15 < len(story.left) / len(story.accounts) < 0.35
    soon = [day for _, day in story.left if story.day < day < story.day + timedelta(180)]
    assert len(soon) >= 0.8 * len(story.left)
    assert (accounts.filter(pl.col("Id").is_in([a for a, _ in story.left]))["Type"] == "Former Customer").all()


def test_a_price_change_lifts_nrr(company: Company) -> None:
    story = company.truth.price_lift
    assert story is not None
    before, after = _mrr(company, story.day - timedelta(1), story.accounts), _mrr(company, story.day, story.accounts)
    assert (before, after) == (dict(story.mrr_before), dict(story.mrr_after))
    assert all(abs(after[c] / before[c] - (1 + Decimal(story.percent) / 100)) < Decimal("0.001") for c in before)
    assert story.left == ()
    plans = company.table("subscriptions").filter(
        pl.col("account_id").is_in(story.accounts) & (pl.col("valid_from") >= story.day)
    )
    assert set(plans["plan"]) == {"Plus"}
    lift = _nrr(company, company.day, story.segment) - _nrr(company, story.day - timedelta(1), story.segment)
    assert lift > Decimal("0.05")


def test_a_large_deal_is_stuck(company: Company) -> None:
    story = company.truth.stuck_deal
    assert story is not None
    deals = company.table("salesforce_opportunities")
    deal = deals.row(by_predicate=pl.col("Id") == story.opportunity_id, named=True)
    assert (deal["StageName"], deal["Amount"], deal["IsClosed"]) == (story.stage, story.amount, False)
    assert (deal["AccountId"], deal["CurrencyIsoCode"]) == (story.account_id, story.currency)
    steps = company.table("salesforce_opportunity_history").filter(pl.col("OpportunityId") == story.opportunity_id)
    since = steps.filter(pl.col("StageName") == story.stage).sort("CreatedDate")
    assert since["CreatedDate"].dt.convert_time_zone(company.time_zone).dt.date()[0] == story.since
    assert since["CloseDate"].is_unique().all()
    assert len(since) - 1 == story.pushes >= 3
    assert deal["CloseDate"] > company.day
    other = deals.filter(~pl.col("IsClosed") & (pl.col("Id") != story.opportunity_id))
    assert story.amount > other.select(pl.col("Amount").median()).item() * 5


def test_the_calls_of_an_account_turn_sour(company: Company) -> None:
    story = company.truth.souring_account
    assert story is not None
    calls = company.table("calls").filter(pl.col("account_id") == story.account_id)
    assert len(calls) == story.calls
    day = pl.col("started_at").dt.convert_time_zone(company.time_zone).dt.date()
    live = calls.filter(~pl.col("is_deleted"))
    before = live.filter((day < story.since) & (day >= story.since - timedelta(112)))
    after = live.filter(day >= story.sour_from)
    assert len(before) >= 10
    assert len(after) >= 4
    assert before.select(pl.col("sentiment").cast(pl.Float64).mean()).item() >= float(story.average_before_at_least)
    assert after.select(pl.col("sentiment").cast(pl.Float64).mean()).item() <= float(story.average_after_at_most)
    assert before["competitor_mentions"].sum() < after["competitor_mentions"].sum()
    others = company.table("calls").filter(pl.col("account_id") != story.account_id)
    assert others.select(pl.col("sentiment").cast(pl.Float64).mean()).item() > 0.05
    said = company.table("call_turns").filter(pl.col("call_id").is_in(after["source_id"].to_list()))
    assert said["text"].str.contains("confidence|proposal|three times|blaming|decision|September").sum() >= 3


def test_revenue_per_employee_falls_short_of_its_key_result(company: Company) -> None:
    story = company.truth.rpe_gap
    assert story is not None
    assert story.month_end == company.day
    ledger = company.table("ledger_entries").filter(
        (pl.col("account_class") == "revenue") & (pl.col("entry_day") > date(2024, 12, 31))
    )
    assert set(ledger["stream"]) == {"subscription", "payment_fees"}
    revenue = sum(
        (row["amount"] * (Decimal("0.73") if row["currency"] == "CAD" else 1) for row in ledger.iter_rows(named=True)),
        Decimal(),
    )
    people = company.table("employees").filter(pl.col("employment_type") != "contractor")
    ends = pl.date_range(date(2025, 1, 1), date(2025, 12, 1), "1mo", eager=True).dt.month_end()
    shares = [
        _sum(
            people.filter((pl.col("hired_day") <= day) & (pl.col("left_day").is_null() | (pl.col("left_day") > day)))[
                "fte"
            ]
        )
        for day in ends
    ]
    fte = sum(shares, Decimal()) / len(shares)
    assert abs(revenue / fte / story.value - 1) < Decimal("0.01")
    assert Decimal(800_000) <= story.value <= Decimal(950_000) < story.target == 1_000_000
    results = company.table("key_results").filter(pl.col("metric") == "rpe").sort("source_id")
    assert results["target"][-1] == story.target
    checks = company.table("key_result_checkins").filter(pl.col("key_result_id") == results["source_id"][-1])
    assert len(checks) == 12
    assert checks["current_value"].max() < story.target  # type: ignore[operator]


def test_exchange_rates_are_missing_for_twelve_days(company: Company) -> None:
    story = company.truth.rate_gap
    assert story is not None
    rates = company.table("fx_rates").filter(
        (pl.col("from_currency") == story.from_currency) & (pl.col("to_currency") == story.to_currency)
    )
    assert (story.last - story.first).days + 1 == 12
    assert rates.filter(pl.col("day").is_between(story.first, story.last)).height == 0
    gaps = (
        rates.sort("day").with_columns(gap=(pl.col("day") - pl.col("day").shift(1)).dt.total_days()).drop_nulls("gap")
    )
    long = gaps.filter(pl.col("gap") > 5)
    assert long.height == 1
    missing = [day for day in pl.date_range(story.first, story.last, eager=True) if day.weekday() < 5]
    assert len(missing) == story.banking_days
    assert rates["rate"].is_between(Decimal("0.65"), Decimal("0.85")).all()
    ledger = company.table("ledger_entries").filter(pl.col("currency") == "CAD")
    assert len(ledger) > 0


def test_cash_is_burnt_past_a_round_of_financing_and_then_earned(company: Company) -> None:
    story = company.truth.financing
    assert story is not None
    moved = company.table("ledger_entries").filter(pl.col("account_class") == "cash")
    brought = moved.filter(pl.col("stream") == "financing")
    assert (brought["entry_day"].to_list(), story.day) == ([story.day], date(2023, 11, 30))
    assert abs(brought["amount"][0] - story.amount) <= 100  # one posting in many is corrected by a hundred dollars
    own = moved.filter(~pl.col("stream").is_in(["financing", "opening_balance"]))
    by_year = {year: _sum(own.filter(pl.col("entry_day").dt.year() == year)["amount"]) for year in (2023, 2024, 2025)}
    assert by_year[2023] < by_year[2024] < 0 < by_year[2025]
    balance = moved.group_by("entry_day").agg(pl.col("amount").sum()).sort("entry_day")["amount"].cum_sum()
    assert (balance > 0).all()


def test_a_story_that_has_not_begun_is_not_told(company: Company) -> None:
    truth = company.at(date(2024, 6, 30)).truth
    assert (truth.outage, truth.price_rise, truth.price_lift, truth.stuck_deal) == (None, None, None, None)
    assert (truth.souring_account, truth.rate_gap) == (None, None)
    assert truth.rpe_gap is not None
