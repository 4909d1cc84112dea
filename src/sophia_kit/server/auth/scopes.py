"""What a caller may be permitted to do: the scopes of tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sophia_kit.core.errors import UnknownName

__all__ = ["SCOPES", "known_scopes"]

SCOPES: Final[dict[str, str]] = {
    "metrics:read": "values of metrics, their explanations and what changed them",
    "ask": "questions in plain English, answered from metrics",
    "slack:read": "Slack's channels, threads and users",
    "salesforce:read": "Salesforce's accounts, opportunities and contacts",
    "gong:read": "Gong's calls",
    "repo:read": "the tree of the repositories that are read",
    "apps:read": "the published apps",
    "llm:use": "language models through the gateway, within the budgets; each call costs money",
    "status:read": "how the server and its parts are: readiness, metrics, service levels",
}
"""Name -> what it permits."""


def known_scopes(names: Iterable[str]) -> frozenset[str]:
    """The scopes of these names; `all` stands for each there is.

    Raises:
        UnknownName: there is no such scope.
    """
    wanted = frozenset(names)
    for name in sorted(wanted - {"all"}):
        if name not in SCOPES:
            raise UnknownName("scope", name, (*SCOPES, "all"))
    return frozenset(SCOPES) if "all" in wanted else wanted
