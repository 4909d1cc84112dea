"""A period as people write it: `2025-12-02`, `2025-12`, `2025-Q3`, `2025-W49`, `2025`."""

from __future__ import annotations

import re
from datetime import date
from typing import cast

from sophia_kit.core.errors import InputError
from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.value import Grain, Period

__all__ = ["parse_period"]

_FORMS = re.compile(
    r"(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|W(?P<week>\d{2})|(?P<month>\d{2})(?:-(?P<day>\d{2}))?))?",
    re.IGNORECASE,
)


def parse_period(text: str, calendar: Calendar) -> Period:
    """The period that `text` names.

    A day `2025-12-02`, a week by its ISO number `2025-W49` (the company's week that holds its Monday), a month
    `2025-12`, a quarter `2025-Q3`, a year `2025`. Quarters and years are the fiscal year's, which is named after the
    calendar year in which it ends.

    Raises:
        InputError: it has none of these forms, or names a day that isn't in the calendar.
    """
    found = _FORMS.fullmatch(text.strip())
    try:
        if found is not None:
            return _named(found.groupdict(), calendar)
    except (ValueError, OverflowError):
        pass
    raise InputError(
        f"{text!r} is no period.", hint="Write a day 2025-12-02, a week 2025-W49, 2025-12, 2025-Q3 or 2025."
    )


def _named(parts: dict[str, str | None], calendar: Calendar) -> Period:
    year = int(cast("str", parts["year"]))
    if parts["week"] is not None:
        return calendar.period("week", date.fromisocalendar(year, int(parts["week"]), 1))
    if parts["month"] is not None:
        grain: Grain = "month" if parts["day"] is None else "day"
        return calendar.period(grain, date(year, int(parts["month"]), int(parts["day"] or 1)))
    first = calendar.fiscal_year_start_month
    whole = calendar.period("year", date(year if first == 1 else year - 1, first, 1))
    if parts["quarter"] is None:
        return whole
    return calendar.shift(calendar.period("quarter", whole.start), int(parts["quarter"]) - 1)
