"""Who may ask the server what: callers, their tokens and scopes, the way in, and the record of who came."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sophia_kit.server.auth.scopes import SCOPES

if TYPE_CHECKING:
    from sophia_kit.server.auth.access import Access
    from sophia_kit.server.auth.audit import note
    from sophia_kit.server.auth.caller import LOCAL, Caller, caller_of, needs
    from sophia_kit.server.auth.middleware import OPEN, Authentication

__all__ = ["LOCAL", "OPEN", "SCOPES", "Access", "Authentication", "Caller", "caller_of", "needs", "note"]

_FOUND_IN = {
    "Access": "access",
    "note": "audit",
    "LOCAL": "caller",
    "Caller": "caller",
    "caller_of": "caller",
    "needs": "caller",
    "OPEN": "middleware",
    "Authentication": "middleware",
}


def __getattr__(name: str) -> Any:
    # Tokens are made by the command line, where the server's packages need not be installed.
    if name in _FOUND_IN:
        return getattr(import_module(f"{__name__}.{_FOUND_IN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
