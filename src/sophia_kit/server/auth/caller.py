"""Who a request comes from, and what that caller may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import Scope

from sophia_kit.core.errors import ScopeMissing, Unauthenticated
from sophia_kit.metrics import Principal
from sophia_kit.server.auth.scopes import SCOPES

__all__ = ["LOCAL", "SCOPES", "Caller", "caller_of", "needs"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        principal: whose rows are seen; see `metrics.Principal`.
        scopes: what is permitted, by the names of `SCOPES`.
        token_id: of the token that was shown, or that the caller signed in with; None when authentication is off.
    """

    principal: Principal
    scopes: frozenset[str]
    token_id: str | None

    def require(self, scope: str) -> None:
        """Go on when the caller has the scope.

        Raises:
            ScopeMissing: it doesn't; the error names the scope.
        """
        if scope not in self.scopes:
            raise ScopeMissing(self.principal.name, scope, permits=SCOPES[scope])


LOCAL: Final = Caller(Principal("local"), frozenset(SCOPES), token_id=None)
"""The caller of a server without authentication, which only this machine reaches: everything, unrestricted."""


def caller_of(scope: Scope) -> Caller:
    """The caller of an ASGI request, whom `Authentication` put there.

    Raises:
        Unauthenticated: there is none, since nothing let this request in.
    """
    caller = scope.get("state", {}).get("caller")
    if not isinstance(caller, Caller):
        raise Unauthenticated("Nobody has signed in.", hint="Send a token: Authorization: Bearer ...")
    return caller


def needs(scope: str) -> Callable[[HTTPConnection], Awaitable[Caller]]:
    """A FastAPI dependency: the caller, who has the scope. Its attribute `scope` names it.

    A request without a caller is refused with `Unauthenticated`, one whose caller lacks the scope with `ScopeMissing`.

    Raises:
        KeyError: there is no such scope.
    """
    return _Needs(scope)


class _Needs:
    """A callable of its own class, so that a test can tell which scope guards a route."""

    def __init__(self, scope: str) -> None:
        SCOPES[scope]
        self.scope = scope

    # Nothing here waits; but FastAPI would have a thread call a plain function.
    async def __call__(self, connection: HTTPConnection) -> Caller:
        caller = caller_of(connection.scope)
        caller.require(self.scope)
        return caller

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Needs) and other.scope == self.scope

    def __hash__(self) -> int:
        return hash(self.scope)
