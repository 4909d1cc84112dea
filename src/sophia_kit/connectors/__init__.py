"""One file a vendor: pages in, batches out, read-only by transport."""

from __future__ import annotations

from importlib import import_module

from sophia_kit.connectors.base import Batch, Connector, ConnectorKind, Health, HealthState, Resource, begun
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
    "begun",
    "connect",
    "missing_settings",
    "require_select",
]

_CLASSES = {
    "salesforce": "Salesforce",
    "slack": "Slack",
    "gong": "Gong",
    "notion": "Notion",
    "github": "GitHub",
    "n8n": "N8n",
}
CONNECTORS: tuple[str, ...] = tuple(_CLASSES)
"""The providers, each the name of its module here."""


def connect(provider: str, settings: Settings, *, clock: Clock | None = None) -> Connector:
    """The connector of `provider`; nothing is sent yet.

    Raises:
        UnknownName: there is no such connector.
    """
    if provider not in CONNECTORS:
        raise UnknownName("connector", provider, CONNECTORS)
    return _kind(provider)(settings, clock=clock)


def missing_settings(settings: Settings) -> dict[str, tuple[str, ...]]:
    """By provider, the environment variables that have to be set before it can be read; empty when configured."""
    return {provider: _kind(provider).missing(settings) for provider in CONNECTORS}


def _kind(provider: str) -> ConnectorKind:
    # Imported when asked for: a vendor's own SDK may take half a second.
    found: ConnectorKind = getattr(import_module(f"sophia_kit.connectors.{provider}"), _CLASSES[provider])
    return found
