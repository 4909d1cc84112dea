"""Vendors' answers: their JSON decoded as it is meant, and without secrets where it may be quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pydantic_core

from sophia_kit.core.failures import http_date

__all__ = ["Answer", "blotted", "decoded"]

SANDBOX_HEADER = "Sophia-Sandbox"
"""Set on every answer of the sandbox: what came from there is demo data."""

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape in a JSON text; its group is half a surrogate pair that stands alone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A vendor's successful answer: its decoded JSON `body`, and `headers` by lower-case name.

    `demo` is true when the answer came from the sandbox.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)

    @property
    def demo(self) -> bool:
        return SANDBOX_HEADER.lower() in self.headers

    @property
    def date(self) -> datetime | None:
        """The vendor's own time when it answered, in UTC; None when it doesn't say."""
        return http_date(self.headers.get("date"))


def decoded(content: bytes) -> Any:
    """The value of a JSON text.

    A text that was cut between the halves of a surrogate pair, as JavaScript cuts an emoji, is no Unicode; one such
    would otherwise keep a whole page from being read for ever. What is left of the character becomes U+FFFD.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return pydantic_core.from_json(content, allow_inf_nan=False)
    except ValueError:
        whole = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], content)
        if whole == content:
            raise
    return pydantic_core.from_json(whole, allow_inf_nan=False)


def blotted(value: Any, secrets: Iterable[str]) -> Any:
    """A decoded value with `[secret]` in the place of each secret, however its text was escaped."""
    hidden = [secret for secret in secrets if secret]

    def without(part: Any) -> Any:
        if isinstance(part, str):
            for secret in hidden:
                part = part.replace(secret, "[secret]")
        elif isinstance(part, list):
            return [without(one) for one in part]
        elif isinstance(part, dict):
            return {without(name): without(one) for name, one in part.items()}
        return part

    return without(value)
