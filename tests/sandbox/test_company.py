"""The company: the same rows everywhere, the sizes that were promised, and days that keep their secrets."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.sandbox.conftest import PROFILE, SCALE

from sophia_kit.core.errors import ConfigError, InputError, UnknownName
from sophia_kit.sandbox import Company
from sophia_kit.sandbox.tables import TABLES

DIGEST_SMALL = "d816ca5a30fdd61baa0d5ac5410dc3093d658c9d6d5e2c247f9996cee5ce9dd3"
DIGEST_FULL = "2654eb72fd94570306f75ca6a6fc0fea7aa304584723577ac0ae86c6b85d350e"


def test_rows_are_the_same_everywhere(company: Company) -> None:
    assert company.digest() == DIGEST_SMALL


def test_rows_are_the_same_in_another_process_under_another_hash_seed() -> None:
    program = (
        "from pathlib import Path; from sophia_kit.sandbox import Company; "
        f"print(Company.load(Path({str(PROFILE)!r}), scale={SCALE}).digest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == DIGEST_SMALL, run.stderr


@pytest.fixture(scope="module")
def whole() -> Company:
    return Company.load(PROFILE)


@pytest.mark.slow
def test_rows_are_the_same_everywhere_at_full_scale(whole: Company) -> None:
    assert whole.digest() == DIGEST_FULL


@pytest.mark.slow
def test_sizes_at_full_scale(whole: Company) -> None:
    payments = sum(len(frame) for _, frame in whole.months("payments"))
    assert 1_450_000 <= payments <= 1_550_000
    accounts = whole.table("salesforce_accounts")
    customers = accounts.filter(pl.col("Type").is_in(["Customer", "Former Customer"]))
    assert 390 <= len(customers) <= 440
    assert set(customers["Segment__c"]) == {"Enterprise", "Mid-Market", "Small Business"}
    assert set(customers["BillingCountry"]) == {"United States", "Canada"}
    assert 5500 <= len(whole.table("properties")) <= 6100
    assert 2300 <= len(whole.table("salesforce_opportunities")) <= 2700
    assert 5800 <= len(whole.table("calls")) <= 6200
    assert len(whole.table("call_turns")) <= 60_000
    assert 19_500 <= len(whole.table("messages")) <= 20_500


def test_60_to_90_people_work_here_at_any_time(company: Company) -> None:
    people = company.table("employees")
    for day in pl.date_range(date(2023, 1, 1), date(2025, 12, 31), "1mo", eager=True):
        there = people.filter(
            (pl.col("hired_day") <= day) & (pl.col("left_day").is_null() | (pl.col("left_day") > day))
        )
        assert 55 <= len(there) <= 90, day
    assert set(people["employment_type"]) == {"full_time", "part_time", "contractor"}
    assert (people.filter(pl.col("employment_type") == "part_time")["fte"] < 1).all()


def test_subscriptions_are_worth_5_to_5_5_million_a_month(company: Company) -> None:
    day = company.last_day
    live = company.table("subscriptions").filter(
        (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))
    )
    rate = company.table("fx_rates").sort("day")["rate"][-1]
    total = sum(
        (row["mrr"] * (rate if row["currency"] == "CAD" else 1) for row in live.iter_rows(named=True)), Decimal()
    )
    assert 5_000_000 <= total <= 5_500_000
    assert set(live["currency"]) == {"USD", "CAD"}
    assert live["account_id"].n_unique() == len(live)


def test_prices_of_a_customer_follow_each_other_without_overlap(company: Company) -> None:
    ordered = company.table("subscriptions").sort("account_id", "valid_from")
    gaps = ordered.with_columns(before=pl.col("valid_to").shift(1).over("account_id")).filter(
        pl.col("before").is_not_null() & (pl.col("before") > pl.col("valid_from"))
    )
    assert len(gaps) == 0


def test_20_to_35_percent_of_closed_deals_are_won(company: Company) -> None:
    closed = company.table("salesforce_opportunities").filter("IsClosed")
    won = closed["IsWon"].sum() / len(closed)
    assert 0.20 <= won <= 0.35


def test_a_quarter_begins_with_2_5_to_4_times_its_quota_in_the_pipeline(company: Company) -> None:
    rate = Decimal("0.73")
    deals = company.table("salesforce_opportunities").filter(
        ~pl.col("IsClosed") & ~pl.col("IsDeleted") & pl.col("CloseDate").is_between(date(2026, 1, 1), date(2026, 3, 31))
    )
    pipeline = sum(
        (
            (row["Amount"] or Decimal()) * (rate if row["CurrencyIsoCode"] == "CAD" else 1)
            for row in deals.iter_rows(named=True)
        ),
        Decimal(),
    )
    quota = sum(company.table("quotas").filter(pl.col("quarter_start") == date(2026, 1, 1))["amount"], Decimal())
    assert 2.5 <= pipeline / quota <= 4


def test_stages_and_flags_agree(company: Company) -> None:
    deals = company.table("salesforce_opportunities")
    assert (deals["IsWon"] == (deals["StageName"] == "Closed Won")).all()
    assert (deals["IsClosed"] == deals["StageName"].is_in(["Closed Won", "Closed Lost"])).all()
    newest = (
        company.table("salesforce_opportunity_history")
        .sort("CreatedDate", "Id")
        .unique("OpportunityId", keep="last")
        .select(pl.col("OpportunityId").alias("Id"), pl.col("StageName").alias("last_stage"))
    )
    assert (joined := deals.join(newest, on="Id")).height == deals.height
    assert (joined["StageName"] == joined["last_stage"]).all()


def test_fees_in_the_ledger_are_the_attempts_of_the_month(company: Company) -> None:
    local = pl.col("attempted_at").dt.convert_time_zone(company.time_zone)
    _, november = list(company.at(date(2025, 12, 31)).months("payments"))[-2]
    attempts = november.group_by("account_id").len()
    fees = company.table("ledger_entries").filter(
        (pl.col("stream") == "payment_fees") & (pl.col("entry_day") == date(2025, 11, 30))
    )
    joined = attempts.join(fees, left_on="account_id", right_on="customer_id")
    untouched = joined.filter(
        pl.col("modified_at").dt.convert_time_zone(company.time_zone).dt.date() == date(2025, 11, 30)
    )
    assert len(untouched) > 20
    assert (untouched["amount"] * 100 == (untouched["len"] * 295).cast(pl.Decimal(18, 2))).all()
    assert november.select((local.dt.month() == 11).all()).item()


def test_every_active_customer_has_a_row_of_usage_every_day(company: Company) -> None:
    day = date(2025, 6, 10)
    live = company.table("subscriptions").filter(
        (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))
    )
    used = company.table("usage_daily").filter(pl.col("day") == day)
    assert set(used["account_id"]) == set(live["account_id"])


def test_plans_exist_for_every_month_and_metric(company: Company) -> None:
    plans = company.table("plans").filter(pl.col("month") <= company.last_day)
    planned = [
        "revenue", "ebitda", "mrr", "arr", "payment_volume", "headcount", "nrr", "grr", "gross_margin",
        "payment_success_rate", "win_rate", "csat", "nps",
    ]  # fmt: skip
    assert dict(plans.group_by("metric").len().iter_rows()) == dict.fromkeys(planned, 36)


def test_now_is_the_last_second_of_the_company_day(company: Company) -> None:
    assert company.now == datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC)
    assert company.at(date(2025, 7, 4)).now == datetime(2025, 7, 5, 4, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_nothing_is_known_before_it_happened(company: Company, name: str) -> None:
    earlier = company.at(date(2024, 8, 20))
    newest = earlier.table(name)[TABLES[name].modified].max()
    assert isinstance(newest, datetime)
    assert newest <= earlier.now


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_day_looks_the_same_however_one_came_to_it(company: Company, name: str) -> None:
    day = company.last_day + timedelta(9)
    fresh = Company.load(PROFILE, scale=SCALE, day=day)
    assert_frame_equal(company.at(day).table(name), fresh.table(name))


def test_a_day_brings_new_changed_and_deleted_records(company: Company, next_day: Company) -> None:
    for name, flag in (("salesforce_contacts", "IsDeleted"), ("payments", "is_deleted")):
        key, modified = TABLES[name].key, TABLES[name].modified
        before, after = company.table(name), next_day.table(name)
        assert set(before[key]) < set(after[key])
        both = before.join(after, on=key, suffix="_after")
        changed = both.filter(pl.col(modified) != pl.col(f"{modified}_after"))
        assert changed.filter(~pl.col(flag) & pl.col(f"{flag}_after")).height >= 1
        assert changed.filter(~pl.col(f"{flag}_after")).height >= 1
        assert (changed[f"{modified}_after"] > changed[modified]).all()
        unchanged = both.filter(pl.col(modified) == pl.col(f"{modified}_after"))
        for column in before.columns:
            if column not in (key, modified):
                assert unchanged[column].equals(unchanged[f"{column}_after"], null_equal=True), column


def test_a_deal_stands_as_it_stood(company: Company) -> None:
    """An opportunity on an earlier day is what its history says up to that day."""
    day = date(2025, 3, 14)
    then = company.at(day)
    said = (
        company.table("salesforce_opportunity_history")
        .filter(pl.col("CreatedDate") <= then.now)
        .sort("CreatedDate", "Id")
        .unique("OpportunityId", keep="last")
    )
    shown = then.table("salesforce_opportunities")
    joined = shown.join(said, left_on="Id", right_on="OpportunityId", suffix="_history")
    assert joined.height == shown.height == said.height
    assert (joined["StageName"] == joined["StageName_history"]).all()
    assert (joined["CloseDate"] == joined["CloseDate_history"]).all()


def test_an_unknown_table_is_named_with_suggestions(company: Company) -> None:
    with pytest.raises(UnknownName, match="paiments") as raised:
        company.table("paiments")
    assert "payments" in raised.value.suggestions


@pytest.mark.parametrize("day", [date(2022, 12, 31), date(2026, 3, 4)])
def test_days_outside_of_the_companys_time_are_refused(company: Company, day: date) -> None:
    with pytest.raises(InputError, match="2023-01-01 to 2026-03-03"):
        company.at(day)


def test_a_wrong_profile_is_located(tmp_path: Path) -> None:
    good = PROFILE.read_text()
    for text, said in (
        (None, "can't be read"),
        ("name = ", "not valid TOML"),
        (good.replace("customers = 440", "customers = 0"), "size.customers"),
        (good.replace("customers = 440", "clients = 440"), "size."),
        (good.replace("last_day = 2025-12-31", "last_day = 2023-02-01"), "between first_day and last_day"),
    ):
        path = tmp_path / "company.toml"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
        with pytest.raises(ConfigError, match=said):
            Company.load(path)
