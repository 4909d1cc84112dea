"""Objectives, key results and check-ins year by year, and the pages of the wiki.

A key result that names a metric of the catalogue is reported by its owner in round numbers; what it really is, the
metric says.
"""

from __future__ import annotations

from collections.abc import Sequence

from sophia_kit.sandbox.customers import CAD_PER_MILLE, Customer
from sophia_kit.sandbox.days import from_number, month_end, number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import Employee, average_fte_hundredths
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.properties import months_of
from sophia_kit.sandbox.tables import Rows

__all__ = ["objective_rows", "page_rows", "rpe_cents"]

_OBJECTIVES: tuple[tuple[str, str, tuple[tuple[str, str | None, str, int, int, bool], ...]], ...] = (
    ("Grow efficiently", "Finance", (
        ("Revenue per employee of at least {rpe:,} USD", "rpe", "USD", 0, 0, True),
        ("Annual recurring revenue of {arr:,} USD", "arr", "USD", 0, 0, True),
        ("Net revenue retention of 108 %", "nrr", "ratio", 1_0100, 1_0800, True),
    )),
    ("Payments that never fail", "Operations", (
        ("97.5 % of payment attempts succeed", "payment_success_rate", "ratio", 9580, 9750, True),
        ("Answer an outage within 15 minutes", None, "minutes", 45_0000, 15_0000, False),
    )),
    ("Win the mid-market", "Sales", (
        ("Win 30 % of closed deals", "win_rate", "ratio", 2500, 3000, True),
        ("Enter each quarter with three times its quota", "pipeline_coverage", "multiple", 2_6000, 3_0000, True),
    )),
    ("Customers who stay", "Customer Success", (
        ("NPS of 40", None, "points", 21_0000, 40_0000, True),
        ("Solve tickets within 24 hours", None, "hours", 49_0000, 24_0000, False),
    )),
)  # fmt: skip


def rpe_cents(profile: Profile, revenue: Sequence[int], employees: tuple[Employee, ...], month: int) -> int:
    """Revenue per employee over the twelve months that end with `month` (a place in the list), by its owner's sums."""
    ends = [month_end(day) for day in months_of(profile)[month - 11 : month + 1]]
    return sum(revenue[month - 11 : month + 1]) * 100 // average_fte_hundredths(employees, ends)


def _arr_cents(customers: tuple[Customer, ...], day: int) -> int:
    return 12 * sum(c.price_on(day) * (CAD_PER_MILLE if c.currency == "CAD" else 1000) for c in customers) // 1000


