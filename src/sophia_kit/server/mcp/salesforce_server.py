"""Salesforce's MCP server: accounts, opportunities and contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from sophia_kit.server.mcp.describing import offer_descriptions
from sophia_kit.server.mcp.given import given_of
from sophia_kit.server.mcp.kit_server import KitServer
from sophia_kit.server.mcp.named_queries import offer_queries
from sophia_kit.server.mcp.record_tools import offer_records
from sophia_kit.server.records import SALESFORCE_ACCOUNTS, SALESFORCE_CONTACTS, SALESFORCE_OPPORTUNITIES

if TYPE_CHECKING:
    from sophia_kit.server.auth.caller import Caller
    from sophia_kit.server.services import Services

__all__ = ["build"]

_INSTRUCTIONS: Final = """\
Salesforce as the last snapshot has it: accounts, opportunities, contacts. Nothing is asked of Salesforce, nothing is
written.

- find_accounts finds an account's id by its name; the other tools take that id.
- Don't add up amounts: they are in several currencies, on several pages. Sums, rates and counts are metrics; the
  metrics server has them.
- Say as of when the records are known (known_at), and that they are a fictional company's where `demo` is true."""

_TOOLS: Final = (
    (SALESFORCE_ACCOUNTS, "find_accounts", "Find accounts", "Find customers and prospects, in order of name."),
    (
        SALESFORCE_OPPORTUNITIES,
        "find_opportunities",
        "Find opportunities",
        "Find deals by account, stage, owner and closing day, the latest closing first.",
    ),
    (SALESFORCE_CONTACTS, "find_contacts", "Find contacts", "Find people at customers, in order of their account."),
)


def build(services: Services, caller: Caller | None) -> KitServer:
    """The server over a workspace; `caller` as `KitServer` takes it.

    Raises:
        ConfigError: the settings give records, fields or filters that there aren't.
    """
    server = KitServer(
        "salesforce", services, title="Sophia Kit: Salesforce", instructions=_INSTRUCTIONS, caller=caller
    )
    given = given_of((records for records, *_ in _TOOLS), services.settings.mcp)
    for records, name, title, description in _TOOLS:
        if records.name in given:
            offer_records(server, given[records.name], name=name, title=title, description=description)
    offer_queries(server, given, services.settings.mcp)
    offer_descriptions(server, "salesforce", given)

    @server.prompt(title="Review an account")
    def account_review(account: Annotated[str, Field(description="The account's name.")]) -> str:
        """Who a customer is, its open and decided deals, whom to talk to."""
        return (
            f"Review the account {account}: find it with find_accounts, then its deals with find_opportunities and its "
            "people with find_contacts. Tell amounts with their currency, and add none of them up."
        )

    return server
