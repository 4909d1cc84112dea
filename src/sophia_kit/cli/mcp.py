"""`sophia mcp`: one of the MCP servers over standard input and output, as an assistant starts it."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.core.errors import InputError, Unconfigured

__all__ = ["mcp_command"]


def mcp_command(
    server: Annotated[str, typer.Argument(help="slack, salesforce, gong or metrics.")],
    demo: Annotated[bool, typer.Option("--demo", help="Serve the fictional company's workspace.")] = False,
) -> None:
    """Serve MCP on standard input and output, for an assistant or an IDE that starts this command."""
    from sophia_kit.server.mcp import known_server

    known_server(server)
    if not sys.stdin or not sys.stdout:
        raise InputError(
            "There is no standard input or output to speak on.",
            hint="An assistant or an IDE starts this command, and gives it both.",
        )
    settings = open_settings(demo)
    try:
        from sophia_kit.server.mcp import serve_stdio
    except ModuleNotFoundError as error:
        raise Unconfigured(
            f"MCP needs {error.name}, which isn't installed.",
            hint="Install the extra: pip install 'sophia-kit[mcp]'.",
        ) from None
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    if sys.stdin.isatty():
        console(stderr=True).print("Waiting for an assistant's messages on standard input (Ctrl-C ends it).")
    try:
        serve_stdio(settings, server)
    except* OSError:
        # Whoever started it reads no more.
        _leave(1)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    _leave(0)


def _leave(status: int) -> NoReturn:
    # The thread that waits for input can't be stopped, and an interpreter that ends would wait for it. Nothing here
    # writes, so there is nothing to finish.
    if sys.stderr:
        sys.stderr.flush()
    os._exit(status)
