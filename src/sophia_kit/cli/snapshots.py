"""`sophia snapshots`: what is kept, and what readers see."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json

app = typer.Typer(no_args_is_help=True, help="The snapshots that are kept: history, and what readers see.")


@app.callback()
def _group() -> None:
    """Keeps `list` a command of its own while it is the only one."""


@app.command("list")
def list_command(
    demo: Annotated[bool, typer.Option("--demo", help="The demo workspace's snapshots.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the snapshots kept, oldest first; the current one is marked."""
    from sophia_kit.warehouse import SnapshotStore

    settings = open_settings(demo)
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    current, kept = store.current(), store.list()
    if format is Format.json:
        print_json(kept)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "Snapshot", "Known at (UTC)", "Loaded at (UTC)", "Size"):
        table.add_column(column, justify="right" if column == "Size" else "left", overflow="fold")
    for snapshot in kept:
        mark = "→" if snapshot.snapshot_id == current.snapshot_id else ""
        size = f"{snapshot.path.stat().st_size / 1e6:,.1f} MB"
        moments = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (snapshot.known_at, snapshot.created_at))
        table.add_row(mark, snapshot.snapshot_id, *moments, size)
    console().print(table)
