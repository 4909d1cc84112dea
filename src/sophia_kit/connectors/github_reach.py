"""How far GitHub's lists were read, and of which repositories: one that is configured later has a past of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from sophia_kit.connectors.api import moment_of

__all__ = ["Reach", "cursor_text"]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a reading ended.

    Attributes:
        at: the newest record.
        repositories: those that were read up to it; None for all.
    """

    at: datetime
    repositories: frozenset[str] | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The one that a cursor, or a plain moment, says; None when it says none."""
        if not text.startswith("{"):
            moment = moment_of(text)
            return None if moment is None else cls(moment, None)
        try:
            held = json.loads(text)
            at, repositories = moment_of(held["at"]), frozenset(map(str, held["repositories"]))
        except (ValueError, TypeError, KeyError):
            return None
        return None if at is None else cls(at, repositories)

    def start(self, repository: str, overlap: timedelta) -> datetime | None:
        """From when on a repository is read; None for its beginning."""
        known = self.repositories is None or repository in self.repositories
        return self.at - overlap if known else None


def cursor_text(at: str, repositories: tuple[str, ...]) -> str:
    """A reading of these repositories up to that moment, as a cursor."""
    return json.dumps({"at": at, "repositories": sorted(repositories)})
