"""Time phrases: which periods they are, on which day, in which calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_kit.metrics import Calendar
from sophia_kit.metrics.question.board import Board
from sophia_kit.metrics.question.comparing import read_comparison, with_base
from sophia_kit.metrics.question.lexicon import lexicon
from sophia_kit.metrics.question.periods import Asked, Problem, read_when, resolve
from sophia_kit.metrics.question.points import Now
from sophia_kit.metrics.question.tokens import tokenize
from sophia_kit.metrics.value import Grain

GRAINS: tuple[Grain, ...] = ("month", "day", "week", "quarter", "year")
END_OF_2025 = Now(Calendar(), date(2025, 12, 31), over=True)
MID_NOVEMBER = Now(Calendar(), date(2025, 11, 20), over=False)
FROM_JULY = Now(Calendar(fiscal_year_start_month=7), date(2025, 12, 31), over=True)


def board(text: str) -> Board:
    return Board(tokenize(text, lexicon().spellings))


def asked(text: str, now: Now = END_OF_2025, grains: tuple[Grain, ...] = GRAINS) -> str:
    """The periods as `grain: first label .. last label`, or the problem's reason."""
    left = board(text)
    found = resolve(read_when(left, now), grains, now)
    assert left.left() == [], f"not read: {[left.tokens[index].raw for index in left.left()]}"
    if isinstance(found, Problem):
        return found.reason
    if found.last is None:
        return "latest"
    first = now.calendar.shift(found.last, 1 - found.count)
    span = first.label if found.count == 1 else f"{first.label} .. {found.last.label}"
    return f"{found.grain}: {span}" + (" so far" if found.include_unfinished else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last month", "month: Nov 2025"),
        ("this quarter", "quarter: Oct-Dec 2025"),
        ("last week", "week: week of 22 Dec 2025"),
        ("this week", "week: week of 22 Dec 2025"),
        ("the week before last", "week: week of 15 Dec 2025"),
        ("yesterday", "day: 30 Dec 2025"),
        ("3 months ago", "month: Sep 2025"),
        ("a year ago", "month: Dec 2024"),
        ("Q3", "quarter: Jul-Sep 2025"),
        ("Q1 '24", "quarter: Jan-Mar 2024"),
        ("2024Q2", "quarter: Apr-Jun 2024"),
        ("third quarter of 2024", "quarter: Jul-Sep 2024"),
        ("last quarter of 2024", "quarter: Oct-Dec 2024"),
        ("FY24", "year: 2024"),
        ("March", "month: Mar 2025"),
        ("Sept 2024", "month: Sep 2024"),
        ("december last year", "month: Dec 2024"),
        ("2 December", "day: 2 Dec 2025"),
        ("Dec 2nd, 2024", "day: 2 Dec 2024"),
        ("31/12/2024", "day: 31 Dec 2024"),
        ("12/31/2024", "day: 31 Dec 2024"),
        ("2025-06", "month: Jun 2025"),
        ("week of 1 December 2025", "week: week of 1 Dec 2025"),
        ("H1 2025", "quarter: Jan-Mar 2025 .. Apr-Jun 2025"),
        ("by month", "month: Jan 2025 .. Dec 2025"),
        ("by month Q3", "month: Jul 2025 .. Sep 2025"),
        ("monthly 2024", "month: Jan 2024 .. Dec 2024"),
        ("last 4 quarters", "quarter: Jan-Mar 2025 .. Oct-Dec 2025"),
        ("past six weeks", "week: week of 17 Nov 2025 .. week of 22 Dec 2025"),
        ("since March", "month: Mar 2025 .. Dec 2025"),
        ("since the beginning of the year by quarter", "quarter: Jan-Mar 2025 .. Oct-Dec 2025"),
        ("from October to March", "month: Oct 2024 .. Mar 2025"),
        ("between Q1 and Q3 2024", "quarter: Jan-Mar 2024 .. Jul-Sep 2024"),
        ("trend last 2 years", "month: Jan 2024 .. Dec 2025"),
        ("year to date", "year: 2025"),
        ("so far this week", "week: week of 29 Dec 2025 so far"),
        ("2026", "2026 has not come yet."),
        ("next month", "That time has not come yet."),
        ("Q3 2024", "quarter: Jul-Sep 2024"),
    ],
)
def test_a_phrase_names_its_periods(text: str, expected: str) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this month", "month: Oct 2025"),
        ("this month so far", "month: Nov 2025 so far"),
        ("month to date", "month: Nov 2025 so far"),
        ("November", "Nov 2025 isn't over."),
        ("December", "month: Dec 2024"),
        ("last month", "month: Oct 2025"),
        ("last 3 months", "month: Aug 2025 .. Oct 2025"),
        ("since June", "month: Jun 2025 .. Oct 2025"),
        ("by quarter this year", "quarter: Jan-Mar 2025 .. Jul-Sep 2025"),
    ],
)
def test_a_period_that_is_not_over_is_left_out_unless_asked_for(text: str, expected: str) -> None:
    assert asked(text, MID_NOVEMBER) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Q1", "quarter: Jul-Sep 2025"),
        ("Q3 2025", "quarter: Jan-Mar 2025"),
        ("FY 2025", "year: Jul 2024-Jun 2025"),
        ("last year", "year: Jul 2024-Jun 2025"),
        ("last quarter", "quarter: Jul-Sep 2025"),
    ],
)
def test_quarters_and_years_are_those_of_the_fiscal_year_which_is_called_by_its_end(text: str, expected: str) -> None:
    assert asked(text, FROM_JULY) == expected


