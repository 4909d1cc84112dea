"""Time, passed in. Nothing in the library asks the operating system for the time but `SystemClock`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

__all__ = ["Clock", "FrozenClock", "SystemClock", "company_day", "end_of_day"]


class Clock(Protocol):
    """Tells the time. `frozen` is true when it doesn't move, as in demo commands and tests."""

    @property
    def frozen(self) -> bool: ...

    def now(self) -> datetime:
        """The current time, in UTC, with its zone."""
        ...


class SystemClock:
    """The real time."""

    frozen = False

    def now(self) -> datetime:
        return datetime.now(UTC)


class FrozenClock:
    """One moment, for as long as it lives.

    Raises:
        ValueError: `at` carries no time zone.
    """

    frozen = True

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a frozen clock needs a time with its zone")
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at


def company_day(moment: datetime, time_zone: str) -> date:
    """The calendar day of `moment` in the company's time zone (an IANA name)."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last second of a calendar day in `zone`."""
    return datetime.combine(day, time(23, 59, 59), tzinfo=zone)
