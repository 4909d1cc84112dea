"""Periods: which one holds a day, what lies before it, and when a day is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_kit.metrics import Calendar, Period
from sophia_kit.metrics.calendar import day_is_over, months_before, year_before
from sophia_kit.metrics.value import Grain

GRAINS: tuple[Grain, ...] = ("day", "week", "month", "quarter", "year")

calendars = st.builds(Calendar, st.integers(1, 12), st.sampled_from(["monday", "sunday"]))
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
grains = st.sampled_from(GRAINS)


@pytest.mark.parametrize(
    ("calendar", "grain", "day", "start", "end", "label"),
    [
        (Calendar(), "day", "2025-12-31", "2025-12-31", "2025-12-31", "31 Dec 2025"),
        (Calendar(), "week", "2025-12-31", "2025-12-29", "2026-01-04", "week of 29 Dec 2025"),
        (Calendar(1, "sunday"), "week", "2025-12-31", "2025-12-28", "2026-01-03", "week of 28 Dec 2025"),
        (Calendar(1, "sunday"), "week", "2025-12-28", "2025-12-28", "2026-01-03", "week of 28 Dec 2025"),
        (Calendar(), "month", "2024-02-10", "2024-02-01", "2024-02-29", "Feb 2024"),
        (Calendar(2), "month", "2024-02-10", "2024-02-01", "2024-02-29", "Feb 2024"),
        (Calendar(), "quarter", "2025-12-31", "2025-10-01", "2025-12-31", "Oct-Dec 2025"),
        (Calendar(2), "quarter", "2025-12-31", "2025-11-01", "2026-01-31", "Nov 2025-Jan 2026"),
        (Calendar(), "year", "2025-07-04", "2025-01-01", "2025-12-31", "2025"),
        (Calendar(7), "year", "2025-06-30", "2024-07-01", "2025-06-30", "Jul 2024-Jun 2025"),
    ],
)
def test_the_period_of_a_day(calendar: Calendar, grain: Grain, day: str, start: str, end: str, label: str) -> None:
    period = calendar.period(grain, date.fromisoformat(day))
    assert (period.start, period.end_inclusive) == (date.fromisoformat(start), date.fromisoformat(end))
    assert period.label == label


@given(calendars, grains, days)
def test_periods_hold_their_day_and_follow_each_other_without_gap(calendar: Calendar, grain: Grain, day: date) -> None:
    period = calendar.period(grain, day)
    assert period.start <= day <= period.end_inclusive
    assert calendar.period(grain, period.start) == calendar.period(grain, period.end_inclusive) == period
    assert calendar.shift(period, 1).start == period.end_inclusive + timedelta(days=1)
    assert calendar.period(grain, period.start - timedelta(days=1)) == calendar.shift(period, -1)


@given(calendars, grains, days, st.integers(-30, 30))
def test_shifting_there_and_back_is_no_shift(calendar: Calendar, grain: Grain, day: date, count: int) -> None:
    period = calendar.period(grain, day)
    assert calendar.shift(calendar.shift(period, count), -count) == period


@given(calendars, grains, days)
def test_the_prior_year_is_about_a_year_before(calendar: Calendar, grain: Grain, day: date) -> None:
    period = calendar.period(grain, day)
    prior = calendar.prior_year(period)
    assert prior.grain == grain
    assert 363 <= (period.start - prior.start).days <= 367


@pytest.mark.parametrize(
    ("day", "before"),
    [
        ("2025-12-31", "2024-12-31"),
        ("2025-02-28", "2024-02-29"),
        ("2024-02-29", "2023-02-28"),
        ("2024-02-28", "2023-02-28"),
        ("2025-06-15", "2024-06-15"),
    ],
)
def test_a_year_before_a_month_end_is_a_month_end(day: str, before: str) -> None:
    assert year_before(date.fromisoformat(day)) == date.fromisoformat(before)


@pytest.mark.parametrize(
    ("day", "count", "before"),
    [
        ("2025-03-31", 1, "2025-02-28"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2025-03-30", 1, "2025-02-28"),
        ("2025-02-28", 3, "2024-11-30"),
        ("2025-04-30", 1, "2025-03-31"),
        ("2025-05-15", 3, "2025-02-15"),
        ("2025-01-10", 2, "2024-11-10"),
    ],
)
def test_so_many_months_before_a_month_end_is_a_month_end(day: str, count: int, before: str) -> None:
    """A window of three months that ends on 30 April begins on 1 February, not on 31 January."""
    assert months_before(date.fromisoformat(day), count) == date.fromisoformat(before)


@pytest.mark.parametrize(
    ("calendar", "grain", "day", "prior"),
    [
        (Calendar(), "day", "2024-02-29", "28 Feb 2023"),
        (Calendar(), "month", "2024-02-29", "Feb 2023"),
        (Calendar(7), "quarter", "2024-08-31", "Jul-Sep 2023"),
        (Calendar(2), "quarter", "2025-01-31", "Nov 2023-Jan 2024"),
        (Calendar(2), "year", "2025-01-31", "Feb 2023-Jan 2024"),
        (Calendar(), "week", "2025-01-01", "week of 1 Jan 2024"),
        (Calendar(1, "sunday"), "week", "2025-01-01", "week of 31 Dec 2023"),
    ],
)
def test_the_prior_year_of_a_fiscal_period_a_leap_day_and_a_week(
    calendar: Calendar, grain: Grain, day: str, prior: str
) -> None:
    assert calendar.prior_year(calendar.period(grain, date.fromisoformat(day))).label == prior


@pytest.mark.parametrize(
    ("period", "label"),
    [
        (Period("month", date(2025, 12, 1), date(2025, 12, 15), complete=False), "1-15 Dec 2025"),
        (Period("quarter", date(2025, 11, 1), date(2026, 1, 3), complete=False), "1 Nov 2025-3 Jan 2026"),
        (Period("month", date(2025, 12, 1), date(2025, 12, 31), complete=False), "Dec 2025"),
        (Period("month", date(2025, 9, 1), date(2025, 11, 30)), "Sep-Nov 2025"),
        (Period("year", date(2022, 1, 1), date(2024, 12, 31)), "Jan 2022-Dec 2024"),
        (Period("day", date(2025, 12, 28), date(2025, 12, 30)), "28-30 Dec 2025"),
        (Period("week", date(2025, 12, 1), date(2025, 12, 21)), "1-21 Dec 2025"),
    ],
)
def test_a_part_of_a_period_and_several_of_them_are_told_by_their_days(period: Period, label: str) -> None:
    assert period.label == label


def test_trailing_months_are_whole_and_end_with_the_day_or_before() -> None:
    months = Calendar().months(date(2025, 3, 30), 3)
    assert [month.label for month in months] == ["Dec 2024", "Jan 2025", "Feb 2025"]
    assert Calendar().months(date(2025, 3, 31), 1) == (Period("month", date(2025, 3, 1), date(2025, 3, 31)),)


@pytest.mark.parametrize(
    ("moment", "over"),
    [
        (datetime(2026, 1, 1, 5, 59, 58, tzinfo=UTC), False),
        (datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 1, 1, 0, 30, tzinfo=UTC), False),
    ],
)
def test_a_day_is_over_at_its_last_second_in_the_company_s_time_zone(moment: datetime, over: bool) -> None:
    assert day_is_over(date(2025, 12, 31), moment, "America/Chicago") is over
