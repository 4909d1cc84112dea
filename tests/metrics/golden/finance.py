"""The ledger: sums of postings by class, margins, the rule of 40, cash and burn."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import polars as pl
from tests.metrics.golden.raw import ZERO, Golden, Raw, Values, between, formula, months_before, over, over_months

FUNCTIONS = ("sales_marketing", "research_development", "general_administrative")


def posted(*classes: str, sign: int = 1) -> Golden:
    """Postings of some classes, converted at the rate of the day."""

    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        entries = between(raw.table("ledger_entries", by), "entry_day", start, end)
        found = raw.money(entries.filter(pl.col("account_class").is_in(classes)), "amount", "entry_day")
        return {key: None if value is None else sign * value for key, value in found.items()}

    return compute


revenue = posted("revenue")
gross_profit = posted("revenue", "cogs")
ebitda = posted("revenue", "cogs", *FUNCTIONS)


def burn(raw: Raw, start: date, end: date, by: str | None) -> Values:
    entries = between(raw.table("ledger_entries", by), "entry_day", start, end)
    moved = entries.filter(
        (pl.col("account_class") == "cash") & ~pl.col("stream").is_in(["financing", "opening_balance"])
    )
    return {key: None if value is None else -value for key, value in raw.money(moved, "amount", "entry_day").items()}


def share_of_revenue(part: Golden) -> Golden:
    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        return formula(over, (part(raw, start, end, by), ZERO), (revenue(raw, start, end, by), ZERO))

    return compute


def yearly_margin(raw: Raw, end: date) -> Fraction | None:
    """Gross profit over revenue of the twelve months to `end`."""
    year = months_before(end, 12)
    return over(over_months(raw, gross_profit, year), over_months(raw, revenue, year))


def rule_of_40(raw: Raw, start: date, end: date, by: str | None) -> Values:
    months = months_before(end, 24)
    before, now = over_months(raw, revenue, months[:12]), over_months(raw, revenue, months[12:])
    growth, margin = over(now, before), over(over_months(raw, ebitda, months[12:]), now)
    return {"": None if growth is None or margin is None else growth - 1 + margin}


def revenue_ytd(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return revenue(raw, end.replace(month=1, day=1), end, by)


def revenue_ttm(raw: Raw, start: date, end: date, by: str | None) -> Values:
    first = months_before(end, 12)[0]
    if first < raw.table("ledger_entries")["entry_day"].min():  # type: ignore[operator]  # of days
        return {"": None}
    return revenue(raw, first.replace(day=1), end, by)


def cash(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return posted("cash")(raw, date.min, end, by)


def runway(raw: Raw, start: date, end: date, by: str | None) -> Values:
    held, burnt = cash(raw, start, end, None).get(""), over_months(raw, burn, months_before(end, 3))
    return {"": over(held, burnt / 3) if burnt is not None and burnt > 0 else None}


GOLDEN: dict[str, Golden] = {
    "revenue": revenue,
    "revenue_ytd": revenue_ytd,
    "revenue_ttm": revenue_ttm,
    "cash": cash,
    "runway": runway,
    "cost_of_revenue": posted("cogs", sign=-1),
    "gross_profit": gross_profit,
    "gross_margin": share_of_revenue(gross_profit),
    "operating_expense": posted(*FUNCTIONS, sign=-1),
    "ebitda": ebitda,
    "ebitda_margin": share_of_revenue(ebitda),
    "rule_of_40": rule_of_40,
    "burn": burn,
}
