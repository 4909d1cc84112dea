"""An MCP server over standard input and output, for an assistant on this machine that starts it."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import anyio

from sophia_kit.server.auth.caller import LOCAL
from sophia_kit.server.mcp.build import build_server
from sophia_kit.server.services import Services

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings

__all__ = ["serve_stdio"]


def serve_stdio(settings: Settings, name: str) -> None:
    """Serve until standard input ends. Nothing but the protocol is written to standard output.

    Whoever starts the process owns the workspace: there is nobody to sign in, and nothing is kept from them.

    Raises:
        UnknownName: there is no such server.
        DefinitionError: a metric of the project's own is wrong.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    with Services.open(settings) as services:
        server = build_server(name, services, caller=LOCAL)
        anyio.run(server.run_stdio_async)
