"""Canonical JSON (RFC 8785): the bytes that are signed."""

from __future__ import annotations

import json
from typing import Any

import rfc8785

__all__ = ["canonical_json"]

_EXACT = 2**53 - 1


def canonical_json(value: Any) -> bytes:
    """`value` as RFC 8785 writes it.

    Where there are no floating-point numbers and keys are ASCII, as in statements, the standard library's compact
    form with sorted keys is the canonical one, and ten times faster; anything else is left to `rfc8785`.

    Raises:
        rfc8785.CanonicalizationError: a value that JSON can't carry exactly.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if _plain(text, value):
            return text.encode()
    except (TypeError, ValueError):
        pass  # rfc8785 says what is wrong with it
    try:
        return rfc8785.dumps(value)
    except UnicodeEncodeError:
        raise rfc8785.CanonicalizationError("a text holds half a surrogate pair") from None


def _plain(text: str, value: Any) -> bool:
    """Whether `value`, written as `text`, is text, exact integers, truth values and nothing, under ASCII keys."""
    read = json.loads(text, parse_float=_inexact, parse_int=_exact, parse_constant=_inexact)
    return bool(read == value) and (text.isascii() or _ascii_keys(read))


def _inexact(number: str) -> int:
    raise ValueError(f"{number} has more than one form")


def _exact(number: str) -> int:
    exact = int(number)
    if not -_EXACT <= exact <= _EXACT:
        raise ValueError(f"{number} isn't exact everywhere")
    return exact


def _ascii_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return all(key.isascii() and _ascii_keys(inner) for key, inner in value.items())
    return not isinstance(value, list) or all(map(_ascii_keys, value))
