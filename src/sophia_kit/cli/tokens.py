"""`sophia tokens`: who may ask the server, and what."""

from __future__ import annotations

import csv
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.durations import duration
from sophia_kit.cli.output import Format, FormatOption, plain_table, print_table

if TYPE_CHECKING:
    from datetime import datetime

    from sophia_kit.core.settings import Settings
    from sophia_kit.state import AccessToken

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Access tokens for the server: make, list and revoke them.")

DemoOption = Annotated[bool, typer.Option("--demo", help="For the demo workspace's server.")]


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Who will hold it: a person or a program.")],
    scope: Annotated[
        list[str], typer.Option("--scope", help="What it permits, e.g. metrics:read; may be repeated; all for each.")
    ],
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", help="Rows its holder may see: segment=Enterprise,Mid-market; may be repeated."),
    ] = None,
    for_: Annotated[
        str, typer.Option("--for", help="How long it is valid, e.g. 12h, 90d or 4w; a year at most.")
    ] = "90d",
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Make a token and show it, once: only its hash is kept."""
    from sophia_kit.core.clock import SystemClock
    from sophia_kit.server.auth.tokens import issue
    from sophia_kit.state import State

    settings = open_settings(demo)
    now = SystemClock().now()
    attributes = _attributes(attribute or [])
    _check(attributes, settings)
    with State.open(settings.state_location) as state:
        # Real time, also where the demo's clock stands still.
        token, record = issue(
            state,
            name=name,
            scopes=scope,
            attributes=attributes,
            now=now,
            lifetime=duration(for_, option="--for"),
        )
    _audit(settings, "token-created", record)
    if format is Format.json:
        _write({"token": token} | _record(record, now))
        return
    out = console()
    out.print(f"A token for {record.name}, shown this once:", markup=False)
    out.print(f"\n  {token}\n", soft_wrap=True, markup=False, style="bold")
    out.print(f"Permits  {', '.join(record.scopes)}", markup=False)
    out.print(f"Rows     {_rows(record)}", markup=False)
    out.print(f"Until    {_moment(record.expires_at)} UTC", markup=False)
    out.print(f"Revoke   sophia tokens revoke {record.token_id}{' --demo' if settings.demo else ''}", markup=False)


@app.command("list")
def list_command(
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the tokens there are, newest first, and those that were; without their secrets."""
    from sophia_kit.core.clock import SystemClock
    from sophia_kit.server.auth.scopes import SCOPES
    from sophia_kit.state import State

    settings = open_settings(demo)
    now = SystemClock().now()
    with State.open(settings.state_location) as state:
        tokens = state.access.tokens()
    if format is Format.json:
        _write([_record(token, now) for token in tokens])
        return
    if not tokens:
        console().print("There is no token yet: `sophia tokens create` makes one.", markup=False)
        return
    from rich.text import Text

    table = plain_table("Id", "Name", "State", "Permits", "Rows", "Until (UTC)", "Last used (UTC)")
    for token in tokens:
        used = _moment(token.last_used_at) if token.last_used_at else "never"
        permits = "all" if set(token.scopes) >= set(SCOPES) else " ".join(token.scopes)
        cells = (token.token_id, token.name, token.status(now), permits, _rows(token))
        table.add_row(*map(Text, cells), _moment(token.expires_at), used)
    print_table(table)


@app.command("revoke")
def revoke_command(
    token: Annotated[
        str, typer.Argument(help="Its id, or its name where one valid token has it. Never the token itself.")
    ],
    demo: DemoOption = False,
) -> None:
    """End a token, and the sign-ins of browsers made with it. A running server knows within seconds."""
    from sophia_kit.core.clock import SystemClock
    from sophia_kit.server.auth.tokens import revoke
    from sophia_kit.state import State

    settings = open_settings(demo)
    now = SystemClock().now()
    with State.open(settings.state_location) as state:
        found = revoke(state, token, now=now)
    status = found.status(now)
    if status == "revoked":
        console().print(f"The token {found.token_id} of {found.name} was revoked before.", markup=False)
        return
    _audit(settings, "token-revoked", found)
    console().print(f"The token {found.token_id} of {found.name} is revoked.", markup=False)


def _attributes(texts: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    from sophia_kit.core.errors import InputError

    found = []
    for text in texts:
        dimension, _, members = text.partition("=")
        # As in a CSV file: a member that holds a comma stands in quotes.
        named = tuple(member.strip() for member in next(csv.reader([members], skipinitialspace=True), []))
        if not dimension.strip() or not named or not all(named):
            raise InputError(f"--attribute {text!r} can't be read.", hint="Say e.g. segment=Enterprise,Mid-market.")
        found.append((dimension.strip(), named))
    return found


def _check(attributes: list[tuple[str, tuple[str, ...]]], settings: Settings) -> None:
    """Refuse a dimension that no metric has, and say which members the current snapshot doesn't know."""
    from sophia_kit.core.errors import NoSnapshot, UnknownName
    from sophia_kit.metrics import Catalogue
    from sophia_kit.metrics.entry import current_engine
    from sophia_kit.metrics.question.members import Members

    if not attributes:
        return
    catalogue = Catalogue.load(settings.metrics_folder)
    holders = {dimension: metric for metric in catalogue for dimension in metric.dimensions}
    for dimension, _ in attributes:
        if dimension not in holders:
            raise UnknownName("dimension", dimension, holders)
    with suppress(NoSnapshot):
        known = Members(current_engine(settings), catalogue)
        for dimension, members in attributes:
            for member in set(members) - set(known.of(holders[dimension], dimension).values):
                warning = (
                    f"No {dimension} is called {member!r} in the current snapshot; the token is made all the same."
                )
                console(stderr=True).print(warning, markup=False, style="yellow")


def _audit(settings: Settings, event: str, token: AccessToken) -> None:
    from sophia_kit.core.clock import SystemClock
    from sophia_kit.server.auth.audit import AuditEntry, AuditLog

    log = AuditLog(settings.audit_dir, SystemClock(), keep_days=settings.server.audit_days)
    log.write(AuditEntry(event, caller=token.name, token_id=token.token_id, notes={"by": _user()}))
    log.close()


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        return f"user {os.getuid()}"


def _rows(token: AccessToken) -> str:
    limits = "; ".join(f"{dimension}: {', '.join(members)}" for dimension, members in token.attributes)
    return limits or "all"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _record(token: AccessToken, now: datetime) -> dict[str, Any]:
    """A token as programs get it: without the hash of its secret."""
    return {
        "token_id": token.token_id,
        "name": token.name,
        "status": token.status(now),
        "scopes": list(token.scopes),
        "attributes": {dimension: list(members) for dimension, members in token.attributes},
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
    }


def _write(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
