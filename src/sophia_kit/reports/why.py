"""Why key figures moved: which of them the brief explains, and the facts of each explanation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Any, Final, Literal

from sophia_kit.core.fact import Direction, Fact
from sophia_kit.metrics.change import Breakdown, ChangeExplanation, Part
from sophia_kit.metrics.change.words import plain, readable
from sophia_kit.metrics.evaluation import decimal_of
from sophia_kit.reports.facts import Explanation, Line
from sophia_kit.reports.model import Kpi, Why, WhyTable

__all__ = ["Explained", "explain_why", "movers_of", "terms_of_why", "why_of"]

Explained = Literal["prior_period", "prior_year"]

HEADLINES: Final = ("arr", "revenue", "payment_volume")
"""The first of these that is known is what the headline speaks of: it is explained against the year before."""

CANDIDATES: Final = (
    "arr", "nrr", "revenue", "rpe", "headcount", "open_pipeline", "pipeline_coverage", "win_rate",
    "payment_success_rate", "failed_payments", "payment_volume",
)  # fmt: skip
UNUSUAL: Final = 2.0
"""How many times its usual move, the median of the year's, a figure has to move to be explained."""

LEAST_MOVES: Final = 6
"""Fewer moves than these don't say what is usual."""

PARTS_SHOWN: Final = 5


def movers_of(kpis: Iterable[Kpi]) -> list[tuple[Kpi, Explained]]:
    """The figures to explain, and against what: the headline's, then the one that moved most beside its usual moves."""
    by_name = {kpi.name: kpi for kpi in kpis}
    found: list[tuple[Kpi, Explained]] = []
    for name in HEADLINES:
        if name in by_name and _moved(by_name[name], "prior_year"):
            found.append((by_name[name], "prior_year"))
            break
    moves = [(_unusual(by_name[name]), name) for name in CANDIDATES if name in by_name]
    most, name = max(moves, key=lambda move: move[0], default=(0.0, ""))
    if most >= UNUSUAL:
        found.append((by_name[name], "prior_period"))
    return found


def _moved(kpi: Kpi, kind: Explained) -> bool:
    compared = kpi.value.comparison(kind)
    return compared is not None and bool(compared.absolute)


def _unusual(kpi: Kpi) -> float:
    """The last move as a multiple of the median move before; 0 where there aren't enough to say what is usual."""
    values = [value.value for value in kpi.trend]
    moves = [None if now is None or then is None else abs(now - then) for then, now in pairwise(values)]
    last = moves[-1] if moves else None
    known = [move for move in moves[:-1] if move is not None]
    if last is None or len(known) < LEAST_MOVES:
        return 0.0
    usual = median(known)
    return float(last / usual) if usual else 0.0


def why_of(place: int, change: ChangeExplanation) -> Why | None:
    """What the brief shows of an explained change; None when nothing of it can be told."""
    stem = f"why.{place}"
    if change.change is None:
        return None
    drivers = [item for item in change.drivers if item.parts and item.unknown is None][:1]
    members = [item for item in change.dimensions if item.parts and item.unknown is None][:1]
    tables = (
        *(_table(item, f"{stem}.drivers", change) for item in drivers),
        *(_table(item, f"{stem}.members", change) for item in members),
    )
    if not tables:
        return None
    unknown = tuple(dict.fromkeys(item.unknown.reason for item in change.breakdowns if item.unknown is not None))
    even = tuple(plain(item.by) for item in change.dimensions[1:] if item.unknown is None)
    return Why(change, stem, tables, even, unknown)


def _table(item: Breakdown, stem: str, change: ChangeExplanation) -> WhyTable:
    moved = [part for part in item.parts if part.count] or list(item.parts[:1])
    shown = moved if len(moved) <= PARTS_SHOWN + 1 else moved[:PARTS_SHOWN]
    names = tuple(f"{stem}.{place}" for place in range(1, len(shown) + 1))
    left = [part for part in item.parts if part not in shown]
    others = None
    if left and len(moved) > len(shown):
        counts = sum(part.count or 0 for part in left)
        exact = sum((part.exact or Fraction(0) for part in left), Fraction(0))
        others = Part("others", "all others", exact, None, counts, change.scale.text(counts))
    return WhyTable(item, tuple(shown), names, others, f"{stem}.others")


