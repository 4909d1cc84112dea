"""`sophia ingest quarantine`: records that broke their contract: see them, and try them again."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.ingest import DemoOption, print_report
from sophia_kit.cli.output import Format, FormatOption, plain_table, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Records that broke their contract: see them, and try them again.")

TableOption = Annotated[str | None, typer.Option("--table", help="Only this raw table's records.")]


@app.command("list")
def list_command(
    demo: DemoOption = False,
    table: TableOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many records to show.")] = 50,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the records that broke their contract and are not resolved, newest first."""
    from rich.markup import escape

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
    shown = plain_table("First seen (UTC)", "Table", "Record", "Reason")
    for finding in findings:
        shown.add_row(
            f"{finding.first_seen_at:%Y-%m-%d %H:%M:%S}",
            finding.table_name,
            escape(finding.source_id or "(no key)"),
            escape(finding.reason),
        )
    print_table(shown)
    console().print(f"{len(findings):,} of {total:,} open findings. --format json shows the records.")


@app.command("replay")
def replay_command(table: TableOption = None, demo: DemoOption = False) -> None:
    """Read what lies there again under today's contracts; what passes is loaded into a new snapshot."""
    from sophia_kit.cli.progress import LoadProgress
    from sophia_kit.ingest import run_replay
    from sophia_kit.state import State
    from sophia_kit.warehouse import SnapshotStore

    settings = open_settings(demo)
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    store.current()
    with State.open(settings.state_location) as state, LoadProgress(console(stderr=True)) as progress:
        report = run_replay(settings, state, store, settings.clock(), table=table, progress=progress.show)
    if report is None:
        console().print("Nothing lies in quarantine.")
        return
    print_report(report)
    still = sum(one.rows_quarantined for one in report.tables)
    passed = sum(one.rows_read for one in report.tables) - still
    console().print(f"{passed:,} records pass now, {still:,} are still refused.")
