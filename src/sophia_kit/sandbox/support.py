"""Tickets and surveys: what customers ask for, and what they say of the company."""

from __future__ import annotations

from sophia_kit.sandbox.calls import souring_customer
from sophia_kit.sandbox.customers import Customer
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.phrases import COMMENTS
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows

__all__ = ["survey_rows", "ticket_rows"]

_CATEGORIES = ("billing", "integration", "payouts", "login", "reporting", "failed_payments")
_PRIORITIES = ("low", "normal", "high", "urgent")


def _active(customers: tuple[Customer, ...], draws: Draws, row: int, day: int, segment: int | None = None) -> Customer:
    start = draws.below("customer", row, len(customers))
    for turn in range(len(customers)):
        c = customers[(start + turn) % len(customers)]
        if c.active(day) and (segment is None or c.segment == segment):
            return c
    return customers[start]


def ticket_rows(profile: Profile, customers: tuple[Customer, ...]) -> Rows:
    """Versions: opened, and solved. The outage and the price rise bring tickets of their own."""
    rows = Rows("tickets")
    draws = Draws(profile.seed, "tickets")
    whole = profile.horizon - profile.first
    count = profile.count(profile.size.tickets, 400) * whole // (profile.last - profile.first)
    outage, rise = number(profile.stories.outage_day), number(profile.stories.price_rise_day)
    plan: list[tuple[int, int | None, int | None]] = [
        (profile.first + whole * t // count, None, None) for t in range(count)
    ]
    plan += [(outage + turn % 2, 5, None) for turn in range(profile.count(140, 14))]
    plan += [(rise + draws.below("rise", turn, 75), 0, 2) for turn in range(profile.count(180, 20))]
    for index, (day, category, segment) in enumerate(plan):
        customer = _active(customers, draws, index, day, segment)
        place = draws.pick("category", index, (18, 20, 22, 16, 12, 12)) if category is None else category
        priority = (
            3 if day in (outage, outage + 1) and category == 5 else draws.pick("priority", index, (20, 55, 20, 5))
        )
        opened = profile.calendar.at(day, 8 * 3600 + draws.below("second", index, 40_000))
        account = None if index % 83 == 40 else customer.account
        head = (f"ticket_{index:06d}", account, opened)
        tail = (_CATEGORIES[place], _PRIORITIES[priority])
        rows.add(*head, None, *tail, "open", opened)
        hours = 1 + draws.below("hours_a", index, 24) + draws.below("hours_b", index, 72)
        if not draws.chance("stays_open", index, 8):
            solved = opened + hours * 3600
            rows.add(*head, solved, *tail, "solved", solved)
    return rows


def survey_rows(profile: Profile, customers: tuple[Customer, ...]) -> Rows:
    """Answers: NPS and CSAT in turn. Who had the price rise, and the account whose calls turn sour, score lower."""
    rows = Rows("surveys")
    draws = Draws(profile.seed, "surveys")
    sour = souring_customer(profile, customers)
    whole = profile.horizon - profile.first
    count = profile.count(profile.size.surveys, 300) * whole // (profile.last - profile.first)
    rise, since = number(profile.stories.price_rise_day), number(profile.stories.souring_since)
    for index in range(count):
        day = profile.first + whole * index // count
        customer = _active(customers, draws, index, day)
        nps = draws.chance("nps", index, 450)
        angry = (customer is sour and day > since) or (customer.segment == 2 and rise <= day < rise + 150)
        luck = draws.below("luck", index, 100)
        if nps:
            score = luck * 7 // 100 if angry else (0, 3, 5, 6, 7, 8, 8, 9, 9, 10)[luck // 10]
        else:
            score = 1 + luck * 3 // 100 if angry else (1, 2, 3, 4, 4, 4, 5, 5, 5, 5)[luck // 10]
        top = 10 if nps else 5
        mood = "good" if score * 10 >= top * 8 else "bad" if score * 10 <= top * 5 else "middle"
        comment = draws.choice("comment", index, COMMENTS[mood]) if draws.chance("comments", index, 420) else None
        moment = profile.calendar.at(day, 10 * 3600 + draws.below("second", index, 30_000))
        kind = "nps" if nps else "csat"
        rows.add(f"survey_{index:06d}", customer.account, kind, score, moment, comment, moment + 60)
    return rows
