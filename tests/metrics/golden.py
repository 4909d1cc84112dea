"""Every metric computed another way: Polars over the raw tables, exact fractions, none of the kit's views or SQL.

Each function takes the raw tables, the first and last day of a period, and the dimension to group by (None: the
total, under the key ""). A value of None stands for unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

Values = dict[str, Fraction | None]
Golden = Callable[["Raw", date, date, str | None], Values]
UNSET = "(not set)"


class Raw:
    """The raw tables of a snapshot file, without deleted rows."""

    def __init__(self, path: Path, currency: str = "USD") -> None:
        self.currency = currency
        self._connection = duckdb.connect(str(path), read_only=True)
        self._frames: dict[str, pl.DataFrame] = {}

    def table(self, name: str) -> pl.DataFrame:
        if name not in self._frames:
            self._frames[name] = self._connection.sql(f"FROM raw.{name} WHERE NOT is_deleted").pl()
        return self._frames[name]

    def lookup(self, table: str, column: str) -> dict[str, str]:
        frame = self.table(table)
        return {key: value or UNSET for key, value in zip(frame["source_id"], frame[column], strict=True)}

    @cached_property
    def _rates(self) -> dict[tuple[str, date], Fraction]:
        frame = self.table("fx_rates").filter(pl.col("to_currency") == self.currency)
        return {(row["from_currency"], row["day"]): Fraction(row["rate"]) for row in frame.iter_rows(named=True)}

    def rate(self, currency: str | None, day: date) -> Fraction | None:
        """The rate of the day, or of one of the five days before."""
        if currency == self.currency:
            return Fraction(1)
        tries = (self._rates.get((currency or "", day - timedelta(days=back))) for back in range(6))
        return next((rate for rate in tries if rate is not None), None)

    def money(self, rows: Iterable[tuple[str, Decimal | None, str | None, date]]) -> Values:
        """Sums of (member, amount, currency, day) in the company's currency, by member."""
        sums: dict[tuple[str, str | None, date], Fraction] = defaultdict(Fraction)
        for member, amount, currency, day in rows:
            if amount is not None:
                sums[member, currency, day] += Fraction(amount)
        totals: Values = {}
        for (member, currency, day), local in sums.items():
            rate, before = self.rate(currency, day), totals.get(member, Fraction(0))
            totals[member] = None if rate is None or before is None else before + local * rate
        return totals


def _member(raw: Raw, by: str | None) -> Callable[[dict[str, Any]], str]:
    """From a row to its member of a dimension."""
    own = {"reason": "failure_reason"}
    reached = {
        "segment": ("salesforce_accounts", "segment", ("account_id", "customer_id")),
        "country": ("salesforce_accounts", "country", ("account_id", "customer_id")),
        "account": ("salesforce_accounts", "name", ("account_id", "customer_id")),
        "region": ("properties", "region", ("property_id",)),
        "owner": ("salesforce_users", "name", ("owner_id",)),
    }
    if by is None:
        return lambda _: ""
    if by in reached:
        table, column, keys = reached[by]
        names = raw.lookup(table, column)
        return lambda row: names.get(next(row[key] for key in keys if key in row) or "", UNSET)
    column = own.get(by, by)
    return lambda row: row[column] or UNSET


def _in_force(frame: pl.DataFrame, first: str, until: str, day: date) -> pl.DataFrame:
    return frame.filter((pl.col(first) <= day) & (pl.col(until).is_null() | (pl.col(until) > day)))


def _between(frame: pl.DataFrame, column: str, start: date, end: date) -> pl.DataFrame:
    return frame.filter(pl.col(column).is_between(start, end))


def mrr(raw: Raw, start: date, end: date, by: str | None) -> Values:
    member = _member(raw, by)
    rows = _in_force(raw.table("subscriptions"), "valid_from", "valid_to", end).iter_rows(named=True)
    return raw.money((member(row), row["mrr"], row["currency"], end) for row in rows)


