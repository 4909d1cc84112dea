"""Payment attempts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import ceil, floor

import polars as pl
from tests.metrics.golden.raw import ZERO, Golden, Raw, Values, between, counts, formula, over, quotient


def _attempts(raw: Raw, start: date, end: date, by: str | None, *status: str) -> pl.DataFrame:
    found = between(raw.table("payments", by), "attempted_day", start, end)
    return found.filter(pl.col("status").is_in(status)) if status else found


def payment_volume(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return raw.money(_attempts(raw, start, end, by, "succeeded"), "amount", "attempted_day")


def number_of(status: str) -> Golden:
    return lambda raw, start, end, by: counts(_attempts(raw, start, end, by, status))


def share_of(status: str) -> Golden:
    def compute(raw: Raw, start: date, end: date, by: str | None) -> Values:
        ended = counts(_attempts(raw, start, end, by, "succeeded", "failed"))
        return quotient(counts(_attempts(raw, start, end, by, status)), ended)

    return compute


def processor_cost(raw: Raw, start: date, end: date, by: str | None) -> Values:
    return raw.money(_attempts(raw, start, end, by), "processor_fee", "attempted_day")


def processor_cost_per_payment(raw: Raw, start: date, end: date, by: str | None) -> Values:
    paid = counts(_attempts(raw, start, end, by, "succeeded"))
    return formula(over, (processor_cost(raw, start, end, by), ZERO), (paid, ZERO))


def processing_time_p95(raw: Raw, start: date, end: date, by: str | None) -> Values:
    told = _attempts(raw, start, end, by, "succeeded", "failed").filter(pl.col("processing_ms").is_not_null())
    found: Values = {}
    for member, times in told.group_by("member").agg(pl.col("processing_ms").sort()).iter_rows():
        place = Fraction(95, 100) * (len(times) - 1)
        below, above = times[floor(place)], times[ceil(place)]
        found[member] = below + (above - below) * (place - floor(place))
    return found


def active_properties(raw: Raw, start: date, end: date, by: str | None) -> Values:
    paid = _attempts(raw, start, end, by, "succeeded").group_by("member").agg(pl.col("property_id").n_unique())
    return {member: Fraction(count) for member, count in paid.iter_rows()}


GOLDEN: dict[str, Golden] = {
    "payment_volume": payment_volume,
    "payments": number_of("succeeded"),
    "failed_payments": number_of("failed"),
    "payment_success_rate": share_of("succeeded"),
    "failure_rate": share_of("failed"),
    "processor_cost": processor_cost,
    "processing_time_p95": processing_time_p95,
    "active_properties": active_properties,
    "processor_cost_per_payment": processor_cost_per_payment,
}
