"""One file a vendor: pages in, batches out, read-only by transport."""

from __future__ import annotations

from sophia_kit.connectors.base import Batch, Connector, Health, HealthState, Resource
from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.connectors.soql import require_select
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import UnknownName
from sophia_kit.core.settings import Settings

__all__ = [
    "CONNECTORS",
    "Batch",
    "Connector",
    "Health",
    "HealthState",
    "Resource",
    "Salesforce",
    "connect",
    "missing_settings",
    "require_select",
]

CONNECTORS: dict[str, type[Salesforce]] = {"salesforce": Salesforce}
"""By provider."""


def connect(provider: str, settings: Settings, *, clock: Clock | None = None) -> Connector:
    """The connector of `provider`; nothing is sent yet.

    Raises:
        UnknownName: there is no such connector.
    """
    if provider not in CONNECTORS:
        raise UnknownName("connector", provider, CONNECTORS)
    return CONNECTORS[provider](settings, clock=clock)


def missing_settings(settings: Settings) -> dict[str, tuple[str, ...]]:
    """By provider, the environment variables that have to be set before it can be read; empty when configured."""
    return {provider: kind.missing(settings) for provider, kind in CONNECTORS.items()}
