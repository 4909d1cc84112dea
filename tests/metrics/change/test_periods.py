"""Periods as people write them."""

from __future__ import annotations

from datetime import date

import pytest

from sophia_kit.core.errors import InputError
from sophia_kit.metrics import Calendar, Period
from sophia_kit.metrics.change.periods import parse_period
from sophia_kit.metrics.value import Grain


@pytest.mark.parametrize(
    ("text", "grain", "start", "end"),
    [
        ("2025-12-02", "day", date(2025, 12, 2), date(2025, 12, 2)),
        ("2025-12", "month", date(2025, 12, 1), date(2025, 12, 31)),
        ("2024-02", "month", date(2024, 2, 1), date(2024, 2, 29)),
        ("2025-Q3", "quarter", date(2025, 7, 1), date(2025, 9, 30)),
        (" 2025-q3 ", "quarter", date(2025, 7, 1), date(2025, 9, 30)),
        ("2025", "year", date(2025, 1, 1), date(2025, 12, 31)),
        ("2025-W49", "week", date(2025, 12, 1), date(2025, 12, 7)),
        ("2026-W01", "week", date(2025, 12, 29), date(2026, 1, 4)),
    ],
)
def test_forms(text: str, grain: Grain, start: date, end: date) -> None:
    assert parse_period(text, Calendar()) == Period(grain, start, end)


def test_a_fiscal_year_is_named_after_the_year_in_which_it_ends() -> None:
    calendar = Calendar(fiscal_year_start_month=7)
    assert parse_period("2025", calendar) == Period("year", date(2024, 7, 1), date(2025, 6, 30))
    assert parse_period("2025-Q3", calendar) == Period("quarter", date(2025, 1, 1), date(2025, 3, 31))


@pytest.mark.parametrize("text", ["", "soon", "2025-13", "2025-02-30", "2025-Q5", "2025-W60", "25-12", "2025-12-02T00"])
def test_anything_else_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_period(text, Calendar())
    assert "2025-Q3" in str(caught.value.hint)
