"""A fictional company and the vendors' APIs that serve it: real HTTP, real files, faults on demand.

Needs the extra `sandbox` (NumPy). Nobody but the command line and tests uses it.
"""

from __future__ import annotations

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
    "deliver",
]
