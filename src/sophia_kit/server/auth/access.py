"""What decides over access to one server, made once and shared by the middleware and the sign-in."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from starlette.types import Scope

from sophia_kit.core.clock import Clock, SystemClock
from sophia_kit.core.errors import TooManyRequests
from sophia_kit.server.auth.audit import AuditLog
from sophia_kit.server.auth.directory import FRESH_S, Directory
from sophia_kit.server.auth.rates import RateLimit

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.server.auth.caller import Caller
    from sophia_kit.state import State

__all__ = ["Access", "client_address"]

_FAILURES_PER_MINUTE: Final = 10
"""Of one address and kind. Nobody mistypes a token more often; one of 256 bits can't be guessed at any rate."""


@dataclass(frozen=True, slots=True)
class Access:
    """One server's access.

    Attributes:
        directory: the valid tokens and sessions; None when authentication is off.
        requests: how often a caller may ask.
        failures: how often an address may fail: with the form, with tokens and without any, each by itself, so that a
            program that goes on with a revoked token keeps nobody beside it from signing in.
        session: how long a browser stays signed in.
    """

    directory: Directory | None
    audit: AuditLog
    requests: RateLimit
    failures: RateLimit
    session: timedelta

    @classmethod
    def of(cls, settings: Settings, state: State, *, clock: Clock | None = None, fresh_s: float = FRESH_S) -> Access:
        """Access as the settings say; `clock` is of real time unless a test brings its own."""
        time = clock or SystemClock()
        server = settings.server
        return cls(
            directory=Directory(state, time, fresh_s=fresh_s) if server.authentication == "tokens" else None,
            audit=AuditLog(settings.audit_dir, time, keep_days=server.audit_days),
            requests=RateLimit(server.requests_per_minute),
            failures=RateLimit(_FAILURES_PER_MINUTE),
            session=timedelta(hours=server.session_hours),
        )

    def admit(self, caller: Caller) -> None:
        """Count a request of the caller.

        Raises:
            TooManyRequests: it is one too many for this minute.
        """
        key = caller.token_id or caller.principal.name
        if wait := self.requests.wait(key, asyncio.get_running_loop().time()):
            raise TooManyRequests(
                f"{caller.principal.name} has asked too often.",
                retry_after=wait,
                hint="Wait as long as Retry-After says; SOPHIA_SERVER__REQUESTS_PER_MINUTE is the limit.",
            )

    def token_failed(self, scope: Scope) -> float:
        """Count a token that wasn't valid; seconds to wait when it is one too many from that address, else 0."""
        return self._failed("token", scope)

    def nothing_shown(self, scope: Scope) -> float:
        """The same of a request that showed nothing, or a session that has ended."""
        return self._failed("nothing", scope)

    def sign_in_failed(self, scope: Scope) -> float:
        """The same of the sign-in's form."""
        return self._failed("sign-in", scope)

    def sign_in_blocked(self, scope: Scope) -> float:
        """Seconds until the address may try to sign in again; 0 when it may now."""
        return self.failures.exhausted(f"sign-in {client_address(scope)}", asyncio.get_running_loop().time())

    def close(self) -> None:
        """Let go of files and threads; for the end of the server."""
        self.audit.close()
        if self.directory is not None:
            self.directory.close()

    def _failed(self, kind: str, scope: Scope) -> float:
        return self.failures.wait(f"{kind} {client_address(scope)}", asyncio.get_running_loop().time())


def client_address(scope: Scope) -> str:
    """The address a request came from; of IPv6 the network (/64) that one customer has whole."""
    client = scope.get("client")
    return _network(str(client[0])) if client else "unknown"


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
