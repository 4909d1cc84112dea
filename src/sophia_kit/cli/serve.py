"""`sophia serve`: the published apps, on this machine alone."""

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
    host: Annotated[str, typer.Option("--host", help="A loopback address; there is no sign-in yet.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free port.")] = 8765,
) -> None:
    """Publish the apps as web pages. Ctrl-C ends it."""
    from sophia_kit.server import require_loopback, serve

    out = console()
    require_loopback(host)
    settings = open_settings(demo)
    if settings.demo:
        out.print(f"DEMO DATA. {settings.company.name} is a fictional company.", style="bold magenta")

    def ready(url: str) -> None:
        out.print(f"Serving {settings.company.name} on {url}  (Ctrl-C ends it)", soft_wrap=True)

    try:
        serve(settings, host=host, port=port, ready=ready)
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
