"""`sophia ingest`: load what is configured, and see how loads went."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, plain_table, print_json, print_table
from sophia_kit.core.errors import InputError, NoSnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sophia_kit.core.settings import Settings
    from sophia_kit.ingest import IngestReport, Span

app = typer.Typer(no_args_is_help=True, help="Load from vendors and the landing zone, and see how loads went.")

DemoOption = Annotated[bool, typer.Option("--demo", help="Work in the demo's workspace.")]
_COLOURS = {
    "complete": "green",
    "empty": "yellow",
    "failed": "red",
    "abandoned": "red",
    "running": "cyan",
    "off": "dim",
}
_COLOURS |= {"fresh": "green", "stale": "red", "unknown": "yellow"}
_YEARS = (1970, 9000)
"""Of a day that vendors' overlaps can be taken from and added to."""


@app.command("run")
def run_command(
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what is new.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="SOURCE", help="Read this source only; may be repeated.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DAY", help="Read again what changed from this day on, and nothing else."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="With --since: up to this day, not including it.")
    ] = None,
    demo: DemoOption = False,
) -> None:
    """Load every configured source into a new snapshot."""
    from sophia_kit.cli.progress import LoadProgress
    from sophia_kit.ingest import run_ingest
    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore

    settings = open_settings(demo)
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    with State.open(settings.state_location) as state, LoadProgress(console(stderr=True)) as progress:
        report = run_ingest(
            settings,
            state,
            store,
            settings.clock(),
            progress=progress.show,
            full=full,
            span=_span(since, until, settings),
            only=only or (),
        )
    print_report(report)
    if report.failed:
        raise typer.Exit(8)


@app.command("status")
def status_command(
    demo: DemoOption = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many attempts to show.")] = 60,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show the last load attempts, failed ones too, and how fresh each table is."""
    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    settings = open_settings(demo)
    _refuse_unused(settings)
    with State.open(settings.state_location) as state:
        attempts = state.attempts(limit=limit)
    if format is Format.json:
        print_json(attempts)
        return
    audit = plain_table("Started (UTC)", "Table", "Mode", "Status", "Read", "Merged", "Refused")
    notes: list[tuple[str, str]] = []
    for attempt in attempts:
        colour = _COLOURS.get(attempt.status, "white")
        counts = (attempt.rows_read, attempt.rows_merged, attempt.rows_quarantined)
        notes.append((attempt.table_name, _note(attempt.error, attempt.new_columns)))
        audit.add_row(
            f"{attempt.started_at:%Y-%m-%d %H:%M:%S}",
            attempt.table_name,
            attempt.mode,
            f"[{colour}]{attempt.status}[/]",
            *("" if count is None else f"{count:,}" for count in counts),
        )
    if attempts:
        print_table(audit)
        _print_notes(notes)
        console().print()
    try:
        snapshot = SnapshotStore(settings.snapshots_dir).current()
    except NoSnapshot:
        console().print("Nothing has been published yet.")
        return
    fresh = plain_table("Table", "System", "Last success (UTC)", "Rows", "Freshness")
    now = settings.clock().now()
    reasons: list[tuple[str, str]] = []
    with Warehouse.open(snapshot, settings) as warehouse:
        for table in warehouse.freshness().values():
            at, status, because = table.last_success_at, table.status(now), table.because(now)
            reasons.append((table.table_name, because or ""))
            told = f"[{_COLOURS[status]}]{status}[/]"
            when = "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
            fresh.add_row(table.table_name, table.source_system, when, f"{table.row_count:,}", told)
        title = "DEMO DATA. " if warehouse.demo else ""
    console().print(f"{title}Snapshot {snapshot.snapshot_id}, seen at {now:%Y-%m-%d %H:%M:%S} UTC", soft_wrap=True)
    print_table(fresh)
    _print_notes(reasons)


def _span(since: str | None, until: str | None, settings: Settings) -> Span | None:
    """From days of the company's, or moments with their zone."""
    from sophia_kit.ingest import Span

    if since is None:
        if until is not None:
            raise InputError("--until is the end of a range that has no start.", hint="Give --since too.")
        return None
    start = _moment(since, settings)
    now = settings.clock().now()
    if start > now:
        raise InputError(
            f"The range begins on {since}, which has not come yet.", hint=f"It is {now:%Y-%m-%d %H:%M} UTC now."
        )
    return Span(start, None if until is None else _moment(until, settings))


def _moment(text: str, settings: Settings) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no day.", hint="Write 2025-01-31, or a moment such as 2025-01-31T12:00:00Z."
        ) from None
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise InputError(f"No source has data of the year {found.year}.", hint="Write a day such as 2025-01-31.")
    return found if found.tzinfo is not None else found.replace(tzinfo=ZoneInfo(settings.company.time_zone))


def _refuse_unused(settings: Settings) -> None:
    from pathlib import Path

    if settings.state_url is None and not Path(settings.state_location).exists():
        raise InputError(
            f"Nothing was ever loaded in workspace {settings.workspace}.",
            hint="Run `sophia ingest run`, or `sophia demo` for the demo company (then --demo here).",
        )


def print_report(report: IngestReport) -> None:
    """What became of each table."""
    shown = plain_table("Table", "Status", "Read", "Merged", "Deleted", "Refused")
    for table in report.tables:
        counts = (table.rows_read, table.rows_merged, table.rows_deleted, table.rows_quarantined)
        shown.add_row(table.table, f"[{_COLOURS[table.status]}]{table.status}[/]", *(f"{count:,}" for count in counts))
    print_table(shown)
    _print_notes([(table.table, _note(table.note, ", ".join(table.new_columns))) for table in report.tables])
    from sophia_kit.cli.checks import print_findings

    # Warnings are many and known; `sophia checks list` shows them.
    print_findings(report.checks, warnings=False)
    demo = "DEMO DATA. " if report.demo else ""
    console().print(f"{demo}Snapshot {report.snapshot.snapshot_id} is current.", soft_wrap=True)
    if report.failed:
        count = f"{len(report.failed)} of {len(report.tables)} tables"
        console(stderr=True).print(
            f"[bold red]{count} could not be loaded[/] and stay as they were. `sophia doctor` says what to do.",
            soft_wrap=True,
        )


def _note(said: str | None, new_columns: str | None) -> str:
    return said or (f"new columns: {new_columns}" if new_columns else "")


def _print_notes(notes: Sequence[tuple[str, str]]) -> None:
    """Each note once, with the tables that it is of; below the table, where names have room."""
    from rich.markup import escape

    told: dict[str, dict[str, None]] = {}
    for table, note in notes:
        if note:
            told.setdefault(note, {})[table] = None
    for note, tables in told.items():
        console().print(f"[bold]{', '.join(tables)}[/]: {escape(note)}", soft_wrap=True)
