"""The company's calendar: which period holds a day, which one came before, which are over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sophia_kit.core.errors import InputError
from sophia_kit.core.settings import CompanySettings
from sophia_kit.metrics.value import Grain, Period

__all__ = ["Calendar", "day_is_over", "months_before", "require_reckonable", "year_before"]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_RECKONED = (date(1900, 1, 1), date(9000, 1, 1))


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods by fiscal-year start and week start.

    Quarters and years begin with the fiscal year; months are calendar months.

    Attributes:
        history_begins: the first day from which the sources hold everything; None when each table's first row says it.
    """

    fiscal_year_start_month: int = 1
    week_start: Literal["monday", "sunday"] = "monday"
    history_begins: date | None = None

    @classmethod
    def of(cls, company: CompanySettings) -> Calendar:
        return cls(company.fiscal_year_start_month, company.week_start, company.history_begins)

    def period(self, grain: Grain, day: date) -> Period:
        """The period of `grain` that holds `day`."""
        if grain == "day":
            return Period(grain, day, day)
        if grain == "week":
            back = day.weekday() if self.week_start == "monday" else (day.weekday() + 1) % 7
            start = day - timedelta(days=back)
            return Period(grain, start, start + timedelta(days=6))
        size = _MONTHS[grain]
        index = day.year * 12 + day.month - 1
        return _months(grain, index - (index - (self.fiscal_year_start_month - 1)) % size)

    def shift(self, period: Period, count: int) -> Period:
        """The period `count` periods later; earlier when negative."""
        if period.grain in ("day", "week"):
            width = 1 if period.grain == "day" else 7
            return self.period(period.grain, period.start + timedelta(days=width * count))
        index = period.start.year * 12 + period.start.month - 1
        return _months(period.grain, index + _MONTHS[period.grain] * count)

    def prior_year(self, period: Period) -> Period:
        """The same period a year earlier; 52 weeks earlier for a week; 28 February for a 29th."""
        if period.grain == "day":
            return self.period("day", _same_date(period.start, -1))
        return self.shift(period, {"week": -52, "month": -12, "quarter": -4, "year": -1}[period.grain])

    def same_part(self, passed: Period, period: Period, base: Period) -> Period:
        """What of `base` has passed when `passed` of `period` has.

        As many days of a week; of a month what lies before the same date; of quarters and years what lies before that
        date in the corresponding month. The last day of a month corresponds to the last day of a month, and so does a
        date that the other month doesn't have.
        """
        end = passed.end_inclusive
        if period.grain in ("day", "week"):
            last = base.start + (end - period.start)
        else:
            whole = (end.year - period.start.year) * 12 + end.month - period.start.month
            month = self.shift(self.period("month", base.start), whole)
            at_end = (end + timedelta(days=1)).day == 1 or end.day > month.end_inclusive.day
            last = month.end_inclusive if at_end else month.start.replace(day=end.day)
        if last >= base.end_inclusive:
            return base
        return Period(base.grain, base.start, last, complete=False)

    def months(self, end: date, count: int) -> tuple[Period, ...]:
        """The last `count` whole calendar months that end on or before `end`, oldest first."""
        last = self.period("month", end)
        if last.end_inclusive > end:
            last = self.shift(last, -1)
        return tuple(self.shift(last, back) for back in range(1 - count, 1))


def year_before(day: date) -> date:
    """The same date a year earlier; the last day of a month stays the last day of the month."""
    return months_before(day, 12)


def months_before(day: date, count: int) -> date:
    """The same date so many months earlier, or the last day of that month where it has none.

    The last day of a month stays the last day of a month: 30 April and 29 February both come from 31 May.
    """
    index = day.year * 12 + day.month - 1 - count
    last = _months("month", index).end_inclusive
    if (day + timedelta(days=1)).day == 1 or day.day > last.day:
        return last
    return last.replace(day=day.day)


def require_reckonable(day: date) -> None:
    """Go on when periods can be counted from a day in either direction without leaving the calendar.

    Raises:
        InputError: it is too near to the calendar's first or last day.
    """
    first, last = _RECKONED
    if not first <= day < last:
        raise InputError(f"{day} can't be asked about.", hint=f"Ask for a day from {first} on, and before {last}.")


def day_is_over(day: date, moment: datetime, time_zone: str) -> bool:
    """Whether `day` has passed in `time_zone` at `moment`; its last second counts as passed.

    The last second: a clock frozen at the end of a day, as the demo company's, stands at 23:59:59.
    """
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone))
    return moment >= midnight.astimezone(UTC) - timedelta(seconds=1)


def _months(grain: Grain, first_index: int) -> Period:
    after = first_index + _MONTHS[grain]
    start = date(first_index // 12, first_index % 12 + 1, 1)
    return Period(grain, start, date(after // 12, after % 12 + 1, 1) - timedelta(days=1))


def _same_date(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
