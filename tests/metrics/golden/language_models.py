"""Calls of language models. The demo company's gateway was never used: then all of it is unknown, not nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
from tests.metrics.golden.raw import Golden, Raw, Values, between, counts, sums


def of_calls(compute: Callable[[Raw, pl.DataFrame], Values]) -> Golden:
    def golden(raw: Raw, start: date, end: date, by: str | None) -> Values:
        calls = raw.table("llm_calls", {"model": "model_used"}.get(by, by) if by else None)
        return {"": None} if calls.is_empty() else compute(raw, between(calls, "ended_day", start, end))

    return golden


def cost(raw: Raw, calls: pl.DataFrame) -> Values:
    return raw.money(calls, "cost_usd", "ended_day")


def tokens(raw: Raw, calls: pl.DataFrame) -> Values:
    return sums(calls.with_columns(tokens=pl.col("input_tokens") + pl.col("output_tokens")), "tokens")


GOLDEN: dict[str, Golden] = {
    "llm_cost": of_calls(cost),
    "llm_tokens": of_calls(tokens),
    "llm_requests": of_calls(lambda raw, calls: counts(calls)),
}
