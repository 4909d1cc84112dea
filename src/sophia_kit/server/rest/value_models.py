"""The JSON form of values, as the API's description tells it. `metrics.json_form` makes it; a test holds the two
together."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sophia_kit.metrics.value import ComparisonKind, Format
from sophia_kit.server.forms import MOMENT, FreshnessForm, PeriodForm, UnknownForm

__all__ = ["Answer", "ComparisonForm", "StandsOn", "ValueForm"]


class Answer(BaseModel):
    """Base of all that is answered: nothing beside what is declared."""

    model_config = ConfigDict(extra="forbid")


class StandsOn(Answer):
    """What an answer stands on."""

    demo: bool = Field(description="Whether it is about the fictional company.", examples=[True])
    snapshot_id: str | None = Field(
        description="The snapshot it was read from; null where the warehouse keeps none, or none is old enough.",
        examples=["20260101T055959000000Z-20260102T031502118240Z"],
    )
    known_at: datetime | None = Field(description="As of when its rows are known.", examples=[MOMENT])
    freshness: FreshnessForm | None = Field(description="Null where nothing was read.")


class ProvenanceForm(Answer):
    """Where a value comes from."""

    sql: str = Field(description="The statements that ran.", examples=["SELECT ..."])
    params: dict[str, Any] = Field(description="What was bound to them.", examples=[{"last_day": "2025-12-31"}])
    snapshot_id: str | None = Field(examples=["20260101T055959000000Z-20260102T031502118240Z"])
    tables: list[str] = Field(description="The raw tables read.", examples=[["salesforce_accounts", "subscriptions"]])
    source_systems: list[str] = Field(description="What delivered them.", examples=[["billing", "salesforce"]])
    definition_digest: str = Field(
        description="sha256 of the definition.",
        examples=["6b1f9f3c7ad0e0d1c0f1a5b7f3d2e4c6a8b0c2d4e6f8091a2b3c4d5e6f708192"],
    )
    own_definitions: list[str] = Field(description="Which definitions are the project's own.", examples=[[]])
    engine: str = Field(description="The warehouse's dialect.", examples=["duckdb"])
    query_ids: list[str] = Field(description="Under which the warehouse's history has them.", examples=[[]])
    ran_at: datetime | None = Field(description="Where rows may have changed since.", examples=[None])


class ComparisonForm(Answer):
    """A value set against its base."""

    kind: ComparisonKind = Field(examples=["prior_year"])
    base: Decimal | None = Field(description="What it is compared with.", examples=["4312000.00"])
    absolute: Decimal | None = Field(description="Value less base, in the metric's unit.", examples=["512000.00"])
    relative: Decimal | None = Field(
        description="`absolute` over the base's amount; null without one.", examples=["0.1187384044526901669758812616"]
    )
    good: bool | None = Field(description="Whether the change is welcome.", examples=[True])
    unknown: UnknownForm | None = Field(description="Why there is no comparison.", examples=[None])
    base_period: PeriodForm | None


class QualityForm(Answer):
    """A check of the data behind a value that it did not pass."""

    check: str = Field(description="Its id; empty when no check ran.", examples=["payments.amount_in_range"])
    view: str = Field(examples=["payments"])
    detail: str = Field(examples=["3 of 29,822 rows."])
    status: Literal["failed", "unknown"] = Field(examples=["failed"])


class ValueForm(Answer):
    """A number, or why it is unknown: exactly one of `value` and `unknown` is null."""

    metric: str = Field(examples=["arr"])
    label: str = Field(examples=["ARR"])
    value: Decimal | None = Field(description="Exactly, in plain decimal notation.", examples=["4824000.00"])
    unknown: UnknownForm | None = Field(examples=[None])
    unit: str = Field(description="A currency code, `ratio`, `count`, `fte`, ...", examples=["USD"])
    format: Format = Field(examples=["money"])
    period: PeriodForm
    day: date = Field(description="The company day the question is about.", examples=["2025-12-31"])
    known_at: datetime | None = Field(description="As of when it is known.", examples=[MOMENT])
    freshness: FreshnessForm
    members: dict[str, str] = Field(description="What it is of, by dimension grouped by.", examples=[{}])
    demo: bool = Field(description="Whether it is about the fictional company.", examples=[True])
    provenance: ProvenanceForm
    comparisons: list[ComparisonForm]
    display: str = Field(description="The text to show; `unknown` where there is no value.", examples=["$4.82M"])
    quality: list[QualityForm] = Field(examples=[[]])
