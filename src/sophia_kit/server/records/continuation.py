"""Continuation tokens: where the next page begins, of which question, and in which snapshot.

A token is sealed under a key that this process drew when it started: nobody can make one that reads another snapshot,
or another caller's question, and nobody can read in it where a page ends, which may be in a field that they aren't
given. After a restart, paging begins again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sophia_kit.core.errors import InputError

__all__ = ["Continuation", "fingerprint"]

_SEAL: Final = AESGCM(secrets.token_bytes(32))
_NONCE: Final = 12
"""Bytes; drawn at random, which is safe for 2**32 tokens under one key (NIST SP 800-38D, 8.3)."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a page ends.

    Attributes:
        question: fingerprint of what was asked, and of who asked it.
        version: the snapshot that pages are read from, or what else may not change between them.
        position: the values that the last row is ordered by.
    """

    question: str
    version: str
    position: tuple[Any, ...]

    def token(self) -> str:
        """The text that stands for it."""
        content = json.dumps([self.question, self.version, self.position], separators=(",", ":"), default=str).encode()
        nonce = secrets.token_bytes(_NONCE)
        return base64.urlsafe_b64encode(nonce + _SEAL.encrypt(nonce, content, None)).decode("ascii").rstrip("=")

    @classmethod
    def read(cls, token: str, question: str) -> Continuation:
        """What a token stands for.

        Raises:
            InputError: this server didn't make it, or for another question or caller.
        """
        content = _unsealed(token)
        if content is None:
            raise InputError(
                "This isn't a continuation token of this server, or it is from before its last start.",
                hint="Ask again without it; pages are continued with `next` of the page before.",
            )
        asked, version, position = json.loads(content)
        if not hmac.compare_digest(asked, question):
            raise InputError(
                "This continuation token is of another question.",
                hint="Ask with the same path, filters and caller as for the page before; only `limit` may differ.",
            )
        return cls(asked, version, tuple(position))


def fingerprint(*parts: Any) -> str:
    """A short text that differs where any of the parts does: sha256 of their JSON."""
    content = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _unsealed(token: str) -> bytes | None:
    try:
        sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        return _SEAL.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except (UnicodeEncodeError, binascii.Error, InvalidTag, ValueError):
        return None


def positions(values: Sequence[Any]) -> tuple[Any, ...]:
    """Values as a token holds them: days and times in ISO form."""
    return tuple(value.isoformat() if hasattr(value, "isoformat") else value for value in values)
