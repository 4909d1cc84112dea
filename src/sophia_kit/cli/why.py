"""`sophia why`: what a metric's change consists of, and what tells most of it."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.metrics import DemoOption
from sophia_kit.cli.output import Format, FormatOption, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.metrics.change import Breakdown, ChangeExplanation

__all__ = ["why_command"]


def why_command(
    name: Annotated[str, typer.Argument(help="The metric, e.g. arr.")],
    period: Annotated[
        str | None,
        typer.Argument(help="2025-12-02, 2025-W49, 2025-12, 2025-Q3 or 2025; default: the last over."),
    ] = None,
    versus: Annotated[
        str, typer.Option(help="prior_period, prior_year, target, or an earlier period, e.g. 2025-06.")
    ] = "prior_period",
    by: Annotated[
        list[str] | None, typer.Option(help="Take it apart by this dimension; may be repeated. Default: by all.")
    ] = None,
    grain: Annotated[
        str | None, typer.Option(help="day, week, month, quarter or year, where no period is given.")
    ] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day the question is about; default: today.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only a dimension's member, e.g. segment=Enterprise; may be repeated.")
    ] = None,
    parts: Annotated[int, typer.Option(min=1, help="How many parts of each to show; JSON has all.")] = 5,
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Explain why a metric changed: its parts, which sum to the change exactly, by what explains most first."""
    from sophia_kit.metrics.change import explain_change
    from sophia_kit.metrics.change.json_form import change_record
    from sophia_kit.metrics.json_form import json_text
    from sophia_kit.metrics.written import filters_of

    explanation = explain_change(
        name,
        period,
        versus,
        dimensions=by,
        day=day.date() if day else None,
        grain=grain,
        filters=filters_of(where or [], option="--where"),
        settings=open_settings(demo),
    )
    if format is Format.json:
        sys.stdout.write(json_text(change_record(explanation)))
    else:
        _print(console(), explanation, parts)


def _print(out: Console, item: ChangeExplanation, most: int) -> None:
    from rich.text import Text

    from sophia_kit.metrics.change.words import against

    value = item.value
    title = Text(value.label, style="bold")
    if value.demo:
        title.append("  DEMO DATA", style="bold yellow")
    out.print(title)
    verdict = {True: " good", False: " bad", None: ""}[item.good]
    out.print(
        Text(f"{value.period.label} {value.display}, {against(item)} {item.base.display}: ")
        + Text(f"{item.display} ({item.relative}){verdict}", style="bold")
    )
    if item.unknown is not None:
        out.print(Text(f"unknown: {item.unknown.reason}", style="yellow"))
    for found in item.breakdowns:
        if found.parts or found.unknown is not None:
            _print_breakdown(out, found, most, "Target" if item.versus == "target" else "Before")
    known = f"known at {value.known_at:%Y-%m-%d %H:%M} UTC" if value.known_at else "no snapshot"
    out.print(
        Text(f"\n{value.unit}, {known}. Parts sum to the change exactly; --format json has all and their SQL.", "dim")
    )


def _print_breakdown(out: Console, item: Breakdown, most: int, before: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from sophia_kit.metrics.change.words import plain, readable

    told = f": {', '.join(plain(name) for name in item.named)}" if item.named else ""
    out.print(Text(f"\nBy {plain(item.by)}{told}", style="bold"))
    if item.unknown is not None:
        out.print(Text(f"unknown: {item.unknown.reason}", style="yellow"))
    if not item.parts:
        return
    table = Table(box=None, pad_edge=False)
    own = any(part.base_display or part.value_display for part in item.parts)
    table.add_column("Part")
    for column in (*((before, "Now") if own else ()), "Change", *(effect.kind for effect in item.effects)):
        table.add_column(column, justify="right")
    shown = [*item.parts[:most], *([] if item.rest is None else [item.rest])]
    for part in shown:
        cells = [part.base_display, part.value_display] if own else []
        table.add_row(readable(part), *cells, part.display, *(effect.display for effect in part.effects))
    print_table(table, out)
    if len(item.parts) > most:
        out.print(Text(f"and {len(item.parts) - most:,} smaller", style="dim"))
