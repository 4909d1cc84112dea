"""What the metric tools return. What all values of an answer share is said once, since a model reads every character.

Numbers come twice: exactly, as text that loses no digit, and as `display`, the text to quote.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from sophia_kit.metrics import UNKNOWN, display_change, display_relative, display_value
from sophia_kit.server.forms import FreshnessForm, PeriodForm, UnknownForm

if TYPE_CHECKING:
    from sophia_kit.metrics import Comparison, MetricValue, Provenance, Unknown
    from sophia_kit.metrics.value import QualityMark

__all__ = [
    "Answered",
    "CheckModel",
    "ComparisonModel",
    "Digits",
    "ProvenanceModel",
    "SharedFacts",
    "Shown",
    "ValueModel",
    "check_models",
    "exact",
    "shared_facts",
    "unknown_form",
    "value_model",
]

Digits = Annotated[str | None, Field(description="Exactly, in plain decimal notation; null when unknown.")]
Shown = Annotated[str, Field(description="The text to quote, digit for digit; `unknown` when there is no value.")]


class Answered(BaseModel):
    """Base of what tools return: immutable, and nothing beside what is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckModel(Answered):
    """A check of the data behind a value that it didn't pass."""

    check: str
    status: str
    text: str


class ProvenanceModel(Answered):
    """Where values come from."""

    snapshot_id: str | None = Field(description="The snapshot that was read; null where the warehouse keeps none.")
    engine: str
    tables: list[str]
    source_systems: list[str]
    definition_digest: str
    own_definitions: list[str] = Field(description="Definitions of the project's own that it stands on.")
    query_ids: list[str]
    ran_at: datetime | None
    sql: str | None = Field(description="The statements that ran; null unless asked for.")
    params: dict[str, str] | None = Field(description="What was bound to them; null unless asked for.")


class ComparisonModel(Answered):
    """A value set against its base."""

    kind: str
    base: Digits
    base_display: Shown
    base_period: PeriodForm | None
    change: Digits
    change_display: Shown
    relative: Digits
    relative_display: Shown
    good: bool | None = Field(description="Whether the change is welcome; null when it can't be said.")
    unknown: UnknownForm | None


class ValueModel(Answered):
    """One number, or why it is unknown."""

    period: PeriodForm
    members: dict[str, str] = Field(description="The dimension members that it is of; empty without a grouping.")
    value: Digits
    display: Shown
    unknown: UnknownForm | None
    comparisons: list[ComparisonModel]


class SharedFacts(Answered):
    """What all values of an answer share."""

    metric: str
    label: str
    unit: str = Field(description="A currency code, or ratio, count, fte, multiple, days and so on.")
    day: date = Field(description="The day that the question is about.")
    known_at: datetime | None = Field(description="The moment of the snapshot it is answered from (UTC).")
    demo: bool = Field(description="Whether the data is a fictional company's. Say so wherever you use it.")
    freshness: FreshnessForm
    failed_checks: list[CheckModel]
    provenance: ProvenanceModel


def exact(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def shared_facts(value: MetricValue, *, sql: bool) -> SharedFacts:
    """What `value` shares with the others of its answer; with the statements when `sql`."""
    return SharedFacts(
        metric=value.metric,
        label=value.label,
        unit=value.unit,
        day=value.day,
        known_at=value.known_at,
        demo=value.demo,
        freshness=FreshnessForm.model_validate(value.freshness),
        failed_checks=check_models(value.quality),
        provenance=_provenance(value.provenance, sql=sql),
    )


def value_model(value: MetricValue) -> ValueModel:
    return ValueModel(
        period=PeriodForm.model_validate(value.period),
        members=dict(value.members),
        value=exact(value.value),
        display=value.display,
        unknown=unknown_form(value.unknown),
        comparisons=[_comparison(item, value) for item in value.comparisons],
    )


def unknown_form(unknown: Unknown | None) -> UnknownForm | None:
    return None if unknown is None else UnknownForm.model_validate(unknown)


def check_models(marks: Sequence[QualityMark]) -> list[CheckModel]:
    return [CheckModel(check=mark.check, status=mark.status, text=mark.text) for mark in marks]


def _comparison(item: Comparison, value: MetricValue) -> ComparisonModel:
    return ComparisonModel(
        kind=item.kind,
        base=exact(item.base),
        base_display=display_value(item.base, value.format, value.unit),
        base_period=None if item.base_period is None else PeriodForm.model_validate(item.base_period),
        change=exact(item.absolute),
        change_display=display_change(item.absolute, value.format, value.unit),
        relative=exact(item.relative),
        relative_display=display_relative(item.relative) if item.unknown is None else UNKNOWN,
        good=item.good,
        unknown=unknown_form(item.unknown),
    )


def _provenance(item: Provenance, *, sql: bool) -> ProvenanceModel:
    return ProvenanceModel(
        snapshot_id=item.snapshot_id,
        engine=item.engine,
        tables=list(item.tables),
        source_systems=list(item.source_systems),
        definition_digest=item.definition_digest,
        own_definitions=list(item.own_definitions),
        query_ids=list(item.query_ids),
        ran_at=item.ran_at,
        sql=item.sql if sql else None,
        params={name: str(bound) for name, bound in item.params} if sql else None,
    )
