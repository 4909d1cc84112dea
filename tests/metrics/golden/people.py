"""The people of the company."""

from __future__ import annotations

from datetime import date

import polars as pl
from tests.metrics.golden import finance
from tests.metrics.golden.raw import Golden, Raw, Values, in_force, months_before, over, over_months, sums


def headcount(raw: Raw, start: date, end: date, by: str | None) -> Values:
    staff = in_force(raw.table("employees", by), "hired_day", "left_day", end)
    return sums(staff.filter(pl.col("employment_type") != "contractor"), "fte")


def rpe(raw: Raw, start: date, end: date, by: str | None) -> Values:
    year = months_before(end, 12)
    takings, staff = over_months(raw, finance.revenue, year), over_months(raw, headcount, year)
    return {"": over(takings, None if staff is None else staff / 12)}


GOLDEN: dict[str, Golden] = {"headcount": headcount, "rpe": rpe}
