"""What answers of REST and of MCP's tools say in one form: why something is unknown, which period, how fresh."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sophia_kit.metrics.value import Grain, UnknownCode

__all__ = ["MOMENT", "FreshnessForm", "PeriodForm", "UnknownForm"]

MOMENT = "2026-01-01T05:59:59+00:00"
"""The moment of examples."""


class _Form(BaseModel):
    """Made from what the metric layer says by `model_validate`: its attributes have the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class UnknownForm(_Form):
    """Why there is no value."""

    code: UnknownCode = Field(description="Stable; docs/metrics.md lists them.", examples=["not_loaded"])
    reason: str = Field(description="In one sentence.", examples=["payments was never loaded."])


class PeriodForm(_Form):
    """Calendar days, in the company's time zone."""

    grain: Grain = Field(examples=["month"])
    start: date = Field(examples=["2025-12-01"])
    end_inclusive: date = Field(examples=["2025-12-31"])
    complete: bool = Field(description="Whether it was over on the day asked about.", examples=[True])
    label: str = Field(description="For a reader.", examples=["Dec 2025"])


class FreshnessForm(_Form):
    """How old the data behind an answer is."""

    status: Literal["fresh", "stale", "unknown"] = Field(
        description="`stale`: older than permitted, or the last load failed; `unknown`: a table was never loaded.",
        examples=["fresh"],
    )
    as_of: datetime | None = Field(description="The oldest last load of the tables read (UTC).", examples=[MOMENT])
    tables: list[str] = Field(description="The raw tables that aren't fresh.", examples=[[]])
    failures: list[str] = Field(description="Of each whose last load failed: when, and why.", examples=[[]])
