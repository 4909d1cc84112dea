"""Payment attempts."""

from __future__ import annotations

from datetime import date

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


GOLDEN: dict[str, Golden] = {
    "payment_volume": payment_volume,
    "payments": number_of("succeeded"),
    "failed_payments": number_of("failed"),
    "payment_success_rate": share_of("succeeded"),
    "failure_rate": share_of("failed"),
    "processor_cost": processor_cost,
    "processor_cost_per_payment": processor_cost_per_payment,
}
