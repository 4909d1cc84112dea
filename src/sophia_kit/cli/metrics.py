"""`sophia metric` and `sophia explain`: a number from the catalogue, and what it is."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_table

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from sophia_kit.metrics import Explanation, MetricResult, MetricValue

__all__ = [
    "DemoOption",
    "explain_command",
    "metric_command",
    "print_explanation",
    "print_result",
]


class MetricFormat(StrEnum):
    table = "table"
    json = "json"
    csv = "csv"


DemoOption = Annotated[bool, typer.Option("--demo", help="Ask the demo company.")]


def metric_command(
    name: Annotated[str, typer.Argument(help="The metric, e.g. arr.")],
    by: Annotated[list[str] | None, typer.Option(help="Group by a dimension; may be repeated.")] = None,
    grain: Annotated[str | None, typer.Option(help="day, week, month, quarter or year.")] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="prior_period, prior_year, trailing_average, to_date, prior_year_to_date or target; may be repeated."
        ),
    ] = None,
    trailing: Annotated[int | None, typer.Option(help="How many periods a trailing average is made of.")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day the question is about; default: today.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only a dimension's member, e.g. segment=Enterprise; may be repeated.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option(help="Answer from the snapshot of this day or time, e.g. 2025-12-31.")
    ] = None,
    periods: Annotated[int, typer.Option(help="How many periods, up to the last.")] = 1,
    include_unfinished: Annotated[bool, typer.Option("--include-unfinished", help="Take the running period.")] = False,
    demo: DemoOption = False,
    format: Annotated[  # noqa: A002  # the option's name
        MetricFormat, typer.Option("--format", help="Table for reading, JSON and CSV for programs.")
    ] = MetricFormat.table,
) -> None:
    """Show a metric: its value or why it is unknown, its period, its freshness, and comparisons."""
    from sophia_kit.metrics import metric
    from sophia_kit.metrics.json_form import json_text, result_record
    from sophia_kit.metrics.written import filters_of, moment_of

    settings = open_settings(demo)
    result = metric(
        name,
        by=by or (),
        grain=grain,
        compare=compare or (),
        day=day.date() if day else None,
        filters=filters_of(where or [], option="--where"),
        known_at=moment_of(known_at, settings.company.time_zone, option="--known-at") if known_at else None,
        include_unfinished=include_unfinished,
        periods=periods,
        trailing=trailing,
        settings=settings,
    )
    if format is MetricFormat.json:
        sys.stdout.write(json_text(result_record(result)))
    elif format is MetricFormat.csv:
        sys.stdout.write(_with_context(result).write_csv())
    else:
        print_result(console(), result)


def explain_command(
    name: Annotated[str, typer.Argument(help="The metric, e.g. arr.")],
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Explain a metric: definition, formula, SQL, sources, freshness, owner, synonyms."""
    from sophia_kit.metrics import explain
    from sophia_kit.metrics.json_form import explanation_record, json_text

    explanation = explain(name, settings=open_settings(demo))
    if format is Format.json:
        sys.stdout.write(json_text(explanation_record(explanation)))
    else:
        print_explanation(console(), explanation)


def _with_context(result: MetricResult) -> pl.DataFrame:
    import polars as pl

    first = result.values[0]
    return result.frame().with_columns(
        pl.lit(first.metric).alias("metric"),
        pl.lit(first.day).alias("day"),
        pl.lit(first.known_at).alias("known_at"),
        pl.lit(first.provenance.snapshot_id).alias("snapshot_id"),
        pl.lit(first.demo).alias("demo"),
    )


