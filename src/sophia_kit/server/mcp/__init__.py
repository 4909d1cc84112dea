"""MCP servers for Slack, Salesforce, Gong and the metric layer: over HTTP in the server, or over stdio alone."""

from typing import TYPE_CHECKING, Any

from sophia_kit.server.mcp.names import SERVERS, known_server

if TYPE_CHECKING:
    from sophia_kit.server.mcp.http import McpServers
    from sophia_kit.server.mcp.stdio import serve_stdio

__all__ = ["SERVERS", "McpServers", "known_server", "serve_stdio"]

_HOME = {"McpServers": "http", "serve_stdio": "stdio"}


def __getattr__(name: str) -> Any:
    # The SDK takes a second to import, and belongs to an extra.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
