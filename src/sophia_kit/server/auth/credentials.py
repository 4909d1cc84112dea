"""What a request shows of itself: a token in its `Authorization` header, or the cookie of a browser that signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from starlette.types import Scope

from sophia_kit.core.errors import InputError, Unauthenticated
from sophia_kit.server.auth.tokens import TOKEN

__all__ = ["Bearer", "Cookie", "cookie_name", "encrypted", "shown"]

_NEVER_IN_ADDRESS: Final = frozenset({"access_token", "bearer_token"})


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token from the `Authorization` header."""

    token: str

    def __repr__(self) -> str:
        return "Bearer([secret])"


@dataclass(frozen=True, slots=True)
class Cookie:
    """What the cookie of a session holds."""

    session: str

    def __repr__(self) -> str:
        return "Cookie([secret])"


def shown(scope: Scope) -> Bearer | Cookie | None:
    """What the request shows; None when it shows nothing. A header is what counts where there is a cookie as well.

    Raises:
        InputError: a token in the address, where logs and histories keep it, or more than one header or session.
        Unauthenticated: the header is of another scheme.
    """
    _refuse_in_address(scope)
    given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(given) > 1:
        raise InputError("There is more than one Authorization header.", hint="Send one.")
    if given:
        scheme, _, token = given[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("Only bearer tokens are taken.", hint="Send Authorization: Bearer sophia_...")
        return Bearer(token.strip(" "))
    held = _cookies(scope, cookie_name(scope))
    if len(held) > 1:
        raise InputError("There is more than one session cookie.", hint="Clear this site's cookies and sign in again.")
    return Cookie(held.pop()) if held else None


def encrypted(scope: Scope) -> bool:
    """Whether the caller came by TLS, as far as the server or a proxy that it trusts knows."""
    return scope.get("scheme") in ("https", "wss")


def cookie_name(scope: Scope) -> str:
    """The name of the session's cookie. `__Host-` keeps other hosts of the domain from setting it; it takes TLS."""
    return "__Host-sophia-session" if encrypted(scope) else "sophia-session"


def _refuse_in_address(scope: Scope) -> None:
    query = scope.get("query_string", b"").decode("latin-1")
    if not query and "sophia_" not in scope["path"]:
        return
    names = {name.lower() for name, value in parse_qsl(query) if value}
    if names & _NEVER_IN_ADDRESS or TOKEN.search(unquote(query)) or TOKEN.search(scope["path"]):
        raise InputError(
            "A token doesn't belong in an address: logs and histories keep it.",
            hint="Revoke it with `sophia tokens revoke`, and send the next in the Authorization header.",
        )


def _cookies(scope: Scope, wanted: str) -> set[str]:
    found = set()
    for name, value in scope["headers"]:
        if name.lower() == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, sign, content = pair.strip().partition("=")
                if sign and key == wanted and content:
                    found.add(content)
    return found
