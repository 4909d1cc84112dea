"""Which payments arrive late, twice, corrected, deleted or with a missing score, and which can't be used at all.

Up to the last week a month has its share of each, spread over its rows. From then on every day has a few of each,
so that each daily delivery brings some. Counts follow from the calendar alone: no payment has to be generated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sophia_kit.sandbox.days import add_months, from_number, number
from sophia_kit.sandbox.draws import Draws, Ints
from sophia_kit.sandbox.profile import Profile

__all__ = ["BY_DAY", "BY_MONTH", "LATER_BY", "PaymentWarts", "plan_warts"]

BY_MONTH = {"late": 6, "corrected": 5, "deleted": 4, "no_risk": 9, "doubled": 10}
"""Rows of each kind in a month of the history, at any scale."""

BY_DAY = {"late": 1, "corrected": 1, "deleted": 1, "no_risk": 1, "doubled": 1}
"""Rows of each kind among the attempts of a day, from a week before the last day on."""

LATER_BY = {"late": 2, "corrected": 5, "deleted": 6}
"""Days from the attempt to the delivery of the kind, in the daily regime."""

DAILY_FROM = 6
"""The daily regime begins this many days before the last day."""

_IN_NEXT_MONTH = {"late": 3, "corrected": 6, "deleted": 9}
_MORNING = 6 * 3600


@dataclass(frozen=True, slots=True)
class PaymentWarts:
    """Rows of a month by kind; `*_at` is the epoch second at which it happens, in the same order."""

    late: Ints
    late_at: Ints
    corrected: Ints
    corrected_at: Ints
    deleted: Ints
    deleted_at: Ints
    no_risk: Ints
    doubled: Ints


def plan_warts(profile: Profile, draws: Draws, index: int, start: int, count: int, day: Ints) -> PaymentWarts:
    """The warts of the month that starts on `start`; `day` is the company day of each of its `count` rows."""
    rows: dict[str, list[int]] = {kind: [] for kind in BY_MONTH}
    moments: dict[str, list[int]] = {kind: [] for kind in LATER_BY}
    taken: set[int] = set()
    at = profile.calendar.at
    daily = profile.last - DAILY_FROM

    def take(kind: str, row: int, when: int) -> None:
        taken.add(row)
        rows[kind].append(row)
        if kind in moments:
            moments[kind].append(at(when, _MORNING + len(rows[kind])))

    last_day = int(day.max()) if count else start
    for today in range(max(start, daily), last_day + 1):
        candidates = iter(np.flatnonzero(day == today).tolist())
        for kind, wanted in BY_DAY.items():
            # What a month's file would swallow, because it holds a record once, begins when files are daily.
            if kind in LATER_BY and today + LATER_BY[kind] <= profile.last:
                continue
            for _ in range(wanted):
                row = next(candidates, None)
                if row is not None:
                    take(kind, row, today + LATER_BY.get(kind, 0))
    if start < daily:
        following = number(add_months(from_number(start), 1))
        turn = 0
        for kind, wanted in BY_MONTH.items():
            already = len(rows[kind])
            while len(rows[kind]) - already < wanted:
                row = draws.below("wart", index * 4096 + turn, count)
                turn += 1
                if row in taken or int(day[row]) >= daily:
                    continue
                take(kind, row, following + _IN_NEXT_MONTH.get(kind, 0) + turn % 12)
    arrays = {kind: np.array(values, dtype=np.int64) for kind, values in rows.items()}
    times = {f"{kind}_at": np.array(values, dtype=np.int64) for kind, values in moments.items()}
    return PaymentWarts(**arrays, **times)
