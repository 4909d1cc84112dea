"""`sophia doctor`: what each part answers when it is asked now."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json


def doctor_command(
    demo: Annotated[bool, typer.Option("--demo", help="Look at the demo workspace.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Ask every part how it is: unconfigured, configured, reachable or failing, with a hint.

    Exits with 1 when a part is failing; an unconfigured part is no failure.
    """
    import asyncio

    from sophia_kit.jobs.health import check_parts

    parts = asyncio.run(check_parts(open_settings(demo)))
    if format is Format.json:
        print_json(parts)
    else:
        from rich.table import Table
        from rich.text import Text

        style = {"reachable": "green", "failing": "bold red", "unconfigured": "yellow", "configured": "cyan"}
        table = Table(box=None, pad_edge=False)
        for column in ("Part", "State", "Answer"):
            table.add_column(column, overflow="fold")
        # Below the table, where the names of variables have room: nobody can copy one that is broken in two.
        advice = Table.grid(padding=(0, 2))
        for part in parts:
            took = f" ({part.latency_ms:,.0f} ms)" if part.latency_ms is not None else ""
            state = f"[{style[part.state]}]{part.state}[/]"
            table.add_row(part.part, state, Text(part.detail + took))
            if part.path is not None:
                advice.add_row(part.part, Text(str(part.path)))
            if part.hint:
                advice.add_row(part.part, Text(part.hint))
        console().print(table)
        if advice.rows:
            console().print("\nWhat to do", style="bold")
            console().print(advice)
    if any(part.state == "failing" for part in parts):
        raise typer.Exit(1)
