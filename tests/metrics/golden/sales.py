"""Deals: closed ones, how they stood on a day, quotas and forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
from tests.metrics.golden.raw import ZERO, Golden, Raw, Values, between, counts, formula, over, quotient, sums


def _closed(raw: Raw, start: date, end: date, by: str | None) -> pl.DataFrame:
    return between(raw.table("salesforce_opportunities", by), "close_day", start, end).filter(pl.col("is_closed"))


def _won(raw: Raw, start: date, end: date, by: str | None) -> pl.DataFrame:
    return between(raw.table("salesforce_opportunities", by), "close_day", start, end).filter(pl.col("is_won"))


def win_rate(raw: Raw, start: date, end: date, by: str | None) -> Values:
    closed = _closed(raw, start, end, by)
    return quotient(counts(closed.filter(pl.col("is_won"))), counts(closed))


def bookings(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return raw.money(_won(raw, start, end, by), "amount", "close_day")


def acv(raw: Raw, start: date, end: date, by: str | None) -> Values:
    told = _won(raw, start, end, by).filter(pl.col("amount").is_not_null())
    return formula(over, (raw.money(told, "amount", "close_day"), ZERO), (counts(told), ZERO))


def sales_cycle(raw: Raw, start: date, end: date, by: str | None) -> Values:
    won = _won(raw, start, end, by)
    days = won.with_columns(days=(pl.col("close_day") - pl.col("created_day")).dt.total_days())
    return quotient(sums(days, "days"), counts(days))


def _open_on(raw: Raw, day: date) -> Iterator[dict[str, Any]]:
    """The deals open on a day as they stood, with `since`, the day on which each came to its stage."""
    deals = {row["source_id"]: row for row in raw.table("salesforce_opportunities").iter_rows(named=True)}
    closed_stages = {deal["stage"] for deal in deals.values() if deal["is_closed"]}
    history = raw.table("salesforce_opportunity_history").filter(pl.col("changed_day") <= day)
    ordered = history.sort("created_at", "source_id").unique(
        ["opportunity_id", "changed_day"], keep="last", maintain_order=True
    )
    for (key,), changes in ordered.group_by("opportunity_id", maintain_order=True):
        states = changes.to_dicts()
        last, deal = states[-1], deals.get(str(key))
        if deal is None or last["stage"] in closed_stages:
            continue
        since = last["changed_day"]
        for state in reversed(states):
            if state["stage"] != last["stage"]:
                break
            since = state["changed_day"]
        yield deal | {name: last[name] for name in ("stage", "amount", "close_day")} | {"since": since}


_kept: dict[tuple[int, date], pl.DataFrame] = {}


def _open_deals(raw: Raw, day: date, by: str | None) -> pl.DataFrame:
    key = id(raw), day
    if key not in _kept:
        schema = dict(raw.table("salesforce_opportunities").schema) | {"since": pl.Date()}
        _kept[key] = pl.DataFrame(list(_open_on(raw, day)), schema=schema)
    return raw.split(_kept[key], by)


def open_deals(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return counts(_open_deals(raw, end, by))


def _stuck(raw: Raw, day: date, by: str | None) -> pl.DataFrame:
    return _open_deals(raw, day, by).filter(pl.col("since") < day - timedelta(days=60))


def stuck_deals(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return counts(_stuck(raw, end, by))


def stuck_pipeline(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return raw.money(_stuck(raw, end, by).with_columns(pl.col("amount").fill_null(0)), "amount", end)


def slipped_deals(raw: Raw, start: date, end: date, by: str | None) -> Values:
    deals = raw.table("salesforce_opportunities", by)
    closed_stages = set(deals.filter(pl.col("is_closed"))["stage"])
    daily = (
        raw.table("salesforce_opportunity_history")
        .sort("created_at", "source_id")
        .unique(["opportunity_id", "changed_day"], keep="last", maintain_order=True)
        .with_columns(before=pl.col("close_day").shift(1).over("opportunity_id"))
    )
    pushed = between(daily, "changed_day", start, end).filter(
        (pl.col("close_day") > pl.col("before")) & ~pl.col("stage").is_in(closed_stages)
    )
    return counts(deals.filter(pl.col("source_id").is_in(pushed["opportunity_id"].to_list())))


def _quarter_after(end: date) -> tuple[date, date]:
    after = end + timedelta(days=1)
    return after, (after + timedelta(days=93)).replace(day=1) - timedelta(days=1)


def open_pipeline(raw: Raw, start: date, end: date, by: str | None) -> Values:
    expected = between(_open_deals(raw, end, by), "close_day", *_quarter_after(end))
    return raw.money(expected.with_columns(pl.col("amount").fill_null(0)), "amount", end)


def quota(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return raw.money(between(raw.table("quotas", by), "quarter_start", start, end), "amount", "quarter_start")


def pipeline_coverage(raw: Raw, start: date, end: date, by: str | None) -> Values:
    goals = quota(raw, *_quarter_after(end), by)
    return formula(over, (open_pipeline(raw, start, end, by), ZERO), (goals, ZERO))


def quota_attainment(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return formula(over, (bookings(raw, start, end, by), ZERO), (quota(raw, start, end, by), ZERO))


def forecast(raw: Raw, start: date, end: date, by: str | None) -> Values:
    made = between(raw.table("forecasts", by), "quarter_start", start, end).filter(
        (pl.col("category") == "commit") & (pl.col("made_day") < pl.col("quarter_start").dt.offset_by("3mo"))
    )
    last = made.sort("made_at", "source_id").unique(["owner_id", "quarter_start"], keep="last", maintain_order=True)
    return raw.money(last, "amount", "quarter_start")


def forecast_accuracy(raw: Raw, start: date, end: date, by: str | None) -> Values:
    def accuracy(said: Fraction, became: Fraction) -> Fraction | None:
        return None if not became else 1 - abs(said - became) / became

    return formula(accuracy, (forecast(raw, start, end, by), ZERO), (bookings(raw, start, end, by), ZERO))


def sales_velocity(raw: Raw, start: date, end: date, by: str | None) -> Values:
    def a_day(deals: Fraction, rate: Fraction, value: Fraction, days: Fraction) -> Fraction | None:
        return over(deals * rate * value, days)

    return formula(
        a_day,
        (open_deals(raw, start, end, by), ZERO),
        (win_rate(raw, start, end, by), None),
        (acv(raw, start, end, by), None),
        (sales_cycle(raw, start, end, by), None),
    )


GOLDEN: dict[str, Golden] = {
    "win_rate": win_rate,
    "bookings": bookings,
    "acv": acv,
    "sales_cycle": sales_cycle,
    "open_deals": open_deals,
    "stuck_deals": stuck_deals,
    "stuck_pipeline": stuck_pipeline,
    "slipped_deals": slipped_deals,
    "open_pipeline": open_pipeline,
    "quota": quota,
    "pipeline_coverage": pipeline_coverage,
    "quota_attainment": quota_attainment,
    "forecast": forecast,
    "forecast_accuracy": forecast_accuracy,
    "sales_velocity": sales_velocity,
}
