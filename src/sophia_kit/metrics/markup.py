"""An answer as HTML for a notebook: the number, what it is compared with, and, unfolded, how it was made.

Everything is escaped. Colours are mixed with the text's own, so that it reads on a dark page as on a light one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Final

from sophia_kit.metrics.format import UNKNOWN, display_change, display_relative, display_value
from sophia_kit.metrics.value import Comparison, MetricResult, MetricValue, Provenance

__all__ = ["footer", "framed", "grid", "head", "result_markup", "value_markup"]

_MOST_ROWS: Final = 60
_MOST_COLUMNS: Final = 8

_STYLE: Final = """<style>
.sophia-metric{font-family:inherit;line-height:1.45;max-width:100%;
--line:color-mix(in srgb,currentColor 18%,transparent);
--good:color-mix(in srgb,#17763f 75%,currentColor);--bad:color-mix(in srgb,#b5301a 75%,currentColor);
--warn:color-mix(in srgb,#9a6400 75%,currentColor)}
.sophia-metric .head{display:flex;gap:.6em;align-items:baseline;flex-wrap:wrap;font-weight:600}
.sophia-metric .demo{background:#6b2fa0;color:#fff;border-radius:4px;padding:0 .5em;font-size:.75em;
letter-spacing:.03em}
.sophia-metric .big{font-size:2em;font-weight:650;font-variant-numeric:tabular-nums}
.sophia-metric .small{font-size:.85em;opacity:.85}
.sophia-metric .good{color:var(--good)} .sophia-metric .bad{color:var(--bad)} .sophia-metric .warn{color:var(--warn)}
.sophia-metric .scroll{overflow-x:auto}
.sophia-metric table{border-collapse:collapse;margin:.4em 0;font-size:.92em;width:auto}
.sophia-metric th,.sophia-metric td{padding:.25em .9em .25em 0;border:0;border-bottom:1px solid var(--line);
text-align:left;white-space:nowrap;font-weight:400}
.sophia-metric thead th{font-weight:600;border-bottom-width:2px}
.sophia-metric .n{text-align:right;font-variant-numeric:tabular-nums}
.sophia-metric details{margin-top:.3em;font-size:.85em} .sophia-metric summary{cursor:pointer}
.sophia-metric dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;margin:.5em 0}
.sophia-metric dt{opacity:.75} .sophia-metric dd{margin:0;overflow-wrap:anywhere}
.sophia-metric pre{overflow-x:auto;max-height:24em;padding:.7em;border:1px solid var(--line);border-radius:6px;
margin:.4em 0;white-space:pre}
</style>"""


def value_markup(value: MetricValue) -> str:
    """One value as HTML."""
    where = "".join(f", {escape(name)} {escape(member)}" for name, member in value.members)
    told = [
        head(value),
        f"<div class='small'>{escape(_period(value))}{where}</div>",
        f"<div class='big'{_exact(value)}>{escape(value.display)}</div>",
    ]
    if value.unknown is not None:
        told.append(f"<div class='warn'>{escape(value.unknown.reason)}</div>")
    told += [f"<div>{_against(value, item)}</div>" for item in value.comparisons]
    return framed([*told, footer(value)])


def result_markup(result: MetricResult) -> str:
    """An answer as HTML: one number large, several as a table."""
    values = result.values
    if len(values) == 1:
        return value_markup(values[0])
    first = values[0]
    line = _trend(values) if not result.query.by else ""
    return framed([head(first), line, _table(result), *_reasons(values), footer(first)])


def framed(parts: Iterable[str]) -> str:
    """Parts of an answer in one frame, with its style."""
    return f"{_STYLE}<div class='sophia-metric'>{''.join(parts)}</div>"


def head(value: MetricValue) -> str:
    """The metric's label, and that it is demo data."""
    demo = "<span class='demo'>DEMO DATA</span>" if value.demo else ""
    return f"<div class='head'>{escape(value.label)}{demo}</div>"


def _period(value: MetricValue) -> str:
    return value.period.label + ("" if value.period.complete else " (unfinished)")


def _exact(value: MetricValue) -> str:
    """The whole number, for who points at the shortened one."""
    return "" if value.value is None else f" title='{value.value:,f} {escape(value.unit)}'"


def _against(value: MetricValue, item: Comparison) -> str:
    base = "target" if item.kind == "target" or item.base_period is None else item.base_period.label
    return f"{_change(value, item)} <span class='small'>vs {escape(base)}, {escape(_base(value, item))}</span>"


def _base(value: MetricValue, item: Comparison) -> str:
    return display_value(item.base, value.format, value.unit)


def _change(value: MetricValue, item: Comparison) -> str:
    if item.unknown is not None:
        return f"<span class='warn' title='{escape(item.unknown.reason)}'>{UNKNOWN}</span>"
    mark = {True: ("good", "good"), False: ("bad", "bad"), None: ("", "")}[item.good]
    text = f"{display_change(item.absolute, value.format, value.unit)} ({display_relative(item.relative)}) {mark[1]}"
    return f"<span class='{mark[0]}'>{escape(text.rstrip())}</span>"


def _table(result: MetricResult) -> str:
    query, values = result.query, result.values
    if len(query.by) == 1 and query.periods > 1 and not query.compare:
        members = list(dict.fromkeys(value.members[0][1] for value in values if value.members))
        if 1 < len(members) <= _MOST_COLUMNS:
            return _crosstab(values, query.by[0], members)
    heads = ["<th scope='col'>Period</th>", *(f"<th scope='col'>{escape(_words(name))}</th>" for name in query.by)]
    heads.append("<th scope='col' class='n'>Value</th>")
    change = "<th scope='col' class='n'>Change</th>"
    heads += [f"<th scope='col' class='n'>{escape(_words(kind))}</th>{change}" for kind in query.compare]
    rows = []
    for value in values[-_MOST_ROWS:]:
        cells = [f"<td>{escape(_period(value))}</td>"]
        cells += [f"<td>{escape(member)}</td>" for _, member in value.members] or ["<td></td>"] * len(query.by)
        cells.append(_number(value))
        for item in value.comparisons:
            cells.append(f"<td class='n'>{escape(_base(value, item))}</td><td class='n'>{_change(value, item)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    left_out = len(values) - len(rows)
    more = f"<div class='small'>{left_out:,} earlier rows are in .frame()</div>" if left_out else ""
    return f"{more}{grid(heads, rows)}"


def _crosstab(values: Sequence[MetricValue], dimension: str, members: Sequence[str]) -> str:
    """A row for each period, a column for each member."""
    found = {(value.period, value.members[0][1]): value for value in values if value.members}
    periods = list(dict.fromkeys(value.period for value in values))[-_MOST_ROWS:]
    heads = [f"<th scope='col'>Period, by {escape(_words(dimension).lower())}</th>"]
    heads += [f"<th scope='col' class='n'>{escape(member)}</th>" for member in members]
    rows = []
    for period in periods:
        cells = [_number(found[period, member]) for member in members]
        shown = period.label if period.complete else f"{period.label} (unfinished)"
        rows.append(f"<tr><th scope='row'>{escape(shown)}</th>{''.join(cells)}</tr>")
    return grid(heads, rows)


def grid(heads: Sequence[str], rows: Sequence[str]) -> str:
    """A table of header cells and rows, which scrolls where it is wide."""
    top, body = f"<thead><tr>{''.join(heads)}</tr></thead>", f"<tbody>{''.join(rows)}</tbody>"
    return f"<div class='scroll'><table>{top}{body}</table></div>"


def _number(value: MetricValue) -> str:
    if value.unknown is not None:
        return f"<td class='n warn' title='{escape(value.unknown.reason)}'>{UNKNOWN}</td>"
    return f"<td class='n'{_exact(value)}>{escape(value.display)}</td>"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _trend(values: Sequence[MetricValue]) -> str:
    """A small line over the periods, with gaps where the value is unknown; empty when there is nothing to see."""
    known = [value.value for value in values if value.value is not None]
    if len(known) < 3 or min(known) == max(known):
        return ""
    low, span, step = min(known), max(known) - min(known), Decimal(280) / (len(values) - 1)
    lines: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value.value is None:
            lines.append([])
        else:
            lines[-1].append(f"{step * index:.1f},{44 - 40 * (value.value - low) / span:.1f}")
    drawn = "".join(
        f"<polyline points='{' '.join(points)}' fill='none' stroke='currentColor' stroke-width='1.8' "
        "stroke-linejoin='round'/>"
        for points in lines
        if len(points) > 1
    )
    told = escape(f"{values[0].period.label} to {values[-1].period.label}")
    return f"<svg role='img' aria-label='{told}' viewBox='-2 0 284 48' width='284' height='48'>{drawn}</svg>"


def _reasons(values: Sequence[MetricValue]) -> list[str]:
    """Why values and comparisons are unknown, each reason once."""
    told: dict[str, None] = {}
    for value in values:
        if value.unknown is not None:
            told[f"unknown: {value.unknown.reason}"] = None
        for item in value.comparisons:
            if item.unknown is not None and item.unknown != value.unknown:
                told[f"{_words(item.kind).lower()} unknown: {item.unknown.reason}"] = None
    shown = [f"<div class='warn small'>{escape(reason)}</div>" for reason in list(told)[:5]]
    if len(told) > len(shown):
        shown.append(f"<div class='small'>{len(told) - len(shown)} more reasons are in .frame()</div>")
    return shown


def footer(value: MetricValue) -> str:
    """How the value was made, unfolded on demand."""
    state = value.freshness
    as_of = f" as of {state.as_of:%Y-%m-%d %H:%M} UTC" if state.as_of else ""
    named = f": {', '.join(state.tables)}" if state.tables else ""
    said = {
        "fresh": f"<span>Fresh{as_of}</span>",
        "stale": f"<span class='warn'>Stale{as_of}{escape(named)}</span>",
        "unknown": f"<span class='warn'>Age of data unknown{escape(named)}</span>",
    }[state.status]
    known = f"known at {value.known_at:%Y-%m-%d %H:%M} UTC" if value.known_at else "no snapshot"
    warnings = [mark.text for mark in value.quality] + list(state.failures)
    failed = "".join(f"<div class='warn small'>{escape(text)}</div>" for text in warnings)
    return (
        f"{failed}<div class='small'>{escape(value.unit)}, day {value.day}, {known}. {said}</div>"
        f"<details><summary>How this was made</summary>{_made(value, value.provenance)}</details>"
    )


def _made(value: MetricValue, provenance: Provenance) -> str:
    facts = {
        "Metric": value.metric,
        "Engine": provenance.engine,
        "Snapshot": provenance.snapshot_id or "none",
        "Tables": ", ".join(provenance.tables) or "none",
        "Source systems": ", ".join(provenance.source_systems) or "none",
        "Definition": f"sha256 {provenance.definition_digest}",
    }
    if provenance.query_ids:
        facts["Query ids"] = ", ".join(provenance.query_ids)
    if provenance.own_definitions:
        facts["Defined by the project"] = ", ".join(provenance.own_definitions)
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    bound = "".join(f"<dt>${escape(name)}</dt><dd>{escape(_bound(item))}</dd>" for name, item in provenance.params)
    sql = f"<pre><code>{escape(provenance.sql)}</code></pre>" if provenance.sql else ""
    return f"<dl>{listed}</dl>{sql}<dl>{bound}</dl>"


def _bound(item: object) -> str:
    return ", ".join(str(part) for part in item) if isinstance(item, tuple) else str(item)
