"""The brief's contents as rows and markup for a notebook: text that is ready to be shown, nothing to compute."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final

from sophia_kit.core.fact import Fact
from sophia_kit.metrics.change.words import plain, readable
from sophia_kit.metrics.format import display_relative
from sophia_kit.reports.facts import Explanation
from sophia_kit.reports.model import DailyBrief, Kpi, Why, WhyTable
from sophia_kit.reports.narrative import NO_MODEL, Author
from sophia_kit.reports.theme import COLOURS

__all__ = [
    "author_line",
    "change_fact",
    "change_texts",
    "explanation_markup",
    "finding_rows",
    "gate_markup",
    "heading_markup",
    "mover_rows",
    "narrative_markup",
    "reason_rows",
    "refusals_markup",
    "source_rows",
    "tiles_markup",
    "title_of",
    "why_heading",
    "why_rows",
]

_MARKS = {"up": "▲ ", "down": "▼ ", "flat": "= ", "unknown": ""}


def title_of(kpi: Kpi) -> str:
    """The metric's label, and that it is the day's where it is."""
    return f"{kpi.value.label} on the day" if kpi.value.period.grain == "day" else kpi.value.label


def tiles_markup(brief: DailyBrief, kpis: Sequence[Kpi]) -> str:
    """Key figures as tiles in a grid, as HTML; everything escaped."""
    return f"<div style='{_GRID}'>{''.join(_tile(brief, kpi) for kpi in kpis)}</div>"


_GRID: Final = "display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:10px"
_TILE: Final = f"border:1px solid {COLOURS['line']};border-radius:8px;padding:12px 14px"
_SMALL: Final = "font-size:13px;line-height:1.45"


def refusals_markup(brief: DailyBrief) -> str:
    """What its reader may not see, and why, as HTML; empty when that is nothing. Everything escaped."""
    refused = [finding for finding in brief.findings if finding.kind == "refused"]
    if not refused:
        return ""
    items = "".join(f"<li>{escape(item.subject)}: {escape(item.text)}</li>" for item in refused)
    return f"<strong>Not shown to you.</strong><ul>{items}</ul>"


def _tile(brief: DailyBrief, kpi: Kpi) -> str:
    value = kpi.value
    whole = "not by segment" if brief.header.audience else "whole company"
    scope = f", {whole}" if kpi.whole_company else ""
    told = [f"<div style='{_SMALL}'>{escape(value.period.label)}{scope}</div>"]
    told.append(f"<div style='font-size:26px;font-weight:650'>{escape(value.display)}</div>")
    if value.unknown is not None:
        told.append(f"<div style='{_SMALL}'>{escape(value.unknown.reason)}</div>")
    for item in value.comparisons:
        fact = change_fact(brief, kpi, item.kind)
        if fact is None:
            continue
        against = "target" if item.kind == "target" or item.base_period is None else item.base_period.label
        colour = {True: COLOURS["good"], False: COLOURS["bad"], None: "inherit"}[fact.good]
        change = f"<span style='color:{colour}'>{escape(_change(fact))}</span>"
        told.append(f"<div style='{_SMALL}'>vs {escape(against)}: {change}</div>")
    if value.freshness.status != "fresh":
        stale = "Stale data" if value.freshness.status == "stale" else "Age of data unknown"
        told.append(f"<div style='{_SMALL}'>◷ {stale}: {escape(', '.join(value.freshness.tables))}</div>")
    for mark in value.quality:
        word = "Failed check" if mark.status == "failed" else "Check unknown"
        told.append(f"<div style='{_SMALL}'>⚠ {word}: {escape(mark.check or 'none ran')}</div>")
    return f"<div style='{_TILE}'><strong>{escape(value.label)}</strong>{''.join(told)}</div>"


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


def why_heading(why: Why) -> str:
    """Which change is explained: `ARR: +$13.6M against Dec 2024`."""
    change = why.change
    return f"{change.value.label}: {change.display} against {change.base.period.label}"


def why_rows(brief: DailyBrief, table: WhyTable) -> list[dict[str, str]]:
    """The parts of an explained change, one row each; those that stand out are marked."""
    numbers = brief.facts.numbers
    rows = [
        {
            "By": plain(table.item.by),
            "Part": readable(part) + (" (stands out)" if part.name in table.item.named else ""),
            "Before": part.base_display,
            "Now": part.value_display,
            "Part of the change": _change(numbers[name]),
        }
        for part, name in zip(table.shown, table.facts, strict=True)
    ]
    if table.others is not None:
        rest = {"Before": "", "Now": "", "Part of the change": _change(numbers[table.others_fact])}
        rows.append({"By": plain(table.item.by), "Part": table.others.label, **rest})
    return rows


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


def heading_markup(brief: DailyBrief) -> str:
    """What the brief is about, under a banner when it is demo data, as HTML; everything escaped."""
    head = brief.header
    banner = (
        f'<div style="background:{COLOURS["demo"]};color:{COLOURS["paper"]};padding:8px 14px;border-radius:6px">'
        "<strong>DEMO DATA</strong>: a fictional company; no number here is about a real one.</div>"
        if head.demo
        else ""
    )
    return (
        f"{banner}<p style='margin:18px 0 0'>{escape(head.company)}</p>"
        f"<h1 style='font-size:30px;font-weight:650;margin:0'>Daily brief, {head.day:%A} {head.day.isoformat()}</h1>"
        f"<p>{escape(head.scope)}. As known at {head.known_at:%Y-%m-%d %H:%M} UTC. Amounts in {escape(head.currency)}. "
        f"Snapshot <code>{escape(head.snapshot_id)}</code>.</p>"
    )


def gate_markup(brief: DailyBrief) -> str:
    """What the freshness gate says, as HTML; everything escaped."""
    if brief.gate.open:
        return "<strong>Fresh.</strong> Every source these numbers stand on was loaded in time."
    late = "".join(
        f"<li>{escape(item.table)} from {escape(item.source_system)}: {item.status}</li>"
        for item in brief.gate.closed_by
    )
    return f"<strong>Not fresh.</strong> Numbers that stand on these are marked:<ul>{late}</ul>"


def narrative_markup(brief: DailyBrief) -> str:
    """The narrative as HTML: a heading, then paragraphs, numbers in bold; everything escaped."""
    found = []
    for paragraph in brief.narrative.paragraphs:
        text = "".join(
            f"<strong>{escape(part.text)}</strong>" if part.fact else escape(part.text) for part in paragraph.parts
        )
        found.append(_PARAGRAPHS[paragraph.kind].format(text=text))
    found.append(f"<p><em>{escape(author_line(brief.narrative.author))}</em></p>")
    return "".join(found)


def author_line(author: Author) -> str:
    """Who wrote a narrative, as its reader is told."""
    if author.kind == "model":
        return f"Written by the language model {author.model}; every number was filled in for it. {author.reason}"
    if author == NO_MODEL:
        return "Written by rules from the numbers below; no language model took part."
    return f"Written by rules from the numbers below. {author.reason}"


_PARAGRAPHS: Final = {
    "headline": "<h2 style='font-size:22px;font-weight:600;line-height:1.35;max-width:36em'>{text}</h2>",
    "point": "<p style='margin:8px 0;max-width:48em'>{text}</p>",
    "caution": "<p style='margin:8px 0;max-width:48em'>⚠ {text}</p>",
}


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
