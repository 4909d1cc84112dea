"""From answers to a brief: facts are named, explained, and written up. Nothing is asked and nothing computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from sophia_kit.metrics.change import ChangeExplanation
from sophia_kit.metrics.value import MetricValue
from sophia_kit.reports.facts import Explanation, Facts, Line, facts_of, slug
from sophia_kit.reports.model import Breakdown, DailyBrief, Finding, FreshnessGate, Header, Kpi, Mover
from sophia_kit.reports.narrative import narrate
from sophia_kit.reports.why import explain_why, terms_of_why, why_of

__all__ = ["Grouped", "MetricText", "Quality", "compose"]

MOVERS_PER_METRIC: Final = 3


@dataclass(frozen=True, slots=True)
class MetricText:
    """What a definition says to a reader."""

    description: str
    formula: str


@dataclass(frozen=True, slots=True)
class Grouped:
    """The answer to one question by one dimension.

    Attributes:
        ranked: whether only the largest moves are of interest, which is right for additive metrics alone.
    """

    metric: str
    dimension: str
    values: tuple[MetricValue, ...]
    ranked: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of the data's own condition, with the explanations of its counts."""

    findings: tuple[Finding, ...]
    explanations: tuple[Explanation, ...]


def compose(
    header: Header,
    *,
    kpis: Sequence[Kpi],
    day_kpis: Sequence[Kpi],
    grouped: Sequence[Grouped],
    gate: FreshnessGate,
    quality: Quality,
    texts: Mapping[str, MetricText],
    changes: Sequence[ChangeExplanation] = (),
) -> DailyBrief:
    """The brief of these answers; `changes` are those that it explains.

    Raises:
        ValueError: two facts would carry the same name.
    """
    breakdowns = [_breakdown(item) for item in grouped]
    movers = _movers(grouped, breakdowns)
    failures = next((item for item in breakdowns if item.metric == "failed_payments" and item.values), None)
    explanations = [_explain_kpi(kpi, texts, header.snapshot_id) for kpi in (*kpis, *day_kpis)]
    explanations += [
        _explain_breakdown(item, texts, header.snapshot_id, _aliases(item, failures, movers))
        for item in breakdowns
        if item.values
    ]
    whys = tuple(why for place, change in enumerate(changes, 1) if (why := why_of(place, change)) is not None)
    explanations += [explain_why(why, texts[why.change.value.metric].formula, header.snapshot_id) for why in whys]
    explanations += quality.explanations
    facts = Facts.gather(explanations, _terms(kpis, day_kpis, failures, movers, gate) | terms_of_why(whys))
    return DailyBrief(
        header=header,
        gate=gate,
        kpis=tuple(kpis),
        day_kpis=tuple(day_kpis),
        failures=failures,
        movers=movers,
        whys=whys,
        findings=(*_unknown_findings((*kpis, *day_kpis)), *quality.findings),
        narrative=narrate(facts),
        explanations=tuple(explanations),
        facts=facts,
    )


def _breakdown(item: Grouped) -> Breakdown:
    values = _largest_moves(item.values) if item.ranked else sorted(item.values, key=_largest_first)
    names: list[str] = []
    for value in values:
        name = f"{item.metric}.by_{item.dimension}.{slug(value.members[0][1])}"
        same = sum(1 for other in names if other == name or other.startswith(f"{name}__"))
        names.append(f"{name}__{same + 1}" if same else name)
    label = values[0].label if values else item.metric
    return Breakdown(item.metric, label, item.dimension, tuple(values), tuple(names))


def _largest_first(value: MetricValue) -> tuple[bool, Decimal]:
    return (value.value is None, -(value.value or Decimal(0)))


def _largest_moves(values: Sequence[MetricValue]) -> list[MetricValue]:
    moved = [
        (abs(change.absolute), value)
        for value in values
        if (change := value.comparison("prior_period")) is not None and change.absolute
    ]
    moved.sort(key=lambda pair: pair[0], reverse=True)
    return [value for _, value in moved[:MOVERS_PER_METRIC]]


def _movers(grouped: Sequence[Grouped], breakdowns: Sequence[Breakdown]) -> tuple[Mover, ...]:
    return tuple(
        Mover(value, item.dimension, value.members[0][1], name)
        for item, breakdown in zip(grouped, breakdowns, strict=True)
        if item.ranked
        for value, name in zip(breakdown.values, breakdown.facts, strict=True)
    )


