"""`sophia warehouse`: the canonical views on Snowflake, what would change of them, and changing it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.warehouse.snowflake import ViewChange

app = typer.Typer(no_args_is_help=True, help="The canonical views on Snowflake: what would change, and changing it.")


@app.command("plan")
def plan_command(
    sql: Annotated[bool, typer.Option("--sql", help="Print the statements alone, to be reviewed.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Compare the views with what is deployed. Reads only; without an account it says what would be created."""
    changes, compared = _plan(open_settings())
    if sql:
        typer.echo(";\n\n".join(change.statement for change in changes if change.statement) + ";")
    elif format is Format.json:
        print_json(changes)
    else:
        _print_changes(changes)
        if not compared:
            console().print("No account is configured: compared with nothing. --sql prints the statements.")


@app.command("deploy")
def deploy_command(format: FormatOption = Format.table) -> None:  # noqa: A002  # the option's name
    """Create and replace the views that changed. For a GitHub Actions job that holds the writer's credentials alone."""
    from sophia_kit.warehouse.snowflake import deploy_views, require_right_to_deploy

    settings = open_settings()
    require_right_to_deploy(settings.snowflake, os.environ)
    changes, _ = _plan(settings)
    out = console(stderr=True)

    def done(change: ViewChange) -> None:
        out.print(f"{change.view}: {change.action}d", style="dim")

    deploy_views(settings.snowflake, changes, os.environ, done)
    if format is Format.json:
        print_json(changes)
    else:
        _print_changes(changes)


@app.command("layout")
def layout_command() -> None:
    """Print the statements that create the tables which a data platform has to fill: schemas RAW and META."""
    from sophia_kit.ingest import load_contracts
    from sophia_kit.warehouse.snowflake import platform_tables

    typer.echo(platform_tables(contract.ddl() for contract in load_contracts().values()))


def _plan(settings: Settings) -> tuple[tuple[ViewChange, ...], bool]:
    """The changes, and whether they were compared with an account's views."""
    from sophia_kit.warehouse.snowflake import SnowflakeWarehouse, missing_settings, plan_views

    if missing_settings(settings.snowflake):
        return plan_views(settings.snowflake, None), False
    with SnowflakeWarehouse.open(settings) as warehouse:
        return plan_views(settings.snowflake, warehouse), True


def _print_changes(changes: tuple[ViewChange, ...]) -> None:
    from rich.table import Table

    style = {"create": "green", "replace": "yellow", "keep": "dim", "obsolete": "red"}
    table = Table(box=None, pad_edge=False)
    for column in ("View", "Change", "Digest", "Deployed"):
        table.add_column(column)
    for change in changes:
        digests = (text[:12] if text else "" for text in (change.digest, change.deployed))
        table.add_row(change.view, f"[{style[change.action]}]{change.action}[/]", *digests)
    console().print(table)
