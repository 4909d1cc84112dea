"""Which MCP servers there are, and the scope that each one takes."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from sophia_kit.core.errors import UnknownName

__all__ = ["SERVERS", "known_server"]

SERVERS: Final = MappingProxyType(
    {"slack": "slack:read", "salesforce": "salesforce:read", "gong": "gong:read", "metrics": "metrics:read"}
)
"""Name -> the scope without which a server answers nothing."""


def known_server(name: str) -> str:
    """`name`, when it is a server's.

    Raises:
        UnknownName: it isn't; suggests near ones.
    """
    if name not in SERVERS:
        raise UnknownName("MCP server", name, SERVERS)
    return name
