"""Long answers in pages: how much a page holds, and the token that the next one is asked for with."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from sophia_kit.core.errors import InputError
from sophia_kit.server.mcp.kit_server import MOST_CHARACTERS

__all__ = ["MOST_ON_PAGE", "ON_PAGE", "Continuation", "fitting", "page_size"]

ON_PAGE: Final = 50
MOST_ON_PAGE: Final = 200
_FOR_ITEMS: Final = MOST_CHARACTERS // 2
"""Characters of JSON that a page's items take at most; the rest of the answer needs room, too."""

_Item = TypeVar("_Item")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where the next page of an answer begins.

    It holds no rights, so it isn't signed: what it points at is asked for anew, by whoever sends it.

    Attributes:
        offset: how many items came before.
        known_at: the moment of the snapshot that the first page came from; None where the warehouse keeps none.
        asked: a digest of the tool and its arguments, so that it isn't used with others.
    """

    offset: int
    known_at: datetime | None
    asked: str

    @property
    def token(self) -> str:
        known_at = None if self.known_at is None else self.known_at.isoformat()
        content = json.dumps([self.offset, known_at, self.asked], separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, token: str | None, tool: str, arguments: Mapping[str, Any]) -> Continuation:
        """What a token says; without one, the beginning.

        Raises:
            InputError: it isn't a token of this tool and these arguments.
        """
        asked = hashlib.sha256(json.dumps([tool, arguments], sort_keys=True, default=str).encode()).hexdigest()[:16]
        if token is None:
            return cls(0, None, asked)
        try:
            offset, known_at, digest = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            found = cls(int(offset), None if known_at is None else datetime.fromisoformat(known_at), str(digest))
        except (ValueError, TypeError):
            raise InputError(
                "The cursor can't be read.", hint="Send next_cursor as it came, or none for the first page."
            ) from None
        if found.asked != asked or found.offset < 0:
            raise InputError(
                "The cursor belongs to another question.",
                hint="Repeat the arguments of the first page beside the cursor, or leave it out to begin anew.",
            )
        return found

    def after(self, count: int, known_at: datetime | None) -> Continuation:
        """Where the page that follows `count` further items begins."""
        return Continuation(self.offset + count, known_at, self.asked)


def page_size(limit: int | None) -> int:
    """
    Raises:
        InputError: no item at all, or more than a page may hold.
    """
    if limit is None:
        return ON_PAGE
    if not 1 <= limit <= MOST_ON_PAGE:
        raise InputError(f"A page can't hold {limit} items.", hint=f"Ask for 1 to {MOST_ON_PAGE}.")
    return limit


def fitting(items: Sequence[_Item], most: int, shaped: Callable[[_Item], _Model]) -> list[_Model]:
    """The first of `items` in the shape they are sent in: at most `most`, and no more than a page's characters, but one
    at least."""
    page: list[_Model] = []
    room = _FOR_ITEMS
    for item in items[:most]:
        shape = shaped(item)
        room -= len(shape.model_dump_json())
        if room < 0 and page:
            break
        page.append(shape)
    return page
