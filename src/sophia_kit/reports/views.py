"""The brief's contents as rows and markup for a notebook: text that is ready to be shown, nothing to compute."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Final, Literal

from sophia_kit.core.fact import Fact
from sophia_kit.metrics.format import display_relative
from sophia_kit.reports.facts import Explanation
from sophia_kit.reports.model import DailyBrief, Kpi

__all__ = [
    "Tile",
    "change_fact",
    "change_texts",
    "explanation_markup",
    "finding_rows",
    "mover_rows",
    "narrative_markup",
    "reason_rows",
    "source_rows",
    "tile_of",
    "title_of",
]

_MARKS = {"up": "▲ ", "down": "▼ ", "flat": "= ", "unknown": ""}


def title_of(kpi: Kpi) -> str:
    """The metric's label, and that it is the day's where it is."""
    return f"{kpi.value.label} on the day" if kpi.value.period.grain == "day" else kpi.value.label


@dataclass(frozen=True, slots=True)
class Tile:
    """A key figure as a tile.

    Attributes:
        direction: how it moved against the period before; None when it didn't, or that is unknown.
        wanted: the direction that is welcome.
    """

    label: str
    value: str
    caption: str
    direction: Literal["increase", "decrease"] | None
    wanted: Literal["increase", "decrease"]


def tile_of(brief: DailyBrief, kpi: Kpi) -> Tile:
    """The figure, its changes, and whether it is unknown or stands on data that is not fresh."""
    value = kpi.value
    told = [value.period.label]
    if kpi.whole_company:
        told.append("whole company")
    if value.unknown is not None:
        told.append(value.unknown.reason)
    for item in value.comparisons:
        fact = change_fact(brief, kpi, item.kind)
        if fact is not None:
            against = "target" if item.kind == "target" or item.base_period is None else item.base_period.label
            told.append(f"{fact.display} vs {against}")
    if value.freshness.status != "fresh":
        told.append("stale data" if value.freshness.status == "stale" else "age of data unknown")
    moved = change_fact(brief, kpi, "prior_period")
    up = moved is not None and moved.direction == "up"
    direction = _WAYS.get(moved.direction) if moved is not None else None
    wanted: Literal["increase", "decrease"] = "increase"
    if moved is not None and moved.good is not None and up != moved.good:
        wanted = "decrease"
    return Tile(title_of(kpi), value.display, " · ".join(told), direction, wanted)


_WAYS: Final[dict[str, Literal["increase", "decrease"]]] = {"up": "increase", "down": "decrease"}


def change_fact(brief: DailyBrief, kpi: Kpi, kind: str) -> Fact | None:
    """The change that a reader looks for; None when unknown.

    Relative, but in points for a ratio, and in the metric's unit where the relative change is none or rounds to
    nothing.
    """
    item = next((item for item in kpi.value.comparisons if item.kind == kind), None)
    if item is None or item.unknown is not None:
        return None
    numbers, stem = brief.facts.numbers, f"{kpi.fact}.vs_{kind}"
    relative = numbers[f"{stem}.relative"]
    if kpi.value.format == "percent" or relative.value is None or relative.display == _NOTHING:
        return numbers[f"{stem}.absolute"]
    return relative


_NOTHING: Final = display_relative(Decimal(0))


def change_texts(brief: DailyBrief, kpi: Kpi) -> dict[str, str]:
    """By kind of comparison, the change as text: `▲ +4.1 % better`."""
    found: dict[str, str] = {}
    for item in kpi.value.comparisons:
        fact = change_fact(brief, kpi, item.kind)
        if fact is not None:
            found[item.kind] = _change(fact)
    return found


def mover_rows(brief: DailyBrief) -> list[dict[str, str]]:
    """The biggest movers, one row each."""
    return [
        {
            "Metric": mover.value.label,
            "Who or what": mover.member.replace("_", " "),
            "By": mover.dimension.replace("_", " "),
            **_against_before(brief, mover.fact),
        }
        for mover in brief.movers
    ]


def reason_rows(brief: DailyBrief) -> list[dict[str, str]]:
    """Failed payments by reason, one row each; empty when they are unknown."""
    if brief.failures is None:
        return []
    pairs = zip(brief.failures.values, brief.failures.facts, strict=True)
    return [{"Reason": value.members[0][1].replace("_", " "), **_against_before(brief, name)} for value, name in pairs]


def finding_rows(brief: DailyBrief) -> list[dict[str, str]]:
    """Open findings of data quality, one row each."""
    return [
        {
            "Finding": finding.kind,
            "Where": finding.subject,
            "What": finding.text,
            "Records": brief.facts.numbers[finding.count].display if finding.count else "",
        }
        for finding in brief.findings
    ]


def source_rows(brief: DailyBrief) -> list[dict[str, str]]:
    """Every table at the freshness gate, one row each; times in UTC."""
    return [
        {
            "Table": item.table,
            "Source system": item.source_system,
            "State": item.status,
            "Needed": "yes" if item.required else "no",
            "Last complete load": f"{item.last_success_at:%Y-%m-%d %H:%M}" if item.last_success_at else "never",
            "May be old": brief.facts.numbers[item.limit].display,
        }
        for item in brief.gate.tables
    ]


def narrative_markup(brief: DailyBrief) -> str:
    """The narrative as HTML: a heading, then paragraphs, numbers in bold; everything escaped."""
    found = []
    for paragraph in brief.narrative.paragraphs:
        text = "".join(
            f"<strong>{escape(part.text)}</strong>" if part.fact else escape(part.text) for part in paragraph.parts
        )
        tag = "h2" if paragraph.kind == "headline" else "p"
        found.append(f"<{tag}>{'⚠ ' if paragraph.kind == 'caution' else ''}{text}</{tag}>")
    found.append("<p><em>Written by rules from the numbers below; no language model took part.</em></p>")
    return "".join(found)


def explanation_markup(explanation: Explanation) -> str:
    """How the numbers of one question were made, as HTML; everything escaped."""
    known_at = f"{explanation.known_at:%Y-%m-%d %H:%M} UTC" if explanation.known_at else "unknown"
    freshness = explanation.freshness.status if explanation.freshness else "the kit's own record"
    facts = {
        "Formula": explanation.formula,
        "Source systems": ", ".join(explanation.source_systems) or "none",
        "Tables": ", ".join(explanation.tables) or "none",
        "Freshness": freshness,
        "Snapshot": explanation.snapshot_id or "none",
        "Known at": known_at,
    }
    told = "".join(f"<li>{name}: <code>{escape(text)}</code></li>" for name, text in facts.items())
    lines = "".join(
        f"<li>{escape(line.label)}: {escape(line.part)} <strong>{escape(line.fact.display)}</strong> "
        f"{escape(line.fact.reason or '')}</li>"
        for line in explanation.lines
    )
    ran = "".join(f"<pre>{escape(sql)}</pre><ul>{_bound(params)}</ul>" for sql, params in explanation.statements)
    return f"<p>{escape(explanation.description)}</p><ul>{told}</ul>{ran}<ul>{lines}</ul>"


def _bound(params: tuple[tuple[str, object], ...]) -> str:
    return "".join(f"<li><code>{escape(name)} = {escape(str(value))}</code></li>" for name, value in params)


def _against_before(brief: DailyBrief, name: str) -> dict[str, str]:
    numbers = brief.facts.numbers
    stem = f"{name}.vs_prior_period"
    return {
        "Now": numbers[name].display,
        "Before": numbers[f"{stem}.base"].display,
        "Change": _change(numbers[f"{stem}.absolute"]),
        "Relative": numbers[f"{stem}.relative"].display,
    }


def _change(fact: Fact) -> str:
    word = "" if fact.good is None else " better" if fact.good else " worse"
    return f"{_MARKS[fact.direction]}{fact.display}{word}"
