"""A fictional company and the vendors' APIs that serve it: real HTTP, real files, faults on demand.

Needs the extra `sandbox` (NumPy). Nobody but the command line and tests uses it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sophia_kit.sandbox.access import connected
    from sophia_kit.sandbox.company import Company
    from sophia_kit.sandbox.delivery import Delivery, deliver
    from sophia_kit.sandbox.faults import FAULT_KINDS, FaultKind, Faults
    from sophia_kit.sandbox.salesforce import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
    from sophia_kit.sandbox.server import HEADER, LoggedRequest, SandboxServer
    from sophia_kit.sandbox.truth import Truth
    from sophia_kit.sandbox.warts import Wart

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "FAULT_KINDS",
    "HEADER",
    "REFRESH_TOKEN",
    "Company",
    "Delivery",
    "FaultKind",
    "Faults",
    "LoggedRequest",
    "SandboxServer",
    "Truth",
    "Wart",
    "connected",
    "deliver",
]

# The settings to reach a sandbox are needed where its generator, which takes a while to import, isn't.
_MODULES = {
    "CLIENT_ID": "salesforce",
    "CLIENT_SECRET": "salesforce",
    "Company": "company",
    "Delivery": "delivery",
    "FAULT_KINDS": "faults",
    "FaultKind": "faults",
    "Faults": "faults",
    "HEADER": "server",
    "LoggedRequest": "server",
    "REFRESH_TOKEN": "salesforce",
    "SandboxServer": "server",
    "Truth": "truth",
    "Wart": "warts",
    "connected": "access",
    "deliver": "delivery",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
