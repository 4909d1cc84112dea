"""Every wart shows in what is delivered, as often as the truth says: counted in the files and on the wire."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from tests.sandbox.conftest import Deliveries
from tests.sandbox.test_salesforce import read_all

from sophia_kit.sandbox import Company, deliver
from sophia_kit.sandbox.tables import LANDING, TABLES

BLEMISHED = ("ledger_entries", "surveys", "tickets")


def _good(frame: pl.DataFrame, company: Company, name: str) -> pl.DataFrame:
    """Without the records that break their contract."""
    bad = [key for wart in company.truth.of(name, "malformed") for key in wart.ids]
    return frame.filter(pl.col("source_id").is_not_null() & ~pl.col("source_id").is_in(bad))


@pytest.mark.parametrize("name", [*BLEMISHED, "payments"])
def test_doubled_rows(company: Company, deliveries: Deliveries, name: str) -> None:
    rows = _good(deliveries(name), company, name)
    twice = rows.group_by(rows.columns).len().filter(pl.col("len") > 1)
    assert (twice["len"] == 2).all()
    assert len(twice) == company.truth.count(name, "doubled") > 0
    if ids := [key for wart in company.truth.of(name, "doubled") for key in wart.ids]:
        assert set(twice["source_id"]) == set(ids)


@pytest.mark.parametrize("name", BLEMISHED)
def test_corrected_rows(company: Company, deliveries: Deliveries, name: str) -> None:
    """A corrected record comes again with another value and a later modification."""
    (wart,) = company.truth.of(name, "corrected")
    changing = {
        "ledger_entries": "amount",
        "surveys": "comment",
        "tickets": "priority",
    }[name]
    assert wart.count == len(wart.ids) > 0
    versions = deliveries(name).filter(pl.col("source_id").is_in(wart.ids)).unique(["source_id", "modified_at"])
    found = versions.sort("modified_at").group_by("source_id").agg(pl.col("modified_at"), pl.col(changing))
    assert len(found) == wart.count
    newest = company.table(name).select("source_id", pl.col(changing).alias("held"))
    joined = found.join(newest, on="source_id").with_columns(last=pl.col(changing).list.last())
    assert (joined["modified_at"].list.len() >= 2).all()
    assert joined.filter(pl.col("last").ne_missing(pl.col("held"))).height == 0


@pytest.mark.parametrize("name", ["surveys", "tickets"])
def test_deleted_rows(company: Company, deliveries: Deliveries, name: str) -> None:
    (wart,) = company.truth.of(name, "deleted")
    flagged = deliveries(name).filter("is_deleted")
    assert set(flagged["source_id"]) == set(wart.ids) == set(company.table(name).filter("is_deleted")["source_id"])
    assert wart.count == len(wart.ids) > 0


@pytest.mark.parametrize("name", ["calls", "messages", "surveys", "tickets"])
def test_late_rows(company: Company, name: str) -> None:
    """A late record happened, but is not known for four days."""
    (wart,) = company.truth.of(name, "late")
    happened = {"calls": "started_at", "messages": "posted_at", "surveys": "answered_at", "tickets": "opened_at"}[name]
    assert wart.count == len(wart.ids) > 0
    for key, moment in (
        company.table(name).filter(pl.col("source_id").is_in(wart.ids)).select("source_id", happened).rows()
    ):
        days = [company.at(moment.date() + timedelta(after)) for after in (2, 5)]
        assert [key in day.table(name)["source_id"] for day in days] == [False, True]


def test_late_payments_come_in_the_file_of_a_later_month(company: Company, deliveries: Deliveries) -> None:
    rows = _good(deliveries("payments"), company, "payments")
    day = pl.col("attempted_at").dt.convert_time_zone(company.time_zone).dt.strftime("%Y-%m")
    first = rows.group_by("source_id").agg(pl.col("file").min(), day.first().alias("month"))
    late = first.filter(pl.col("file").str.slice(0, 7) > pl.col("month"))
    in_last_file = company.truth.count("payments", "late")
    assert len(late) == in_last_file > 200


def test_corrected_and_deleted_payments(company: Company, deliveries: Deliveries) -> None:
    rows = _good(deliveries("payments"), company, "payments")
    amounts = rows.group_by("source_id").agg(pl.col("amount").n_unique())
    assert len(amounts.filter(pl.col("amount") > 1)) == company.truth.count("payments", "corrected") > 100
    assert rows.filter("is_deleted")["source_id"].n_unique() == company.truth.count("payments", "deleted") > 100


def test_a_perfect_loader_ends_up_with_the_table(company: Company, deliveries: Deliveries) -> None:
    """Merging all deliveries by key and modification gives exactly what the company says it holds."""
    for name in ("payments", "usage_daily", "tickets", "subscriptions", "ledger_entries", "employees"):
        merged = (
            _good(deliveries(name), company, name)
            .drop("file")
            .sort("source_id", "modified_at", maintain_order=True)
            .unique("source_id", keep="last", maintain_order=True)
        )
        assert merged.equals(company.table(name), null_equal=True), name


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("payments", "risk_score"), ("usage_daily", "sessions"), ("properties", "region"), ("tickets", "account_id"),
    ],
)  # fmt: skip
def test_missing_values(company: Company, deliveries: Deliveries, name: str, field: str) -> None:
    rows = _good(deliveries(name), company, name)
    newest = rows.sort("modified_at").unique("source_id", keep="last")
    assert newest[field].null_count() == company.truth.count(name, "null", field) > 0


def test_malformed_records_are_few_and_each_is_there(company: Company, deliveries: Deliveries) -> None:
    landed = [w for w in company.truth.warts if w.kind == "malformed" and w.table in LANDING]
    assert 20 <= sum(wart.count for wart in landed) <= 60
    assert {wart.problem for wart in landed} == {"missing", "missing_key", "negative", "out_of_range", "unknown_value"}
    for wart in landed:
        rows = deliveries(wart.table)
        assert wart.field is not None
        if wart.problem == "missing_key":
            assert rows[wart.field].null_count() == wart.count
            continue
        values = rows.filter(pl.col("source_id").is_in(wart.ids))[wart.field]
        assert len(values) == wart.count
        if wart.problem == "missing":
            assert values.null_count() == wart.count
        elif wart.problem == "negative":
            assert (values < 0).all()
        elif wart.problem == "out_of_range":
            assert (values > 10).all()
        else:
            assert not set(values) & set(company.table(wart.table)[wart.field])


def test_the_crm_has_broken_records_too(company: Company, client: httpx.Client) -> None:
    names = {
        "salesforce_opportunities": "Opportunity",
        "salesforce_accounts": "Account",
        "salesforce_contacts": "Contact",
    }
    broken = [w for w in company.truth.warts if w.kind == "malformed" and w.table in names]
    assert {wart.problem for wart in broken} == {"missing", "missing_key", "negative", "not_a_number"}
    for wart in broken:
        assert wart.field is not None
        records = read_all(client, f"SELECT Id, {wart.field} FROM {names[wart.table]}")
        if wart.problem == "missing_key":
            hit = [r for r in records if r["Id"] is None]
        else:
            hit = [r for r in records if r["Id"] in wart.ids]
        assert len(hit) == wart.count > 0
        assert all(_breaks(wart.problem, r[wart.field]) for r in hit)


def _breaks(problem: str | None, value: Any) -> bool:
    if problem == "not_a_number":
        return bool(value == "n/a")
    return bool(value < 0) if problem == "negative" else value is None


def test_the_crm_has_deleted_records_and_missing_values(company: Company, client: httpx.Client) -> None:
    for thing, name in (("Account", "accounts"), ("Contact", "contacts"), ("Opportunity", "opportunities")):
        (wart,) = company.truth.of(f"salesforce_{name}", "deleted")
        kept = {r["Id"] for r in read_all(client, f"SELECT Id FROM {thing}")}
        flagged = {
            r["Id"] for r in read_all(client, f"SELECT Id, IsDeleted FROM {thing}", "queryAll") if r["IsDeleted"]
        }
        assert flagged == set(wart.ids)
        assert wart.count > 0
        assert not flagged & kept
    (twins,) = company.truth.of("salesforce_accounts", "duplicate")
    names = [r["Name"] for r in read_all(client, "SELECT Id, Name FROM Account", "queryAll") if r["Name"]]
    assert len(names) - len(set(names)) == twins.count > 0
    emails = read_all(client, "SELECT Id, Email FROM Contact", "queryAll")
    missing = [r for r in emails if r["Email"] is None and r["Id"] is not None]
    assert len(missing) == company.truth.count("salesforce_contacts", "null", "Email") > 0


def test_each_day_after_the_last_brings_all_kinds(company: Company, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    later = company.at(date(2026, 1, 12))
    deliver(later, landing)
    known = set(
        pl.concat([pl.read_parquet(f) for f in sorted((landing / "payments").glob("202[345]-*.parquet"))])["source_id"]
    )
    for day in range(1, 13):
        rows = pl.read_parquet(landing / "payments" / f"2026-01-{day:02d}.parquet")
        happened = pl.col("attempted_at").dt.convert_time_zone(company.time_zone).dt.date() == date(2026, 1, day)
        fresh = rows.filter(happened & pl.col("source_id").is_not_null())
        assert len(fresh) >= 5
        assert rows.filter(~happened & ~pl.col("source_id").is_in(known)).height >= 1, "late"
        assert rows.filter(pl.col("is_deleted") & pl.col("source_id").is_in(known)).height >= 1, "deleted"
        assert rows.filter(~pl.col("is_deleted") & pl.col("source_id").is_in(known)).height >= 1, "corrected or decided"
        assert rows.is_duplicated().sum() >= 2
        assert rows.filter(pl.col("source_id").is_null() | pl.col("source_id").str.starts_with("bad_")).height == 1
        known |= set(rows["source_id"])
    assert later.truth.count("payments", "late") > company.truth.count("payments", "late")


def test_a_table_gains_a_column(company: Company, tmp_path: Path) -> None:
    later = company.at(date(2026, 1, 2))
    (wart,) = later.truth.of("tickets", "new_column")
    assert company.truth.of("tickets", "new_column") == ()
    deliver(later, tmp_path, since=date(2025, 12, 31))
    before, after = (pl.read_parquet(tmp_path / "tickets" / f"2026-01-0{day}.parquet").columns for day in (1, 2))
    assert set(after) - set(before) == {wart.field}


def test_the_truth_of_a_day_counts_what_is_delivered_by_then(company: Company, tmp_path: Path) -> None:
    """Also in the middle of a month, and in the days after the history."""
    for day in (date(2024, 5, 17), date(2026, 1, 9)):
        then, landing = company.at(day), tmp_path / day.isoformat()
        deliver(then, landing)
        rows = pl.concat([pl.read_parquet(file) for file in sorted((landing / "payments").glob("*.parquet"))])
        good = _good(rows, then, "payments")
        assert good.filter("is_deleted")["source_id"].n_unique() == then.truth.count("payments", "deleted")
        twice = good.group_by(good.columns).len().filter(pl.col("len") > 1)
        assert len(twice) == then.truth.count("payments", "doubled")
        newest = good.sort("modified_at").unique("source_id", keep="last")
        assert newest["risk_score"].null_count() == then.truth.count("payments", "null", "risk_score")
        assert len(newest) == len(then.table("payments"))
        assert TABLES["payments"].key == "source_id"
