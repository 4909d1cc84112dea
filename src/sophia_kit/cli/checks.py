"""`sophia checks`: what is checked of the data, and what the checks find on the current snapshot."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sophia_kit.warehouse.checks import CheckResult

__all__ = ["app", "print_findings"]

app = typer.Typer(no_args_is_help=True, help="Checks of the data: list them, run them on the current snapshot.")

DemoOption = Annotated[bool, typer.Option("--demo", help="Of the demo company.")]
ViewOption = Annotated[str | None, typer.Option("--view", help="Only checks of this canonical view.")]

_COLOURS = {"passed": "green", "failed": "red", "unknown": "yellow", "skipped": "dim"}


@app.command("list")
def list_command(
    demo: DemoOption = False,
    view: ViewOption = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the checks and what each found at the load of the current snapshot."""
    from rich.markup import escape
    from rich.table import Table

    from sophia_kit.core.errors import NoSnapshot
    from sophia_kit.warehouse import SnapshotStore, Warehouse
    from sophia_kit.warehouse.checks import listed, load_checks, read_results

    settings = open_settings(demo)
    checks = [check for check in load_checks(settings.checks_folder) if view in (None, check.view)]
    _refuse_unknown(view)
    found: Sequence[CheckResult] = ()
    try:
        snapshot = SnapshotStore(settings.snapshots_dir).current()
    except NoSnapshot:
        pass
    else:
        with Warehouse.open(snapshot, settings) as warehouse:
            found = read_results(warehouse)
    entries = listed(checks, found)
    if format is Format.json:
        print_json(entries)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("Check", no_wrap=True, overflow="fold")
    for column in ("Kind", "Severity", "At the load", "What should hold"):
        table.add_column(column)
    for entry in entries:
        status = entry.status or "not run"
        shown = f"[{_COLOURS.get(status, 'yellow')}]{status}[/]"
        table.add_row(entry.check_id, entry.kind, entry.severity, shown, escape(entry.description))
    console().print(table)


@app.command("run")
def run_command(
    demo: DemoOption = False,
    view: ViewOption = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Run the checks on the current snapshot; exits with 1 when one of severity error fails or can't run.

    Nothing is written: the marks on metrics are those of the load.
    """
    from sophia_kit.warehouse import SnapshotStore, Warehouse
    from sophia_kit.warehouse.checks import check_snapshot, load_checks

    settings = open_settings(demo)
    checks = [check for check in load_checks(settings.checks_folder) if view in (None, check.view)]
    _refuse_unknown(view)
    snapshot = SnapshotStore(settings.snapshots_dir).current()
    with Warehouse.open(snapshot, settings) as warehouse:
        found = check_snapshot(warehouse, checks)
        title = "DEMO DATA. " if warehouse.demo else ""
    if format is Format.json:
        print_json(found)
    else:
        print_findings(found)
        console().print(f"{title}Snapshot {snapshot.snapshot_id}")
    if any(each.marks for each in found):
        raise typer.Exit(1)


def print_findings(found: Sequence[CheckResult], *, warnings: bool = True) -> None:
    """How many checks ended in which way, and those that failed or could not run, with or without warnings."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("Check", no_wrap=True, overflow="fold")
    for column in ("Status", "Severity", "What was found"):
        table.add_column(column)
    wrong = [each for each in found if each.marks or (warnings and each.status in ("failed", "unknown"))]
    for each in sorted(wrong, key=lambda each: (each.severity, each.check_id)):
        status = f"[{_COLOURS[each.status]}]{each.status}[/]"
        table.add_row(each.check_id, status, each.severity, escape(each.detail))
    if wrong:
        console().print(table)
    counts: Counter[str] = Counter(each.status for each in found)
    told = ", ".join(f"{counts[status]} {status}" for status in _COLOURS if counts[status])
    console().print(f"Checks: {told or 'none'}.")


def _refuse_unknown(view: str | None) -> None:
    from sophia_kit.core.errors import UnknownName
    from sophia_kit.warehouse import models

    if view is not None and view not in models():
        raise UnknownName("canonical view", view, models())
