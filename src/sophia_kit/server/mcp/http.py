"""The MCP servers over streamable HTTP, for the server to mount."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import BaseRoute, Route

from sophia_kit.server.mcp.build import build_server
from sophia_kit.server.mcp.gate import Gate
from sophia_kit.server.mcp.names import SERVERS, known_server

if TYPE_CHECKING:
    from sophia_kit.server.mcp.kit_server import KitServer
    from sophia_kit.server.services import Services

__all__ = ["McpServers"]

_BASE: Final = "/mcp"


class McpServers:
    """All MCP servers over one workspace, each at `/mcp/<name>`."""

    def __init__(self, services: Services) -> None:
        self._servers: dict[str, KitServer] = {name: build_server(name, services) for name in SERVERS}
        # `KnownHosts` and `SameOriginOnly` decide for the whole server. The SDK knows names only, and no address.
        security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        for server in self._servers.values():
            server.streamable_http_app(stateless_http=True, json_response=True, transport_security=security)

    def __getitem__(self, name: str) -> KitServer:
        """The server of that name.

        Raises:
            UnknownName: there is none.
        """
        return self._servers[known_server(name)]

    @property
    def routes(self) -> list[BaseRoute]:
        """A route for each server, to come before any mount that takes everything."""
        return [
            Route(f"{_BASE}/{name}", Gate(server.session_manager.handle_request, scope=SERVERS[name]))
            for name, server in self._servers.items()
        ]

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """What the application's lifespan has to be inside of; once."""
        async with AsyncExitStack() as running:
            for server in self._servers.values():
                await running.enter_async_context(server.session_manager.run())
            yield
