"""What each kind computes, and the algebra that totals obey."""

from __future__ import annotations

import statistics
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics.shops import Sale, Shops

from sophia_kit.metrics import Calendar
from sophia_kit.metrics.value import Grain

FIRST, LAST = date(2025, 1, 1), date(2025, 6, 30)

SALES = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.dates(FIRST, LAST),
        st.decimals("0.01", "99.99", places=2),
        st.sampled_from(["ann", "ben", "cem", "dee"]),
    ),
    min_size=1,
    max_size=25,
)
ANCHOR: Sale = ("a", FIRST, Decimal("1.00"), "ann")
"""A sale on the first day, so that every period lies in the data."""


def values(shops: Shops, metric: str, **more: Any) -> dict[tuple[str, str], Decimal]:
    """By period label and member."""
    found = shops.ask(metric, LAST, **more).values
    return {(v.period.label, v.members[0][1] if v.members else ""): v.value for v in found if v.value is not None}


@settings(max_examples=25, deadline=None)
@given(SALES)
def test_totals_of_additive_metrics_are_the_sum_of_their_parts(sales: list[Sale]) -> None:
    shops = Shops([ANCHOR, *sales])
    for metric in ("takings", "tickets_sold"):
        months = values(shops, metric, periods=6)
        assert sum(months.values()) == sum(values(shops, metric, grain="quarter", periods=2).values())
        for by in ("town", "shop"):
            parts = values(shops, metric, periods=6, by=(by,))
            for label, _ in months:
                assert sum(value for (month, _), value in parts.items() if month == label) == months[label, ""]


@settings(max_examples=25, deadline=None)
@given(SALES)
def test_totals_of_other_metrics_are_computed_anew_from_the_rows(sales: list[Sale]) -> None:
    sales = [ANCHOR, *sales]
    shops = Shops(sales)
    expected: dict[str, Decimal] = {
        "buyers": Decimal(len({buyer for *_, buyer in sales})),
        "median_ticket": statistics.median(amount for _, _, amount, _ in sales),
        "average_ticket": sum((amount for _, _, amount, _ in sales), Decimal(0)) / len(sales),
        "share_of_large": Decimal(sum(amount >= 50 for _, _, amount, _ in sales)) / len(sales),
    }
    calendar = Calendar(fiscal_year_start_month=7)  # the year that ends on 30 June
    for metric, value in expected.items():
        assert shops.number(metric, LAST, calendar, grain="year") == pytest.approx(value, abs=Decimal("1e-9"))
    towns = {"a": "Ulm", "b": "Ulm", "c": "Bonn"}
    split = shops.ask("buyers", LAST, calendar, grain="year", by=("town",))
    for town in split.values:
        member = town.members[0][1]
        assert town.value == len({buyer for shop, _, _, buyer in sales if towns[shop] == member})


@settings(max_examples=25, deadline=None)
@given(SALES, st.integers(0, 180))
def test_a_running_total_holds_every_day_of_its_window_once(sales: list[Sale], back: int) -> None:
    sales = [ANCHOR, *sales]
    shops, day = Shops(sales), LAST - timedelta(days=back)

    def total(first: date) -> Decimal:
        return sum((amount for _, on, amount, _ in sales if first <= on <= day), Decimal(0))

    assert shops.number("takings_ever", day, grain="day") == total(FIRST)
    assert shops.number("takings_of_year", day, grain="day") == total(FIRST)
    week = day - timedelta(days=6)
    assert shops.number("takings_of_7_days", day, grain="day") == (total(week) if week >= FIRST else None)
    trend = values(shops, "takings_ever", periods=6)
    months = values(shops, "takings", periods=6)
    running = Decimal(0)
    for label, value in months.items():
        running += value
        assert trend[label] == running
    assert trend["Jun 2025", ""] == sum(values(shops, "takings_ever", by=("town",)).values())


STEADY = Shops(
    [("abc"[index % 3], FIRST + timedelta(days=index), Decimal(1), f"b{index % 40}") for index in range(181)]
)
"""A sale of 1 on every day."""


