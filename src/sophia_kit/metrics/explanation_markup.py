"""What a metric is, as HTML for a notebook; everything escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sophia_kit.metrics.markup import framed, grid

if TYPE_CHECKING:
    from sophia_kit.metrics.explanation import Explanation, TableState

__all__ = ["as_html"]


def as_html(item: Explanation) -> str:
    """Definition in words, sources and their freshness, checks that failed, and, unfolded, the SQL."""
    demo = "<span class='demo'>DEMO DATA</span>" if item.demo else ""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in item.facts)
    statements = "".join(
        f"<div class='small'>{escape(name)}</div><pre><code>{escape(sql)}</code></pre>" for name, sql in item.sql
    )
    return framed(
        [
            f"<div class='head'>{escape(item.label)} ({escape(item.name)}){demo}</div>",
            f"<div>{escape(item.description)}</div><dl>{listed}</dl>",
            _sources(item),
            *(f"<div class='warn small'>{escape(mark.text)}</div>" for mark in item.quality),
            f"<details><summary>SQL</summary>{statements}</details>",
        ]
    )


def _sources(item: Explanation) -> str:
    if not item.tables:
        return "<div class='warn'>Nothing was loaded yet: no sources, no freshness.</div>"
    heads = [f"<th scope='col'>{name}</th>" for name in ("Table", "Source", "Last load (UTC)")]
    heads += ["<th scope='col' class='n'>Rows</th>", "<th scope='col'>Freshness</th>"]
    return grid(heads, [_row(state) for state in item.tables])


def _row(state: TableState) -> str:
    at = f"{state.last_success_at:%Y-%m-%d %H:%M}" if state.last_success_at else "never"
    rows = "" if state.rows is None else f"{state.rows:,}"
    late = "" if state.status == "fresh" else " class='warn'"
    why = "" if state.because is None else f": {state.because}"
    return (
        f"<tr><td>{escape(state.table)}</td><td>{escape(state.source_system)}</td><td>{at}</td>"
        f"<td class='n'>{rows}</td><td{late}>{state.status}{escape(why)}</td></tr>"
    )
