"""The answers of the metric tools, made from what the metric layer found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import Field

from sophia_kit.server.forms import FreshnessForm, PeriodForm, UnknownForm
from sophia_kit.server.mcp.value_models import (
    Answered,
    CheckModel,
    Digits,
    SharedFacts,
    Shown,
    ValueModel,
    check_models,
    exact,
    shared_facts,
    unknown_form,
    value_model,
)

if TYPE_CHECKING:
    from fractions import Fraction

    from sophia_kit.metrics import Explanation, MetricQuery, MetricResult
    from sophia_kit.metrics.change import Breakdown, ChangeExplanation, Part
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.question import Answer

__all__ = [
    "CatalogueEntry",
    "CataloguePage",
    "ChangeAnswer",
    "DefinitionAnswer",
    "MetricAnswer",
    "QuestionAnswer",
    "change_answer",
    "definition_answer",
    "entry_of",
    "metric_answer",
    "question_answer",
]

_OPTIONS_SHOWN = 3


class CatalogueEntry(Answered):
    """A metric of the catalogue."""

    name: str
    label: str
    description: str
    unit: str
    higher_is_better: bool | None
    grains: list[str] = Field(description="By which periods it can be asked; the first is the default.")
    dimensions: list[str] = Field(description="By which it can be grouped and filtered.")
    synonyms: list[str]
    refused: str | None = Field(description="Why it isn't shown to you; null when it is.")


class CataloguePage(Answered):
    """Metrics of the catalogue, in order of name."""

    metrics: list[CatalogueEntry]
    total: int = Field(description="How many there are on all pages.")
    next: str | None = Field(description="Send it as `after` for the next page; null on the last.")


class TableModel(Answered):
    """A raw table that a metric stands on."""

    table: str
    source_system: str
    last_success_at: datetime | None
    status: str
    because: str | None


class DefinitionAnswer(Answered):
    """What a metric is."""

    name: str
    label: str
    description: str
    kind: str
    formula: str
    unit: str
    higher_is_better: bool | None
    additive: str
    grains: list[str]
    dimensions: list[str]
    target: str | None
    synonyms: list[str]
    owner: str
    source: str = Field(description="Whose definition this is.")
    file: str | None
    definition_digest: str
    own_definitions: list[str]
    sql: dict[str, str] | None = Field(description="The statements by metric; null unless asked for.")
    tables: list[TableModel]
    freshness: FreshnessForm | None = Field(description="Null when nothing was loaded yet.")
    failed_checks: list[CheckModel]
    snapshot_id: str | None
    known_at: datetime | None
    demo: bool
    row_filter: dict[str, list[str]] = Field(description="The members you may see, by dimension; empty: all.")


class MetricAnswer(SharedFacts):
    """Values of a metric, in order of period, then of members; a ranking in its own order."""

    values: list[ValueModel]
    total: int = Field(description="How many values there are on all pages.")
    next: str | None = Field(description="Send it as `after` for the next page; null on the last.")


class PartModel(Answered):
    """A part of a change."""

    name: str
    label: str
    change: Digits
    display: Shown
    base_display: str = Field(description="Its value before; empty where it has none of its own.")
    value_display: str = Field(description="Its value now; empty where it has none of its own.")
    presence: str = Field(description="both, appeared or disappeared.")
    unknown: UnknownForm | None


class BreakdownModel(Answered):
    """One way to take a change apart. Its parts sum to the change."""

    by: str
    method: str
    named: list[str] = Field(description="The members that explain the change, the strongest first.")
    parts: list[PartModel] = Field(description="The largest first.")
    left_out: int = Field(description="How many smaller parts aren't shown.")
    unknown: UnknownForm | None


class ChangeAnswer(SharedFacts):
    """Why a metric changed."""

    versus: str
    period: PeriodForm
    value: Digits
    value_display: Shown
    base_period: PeriodForm
    base: Digits
    base_display: Shown
    change: Digits
    change_display: Shown
    relative_display: Shown
    good: bool | None = Field(description="Whether the change is welcome; null when it can't be said.")
    unknown: UnknownForm | None
    explanation: str = Field(description="The explanation in words, to quote.")
    drivers: list[BreakdownModel] = Field(description="By the metric's own movements or inputs.")
    dimensions: list[BreakdownModel] = Field(description="The one that explains most first.")


class QueryModel(Answered):
    """A query, by the arguments of query_metric."""

    metric: str
    day: date
    grain: str | None
    by: list[str]
    filters: dict[str, list[str]]
    compare: list[str]
    periods: int
    include_unfinished: bool


class OptionModel(Answered):
    """A query that a question may have meant."""

    understood: str
    query: QueryModel = Field(description="Call query_metric with it when it is the one meant.")


class QuestionAnswer(Answered):
    """What a question in plain English gets: numbers, a question back, or a reason why there are none."""

    status: str = Field(description="answered, asks (one of `options` may be meant) or declined.")
    understood: str = Field(description="The query in words. Tell it to who asked.")
    notes: list[str] = Field(description="What was assumed, or read for a misspelt word.")
    reason: str | None = Field(description="Why it asks or declines.")
    options: list[OptionModel]
    query: QueryModel | None = Field(description="The query that was made.")
    answer: MetricAnswer | None
    total_display: str | None = Field(description="Of a ranking, the value over all rows.")
    change: str | None = Field(description="Where the question is why something changed, the explanation in words.")


def entry_of(definition: Definition, refused: str | None) -> CatalogueEntry:
    return CatalogueEntry(
        name=definition.name,
        label=definition.label,
        description=definition.description,
        unit=definition.unit,
        higher_is_better=definition.higher_is_better,
        grains=list(definition.grains),
        dimensions=list(definition.dimensions),
        synonyms=list(definition.synonyms),
        refused=refused,
    )


def definition_answer(item: Explanation, *, sql: bool) -> DefinitionAnswer:
    return DefinitionAnswer(
        name=item.name,
        label=item.label,
        description=item.description,
        kind=item.kind,
        formula=item.formula,
        unit=item.unit,
        higher_is_better=item.higher_is_better,
        additive=item.additive,
        grains=list(item.grains),
        dimensions=list(item.dimensions),
        target=item.target,
        synonyms=list(item.synonyms),
        owner=item.owner,
        source=item.source,
        file=item.file,
        definition_digest=item.definition_digest,
        own_definitions=list(item.own_definitions),
        sql=dict(item.sql) if sql else None,
        tables=[
            TableModel(
                table=table.table,
                source_system=table.source_system,
                last_success_at=table.last_success_at,
                status=table.status,
                because=table.because,
            )
            for table in item.tables
        ],
        freshness=None if item.freshness is None else FreshnessForm.model_validate(item.freshness),
        failed_checks=check_models(item.quality),
        snapshot_id=item.snapshot_id,
        known_at=item.known_at,
        demo=item.demo,
        row_filter={name: list(members) for name, members in item.row_filter},
    )


def metric_answer(
    result: MetricResult, values: Sequence[ValueModel], *, following: str | None, sql: bool
) -> MetricAnswer:
    """A page of an answer: `values` of those of `result`; `following` leads to the next."""
    shared = shared_facts(result.values[0], sql=sql)
    return MetricAnswer(**dict(shared), values=list(values), total=len(result.values), next=following)


def change_answer(item: ChangeExplanation, *, most: int, sql: bool) -> ChangeAnswer:
    """With the `most` largest parts of each breakdown."""
    return ChangeAnswer(
        **dict(shared_facts(item.value, sql=sql)),
        versus=item.versus,
        period=PeriodForm.model_validate(item.value.period),
        value=exact(item.value.value),
        value_display=item.value.display,
        base_period=PeriodForm.model_validate(item.base.period),
        base=exact(item.base.value),
        base_display=item.base.display,
        change=exact(_decimal(item.change)),
        change_display=item.display,
        relative_display=item.relative,
        good=item.good,
        unknown=unknown_form(item.unknown),
        explanation=item.text(),
        drivers=[_breakdown(each, most) for each in item.drivers],
        dimensions=[_breakdown(each, most) for each in item.dimensions],
    )


def question_answer(answer: Answer, *, most: int) -> QuestionAnswer:
    """With the first `most` values of what was asked for."""
    result = answer.result
    shown = None
    if result is not None and result.values:
        values = [value_model(value) for value in result.values[:most]]
        shown = metric_answer(result, values, following=None, sql=False)
    return QuestionAnswer(
        status=answer.status,
        understood=answer.understood,
        notes=list(answer.notes),
        reason=answer.reason,
        options=[
            OptionModel(understood=each.understood, query=_query(each.query))
            for each in answer.options[:_OPTIONS_SHOWN]
        ],
        query=None if answer.query is None else _query(answer.query),
        answer=shown,
        total_display=None if answer.total is None else answer.total.display,
        change=None if answer.change is None else answer.change.text(),
    )


def _query(query: MetricQuery) -> QueryModel:
    return QueryModel(
        metric=query.metric,
        day=query.day,
        grain=query.grain,
        by=list(query.by),
        filters={name: list(members) for name, members in query.filters},
        compare=list(query.compare),
        periods=query.periods,
        include_unfinished=query.include_unfinished,
    )


def _breakdown(item: Breakdown, most: int) -> BreakdownModel:
    parts = item.parts if item.rest is None else (*item.parts, item.rest)
    return BreakdownModel(
        by=item.by,
        method=item.method,
        named=list(item.named),
        parts=[_part(part) for part in parts[:most]],
        left_out=max(0, len(parts) - most),
        unknown=unknown_form(item.unknown),
    )


def _part(part: Part) -> PartModel:
    return PartModel(
        name=part.name,
        label=part.label,
        change=exact(_decimal(part.exact)),
        display=part.display,
        base_display=part.base_display,
        value_display=part.value_display,
        presence=part.presence,
        unknown=unknown_form(part.unknown),
    )


def _decimal(number: Fraction | None) -> Decimal | None:
    """To ten places, as frames hold it."""
    return None if number is None else Decimal(round(number * 10**10)).scaleb(-10)