@pytest.mark.parametrize(
    ("metric", "day", "grain", "calendar", "value"),
    [
        ("takings_of_year", date(2025, 3, 31), "month", Calendar(), 90),
        ("takings_of_year", date(2025, 3, 31), "quarter", Calendar(), 90),
        ("takings_of_year", date(2025, 3, 31), "month", Calendar(2), 28 + 31),
        ("takings_of_year", date(2025, 2, 1), "day", Calendar(2), 1),
        ("takings_of_3_months", date(2025, 4, 30), "month", Calendar(), 28 + 31 + 30),
        ("takings_of_3_months", date(2025, 5, 15), "day", Calendar(), 13 + 31 + 30 + 15),
        ("takings_of_7_days", date(2025, 1, 7), "day", Calendar(), 7),
        ("takings_of_7_days", date(2025, 1, 12), "week", Calendar(), 7),
        ("buyers_of_3_months", date(2025, 3, 31), "month", Calendar(), 40),
    ],
)
def test_a_window_follows_the_calendar(metric: str, day: date, grain: Grain, calendar: Calendar, value: int) -> None:
    assert STEADY.number(metric, day, calendar, grain=grain) == value


@pytest.mark.parametrize(
    ("metric", "day", "grain", "calendar", "needed"),
    [
        ("takings_of_3_months", date(2025, 2, 28), "month", Calendar(), "2024-12-01"),
        ("takings_of_7_days", date(2025, 1, 6), "day", Calendar(), "2024-12-31"),
        ("takings_of_year", date(2025, 3, 31), "month", Calendar(7), "2024-07-01"),
    ],
)
def test_a_window_that_begins_before_the_data_is_unknown(
    metric: str, day: date, grain: Grain, calendar: Calendar, needed: str
) -> None:
    value = STEADY.ask(metric, day, calendar, grain=grain).value
    assert value.unknown is not None
    assert value.unknown.code == "before_data"
    assert needed in value.unknown.reason


@pytest.mark.parametrize("metric", ["takings", "average_ticket", "buyers", "median_ticket", "takings_of_3_months"])
def test_a_period_that_began_before_everything_was_kept_is_unknown(metric: str) -> None:
    """What is there of its first days is not all that happened: a part isn't told as the whole."""
    shops = Shops([ANCHOR, ("a", date(2025, 3, 2), Decimal(7), "ben"), ("a", date(2025, 6, 3), Decimal(7), "ben")])
    calendar = Calendar(history_begins=date(2025, 3, 2))
    early = shops.ask(metric, date(2025, 3, 31), calendar).value
    assert early.unknown is not None
    assert early.unknown.code == "before_data"
    assert shops.number(metric, LAST, calendar) is not None


def test_an_unfinished_running_total_counts_up_to_the_day_asked_about() -> None:
    value = STEADY.ask("takings_of_year", date(2025, 5, 10), include_unfinished=True).value
    assert (value.period.label, value.period.complete) == ("May 2025", False)
    assert value.value == 31 + 28 + 31 + 30 + 10


def test_a_month_without_sales_had_no_buyers_and_no_median() -> None:
    """Counting nothing is a true zero where the data covers the period; a percentile of nothing is none."""
    shops = Shops([ANCHOR, ("b", date(2025, 3, 1), Decimal(5), "ben")])
    assert shops.number("buyers", date(2025, 2, 28)) == 0
    assert shops.number("takings", date(2025, 2, 28)) == 0
    value = shops.ask("median_ticket", date(2025, 2, 28)).value
    assert value.unknown is not None
    assert value.unknown.code == "no_rows"


def test_division_by_nothing_is_unknown() -> None:
    shops = Shops([ANCHOR, ("b", date(2025, 3, 1), Decimal(5), "ben")])
    value = shops.ask("average_ticket", date(2025, 2, 28)).value
    assert value.unknown is not None
    assert value.unknown.code == "no_rows"
