"""What a value is compared with: the mean of periods before, and the same part of another period."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics.shops import Sale, Shops

from sophia_kit.core.errors import InputError
from sophia_kit.metrics import Calendar
from sophia_kit.metrics.value import Comparison, ComparisonKind, Grain, Period

FIRST = date(2023, 1, 1)
DAYS = (date(2025, 7, 1) - FIRST).days + 1
DAILY = Shops([("a", FIRST + timedelta(days=n), Decimal(1), f"b{n % 5}") for n in range(DAYS)])
"""A sale of 1 on every day from 2023 on: what a period takes is its number of days."""


def compared(
    kind: ComparisonKind,
    day: date,
    *,
    metric: str = "takings",
    calendar: Calendar = Calendar(),  # noqa: B008  # frozen
    **more: Any,
) -> Comparison:
    return DAILY.ask(metric, day, calendar, compare=(kind,), **more).value.comparisons[0]


@pytest.mark.parametrize(
    ("kind", "grain", "day", "calendar", "label", "base"),
    [
        ("to_date", "month", date(2025, 3, 15), Calendar(), "1-15 Feb 2025", 15),
        ("to_date", "month", date(2025, 3, 28), Calendar(), "Feb 2025", 28),
        ("to_date", "month", date(2025, 3, 30), Calendar(), "Feb 2025", 28),
        ("to_date", "month", date(2025, 5, 30), Calendar(), "Apr 2025", 30),
        ("to_date", "month", date(2025, 1, 5), Calendar(), "1-5 Dec 2024", 5),
        ("to_date", "week", date(2025, 3, 12), Calendar(), "3-5 Mar 2025", 3),
        ("to_date", "week", date(2025, 3, 12), Calendar(week_start="sunday"), "2-5 Mar 2025", 4),
        ("to_date", "quarter", date(2025, 5, 20), Calendar(), "1 Jan-20 Feb 2025", 31 + 20),
        ("to_date", "quarter", date(2025, 4, 30), Calendar(), "Jan 2025", 31),
        ("to_date", "quarter", date(2025, 5, 31), Calendar(), "Jan-Feb 2025", 31 + 28),
        ("to_date", "quarter", date(2024, 8, 20), Calendar(7), "1 Apr-20 May 2024", 30 + 20),
        ("to_date", "quarter", date(2024, 12, 20), Calendar(2), "1 Aug-20 Sep 2024", 31 + 20),
        ("to_date", "year", date(2025, 2, 10), Calendar(), "1 Jan-10 Feb 2024", 31 + 10),
        ("to_date", "year", date(2025, 3, 31), Calendar(7), "Jul 2023-Mar 2024", 275),
        ("prior_year_to_date", "month", date(2024, 2, 28), Calendar(), "Feb 2023", 28),
        ("prior_year_to_date", "month", date(2025, 2, 27), Calendar(), "1-27 Feb 2024", 27),
        ("prior_year_to_date", "quarter", date(2025, 2, 28), Calendar(), "Jan-Feb 2024", 31 + 29),
        ("prior_year_to_date", "quarter", date(2024, 2, 29), Calendar(), "Jan-Feb 2023", 31 + 28),
        ("prior_year_to_date", "week", date(2025, 3, 12), Calendar(), "11-13 Mar 2024", 3),
    ],
)  # fmt: skip
def test_what_has_passed_is_compared_with_the_same_part(
    kind: ComparisonKind, grain: Grain, day: date, calendar: Calendar, label: str, base: int
) -> None:
    found = compared(kind, day, calendar=calendar, grain=grain, include_unfinished=True)
    assert found.unknown is None
    assert found.base_period is not None
    assert found.base_period.label == label
    assert found.base == base


def test_a_finished_period_is_compared_with_the_whole_of_the_other() -> None:
    found = compared("to_date", date(2025, 3, 31))
    assert found.base == 28
    assert found.absolute == 3


def test_a_sum_of_a_part_is_compared_with_no_whole_and_a_day_has_no_part() -> None:
    cases: list[tuple[ComparisonKind, Grain, date]] = [
        ("prior_period", "month", date(2025, 6, 20)),
        ("trailing_average", "month", date(2025, 6, 20)),
        ("to_date", "day", date(2025, 7, 1)),
    ]
    for kind, grain, day in cases:
        found = compared(kind, day, grain=grain, include_unfinished=True)
        assert found.unknown is not None
        assert found.unknown.code == "unfinished"


@pytest.mark.parametrize("metric", ["takings", "buyers", "takings_of_year"])
def test_what_grows_while_a_period_lasts_is_compared_with_the_same_part_alone(metric: str) -> None:
    day = date(2025, 6, 3)
    whole = compared("prior_year", day, metric=metric, include_unfinished=True)
    assert whole.unknown is not None
    assert whole.unknown.code == "unfinished"
    assert "prior_year_to_date compares it with as much" in whole.unknown.reason
    assert compared("prior_year_to_date", day, metric=metric, include_unfinished=True).unknown is None


@pytest.mark.parametrize("metric", ["average_ticket", "median_ticket", "takings_of_3_months"])
def test_what_does_not_grow_with_its_period_is_compared_before_it_ends(metric: str) -> None:
    assert compared("prior_year", date(2025, 6, 3), metric=metric, include_unfinished=True).unknown is None


def test_a_trend_with_an_unfinished_end_compares_each_period_with_its_own_base() -> None:
    values = DAILY.ask("takings", date(2025, 6, 10), compare=("to_date",), periods=3, include_unfinished=True).values
    assert [v.value for v in values] == [30, 31, 10]
    assert [v.comparisons[0].base for v in values] == [31, 30, 10]


@pytest.mark.parametrize(
    ("trailing", "base", "label"),
    [(None, Decimal(31 + 28 + 31) / 3, "Jan-Mar 2025"), (2, Decimal(28 + 31) / 2, "Feb-Mar 2025")],
)
def test_a_trailing_average_is_the_mean_of_the_periods_before(trailing: int | None, base: Decimal, label: str) -> None:
    found = compared("trailing_average", date(2025, 4, 30), trailing=trailing)
    assert found.base_period is not None
    assert (found.base, found.base_period.label) == (base, label)
    assert found.absolute == 30 - base


def test_a_trailing_average_that_lacks_a_period_is_unknown() -> None:
    found = compared("trailing_average", date(2023, 3, 31))
    assert found.unknown is not None
    assert found.unknown.code == "before_data"
    assert "Dec 2022" in found.unknown.reason


def test_an_average_of_one_period_is_refused() -> None:
    with pytest.raises(InputError, match="can't be made of 1 periods"):
        compared("trailing_average", date(2025, 4, 30), trailing=1)


def test_how_long_an_average_is_without_an_average_is_refused() -> None:
    with pytest.raises(InputError, match="none is asked for"):
        compared("prior_period", date(2025, 4, 30), trailing=6)


def test_the_mean_of_a_metric_that_doesn_t_add_up_is_the_mean_of_its_values() -> None:
    """Five buyers come every month: the mean of distinct counts is five, not fifteen."""
    assert compared("trailing_average", date(2025, 4, 30), metric="buyers").base == 5


SALES = st.lists(
    st.tuples(st.sampled_from("ab"), st.dates(date(2024, 11, 1), date(2025, 6, 30)), st.just(Decimal(1)), st.just("x")),
    max_size=30,
)


@settings(max_examples=30, deadline=None)
@given(SALES, st.dates(date(2025, 2, 1), date(2025, 6, 29)))
def test_the_part_before_and_the_rest_make_the_whole_period_before(sales: list[Sale], day: date) -> None:
    """Nothing of the period before is counted twice or left out when it is cut at the same date."""
    shops = Shops([("a", date(2024, 11, 1), Decimal(1), "x"), *sales])
    found = shops.ask("takings", day, compare=("to_date",), include_unfinished=True).value.comparisons[0]
    assert found.base_period is not None
    cut = found.base_period.end_inclusive
    whole = Calendar().shift(Calendar().period("month", day), -1)
    rest = sum(1 for _, on, *_ in sales if cut < on <= whole.end_inclusive)
    assert found.base == (shops.number("takings", whole.end_inclusive) or 0) - rest


GRAINS: list[Grain] = ["week", "month", "quarter", "year"]


@given(st.dates(date(2000, 1, 1), date(2040, 12, 31)), st.sampled_from(GRAINS), st.integers(1, 12))
def test_the_same_part_lies_within_its_period(day: date, grain: Grain, fiscal: int) -> None:
    calendar = Calendar(fiscal)
    period = calendar.period(grain, day)
    for base in (calendar.shift(period, -1), calendar.prior_year(period)):
        part = calendar.same_part(Period(grain, period.start, day), period, base)
        assert base.start == part.start <= part.end_inclusive <= base.end_inclusive
        if day == period.end_inclusive:
            assert part == base
