"""What the state hands out about access: one frozen record a row. Times are UTC, with their zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

__all__ = ["AccessSession", "AccessToken", "TokenStatus"]

TokenStatus = Literal["valid", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is remembered: without its secret.

    Attributes:
        token_id: the part of the token that isn't secret.
        name: of who holds it.
        secret_hash: SHA-256 of the secret part, hexadecimal.
        scopes: what it permits.
        attributes: pairs of a dimension and the members of it that its holder may see.
        last_used_at: to the hour; None when it never was.
    """

    token_id: str
    name: str
    secret_hash: str = field(repr=False)
    scopes: tuple[str, ...]
    attributes: tuple[tuple[str, tuple[str, ...]], ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def status(self, at: datetime) -> TokenStatus:
        """Whether it opens anything at that moment; what was revoked stays so when it expires."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if at >= self.expires_at else "valid"


@dataclass(frozen=True, slots=True)
class AccessSession:
    """A browser that signed in with a token. `session_hash` is the SHA-256 of what its cookie holds, hexadecimal."""

    session_hash: str = field(repr=False)
    token_id: str
    created_at: datetime
    expires_at: datetime
