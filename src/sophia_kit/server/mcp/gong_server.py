"""Gong's MCP server: recorded calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sophia_kit.server.mcp.describing import offer_descriptions
from sophia_kit.server.mcp.given import given_of
from sophia_kit.server.mcp.kit_server import KitServer
from sophia_kit.server.mcp.named_queries import offer_queries
from sophia_kit.server.mcp.record_tools import offer_records
from sophia_kit.server.records import GONG_CALLS

if TYPE_CHECKING:
    from sophia_kit.server.auth.caller import Caller
    from sophia_kit.server.services import Services

__all__ = ["build"]

_INSTRUCTIONS: Final = """\
Gong's recorded calls as the last snapshot has them: when, with whom, how long, about what; not what was said.
Nothing is asked of Gong, nothing is written.

- A field that is empty is unknown, not zero. Gong's sentiment is there only where an uploading system gave it.
- Averages and counts over calls are metrics; the metrics server has them.
- Say as of when the calls are known (known_at), and that they are a fictional company's where `demo` is true."""


def build(services: Services, caller: Caller | None) -> KitServer:
    """The server over a workspace; `caller` as `KitServer` takes it.

    Raises:
        ConfigError: the settings give records, fields or filters that there aren't.
    """
    server = KitServer("gong", services, title="Sophia Kit: Gong", instructions=_INSTRUCTIONS, caller=caller)
    given = given_of((GONG_CALLS,), services.settings.mcp)
    if GONG_CALLS.name in given:
        offer_records(
            server,
            given[GONG_CALLS.name],
            name="find_calls",
            title="Find calls",
            description="Find recorded calls by account, deal, host and day, the newest first.",
        )
    offer_queries(server, given, services.settings.mcp)
    offer_descriptions(server, "gong", given)
    return server
