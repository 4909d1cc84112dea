"""The metric lab's contents as rows, markup, a chart and text: ready to be shown, nothing to compute."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Final

from sophia_kit.metrics import MetricResult
from sophia_kit.metrics.lint import MISTAKE
from sophia_kit.reports.model import Kpi
from sophia_kit.reports.theme import COLOURS

if TYPE_CHECKING:
    import altair as alt
    from rich.console import Console

    from sophia_kit.reports.lab import Answer, Draft

__all__ = ["answer_rows", "findings_markup", "print_draft", "result_chart"]


def answer_rows(duckdb: Answer, snowflake: Answer) -> list[dict[str, str]]:
    """Period by period, what both warehouses answer and whether it is the same; empty unless both do."""
    if duckdb.result is None or snowflake.result is None:
        return []
    other = {(value.period, value.members): value for value in snowflake.result.values}
    rows = []
    for value in duckdb.result.values:
        there = other.get((value.period, value.members))
        rows.append(
            {
                "Period": value.period.label,
                **dict(value.members),
                "DuckDB": value.display,
                "Snowflake": "no such row" if there is None else there.display,
                "Same": "yes" if there is not None and _same(value.value, there.value) else "NO",
            }
        )
    return rows


_NEAR: Final = Decimal("1e-9")
"""Warehouses divide in floating point; sums are exact."""


def _same(one: Decimal | None, other: Decimal | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < _NEAR)


def result_chart(result: MetricResult) -> alt.LayerChart | None:
    """The trend of a whole; None when nothing of it is known."""
    from sophia_kit.reports.charts import trend_chart

    if result.query.by or all(value.value is None for value in result.values):
        return None
    return trend_chart(Kpi(result.query.metric, result.values[-1], result.values), width=620, height=180)


def findings_markup(draft: Draft) -> str:
    """What is wrong with the text, line by line, as HTML; everything escaped."""
    lines = draft.text.splitlines()
    told = []
    for item in draft.findings:
        colour = COLOURS["bad"] if item.rule == MISTAKE else COLOURS["warn"]
        at = f"Line {item.line}" if item.line else "The text"
        quoted = lines[item.line - 1].strip() if item.line and item.line <= len(lines) else ""
        told.append(
            f"<li><strong style='color:{colour}'>{at}: {escape(item.rule)}.</strong> {escape(item.message)}."
            f"<br><code>{escape(quoted)}</code><br>{escape(item.hint or '')}</li>"
        )
    return f"<ul style='margin:0'>{''.join(told)}</ul>" if told else "No mistake, and nothing to remark."


def print_draft(draft: Draft, answer: Answer | None, *, to: Console | None = None) -> None:
    """Print findings and the latest values. `to` defaults to standard output."""
    from rich.console import Console
    from rich.text import Text

    out = to or Console(highlight=False)
    for item in draft.findings:
        out.print(Text(f"line {item.line}: {item.rule}: {item.message}. {item.hint or ''}"), soft_wrap=True)
    if answer is None:
        return
    if answer.result is None:
        out.print(Text(answer.reason or ""), soft_wrap=True)
        return
    first = answer.result.values[0]
    if first.demo:
        out.print("DEMO DATA: a fictional company; no number here is about a real one.")
    out.print(Text(first.label))
    for value in answer.result.values:
        why = f": {value.unknown.reason}" if value.unknown else ""
        out.print(Text(f"{value.period.label:>16}  {value.display}{why}"), soft_wrap=True)
