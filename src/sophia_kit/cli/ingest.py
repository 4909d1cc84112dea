"""`sophia ingest`: load what is configured, and say what was loaded, what was refused and how old it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from sophia_kit.ingest import IngestReport

app = typer.Typer(no_args_is_help=True, help="Load from the sources: into one new snapshot, all of it or nothing.")

DemoOption = Annotated[bool, typer.Option("--demo", help="Look at the demo workspace.")]


@app.command("run")
def run_command(
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what is new.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="SOURCE", help="A source to read; may be repeated.")
    ] = None,
) -> None:
    """Load every configured source into a new snapshot. Exits with 8 when a table could not be loaded."""
    from sophia_kit.cli.progress import RunProgress
    from sophia_kit.core.errors import IngestError
    from sophia_kit.ingest import run_ingest
    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore

    settings = open_settings()
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    with State.open(settings.state_location) as state, RunProgress(console(stderr=True)) as progress:
        progress.stage("load")
        report = run_ingest(
            settings, state, store, settings.clock(), progress=progress.load, full=full, only=only or ()
        )
    _print_report(report)
    if report.failed:
        names = ", ".join(table.table for table in report.failed)
        raise IngestError(
            f"{len(report.failed)} tables could not be loaded: {names}.",
            hint="The others were published. See `sophia ingest status`.",
        )


def _print_report(report: IngestReport) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("Table", "Source", "Status", "Read", "Changed", "Deleted", "Refused", "Note"):
        right = column in ("Read", "Changed", "Deleted", "Refused")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for one in report.tables:
        counts = (one.rows_read, one.rows_merged, one.rows_deleted, one.rows_quarantined)
        table.add_row(one.table, one.source, one.status, *(f"{count:,}" for count in counts), one.note or "")
    out = console()
    if report.demo:
        out.print("DEMO DATA", style="bold magenta")
    out.print(table)
    out.print(f"Snapshot {report.snapshot.snapshot_id}")


@app.command("status")
def status_command(
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="How many of the last attempts.")] = 30,
) -> None:
    """Show how old each table is, and the last attempts to load, failed ones too."""
    from dataclasses import asdict

    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    settings = open_settings(demo)
    snapshot = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots).current()
    with Warehouse.open(snapshot, settings) as warehouse, State.open(settings.state_location) as state:
        tables, tried, is_demo = warehouse.freshness(), state.attempts(limit=attempts), warehouse.demo
    if format is Format.json:
        said = {
            "demo": is_demo,
            "snapshot_id": snapshot.snapshot_id,
            "tables": [asdict(one) for one in tables.values()],
            "attempts": [asdict(one) for one in tried],
        }
        typer.echo(json.dumps(said, default=str, indent=2))
        return
    from rich.table import Table

    out = console()
    if is_demo:
        out.print("DEMO DATA", style="bold magenta")
    shown = Table(box=None, pad_edge=False)
    for column in ("Table", "Source system", "Last complete load (UTC)", "Fresh for", "Rows"):
        shown.add_column(column, justify="right" if column == "Rows" else "left", overflow="fold")
    for one in tables.values():
        at = "never" if one.last_success_at is None else f"{one.last_success_at:%Y-%m-%d %H:%M}"
        shown.add_row(one.table_name, one.source_system, at, f"{one.freshness_hours:g} h", f"{one.row_count:,}")
    out.print(shown)
    log = Table(box=None, pad_edge=False, title="Last attempts", title_justify="left")
    for column in ("Began (UTC)", "Table", "Mode", "Status", "Read", "Refused", "Error"):
        log.add_column(column, justify="right" if column in ("Read", "Refused") else "left", overflow="fold")
    for attempt in tried:
        counts = (attempt.rows_read, attempt.rows_quarantined)
        log.add_row(
            f"{attempt.started_at:%Y-%m-%d %H:%M:%S}",
            attempt.table_name,
            attempt.mode,
            attempt.status,
            *("" if count is None else f"{count:,}" for count in counts),
            attempt.error or "",
        )
    out.print(log)


@app.command("quarantine")
def quarantine_command(
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the records that were refused and are still open, each with its reason."""
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    settings = open_settings(demo)
    snapshot = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots).current()
    with Warehouse.open(snapshot, settings) as warehouse:
        rows = warehouse.query(
            "SELECT table_name, source_id, reason, record, first_seen_at FROM meta.quarantine "
            "WHERE resolved_at IS NULL ORDER BY table_name, reason, source_id"
        ).frame
        is_demo = warehouse.demo
    if format is Format.json:
        typer.echo(json.dumps({"demo": is_demo, "open": rows.to_dicts()}, default=str, indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    out = console()
    if is_demo:
        out.print("DEMO DATA", style="bold magenta")
    if rows.is_empty():
        out.print("No record is in quarantine.")
        return
    shown = Table(box=None, pad_edge=False)
    for column in ("Table", "Record", "Reason"):
        shown.add_column(column, overflow="fold")
    for table, source_id, reason, _, _ in rows.iter_rows():
        shown.add_row(table, escape(source_id or "(no key)"), escape(reason))
    out.print(shown)
    out.print(f"{rows.height:,} records. Each is kept as it came: --format json shows it.")
