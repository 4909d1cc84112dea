"""Tokens: `sophia_<id>_<secret>`. The id is 64 random bits and may be shown; the secret is 256 and never is.

Of the secret only its SHA-256 is kept. A slow hash (argon2, scrypt) protects what people choose, because that can be
guessed; 256 random bits can't, at any speed, so a fast one loses nothing and costs each request a microsecond
(OWASP Password Storage Cheat Sheet and NIST SP 800-63B 5.1.2.2 ask for slow ones below 112 bits).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.server.auth.scopes import known_scopes
from sophia_kit.state import AccessToken

if TYPE_CHECKING:
    from sophia_kit.state import State

__all__ = ["LONGEST", "TOKEN", "issue", "matches", "parts", "revoke", "secret_hash", "tokens_blotted"]

LONGEST: Final = timedelta(days=366)
TOKEN: Final = re.compile(r"sophia_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
"""A token wherever it stands; its groups are the id and the secret. Secret scanners may use it."""

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,100}")


def issue(
    state: State,
    *,
    name: str,
    scopes: Iterable[str],
    attributes: Iterable[tuple[str, tuple[str, ...]]] = (),
    now: datetime,
    lifetime: timedelta,
) -> tuple[str, AccessToken]:
    """A new token, remembered without its secret: the whole of it, to be shown once, and its record.

    Raises:
        UnknownName: there is no such scope.
        InputError: no name or scope, an attribute without members, or a lifetime that isn't positive or passes
            `LONGEST`.
    """
    granted = known_scopes(scopes)
    if not granted:
        raise InputError("A token without a scope opens nothing.", hint="Say --scope metrics:read, or --scope all.")
    if not _NAME.fullmatch(name) or name != name.strip():
        raise InputError(f"{name!r} is no name.", hint="Say who holds the token, in up to 100 characters.")
    if not timedelta(0) < lifetime <= LONGEST:
        raise InputError(f"A token is valid for up to {LONGEST.days} days.", hint="Say e.g. --for 90d.")
    limits: dict[str, tuple[str, ...]] = {}
    for dimension, members in attributes:
        limits[dimension] = tuple(dict.fromkeys((*limits.get(dimension, ()), *members)))
        if not dimension or not limits[dimension] or not all(limits[dimension]):
            raise InputError(
                f"The attribute {dimension!r} names no member.", hint="Say e.g. --attribute segment=Enterprise."
            )
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    record = AccessToken(
        token_id=token_id,
        name=name,
        secret_hash=secret_hash(secret),
        scopes=tuple(sorted(granted)),
        attributes=tuple(sorted(limits.items())),
        created_at=now,
        expires_at=now + lifetime,
    )
    state.access.add_token(record)
    return f"sophia_{token_id}_{secret}", record


def revoke(state: State, which: str, *, now: datetime) -> AccessToken:
    """End the token of that id or, where one valid token has it, of that name; the record as it was.

    Raises:
        UnknownName: there is none.
        InputError: several valid tokens have the name, or the whole token was given.
    """
    if TOKEN.search(which):
        raise InputError(
            "That is a whole token, with its secret.", hint="Give its id alone: what stands between the underscores."
        )
    every = state.access.tokens()
    valid = [token for token in every if token.status(now) == "valid"]
    found = [token for token in every if token.token_id == which] or [token for token in valid if token.name == which]
    if not found:
        raise UnknownName("token", which, {token.name for token in valid} | {token.token_id for token in valid})
    if len(found) > 1:
        raise InputError(
            f"{len(found)} valid tokens are called {which!r}.",
            hint=f"Give an id: {', '.join(token.token_id for token in found)}.",
        )
    state.access.revoke_token(found[0].token_id, now)
    return found[0]


def parts(token: str) -> tuple[str, str] | None:
    """Id and secret of a token; None when it has another form."""
    match = TOKEN.fullmatch(token)
    return (match[1], match[2]) if match else None


def secret_hash(secret: str) -> str:
    """SHA-256 of a secret, hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, record: AccessToken | None) -> bool:
    """Whether the secret is the record's, in the same time whatever the answer; of no record it never is."""
    expected = record.secret_hash if record else _NOBODYS
    return hmac.compare_digest(secret_hash(secret), expected) and record is not None


def tokens_blotted(text: str) -> str:
    """The text with every token in it cut off behind its id."""
    return TOKEN.sub(r"sophia_\1_[secret]", text) if "sophia_" in text else text


_NOBODYS: Final = secret_hash(secrets.token_urlsafe(32))