def objective_rows(
    profile: Profile, customers: tuple[Customer, ...], employees: tuple[Employee, ...], revenue: Sequence[int]
) -> tuple[Rows, Rows, Rows]:
    """Rows of objectives, key results and check-ins."""
    draws = Draws(profile.seed, "okrs")
    found, results, checks = Rows("objectives"), Rows("key_results"), Rows("key_result_checkins")
    months = months_of(profile)
    at = profile.calendar.at
    for first in [turn for turn, day in enumerate(months) if from_number(day).month == 1 and day <= profile.last]:
        start = months[first]
        year = from_number(start).year
        end = number(from_number(start).replace(month=12, day=31))
        made = at(start - 12, 12 * 3600)
        for o, (title, owner, keys) in enumerate(_OBJECTIVES):
            objective = f"obj_{year}_{o + 1}"
            found.add(objective, f"{title} ({year})", owner, start, end, made + o)
            for k, (words, metric, unit, low, high, up) in enumerate(keys):
                key = f"kr_{year}_{o + 1}_{k + 1}"
                base: int | None = low
                target = high
                if metric == "rpe":
                    base = rpe_cents(profile, revenue, employees, first - 1) * 100 if first >= 12 else None
                    target = profile.stories.rpe_target * 10_000
                elif metric == "arr":
                    begin = _arr_cents(customers, start) * 100
                    base, target = begin, begin * 13 // 1_000_000_000_000 * 100_000_000_000
                text = words.format(rpe=profile.stories.rpe_target, arr=target // 10_000)
                results.add(key, objective, text, metric, unit, base, target, up, owner, made + o * 10 + k)
                for turn in range(12):
                    month = first + turn
                    day = month_end(months[month]) if month < len(months) else profile.horizon + 1
                    if day > profile.horizon:
                        break
                    row = year * 1000 + o * 100 + k * 12 + turn
                    value = _reported(
                        profile, draws, row, metric, base, target, turn, customers, employees, revenue, month
                    )
                    sure = (720 - 30 * turn if metric == "rpe" else 450 + draws.below("sure", row, 400)) // 10
                    moment = at(day, 17 * 3600) + row % 600
                    note = draws.choice("note", row, _NOTES[metric == "rpe"])
                    checks.add(f"ci_{key[3:]}_{turn + 1:02d}", key, moment, value, sure, note, owner, moment)
    return found, results, checks


_NOTES = (
    (
        "On it, no surprises this month.",
        "Slower than planned, more in the review.",
        "One more customer asked for this.",
        "Steady.",
    ),
    ("Revenue grows, but so does the team.", "Hiring ran ahead of revenue again.", "We need the price change to show."),
)


def _reported(
    profile: Profile, draws: Draws, row: int, metric: str | None, base: int | None, target: int, turn: int,
    customers: tuple[Customer, ...], employees: tuple[Employee, ...], revenue: Sequence[int], month: int,
) -> int | None:  # fmt: skip
    """Ten-thousandths; nothing for every 29th check-in, and for a year's worth that isn't there yet."""
    if row % 29 == 7:
        return None
    if metric == "rpe":
        return rpe_cents(profile, revenue, employees, month) // 100_000 * 100_000 * 100 if month >= 11 else None
    if metric == "arr":
        return _arr_cents(customers, month_end(months_of(profile)[month])) // 10_000_000 * 10_000_000 * 100
    start = base or 0
    return start + (target - start) * (turn * 6 + draws.below("progress", row, 20)) // 100


def page_rows(profile: Profile, customers: tuple[Customer, ...], employees: tuple[Employee, ...]) -> Rows:
    """Pages of the wiki: how things work, a page for each larger customer, the review of the outage."""
    rows = Rows("knowledge_pages")
    draws = Draws(profile.seed, "pages")
    at = profile.calendar.at

    def add(key: str, title: str, body: str, day: int, changed: int | None = None) -> None:
        author = employees[draws.below("author", len(rows), 12)].name
        url = f"https://wiki.larkfield.example/{key}"
        rows.add(key, title, body, author, url, at(day, 11 * 3600))
        if changed is not None:
            rows.add(key, title, f"{body} Checked again.", author, url, at(changed, 11 * 3600))

    for turn, (title, body) in enumerate(_PAGES):
        add(f"page_how_{turn + 1:02d}", title, body, profile.first + 30 + 9 * turn, profile.last - 200 + 17 * turn)
    for c in customers:
        if c.segment == 0 and c.starts <= profile.last:
            body = f"{c.name} is a customer in {c.country}. Owner of the account: see the CRM. Reviewed every quarter."
            add(f"page_account_{c.index:04d}", f"Account plan: {c.name}", body, max(c.starts, profile.first) + 20)
    outage = profile.stories.outage_day
    body = (
        f"On {outage} attempts through {profile.stories.outage_processor} failed from 08:00 to 20:00 Central. "
        "Reason recorded: processor_unavailable. Action: route by health, not by share."
    )
    add("page_outage_review", f"Review of the outage on {outage}", body, number(outage) + 6)
    return rows


_PAGES = (
    ("How a payment moves", "A resident pays, a processor decides, the property is paid out the next banking day."),
    (
        "What counts as recurring revenue",
        "Monthly subscription prices in force. Fees per payment are revenue, not recurring.",
    ),
    ("How we forecast", "Commit is what the seller would bet on; best case needs one more thing to go right."),
    ("Escalations", "An urgent ticket goes to the account manager and to the channel support within the hour."),
    (
        "Stages of a deal",
        "Prospecting, qualification, proposal, negotiation, closed. A stage has exit criteria, not feelings.",
    ),
    ("On-call for payments", "Watch the failure rate by processor. Above five percent for ten minutes is an incident."),
    ("Exchange rates", "Treasury delivers a rate on each banking day. Without one, amounts are not converted."),
    ("Hiring plan", "Headcount follows revenue: our goal is a million of revenue a year per employee."),
)
