"""What an alert says: prose with named references, which are filled with displayed values."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["DEFAULTS", "REFERENCES", "check_summary", "fill_summary"]

_ALL = ("label", "period", "member", "value", "threshold")

REFERENCES = {
    "threshold": _ALL,
    "change": (*_ALL, "expected", "change"),
    "deviation": (*_ALL, "expected", "change"),
    "freshness": (*_ALL, "as_of"),
}
"""What the summary of a rule of each kind may name."""

DEFAULTS = {
    "threshold": "{label} of {period} is {value}; the limit is {threshold}",
    "change": "{label} of {period} is {value}, {change} on {expected}; the limit is {threshold}",
    "deviation": "{label} of {period} is {value}, {change} from the expected {expected}; the limit is {threshold}",
    "freshness": "{label} stands on data from {as_of}; the limit is {threshold}",
}

_REFERENCE = re.compile(r"\{([^{}]*)\}")
_OWN_NUMBER = re.compile(r"[\d%‰½⅓⅔¼¾]")


def check_summary(text: str, kind: str) -> None:
    """
    Raises:
        ValueError: an unknown reference, a stray brace, or a number of its own.
    """
    for name in _REFERENCE.findall(text):
        if name not in REFERENCES[kind]:
            raise ValueError(f"unknown reference {{{name}}}; known: {', '.join(REFERENCES[kind])}")
    prose = _REFERENCE.sub("", text)
    if "{" in prose or "}" in prose:
        raise ValueError("a brace that is no reference")
    if _OWN_NUMBER.search(prose):
        raise ValueError("a number of its own: say {threshold}, {value} or another reference")


def fill_summary(text: str, shown: Mapping[str, str]) -> str:
    """The prose with the references filled in; what isn't known of this alert reads `unknown`."""
    return _REFERENCE.sub(lambda match: shown.get(match[1], "unknown"), text)
