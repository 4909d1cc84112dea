"""`sophia mcp`: one of the MCP servers over standard input and output, as an assistant starts it."""

from __future__ import annotations

from typing import Annotated

import typer

from sophia_kit.cli.context import open_settings
from sophia_kit.core.errors import Unconfigured

__all__ = ["mcp_command"]


def mcp_command(
    server: Annotated[str, typer.Argument(help="slack, salesforce, gong or metrics.")],
    demo: Annotated[bool, typer.Option("--demo", help="Serve the fictional company's workspace.")] = False,
) -> None:
    """Serve MCP on standard input and output, for an assistant or an IDE that starts this command."""
    from sophia_kit.server.mcp import known_server

    known_server(server)
    settings = open_settings(demo)
    try:
        from sophia_kit.server.mcp import serve_stdio
    except ModuleNotFoundError as error:
        raise Unconfigured(
            f"MCP needs {error.name}, which isn't installed.",
            hint="Install the extra: pip install 'sophia-kit[mcp]'.",
        ) from None
    serve_stdio(settings, server)
