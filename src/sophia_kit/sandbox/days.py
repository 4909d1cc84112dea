"""Days as integers (days since 1970-01-01), and the moments of a company's day in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import overload
from zoneinfo import ZoneInfo

import numpy as np

from sophia_kit.sandbox.draws import Ints

__all__ = ["DAY", "Calendar", "add_months", "from_number", "is_banking_day", "month_end", "number"]

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
# Days on which banks in both countries are shut, month and day; those that move with the year are left out.
_SHUT = frozenset({(1, 1), (7, 1), (7, 4), (11, 11), (12, 25), (12, 26)})


def number(day: date) -> int:
    return day.toordinal() - _EPOCH


@lru_cache(maxsize=8192)
def from_number(day: int) -> date:
    return date.fromordinal(day + _EPOCH)


def add_months(day: date, months: int) -> date:
    """The first of the month that lies `months` after the month of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_end(day: int) -> int:
    return number(add_months(from_number(day), 1)) - 1


def is_banking_day(day: int) -> bool:
    when = from_number(day)
    return when.weekday() < 5 and (when.month, when.day) not in _SHUT


class Calendar:
    """Seconds of a company's days as UTC epoch seconds.

    A day has one offset, that of its noon. Seconds before 03:00 would leave the day when the clocks change, so
    nothing in the company happens then.
    """

    def __init__(self, time_zone: str, first: int, last: int) -> None:
        self._zone = ZoneInfo(time_zone)
        self._first = first
        days = [from_number(day) for day in range(first, last + 1)]
        noons = [datetime(day.year, day.month, day.day, 12, tzinfo=self._zone).utcoffset() for day in days]
        self._offsets = np.array([int((noon or timedelta()).total_seconds()) for noon in noons], dtype=np.int64)
        self._list: list[int] = self._offsets.tolist()

    @overload
    def at(self, day: int, second: int) -> int: ...
    @overload
    def at(self, day: Ints, second: Ints | int) -> Ints: ...
    def at(self, day: int | Ints, second: int | Ints) -> int | Ints:
        """The UTC epoch second at `second` seconds after the midnight that begins the company day."""
        if isinstance(day, int):
            return day * DAY + int(second) - self._list[day - self._first]
        moment: Ints = day * DAY + second - self._offsets[day - self._first]
        return moment

    def end_of(self, day: date) -> datetime:
        """23:59:59 of the company day, in UTC."""
        return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=self._zone).astimezone(UTC)
