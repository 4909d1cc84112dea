"""What the routes of metrics and questions answer, as the API's description tells it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from sophia_kit.metrics.value import ComparisonKind, Grain
from sophia_kit.server.forms import FreshnessForm
from sophia_kit.server.rest.value_models import Answer, StandsOn, ValueForm

__all__ = ["AskedAnswer", "CatalogueAnswer", "ChangesAnswer", "ExplainAnswer", "MetricAnswer"]

_NEXT = Field(description="What to send as `after` for the next page; null on the last.", examples=[None])
_DIGEST = "6b1f9f3c7ad0e0d1c0f1a5b7f3d2e4c6a8b0c2d4e6f8091a2b3c4d5e6f708192"


class ListedMetric(Answer):
    """A metric of the catalogue."""

    name: str = Field(examples=["arr"])
    label: str = Field(examples=["ARR"])
    description: str = Field(examples=["Annual recurring revenue: twelve times the MRR on the period's last day."])
    kind: str = Field(examples=["point_in_time"])
    unit: str = Field(examples=["money"])
    owner: str = Field(description="Who answers for the definition.", examples=["Finance"])
    grains: list[Grain] = Field(description="Its periods, the default first.", examples=[["month", "quarter"]])
    dimensions: list[str] = Field(description="What it can be grouped and filtered by.", examples=[["segment"]])
    higher_is_better: bool | None = Field(examples=[True])
    synonyms: list[str] = Field(examples=[["annual recurring revenue"]])
    file: str | None = Field(description="Where it is defined.", examples=["catalogue/recurring_revenue.yaml:4"])
    own: bool = Field(description="Whether the project itself defines it.", examples=[False])


class CatalogueAnswer(Answer):
    """Metrics of the catalogue that the caller may ask for, in order of name."""

    stands_on: StandsOn
    metrics: list[ListedMetric]
    next: str | None = _NEXT


class MetricAnswer(Answer):
    """Values of a metric, by period, then by members; as `sophia metric --format json` has them."""

    stands_on: StandsOn
    metric: str = Field(examples=["arr"])
    values: list[ValueForm]
    next: str | None = _NEXT


class TableForm(Answer):
    """A raw table that a metric stands on."""

    table: str = Field(examples=["subscriptions"])
    source_system: str = Field(examples=["billing"])
    last_success_at: datetime | None = Field(examples=["2026-01-01T05:59:59+00:00"])
    freshness_hours: float = Field(description="How old its last load may be.", examples=[36])
    rows: int | None = Field(description="Null to a caller who may not see them all.", examples=[155])
    status: Literal["fresh", "stale", "unknown"] = Field(examples=["fresh"])
    because: str | None = Field(description="Why it isn't fresh.", examples=[None])


class ExplainAnswer(Answer):
    """What a metric is; as `sophia explain --format json` has it."""

    stands_on: StandsOn
    name: str = Field(examples=["arr"])
    label: str = Field(examples=["ARR"])
    description: str = Field(examples=["Annual recurring revenue."])
    source: str = Field(description="Whose definition this is.", examples=["SaaS Metrics Standards Board"])
    owner: str = Field(examples=["Finance"])
    kind: str = Field(examples=["point in time"])
    formula: str = Field(examples=["sum(mrr) * 12"])
    unit: str = Field(examples=["money"])
    higher_is_better: bool | None = Field(examples=[True])
    additive: str = Field(examples=["over dimensions"])
    grains: list[Grain] = Field(examples=[["month"]])
    dimensions: list[str] = Field(examples=[["segment"]])
    target: str | None = Field(examples=["the plan of arr"])
    synonyms: list[str] = Field(examples=[["annual recurring revenue"]])
    sql: dict[str, str] = Field(description="By the metric that each computes.", examples=[{"arr": "SELECT ..."}])
    definition_digest: str = Field(examples=[_DIGEST])
    tables: list[TableForm]
    freshness: FreshnessForm | None = Field(description="Null when nothing was loaded yet.")
    checks: list[dict[str, Any]] = Field(description="What checks of its data found.", examples=[[]])
    quality: list[dict[str, Any]] = Field(description="Those that mark its values.", examples=[[]])
    snapshot_id: str | None = Field(examples=["20260101T055959000000Z-20260102T031502118240Z"])
    known_at: datetime | None = Field(examples=["2026-01-01T05:59:59+00:00"])
    demo: bool = Field(examples=[True])
    file: str | None = Field(examples=["catalogue/recurring_revenue.yaml:4"])
    own_definitions: list[str] = Field(examples=[[]])
    row_filter: list[tuple[str, list[str]]] = Field(
        description="The members that the caller may see, by dimension; empty: all.", examples=[[]]
    )


class EffectForm(Answer):
    """Of a ratio: how much of a change its rates, its mix and both together make."""

    kind: Literal["rate", "mix", "interaction"] = Field(examples=["rate"])
    exact: str | None = Field(description="As a fraction.", examples=["1/250"])
    decimal: Decimal | None = Field(description="To ten places.", examples=["0.0040000000"])
    display: str = Field(examples=["+0.4 pp"])


class PartForm(Answer):
    """A part of a change."""

    name: str = Field(examples=["Enterprise"])
    label: str = Field(examples=["Enterprise"])
    presence: Literal["both", "appeared", "disappeared"] = Field(examples=["both"])
    exact: str | None = Field(description="As a fraction.", examples=["21500"])
    decimal: Decimal | None = Field(description="To ten places.", examples=["21500.0000000000"])
    display: str = Field(examples=["+$21.5K"])
    unknown: str | None = Field(description="Why it is unknown.", examples=[None])
    base: Decimal | None = Field(description="Its own value before.", examples=["2410000.0000000000"])
    value: Decimal | None = Field(description="Its own value now.", examples=["2431500.0000000000"])
    effects: list[EffectForm] = Field(examples=[[]])


class StatementForm(Answer):
    """What ran, and what was bound to it."""

    sql: str = Field(examples=["SELECT ..."])
    params: dict[str, Any] = Field(examples=[{"starts": ["2025-11-01", "2025-12-01"]}])


class BreakdownForm(Answer):
    """One way to take a change apart; its parts sum to the change exactly."""

    by: str = Field(description="The dimension; or `movements` or `inputs`.", examples=["segment"])
    method: str = Field(examples=["contribution"])
    named: list[str] = Field(description="What explains the change, the strongest first.", examples=[["Enterprise"]])
    excess: Decimal | None = Field(examples=["0.3100000000"])
    score: float = Field(description="What dimensions are ranked by.", examples=[0.41])
    unknown: str | None = Field(description="Why it can't be taken apart so.", examples=[None])
    effects: list[EffectForm] = Field(examples=[[]])
    parts: list[PartForm]
    provenance: StatementForm | None


class ChangeForm(Answer):
    """The change itself."""

    exact: str | None = Field(description="As a fraction.", examples=["33000"])
    decimal: Decimal | None = Field(description="To ten places.", examples=["33000.0000000000"])
    display: str = Field(examples=["+$33.0K"])
    relative: str = Field(examples=["+0.7 %"])
    good: bool | None = Field(examples=[True])
    unknown: str | None = Field(examples=[None])


class ChangesAnswer(Answer):
    """Why a metric changed; as `sophia why --format json` has it."""

    stands_on: StandsOn
    metric: str = Field(examples=["arr"])
    versus: Literal["prior_period", "prior_year", "target", "period"] = Field(examples=["prior_period"])
    value: ValueForm
    base: ValueForm
    change: ChangeForm
    drivers: list[BreakdownForm] = Field(description="The metric's own movements or inputs.")
    dimensions: list[BreakdownForm] = Field(description="The one that explains most first.")
    text: str = Field(description="The explanation in words.", examples=["ARR rose by $33.0K: mostly Enterprise."])


class QueryForm(Answer):
    """A query of a metric."""

    metric: str = Field(examples=["arr"])
    day: date = Field(examples=["2025-12-31"])
    grain: Grain | None = Field(examples=["month"])
    by: list[str] = Field(examples=[[]])
    compare: list[ComparisonKind] = Field(examples=[[]])
    filters: list[tuple[str, list[str]]] = Field(examples=[[["segment", ["Enterprise"]]]])
    include_unfinished: bool = Field(examples=[False])
    periods: int = Field(examples=[1])
    trailing: int | None = Field(examples=[None])
    principal: None = Field(description="Never told.", examples=[None])


class TopForm(Answer):
    """How many rows are kept of a ranking."""

    count: int = Field(examples=[5])
    largest: bool = Field(examples=[True])


class OptionForm(Answer):
    """A query that a question may have meant."""

    understood: str = Field(examples=["ARR, Dec 2025"])
    command: str = Field(examples=["sophia metric arr --day 2025-12-31 --demo"])
    call: str = Field(examples=["sk.metric('arr', day=date(2025, 12, 31))"])


class AskedAnswer(Answer):
    """What a question gets: numbers, a question back, or why there are none; as `sophia ask --format json` has it."""

    stands_on: StandsOn
    question: str = Field(examples=["ARR of Enterprise in December"])
    status: Literal["answered", "asks", "declined"] = Field(examples=["answered"])
    confidence: float = Field(description="0 to 1.", examples=[0.97])
    understood: str = Field(description="The query in words.", examples=["ARR, segment Enterprise, Dec 2025"])
    reason: str | None = Field(description="Why it asks or declines.", examples=[None])
    notes: list[str] = Field(description="What was assumed.", examples=[[]])
    query: QueryForm | None
    top: TopForm | None = Field(examples=[None])
    command: str | None = Field(examples=["sophia metric arr --where segment=Enterprise --day 2025-12-31 --demo"])
    call: str | None = Field(examples=["sk.metric('arr', filters={'segment': 'Enterprise'})"])
    values: list[ValueForm]
    total: ValueForm | None = Field(description="Of a ranking, the value over all rows.", examples=[None])
    change: str | None = Field(description="Where it is asked why, the explanation.", examples=[None])
    options: list[OptionForm]
