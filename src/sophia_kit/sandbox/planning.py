"""Quotas and forecasts of sellers, and the company's monthly plans."""

from __future__ import annotations

from sophia_kit.sandbox.customers import CAD_PER_MILLE, Customer
from sophia_kit.sandbox.days import add_months, from_number, month_end, number
from sophia_kit.sandbox.deals import WON, Deal
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import SELLERS, Employee, average_fte_hundredths, user_id
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.properties import months_of
from sophia_kit.sandbox.tables import Rows

__all__ = ["forecast_rows", "plan_rows", "quarters_of", "quota_rows"]

_PLANNED_RATES = (
    ("nrr", 10_300, 150, "ratio"),
    ("grr", 9_100, 100, "ratio"),
    ("gross_margin", 7_150, 90, "ratio"),
    ("payment_success_rate", 9_600, 20, "ratio"),
    ("win_rate", 2_600, 100, "ratio"),
    ("csat", 7_000, 250, "ratio"),
    ("nps", 150_000, 30_000, "points"),
)
"""Metric, plan of the first year, what each further year adds, unit; in ten-thousandths."""
_EBITDA_MARGIN, _MARGIN_GROWTH = -60, 90
"""EBITDA planned for the first year, and what each further year adds, in thousandths of the revenue planned."""


def quarters_of(profile: Profile) -> list[int]:
    """First days of the quarters from the first day to the horizon."""
    return [day for day in months_of(profile) if from_number(day).month % 3 == 1]


def _quarter_end(start: int) -> int:
    return number(add_months(from_number(start), 3)) - 1


def _usd(deal: Deal) -> int:
    return deal.cents * (CAD_PER_MILLE if deal.account.currency == "CAD" else 1000) // 1000


def _won(deals: tuple[Deal, ...], start: int, until: int) -> int:
    last = (deal.steps[-1] for deal in deals if deal.steps)
    return sum(
        _usd(deal)
        for deal, step in zip((d for d in deals if d.steps), last, strict=True)
        if step.stage == WON and start <= step.day <= until
    )


def _open(deals: tuple[Deal, ...], day: int, start: int, end: int, least: int = 0) -> int:
    """US cents of the deals that are open at the end of `day`, in stage `least` or a later one, and expected to close
    between `start` and `end`."""
    total = 0
    for deal in deals:
        if not deal.steps or deal.steps[0].day > day or (deal.steps[-1].stage >= WON and deal.steps[-1].day <= day):
            continue
        step = deal.at(day)
        if step is not None and least <= step.stage < WON and start <= step.closes <= end:
            total += _usd(deal) if deal.amount(step) is not None else 0
    return total


def quota_rows(profile: Profile, deals: tuple[Deal, ...]) -> Rows:
    """A quota a seller and quarter: as the quarter begins, its open pipeline is about three times its quota."""
    rows = Rows("quotas")
    draws = Draws(profile.seed, "quotas")
    quarters = quarters_of(profile)
    for turn, start in enumerate(quarters):
        end = _quarter_end(start)
        pipeline = _open(deals, min(start - 1, profile.last), start, end)
        total = pipeline * 100 // draws.between("coverage", turn, 280, 350)
        known = profile.calendar.at(max(start - 25, profile.first - 25), 12 * 3600)
        for seller in range(SELLERS):
            share = total * (1000 + draws.between("share", turn * 64 + seller, -120, 120)) // (SELLERS * 1000)
            key = f"quota_{from_number(start):%Y%m}_{seller:02d}"
            rows.add(key, user_id(seller), start, max(share // 100_000 * 100_000, 100_000), "USD", known + seller)
    return rows


def forecast_rows(profile: Profile, deals: tuple[Deal, ...]) -> Rows:
    """What each seller forecast for a quarter at its beginning, its middle and two weeks before its end."""
    rows = Rows("forecasts")
    of_seller = [tuple(deal for deal in deals if deal.owner == seller) for seller in range(SELLERS)]
    for start in quarters_of(profile):
        end = _quarter_end(start)
        for moment in (start + 2, start + 45, end - 14):
            if moment > profile.horizon:
                continue
            for seller, own in enumerate(of_seller):
                won = _won(own, start, moment)
                ready = _open(own, moment, start, end, least=3)
                likely = _open(own, moment, start, end, least=2)
                everything = _open(own, moment, start, end)
                made = profile.calendar.at(moment, 16 * 3600) + seller
                for category, cents in (
                    ("commit", won + ready * 8 // 10),
                    ("best_case", won + likely * 6 // 10),
                    ("pipeline", won + everything),
                ):
                    key = f"fc_{from_number(moment):%Y%m%d}_{seller:02d}_{category}"
                    amount = cents // 10_000 * 10_000
                    rows.add(key, user_id(seller), start, category, amount, "USD", made, made)
    return rows


def plan_rows(
    profile: Profile, customers: tuple[Customer, ...], employees: tuple[Employee, ...], revenue: list[int],
    attempts: list[int],
) -> Rows:  # fmt: skip
    """Monthly plans, made once a year. In ten-thousandths.

    Amounts and headcount grow evenly from where the year before ended; rates hold for the year.
    """
    rows = Rows("plans")
    months = months_of(profile)
    for turn, start in enumerate(months):
        when = from_number(start)
        base = max(0, turn - when.month)
        step = turn - base
        day = month_end(months[base])
        mrr = sum(c.price_on(day) * (CAD_PER_MILLE if c.currency == "CAD" else 1000) for c in customers) // 1000
        heads = average_fte_hundredths(employees, [day])
        volume = attempts[base] * 154_000
        takings, year = revenue[base] * 100 * (1000 + 22 * step) // 1000, when.year - from_number(months[0]).year
        planned = (
            ("revenue", takings, "USD"),
            ("ebitda", takings * min(_EBITDA_MARGIN + _MARGIN_GROWTH * year, 200) // 1000, "USD"),
            ("mrr", mrr * 100 * (1000 + 21 * step) // 1000, "USD"),
            ("arr", mrr * 12 * 100 * (1000 + 21 * step) // 1000, "USD"),
            ("payment_volume", volume * 100 * (1000 + 17 * step) // 1000, "USD"),
            ("headcount", heads * 100 * (1000 + 8 * step) // 1000, "fte"),
            *((metric, value + more * year, unit) for metric, value, more, unit in _PLANNED_RATES),
        )
        made = profile.calendar.at(number(when.replace(month=1, day=1)) - 20, 12 * 3600)
        for metric, value, unit in planned:
            rows.add(
                f"plan_{metric}_{when:%Y%m}",
                metric,
                start,
                value // 10_000 * 10_000 if unit == "USD" else value,
                unit,
                made,
            )
    return rows
