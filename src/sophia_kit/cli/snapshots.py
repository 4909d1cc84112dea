"""`sophia snapshots`: what is kept, and what readers see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json
from sophia_kit.core.errors import SnapshotDamaged

if TYPE_CHECKING:
    from sophia_kit.warehouse import Snapshot

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
    kept = store.list()
    try:
        _show(kept, store.current().snapshot_id, format)
    except SnapshotDamaged:
        # Which others there are is then what is wanted.
        _show(kept, "", format)
        raise


def _show(kept: Sequence[Snapshot], current: str, format: Format) -> None:  # noqa: A002  # the option's name
    if format is Format.json:
        print_json(kept)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("", "Snapshot", "Known at (UTC)", "Loaded at (UTC)", "Size"):
        table.add_column(column, justify="right" if column == "Size" else "left", overflow="fold")
    for snapshot in kept:
        mark = "→" if snapshot.snapshot_id == current else ""
        size = f"{snapshot.path.stat().st_size / 1e6:,.1f} MB"
        moments = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (snapshot.known_at, snapshot.created_at))
        table.add_row(mark, snapshot.snapshot_id, *moments, size)
    console().print(table)
