"""Makes the MCP server of a name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from sophia_kit.server.mcp.names import known_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from sophia_kit.server.auth.caller import Caller
    from sophia_kit.server.mcp.kit_server import KitServer
    from sophia_kit.server.services import Services

__all__ = ["build_server"]


def build_server(name: str, services: Services, *, caller: Caller | None = None) -> KitServer:
    """The server of that name over a workspace.

    Args:
        caller: who asks over stdio; None takes the caller of each HTTP request.

    Raises:
        UnknownName: there is none of that name.
    """
    module = import_module(f"sophia_kit.server.mcp.{known_server(name)}_server")
    build = cast("Callable[[Services, Caller | None], KitServer]", module.build)
    return build(services, caller)