def arr(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return {key: None if value is None else value * 12 for key, value in mrr(raw, start, end, by).items()}


def _month_ends(start: date, end: date) -> list[date]:
    days = (start + timedelta(days=count) for count in range((end - start).days + 1))
    return [day for day in days if (day + timedelta(days=1)).day == 1]


@cache
def _balances(raw: Raw, day: date) -> dict[str, dict[str, Fraction]]:
    """What each account pays a month on a day, by currency."""
    found: dict[str, dict[str, Fraction]] = {}
    for row in _in_force(raw.table("subscriptions"), "valid_from", "valid_to", day).iter_rows(named=True):
        held = found.setdefault(row["account_id"], {})
        held[row["currency"]] = held.get(row["currency"], Fraction(0)) + Fraction(row["mrr"])
    return found


def _movement(kind: str, sign: int) -> Golden:
    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        member = _member(raw, by)
        totals: Values = defaultdict(Fraction)
        for closing in _month_ends(start, end):
            opening = closing.replace(day=1) - timedelta(days=1)
            before, after = _balances(raw, opening), _balances(raw, closing)
            for account in before.keys() | after.keys():
                held, holds = before.get(account, {}), after.get(account, {})
                amount = _account_movement(raw, kind, held, holds, opening, closing)
                key = member({"account_id": account})
                total = totals[key]
                totals[key] = None if amount is None or total is None else total + sign * amount
        return totals

    return compute


def _account_movement(
    raw: Raw, kind: str, before: dict[str, Fraction], after: dict[str, Fraction], opening: date, closing: date
) -> Fraction | None:
    if kind == "fx":
        total = Fraction(0)
        for currency, amount in before.items():
            then, now = raw.rate(currency, opening), raw.rate(currency, closing)
            if then is None or now is None:
                return None
            total += amount * (now - then)
        return total
    change = Fraction(0)
    for currency in before.keys() | after.keys():
        moved = after.get(currency, Fraction(0)) - before.get(currency, Fraction(0))
        rate = raw.rate(currency, closing)
        if moved and rate is None:
            return None
        change += moved * (rate or 0)
    held, holds = sum(before.values()), sum(after.values())
    was = "new" if not held else "churned" if not holds else "expansion" if change > 0 else "contraction"
    return change if was == kind else Fraction(0)


def nrr(raw: Raw, start: date, end: date, by: str | None) -> Values:
    last = (end + timedelta(days=1)).replace(year=end.year - 1 + (end.month == 12)) - timedelta(days=1)
    member = _member(raw, by)
    before, after = _balances(raw, last), _balances(raw, end)
    then: dict[str, Fraction] = defaultdict(Fraction)
    now: dict[str, Fraction] = defaultdict(Fraction)
    for account, amounts in before.items():
        key = member({"account_id": account})
        for totals, held in ((then, amounts), (now, after.get(account, {}))):
            for currency, amount in held.items():
                rate = raw.rate(currency, end)
                if rate is None:
                    return {key: None}
                totals[key] += amount * rate
    return {key: now[key] / then[key] for key in then}


def payment_volume(raw: Raw, start: date, end: date, by: str | None) -> Values:
    member = _member(raw, by)
    rows = _between(raw.table("payments"), "attempted_day", start, end).filter(pl.col("status") == "succeeded")
    return raw.money(
        (member(row), row["amount"], row["currency"], row["attempted_day"]) for row in rows.iter_rows(named=True)
    )


def _counts(raw: Raw, rows: pl.DataFrame, by: str | None) -> dict[str, int]:
    member = _member(raw, by)
    found: dict[str, int] = defaultdict(int)
    for row in rows.iter_rows(named=True):
        found[member(row)] += 1
    return found


def payment_success_rate(raw: Raw, start: date, end: date, by: str | None) -> Values:
    rows = _between(raw.table("payments"), "attempted_day", start, end)
    good = _counts(raw, rows.filter(pl.col("status") == "succeeded"), by)
    bad = _counts(raw, rows.filter(pl.col("status") == "failed"), by)
    return {key: Fraction(good.get(key, 0), good.get(key, 0) + bad.get(key, 0)) for key in good.keys() | bad.keys()}


def failed_payments(raw: Raw, start: date, end: date, by: str | None) -> Values:
    rows = _between(raw.table("payments"), "attempted_day", start, end).filter(pl.col("status") == "failed")
    return {key: Fraction(count) for key, count in _counts(raw, rows, by).items()}


def win_rate(raw: Raw, start: date, end: date, by: str | None) -> Values:
    closed = _between(raw.table("salesforce_opportunities"), "close_day", start, end).filter(pl.col("is_closed"))
    won, everything = _counts(raw, closed.filter(pl.col("is_won")), by), _counts(raw, closed, by)
    return {key: Fraction(won.get(key, 0), count) for key, count in everything.items()}


def open_pipeline(raw: Raw, start: date, end: date, by: str | None) -> Values:
    after = end + timedelta(days=1)
    until = (after + timedelta(days=93)).replace(day=1) - timedelta(days=1)
    member = _member(raw, by)
    deals = {row["source_id"]: row for row in raw.table("salesforce_opportunities").iter_rows(named=True)}
    closed_stages = {deal["stage"] for deal in deals.values() if deal["is_closed"]}
    history = raw.table("salesforce_opportunity_history").filter(pl.col("changed_day") <= end)
    latest = history.sort("created_at", "source_id").group_by("opportunity_id", maintain_order=True).last()
    rows = []
    for state in latest.iter_rows(named=True):
        deal = deals.get(state["opportunity_id"])
        if deal and state["stage"] not in closed_stages and after <= state["close_day"] <= until:
            rows.append((member(deal), state["amount"] or Decimal(0), deal["currency"], end))
    return raw.money(rows)


def quota(raw: Raw, start: date, end: date, by: str | None) -> Values:
    member = _member(raw, by)
    rows = _between(raw.table("quotas"), "quarter_start", start, end).iter_rows(named=True)
    return raw.money((member(row), row["amount"], row["currency"], row["quarter_start"]) for row in rows)


def pipeline_coverage(raw: Raw, start: date, end: date, by: str | None) -> Values:
    after = end + timedelta(days=1)
    until = (after + timedelta(days=93)).replace(day=1) - timedelta(days=1)
    pipeline, goals = open_pipeline(raw, start, end, by), quota(raw, after, until, by)
    found: Values = {}
    for key in pipeline.keys() | goals.keys():
        amount, goal = pipeline.get(key, Fraction(0)), goals.get(key, Fraction(0))
        found[key] = None if amount is None or not goal else amount / goal
    return found


def revenue(raw: Raw, start: date, end: date, by: str | None) -> Values:
    member = _member(raw, by)
    entries = _between(raw.table("ledger_entries"), "entry_day", start, end)
    rows = entries.filter(pl.col("account_class") == "revenue").iter_rows(named=True)
    return raw.money((member(row), row["amount"], row["currency"], row["entry_day"]) for row in rows)


def headcount(raw: Raw, start: date, end: date, by: str | None) -> Values:
    member = _member(raw, by)
    found: Values = defaultdict(Fraction)
    staff = _in_force(raw.table("employees"), "hired_day", "left_day", end)
    for row in staff.filter(pl.col("employment_type") != "contractor").iter_rows(named=True):
        found[member(row)] = (found[member(row)] or Fraction(0)) + Fraction(row["fte"])
    return found


def rpe(raw: Raw, start: date, end: date, by: str | None) -> Values:
    months = [end]
    while len(months) < 12:
        months.insert(0, months[0].replace(day=1) - timedelta(days=1))
    takings = [revenue(raw, day.replace(day=1), day, None).get("") for day in months]
    staff = [headcount(raw, day, day, None).get("") for day in months]
    if None in takings or None in staff:
        return {"": None}
    return {"": sum((x for x in takings if x), Fraction(0)) / (sum((x for x in staff if x), Fraction(0)) / 12)}


GOLDEN: dict[str, Golden] = {
    "arr": arr,
    "mrr": mrr,
    "mrr_new": _movement("new", 1),
    "mrr_expansion": _movement("expansion", 1),
    "mrr_contraction": _movement("contraction", -1),
    "mrr_churned": _movement("churned", -1),
    "mrr_fx": _movement("fx", 1),
    "nrr": nrr,
    "payment_volume": payment_volume,
    "payment_success_rate": payment_success_rate,
    "failed_payments": failed_payments,
    "win_rate": win_rate,
    "open_pipeline": open_pipeline,
    "quota": quota,
    "pipeline_coverage": pipeline_coverage,
    "revenue": revenue,
    "headcount": headcount,
    "rpe": rpe,
}
