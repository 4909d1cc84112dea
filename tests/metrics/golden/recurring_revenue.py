"""Subscriptions: balances, movements between month ends, and what became of the customers of a year ago."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from functools import cache

import polars as pl
from tests.metrics.golden.raw import ZERO, Golden, Raw, Values, formula, in_force, month_ends, over

Balances = dict[str, dict[str, Fraction]]


def mrr(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return raw.money(in_force(raw.table("subscriptions", by), "valid_from", "valid_to", end), "mrr", end)


def arr(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return {key: None if value is None else value * 12 for key, value in mrr(raw, start, end, by).items()}


def customers(raw: Raw, start: date, end: date, by: str | None) -> Values:
    held = in_force(raw.table("subscriptions", by), "valid_from", "valid_to", end)
    grouped = held.group_by("member").agg(pl.col("account_id").n_unique())
    return {member: Fraction(count) for member, count in grouped.iter_rows()}


def arpa(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return formula(over, (mrr(raw, start, end, by), ZERO), (customers(raw, start, end, by), ZERO))


@cache
def _balances(raw: Raw, day: date) -> Balances:
    """What each account pays a month on a day, by currency."""
    found: Balances = {}
    rows = in_force(raw.table("subscriptions"), "valid_from", "valid_to", day)
    for account, currency, amount in rows.select("account_id", "currency", "mrr").iter_rows():
        held = found.setdefault(account, {})
        held[currency] = held.get(currency, ZERO) + Fraction(amount)
    return found


def movement(kind: str, sign: int) -> Golden:
    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        member = raw.member_of_account(by)
        totals: Values = defaultdict(Fraction)
        for closing in month_ends(start, end):
            opening = closing.replace(day=1) - timedelta(days=1)
            before, after = _balances(raw, opening), _balances(raw, closing)
            for account in before.keys() | after.keys():
                held, holds = before.get(account, {}), after.get(account, {})
                amount = _account_movement(raw, kind, held, holds, opening, closing)
                key = member(account)
                total = totals[key]
                totals[key] = None if amount is None or total is None else total + sign * amount
        return totals

    return compute


def _account_movement(
    raw: Raw, kind: str, before: dict[str, Fraction], after: dict[str, Fraction], opening: date, closing: date
) -> Fraction | None:
    if kind == "fx":
        total = ZERO
        for currency, amount in before.items():
            then, now = raw.rate(currency, opening), raw.rate(currency, closing)
            if then is None or now is None:
                return None
            total += amount * (now - then)
        return total
    change = ZERO
    for currency in before.keys() | after.keys():
        moved = after.get(currency, ZERO) - before.get(currency, ZERO)
        rate = raw.rate(currency, closing)
        if moved and rate is None:
            return None
        change += moved * (rate or 0)
    held, holds = sum(before.values()), sum(after.values())
    was = "new" if not held else "churned" if not holds else "expansion" if change > 0 else "contraction"
    return change if was == kind else ZERO


def came_and_went(*, new: bool) -> Golden:
    """Customers who came, or who went, between the month ends of a period."""

    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        member = raw.member_of_account(by)
        found: Values = defaultdict(Fraction)
        for closing in month_ends(start, end):
            before = _balances(raw, closing.replace(day=1) - timedelta(days=1)).keys()
            after = _balances(raw, closing).keys()
            for account in after - before if new else before - after:
                found[member(account)] = (found[member(account)] or ZERO) + 1
        return found

    return compute


def _year_before(end: date) -> date:
    return (end + timedelta(days=1)).replace(year=end.year - 1 + (end.month == 12)) - timedelta(days=1)


def retention(*, gross: bool) -> Golden:
    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        member = raw.member_of_account(by)
        before, after = _balances(raw, _year_before(end)), _balances(raw, end)
        then: dict[str, Fraction] = defaultdict(Fraction)
        now: dict[str, Fraction] = defaultdict(Fraction)
        for account, held in before.items():
            paid, pays = _converted(raw, held, end), _converted(raw, after.get(account, {}), end)
            if paid is None or pays is None:
                return {member(account): None}
            then[member(account)] += paid
            now[member(account)] += min(paid, pays) if gross else pays
        return {key: now[key] / then[key] for key in then}

    return compute


def _converted(raw: Raw, amounts: dict[str, Fraction], day: date) -> Fraction | None:
    total = ZERO
    for currency, amount in amounts.items():
        rate = raw.rate(currency, day)
        if rate is None:
            return None
        total += amount * rate
    return total


def logo_churn(raw: Raw, start: date, end: date, by: str | None) -> Values:
    member = raw.member_of_account(by)
    before, after = _balances(raw, _year_before(end)), _balances(raw, end)
    had: dict[str, int] = defaultdict(int)
    lost: dict[str, int] = defaultdict(int)
    for account in before:
        had[member(account)] += 1
        lost[member(account)] += account not in after
    return {key: Fraction(lost[key], count) for key, count in had.items()}


GOLDEN: dict[str, Golden] = {
    "arr": arr,
    "mrr": mrr,
    "mrr_new": movement("new", 1),
    "mrr_expansion": movement("expansion", 1),
    "mrr_contraction": movement("contraction", -1),
    "mrr_churned": movement("churned", -1),
    "mrr_fx": movement("fx", 1),
    "nrr": retention(gross=False),
    "grr": retention(gross=True),
    "logo_churn": logo_churn,
    "customers": customers,
    "new_customers": came_and_went(new=True),
    "churned_customers": came_and_went(new=False),
    "arpa": arpa,
}