def print_result(out: Console, result: MetricResult) -> None:
    """A result as a table: its periods, members, values and comparisons, and what is unknown."""
    from rich.table import Table
    from rich.text import Text

    first = result.values[0]
    title = Text(first.label, style="bold")
    if first.demo:
        title.append("  DEMO DATA", style="bold yellow")
    out.print(title)
    table = Table(box=None, pad_edge=False)
    table.add_column("Period")
    for dimension in result.query.by:
        table.add_column(dimension)
    table.add_column("Value", justify="right")
    for kind in result.query.compare:
        table.add_column(kind.replace("_", " "), justify="right")
        table.add_column("change", justify="right")
    for value in result.values:
        members = [member for _, member in value.members] or ["" for _ in result.query.by]
        period = value.period.label + ("" if value.period.complete else " (unfinished)")
        table.add_row(period, *members, _shown(value), *_compared(value))
    print_table(table, out)
    for reason in dict.fromkeys(_reasons(value) for value in result.values):
        if reason:
            out.print(Text(reason, style="yellow"))
    if first.provenance.own_definitions:
        out.print(Text(f"Defined by the project: {', '.join(first.provenance.own_definitions)}", style="dim"))
    for mark in first.quality:
        out.print(Text(mark.text, style="bold red" if mark.status == "failed" else "yellow"))
    for failure in first.freshness.failures:
        out.print(Text(failure, style="yellow"))
    known = f"known at {first.known_at:%Y-%m-%d %H:%M} UTC" if first.known_at else "no snapshot"
    out.print(Text(f"{first.unit}, day {first.day}, {known}, {_freshness(first)}", style="dim"))


def _shown(value: MetricValue) -> str:
    return (
        f"{value.display} (stale)" if value.value is not None and value.freshness.status == "stale" else value.display
    )


def _compared(value: MetricValue) -> list[str]:
    from sophia_kit.metrics import display_change, display_relative, display_value

    cells = []
    for item in value.comparisons:
        cells.append(display_value(item.base, value.format, value.unit))
        if item.unknown is not None:
            cells.append("unknown")
        else:
            mark = {True: " good", False: " bad", None: ""}[item.good]
            change = display_change(item.absolute, value.format, value.unit)
            cells.append(f"{change} ({display_relative(item.relative)}){mark}")
    return cells


def _reasons(value: MetricValue) -> str:
    found = [f"unknown: {value.unknown.reason}"] if value.unknown else []
    found += [
        f"{item.kind.replace('_', ' ')} unknown: {item.unknown.reason}"
        for item in value.comparisons
        if item.unknown is not None and item.unknown != value.unknown
    ]
    return "\n".join(found)


def _freshness(value: MetricValue) -> str:
    state = value.freshness
    as_of = f" as of {state.as_of:%Y-%m-%d %H:%M} UTC" if state.as_of else ""
    named = f" ({', '.join(state.tables)})" if state.tables else ""
    return f"{'freshness unknown' if state.status == 'unknown' else state.status}{as_of}{named}"


def print_explanation(out: Console, item: Explanation) -> None:
    """A metric's definition, formula, SQL and sources."""
    from rich.table import Table
    from rich.text import Text

    title = Text(f"{item.label} ({item.name})", style="bold")
    if item.demo:
        title.append("  DEMO DATA", style="bold yellow")
    out.print(title)
    out.print(Text(item.description))
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for label, text in item.facts:
        facts.add_row(label, Text(text))
    out.print(facts)
    for name, sql in item.sql:
        out.print(Text(f"\nSQL of {name}", style="dim"))
        out.print(Text(sql), soft_wrap=True)
    out.print()
    if not item.tables:
        out.print(Text("Nothing was loaded yet: no sources, no freshness.", style="yellow"))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("Table", "Source", "Last load (UTC)", "Rows", "Freshness"):
        table.add_column(column, justify="right" if column == "Rows" else "left")
    for state in item.tables:
        at = f"{state.last_success_at:%Y-%m-%d %H:%M}" if state.last_success_at else "never"
        rows = "" if state.rows is None else f"{state.rows:,}"
        why = "" if state.because is None else f": {state.because}"
        table.add_row(state.table, state.source_system, at, rows, Text(state.status + why))
    print_table(table, out)
    _print_checks(out, item)


def _print_checks(out: Console, item: Explanation) -> None:
    from collections import Counter

    from rich.text import Text

    counts = Counter(each.status for each in item.checks)
    told = ", ".join(
        f"{counts[status]} {status}" for status in ("passed", "failed", "unknown", "skipped") if counts[status]
    )
    out.print(Text(f"\nChecks of what it stands on: {told or 'none ran'}"))
    for each in item.checks:
        if each.status in ("failed", "unknown"):
            marks = "" if each.marks else " (a warning)"
            out.print(Text(f"{each.check_id} {each.status}{marks}: {each.detail}", style="yellow"))
