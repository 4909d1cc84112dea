"""How far a table has been read, as text that the state keeps from load to load."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from sophia_kit.ingest.landing import Delivery

__all__ = ["VendorCursor", "cursor_of", "cursor_text"]


@dataclass(frozen=True, slots=True)
class VendorCursor:
    """Of a vendor's table: the connector's cursor, and the fields it had at the first load."""

    at: str
    fields: tuple[str, ...]

    def text(self) -> str:
        """The cursor as it is kept."""
        return json.dumps({"at": self.at, "fields": self.fields})

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The cursor that was kept; None when nothing was read yet, or it isn't of this form: all is read again."""
        held = _decoded(text)
        return cls(str(held["at"]), tuple(held["fields"])) if {"at", "fields"} <= held.keys() else None


def cursor_of(deliveries: Iterable[Delivery]) -> str:
    """Of a landing table: by file name the size, time and digest of what was read."""
    return json.dumps({one.name: [one.size, one.modified_ns, one.digest] for one in deliveries})


def cursor_text(cursor: str | None) -> str | None:
    """A cursor as the load audit shows it: of a vendor's table up to when it was read, of a landing table how many
    deliveries, up to which."""
    if cursor is None:
        return None
    reached = VendorCursor.parse(cursor)
    if reached is not None:
        return str(_decoded(reached.at).get("at", reached.at))
    held = _decoded(cursor)
    return f"{len(held)} deliveries, up to {max(held)}" if held else "no deliveries"


def _decoded(text: str | None) -> dict[str, Any]:
    try:
        held = json.loads(text or "{}")
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}
