"""Long answers in pages: how many items a page holds, and how many characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import to_json

from sophia_kit.core.errors import InputError
from sophia_kit.server.mcp.kit_server import MOST_CHARACTERS

__all__ = ["MOST_ON_PAGE", "ON_PAGE", "fitting_count", "page_size"]

ON_PAGE: Final = 50
MOST_ON_PAGE: Final = 200
_FOR_ITEMS: Final = MOST_CHARACTERS // 2
"""Characters of JSON that a page's items take at most; the rest of the answer needs room, too."""


def page_size(limit: int | None, *, default: int = ON_PAGE, most: int = MOST_ON_PAGE) -> int:
    """How many items a page holds at most; `default` where the caller says nothing.

    Raises:
        InputError: no item at all, or more than `most`.
    """
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise InputError(f"A page can't hold {limit} items.", hint=f"Ask for 1 to {most}.")
    return limit


def fitting_count(items: Sequence[Any]) -> int:
    """How many of the first items fit on a page by their length as JSON; one at least."""
    room = _FOR_ITEMS
    for count, item in enumerate(items):
        room -= len(to_json(item))
        if room < 0:
            return max(1, count)
    return len(items)