def _aliases(item: Breakdown, failures: Breakdown | None, movers: Sequence[Mover]) -> tuple[Line, ...]:
    """Further names, for prose, of facts that the breakdown holds: the first mover and the top reason."""
    lines: list[Line] = []
    if item is failures:
        top = facts_of(item.values[0], "failed_payments.top")[0]
        lines.append(replace(top, label=f"{top.label} (the most frequent)"))
    if movers and movers[0].fact in item.facts:
        absolute = next(
            line for line in facts_of(movers[0].value, "mover.1") if line.fact.name.endswith("period.absolute")
        )
        lines.append(Line(replace(absolute.fact, name="mover.1"), f"{absolute.label} (the largest move)"))
    return tuple(lines)


def _terms(
    kpis: Iterable[Kpi],
    day_kpis: Iterable[Kpi],
    failures: Breakdown | None,
    movers: Sequence[Mover],
    gate: FreshnessGate,
) -> dict[str, str]:
    terms: dict[str, str] = {}
    for kpi in (*kpis, *day_kpis):
        terms[f"{kpi.fact}.period"] = kpi.value.period.label
        if kpi.value.unknown is not None:
            terms[f"unknown.{kpi.fact}.label"] = _title(kpi)
            terms[f"unknown.{kpi.fact}.reason"] = kpi.value.unknown.reason
    if failures is not None:
        terms["failed_payments.top.reason"] = failures.values[0].members[0][1].replace("_", " ")
    if movers:
        first = movers[0]
        base = first.value.comparison("prior_period")
        terms["mover.1.metric"] = first.value.label
        terms["mover.1.member"] = first.member
        terms["mover.1.base_period"] = base.base_period.label if base and base.base_period else "before"
    if not gate.open:
        terms["gate.not_fresh"] = ", ".join(f"{item.table} ({item.status})" for item in gate.closed_by)
    return terms


def _title(kpi: Kpi) -> str:
    return f"{kpi.value.label} on the day" if kpi.value.period.grain == "day" else kpi.value.label


def _unknown_findings(kpis: Iterable[Kpi]) -> tuple[Finding, ...]:
    return tuple(
        Finding("unknown", _title(kpi), kpi.value.unknown.reason) for kpi in kpis if kpi.value.unknown is not None
    )


def _explain_kpi(kpi: Kpi, texts: Mapping[str, MetricText], snapshot_id: str) -> Explanation:
    lines = list(facts_of(kpi.value, kpi.fact))
    for value in reversed(kpi.trend):
        name = kpi.point(value)
        if name != kpi.fact:
            lines += facts_of(replace(value, comparisons=()), name)
    title = _title(kpi)
    values = (kpi.value, *kpi.trend)
    return _explanation(f"metric.{kpi.fact}", f"kpi-{kpi.fact}", title, kpi.name, values, lines, texts, snapshot_id)


def _explain_breakdown(
    item: Breakdown, texts: Mapping[str, MetricText], snapshot_id: str, aliases: tuple[Line, ...]
) -> Explanation:
    lines = [line for value, name in zip(item.values, item.facts, strict=True) for line in facts_of(value, name)]
    home = "failures" if item.metric == "failed_payments" else "movers"
    title = f"{item.label} by {item.dimension.replace('_', ' ')}"
    key = f"metric.{item.metric}.by_{item.dimension}"
    return _explanation(key, home, title, item.metric, item.values, [*lines, *aliases], texts, snapshot_id)


def _explanation(
    key: str,
    home: str,
    title: str,
    metric: str,
    values: Sequence[MetricValue],
    lines: Sequence[Line],
    texts: Mapping[str, MetricText],
    snapshot_id: str,
) -> Explanation:
    first = values[0]
    statements: list[tuple[str, tuple[tuple[str, Any], ...]]] = []
    for value in values:
        ran = (value.provenance.sql, value.provenance.params)
        # Parameters may hold lists, which have no hash.
        if ran not in statements:
            statements.append(ran)
    return Explanation(
        key=key,
        home=home,
        title=title,
        description=texts[metric].description,
        formula=texts[metric].formula,
        statements=tuple(statements),
        snapshot_id=first.provenance.snapshot_id or snapshot_id,
        known_at=first.known_at,
        freshness=first.freshness,
        tables=first.provenance.tables,
        source_systems=first.provenance.source_systems,
        definition_digest=first.provenance.definition_digest,
        lines=tuple(lines),
    )