@pytest.mark.parametrize("text", ["01/02/2025", "31 February", "Q5", "fortnight", "2025-13"])
def test_what_is_no_single_date_is_not_read(text: str) -> None:
    left = board(text)
    read_when(left, END_OF_2025)
    assert left.left()


def test_a_grain_that_is_not_offered_is_a_problem_but_a_day_that_ends_a_period_is_that_period() -> None:
    offered: tuple[Grain, ...] = ("month", "quarter", "year")
    assert asked("30 June 2025", grains=offered) == "month: Jun 2025"
    assert asked("29 June 2025", grains=offered).startswith("It isn't offered by day")


@pytest.mark.parametrize(
    ("text", "expected", "kinds"),
    [
        ("Q3 vs Q2", "quarter: Jul-Sep 2025", ("prior_period",)),
        ("difference between Q3 and Q2", "quarter: Jul-Sep 2025", ("prior_period",)),
        ("Q2 vs Q3", "quarter: Jul-Sep 2025", ("prior_period",)),
        ("Q1 vs Q4", "quarter: Jan-Mar 2025", ("prior_period",)),
        ("Q3 vs Q1", "quarter: Jan-Mar 2025 .. Jul-Sep 2025", ()),
        ("Q3 2025 compared to Q3 2024", "quarter: Jul-Sep 2025", ("prior_year",)),
        ("2025 vs 2024", "year: 2025", ("prior_year",)),
        ("vs last year", "latest", ("prior_year",)),
        ("than last quarter", "quarter: Oct-Dec 2025", ("prior_period",)),
        ("yesterday compared to the day before", "day: 30 Dec 2025", ("prior_period",)),
        ("last month against plan", "month: Nov 2025", ("target",)),
        ("month over month", "month: Dec 2025", ("prior_period",)),
        ("same period last year", "latest", ("prior_year",)),
        ("December vs 2024", "month: Dec 2025", ("prior_year",)),
    ],
)
def test_a_comparison_is_related_to_the_period_asked_about(text: str, expected: str, kinds: tuple[str, ...]) -> None:
    left = board(text)
    compared = read_comparison(left, END_OF_2025)
    when = read_when(left, END_OF_2025)
    related = with_base(when, compared, END_OF_2025)
    assert not isinstance(related, Problem)
    found = resolve(related[0], GRAINS, END_OF_2025)
    assert isinstance(found, Asked)
    first = found.last and END_OF_2025.calendar.shift(found.last, 1 - found.count)
    label = "latest" if found.last is None or first is None else f"{found.grain}: {first.label}"
    label += f" .. {found.last.label}" if found.last is not None and found.count > 1 else ""
    assert (label, related[1]) == (expected, kinds)


@pytest.mark.parametrize("text", ["March vs Q2", "last 3 months vs October", "Q3 vs Q3 2025"])
def test_periods_that_can_not_be_set_against_each_other_are_a_problem(text: str) -> None:
    left = board(text)
    compared = read_comparison(left, END_OF_2025)
    assert isinstance(with_base(read_when(left, END_OF_2025), compared, END_OF_2025), Problem)


DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))


@given(DAYS, st.booleans(), st.integers(1, 12), st.sampled_from(["month", "quarter", "year", "week", "day"]))
def test_last_n_periods_end_with_the_last_that_is_over(day: date, over: bool, start: int, unit: Grain) -> None:
    now = Now(Calendar(fiscal_year_start_month=start), day, over)
    found = resolve(read_when(board(f"last 3 {unit}s"), now), GRAINS, now)
    assert isinstance(found, Asked)
    assert found.last is not None
    assert now.is_over(found.last)
    assert not now.is_over(now.calendar.shift(found.last, 1))
    assert (found.grain, found.count) == (unit, 3)


@given(DAYS, st.booleans(), st.integers(1, 12), st.sampled_from(["month", "quarter", "year", "week", "day"]))
def test_the_last_period_is_the_one_before_the_one_that_holds_the_day(
    day: date, over: bool, start: int, unit: Grain
) -> None:
    now = Now(Calendar(fiscal_year_start_month=start), day, over)
    found = resolve(read_when(board(f"last {unit}"), now), GRAINS, now)
    assert isinstance(found, Asked)
    assert found.last is not None
    assert found.last.end_inclusive + timedelta(days=1) == now.calendar.period(unit, day).start
