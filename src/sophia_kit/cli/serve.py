"""`sophia serve`: the published apps and the API, on this machine alone unless callers show tokens."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.core.errors import Unconfigured

__all__ = ["serve_command"]


def serve_command(
    demo: Annotated[bool, typer.Option("--demo", help="Serve the fictional company's workspace.")] = False,
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on, 127.0.0.1 if not set; others only with tokens.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="8765 if not set; 0 takes a free one.")
    ] = None,
) -> None:
    """Publish the apps as web pages and everything else as an API. Ctrl-C ends it, once what runs is finished."""
    from sophia_kit.server import require_safe_bind, serve

    out = console()
    settings = open_settings(demo)
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=given)})
    require_safe_bind(settings)
    if settings.demo:
        out.print(f"DEMO DATA. {settings.company.name} is a fictional company.", style="bold magenta")

    def ready(url: str) -> None:
        out.print(f"Serving {settings.company.name} on {url}  (Ctrl-C ends it)", soft_wrap=True)

    try:
        serve(settings, ready=ready)
    except ModuleNotFoundError as error:
        raise Unconfigured(
            f"Serving needs {error.name}, which isn't installed.",
            hint="Install the extras: pip install 'sophia-kit[server,notebooks]'.",
        ) from None
    # A reader's session may still be inside a query, in a thread that can't be stopped; taking the interpreter
    # apart under it aborts the process. Nothing here writes, so there is nothing left to finish.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
