"""`sophia ingest`: load what is configured, and see how loads went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json
from sophia_kit.core.errors import InputError, NoSnapshot

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.core.settings import Settings
    from sophia_kit.ingest import IngestReport, ProgressEvent

app = typer.Typer(no_args_is_help=True, help="Load from vendors and the landing zone, and see how loads went.")

DemoOption = Annotated[bool, typer.Option("--demo", help="Work in the demo's workspace.")]
_COLOURS = {"complete": "green", "empty": "yellow", "failed": "red", "abandoned": "red", "running": "cyan"}


@app.command("run")
def run_command(
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what is new.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="SOURCE", help="Read this source only; may be repeated.")
    ] = None,
    demo: DemoOption = False,
) -> None:
    """Load every configured source into a new snapshot."""
    from sophia_kit.ingest import run_ingest
    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore

    settings = open_settings(demo)
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    with State.open(settings.state_location) as state, _LoadProgress(console(stderr=True)) as progress:
        report = run_ingest(
            settings, state, store, settings.clock(), progress=progress.show, full=full, only=only or ()
        )
    _print_report(report)
    if report.failed:
        raise typer.Exit(8)


@app.command("status")
def status_command(
    demo: DemoOption = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many attempts to show.")] = 30,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show the last load attempts, failed ones too, and how fresh each table is."""
    from rich.markup import escape
    from rich.table import Table

    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    settings = open_settings(demo)
    _refuse_unused(settings)
    with State.open(settings.state_location) as state:
        attempts = state.attempts(limit=limit)
    if format is Format.json:
        print_json(attempts)
        return
    audit = Table(
        "Started (UTC)", "Table", "Mode", "Status", "Read", "Merged", "Refused", "Note", box=None, pad_edge=False
    )
    for attempt in attempts:
        colour = _COLOURS.get(attempt.status, "white")
        counts = (attempt.rows_read, attempt.rows_merged, attempt.rows_quarantined)
        note = attempt.error or (f"new columns: {attempt.new_columns}" if attempt.new_columns else "")
        audit.add_row(
            f"{attempt.started_at:%Y-%m-%d %H:%M:%S}",
            attempt.table_name,
            attempt.mode,
            f"[{colour}]{attempt.status}[/]",
            *("" if count is None else f"{count:,}" for count in counts),
            escape(note),
        )
    console().print(audit)
    try:
        snapshot = SnapshotStore(settings.snapshots_dir).current()
    except NoSnapshot:
        console().print("\nNothing has been published yet.")
        return
    fresh = Table("Table", "System", "Last success (UTC)", "Rows", "Freshness", box=None, pad_edge=False)
    now = settings.clock().now()
    with Warehouse.open(snapshot, settings) as warehouse:
        for table in warehouse.freshness().values():
            at = table.last_success_at
            if at is None:
                told = "[yellow]unknown: never loaded[/]"
            elif (now - at).total_seconds() > table.freshness_hours * 3600:
                told = f"[red]stale: older than {table.freshness_hours:g} h[/]"
            else:
                told = "[green]fresh[/]"
            when = "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
            fresh.add_row(table.table_name, table.source_system, when, f"{table.row_count:,}", told)
        title = "DEMO DATA. " if warehouse.demo else ""
    console().print(f"\n{title}Snapshot {snapshot.snapshot_id}, seen at {now:%Y-%m-%d %H:%M:%S} UTC")
    console().print(fresh)


@app.command("quarantine")
def quarantine_command(
    demo: DemoOption = False,
    table: Annotated[str | None, typer.Option("--table", help="Only this raw table's records.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many records to show.")] = 50,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the records that broke their contract and are not resolved, newest first."""
    from rich.markup import escape
    from rich.table import Table

    from sophia_kit.ingest import load_contracts, open_findings
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    if table is not None and table not in load_contracts():
        from sophia_kit.core.errors import UnknownName

        raise UnknownName("raw table", table, load_contracts())
    settings = open_settings(demo)
    snapshot = SnapshotStore(settings.snapshots_dir).current()
    with Warehouse.open(snapshot, settings) as warehouse:
        findings, total = open_findings(warehouse, table=table, limit=limit)
    if format is Format.json:
        print_json(findings)
        return
    shown = Table("First seen (UTC)", "Table", "Record", "Reason", box=None, pad_edge=False)
    for finding in findings:
        shown.add_row(
            f"{finding.first_seen_at:%Y-%m-%d %H:%M:%S}",
            finding.table_name,
            escape(finding.source_id or "(no key)"),
            escape(finding.reason),
        )
    console().print(shown)
    console().print(f"{len(findings):,} of {total:,} open findings. --format json shows the records.")


def _refuse_unused(settings: Settings) -> None:
    from pathlib import Path

    if settings.state_url is None and not Path(settings.state_location).exists():
        raise InputError(
            f"Nothing was ever loaded in workspace {settings.workspace}.",
            hint="Run `sophia ingest run`, or `sophia demo` for the demo company (then --demo here).",
        )


def _print_report(report: IngestReport) -> None:
    from rich.markup import escape
    from rich.table import Table

    shown = Table("Table", "Source", "Status", "Read", "Merged", "Deleted", "Refused", "Note", box=None, pad_edge=False)
    for table in report.tables:
        note = table.note or (f"new columns: {', '.join(table.new_columns)}" if table.new_columns else "")
        counts = (table.rows_read, table.rows_merged, table.rows_deleted, table.rows_quarantined)
        shown.add_row(
            table.table,
            table.source,
            f"[{_COLOURS[table.status]}]{table.status}[/]",
            *(f"{count:,}" for count in counts),
            escape(note),
        )
    console().print(shown)
    from sophia_kit.cli.checks import print_findings

    # Warnings are many and known; `sophia checks list` shows them.
    print_findings(report.checks, warnings=False)
    demo = "DEMO DATA. " if report.demo else ""
    console().print(f"{demo}Snapshot {report.snapshot.snapshot_id} is current.")
    if report.failed:
        count = f"{len(report.failed)} of {len(report.tables)} tables"
        console(stderr=True).print(f"[bold red]{count} could not be loaded[/] and stay as they were.")


class _LoadProgress:
    """A bar over the tables of a load; nothing where the output is no terminal. A context manager."""

    def __init__(self, out: Console) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("Loading"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} tables"),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, detail="")

    def __enter__(self) -> _LoadProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: ProgressEvent) -> None:
        """A step of the load."""
        of = f" of {event.total:,}" if event.total else ""
        detail = f"{event.table} {event.rows:,}{of}" if event.table else event.stage
        self._progress.update(self._task, completed=event.tables_done, total=event.tables, detail=detail)