def explain_why(why: Why, formula: str, snapshot_id: str) -> Explanation:
    """The facts of an explained change, where they are explained. `formula` is the metric's."""
    change, value = why.change, why.change.value
    label = f"{value.label}, {value.period.label} against {change.base.period.label}"
    lines = [
        Line(_fact(f"{why.fact}.change", change.change, value.unit, change.display, change.good), label, "change"),
        Line(_size(f"{why.fact}.size", change), label, "size of the change"),
        Line(_plain(f"{why.fact}.base", change.base.value, value.unit, change.base.display), label, "base"),
        Line(_plain(f"{why.fact}.value", value.value, value.unit, value.display), label),
    ]
    statements: list[tuple[str, tuple[tuple[str, Any], ...]]] = []
    for provenance in (value.provenance, change.base.provenance, *(table.item.provenance for table in why.tables)):
        if provenance is not None and (ran := (provenance.sql, provenance.params)) not in statements:
            statements.append(ran)
    for table in why.tables:
        lines += _lines(table, change)
        outstanding = _outstanding(table)
        if outstanding is not None:
            part, name = outstanding
            fact = next(line.fact for line in lines if line.fact.name == name)
            label = f"by {plain(table.item.by)}: {readable(part)} (it stands out)"
            lines.append(Line(replace(fact, name=f"{why.fact}.named"), label, "part of the change"))
    return Explanation(
        key=f"change.{why.fact}",
        home=f"{why.fact}",
        title=f"Why {value.label} changed",
        description=" ".join(dict.fromkeys(METHODS[table.item.method] for table in why.tables)),
        formula=formula,
        statements=tuple(statements),
        snapshot_id=value.provenance.snapshot_id or snapshot_id,
        known_at=value.known_at,
        freshness=value.freshness,
        tables=value.provenance.tables,
        source_systems=value.provenance.source_systems,
        definition_digest=value.provenance.definition_digest,
        lines=tuple(lines),
    )


METHODS: Final = {
    "contribution": "Each member's part is its value now less its value before; the parts sum to the change exactly.",
    "rate and mix": (
        "Each member's part is what its own rate did at the weight it had, what its weight did at its rate's distance "
        "from the whole's, and what both did together; the parts sum to the change exactly."
    ),
    "movements": "The movements between the two ends sum to the change exactly.",
    "inputs": (
        "Each input's part is what its change does to the formula, averaged over all orders of changing the inputs "
        "(Shapley value); the parts sum to the change exactly."
    ),
}


def _outstanding(table: WhyTable) -> tuple[Part, str] | None:
    """The member that explains most, with the name of its fact, where it is shown."""
    found = {part.name: (part, name) for part, name in zip(table.shown, table.facts, strict=True)}
    return found.get(table.item.named[0]) if table.item.named else None


def _lines(table: WhyTable, change: ChangeExplanation) -> list[Line]:
    unit, item = change.value.unit, table.item
    found = []
    for part, name in zip(table.shown, table.facts, strict=True):
        label = f"by {plain(item.by)}: {readable(part)}"
        found.append(
            Line(_fact(name, part.exact, unit, part.display, _good(change, part)), label, "part of the change")
        )
        if part.base_display:
            found.append(
                Line(_plain(f"{name}.base", decimal_of(part.base), part.unit, part.base_display), label, "before")
            )
            found.append(
                Line(_plain(f"{name}.value", decimal_of(part.value), part.unit, part.value_display), label, "now")
            )
    if table.others is not None:
        others = table.others
        label = f"by {plain(item.by)}: {others.label}"
        fact = _fact(table.others_fact, others.exact, unit, others.display, _good(change, others))
        found.append(Line(fact, label, "part of the change"))
    stem = f"{table.stem}.effect_"
    for effect in item.effects:
        fact = _fact(f"{stem}{effect.kind}", effect.exact, unit, effect.display, None)
        found.append(Line(fact, f"by {plain(item.by)}: over all members", f"effect of {effect.kind}"))
    return found


def terms_of_why(whys: Sequence[Why]) -> dict[str, str]:
    """What prose about explained changes may name beside their numbers."""
    terms = {}
    for why in whys:
        terms[f"{why.fact}.metric"] = why.change.value.label
        terms[f"{why.fact}.base_period"] = why.change.base.period.label
        for table in why.tables:
            outstanding = _outstanding(table)
            if outstanding is not None:
                terms[f"{why.fact}.named.by"] = plain(table.item.by)
                terms[f"{why.fact}.named.name"] = plain(outstanding[0].label)
            for part, name in zip(table.shown, table.facts, strict=True):
                terms[f"{name}.name"] = plain(part.label)
    return terms


def _good(change: ChangeExplanation, part: Part) -> bool | None:
    if change.higher_is_better is None or not part.exact:
        return None
    return (part.exact > 0) == change.higher_is_better


def _fact(name: str, exact: Fraction | None, unit: str, display: str, good: bool | None) -> Fact:
    way: Direction = "unknown" if exact is None else "up" if exact > 0 else "down" if exact < 0 else "flat"
    return Fact(name, decimal_of(exact), unit, display, way, good)


def _size(name: str, change: ChangeExplanation) -> Fact:
    """The change without its sign, for prose that says up or down itself."""
    signed = _fact(name, change.change, change.value.unit, change.display, change.good)
    number = None if signed.value is None else abs(signed.value)
    return replace(signed, value=number, display=change.display.lstrip("+-"))


def _plain(name: str, number: Decimal | None, unit: str, display: str) -> Fact:
    reason = "There were none." if number is None else None
    return Fact(name, number, unit, display, reason=reason)
