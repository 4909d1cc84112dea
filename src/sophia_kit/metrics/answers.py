"""What questions found, kept for those who ask again: bounded, per process, safe to share between threads.

A snapshot never changes, so an answer from one never ages. What a value says besides its number (freshness, checks)
is made anew each time. Nothing is kept of a warehouse without snapshots.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sophia_kit.metrics.cells import Cell, Cells
    from sophia_kit.metrics.value import Period

__all__ = ["Answer", "Answers", "shared_answers"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The numbers of one query, and what ran to find them.

    Attributes:
        cells: of the periods asked and of those they are compared with.
        targets: of the periods asked, where targets were asked for.
        statements: what ran, with what was bound.
        views: the canonical views that were read.
    """

    cells: Cells
    targets: Mapping[Period, Cell]
    statements: tuple[tuple[str, Mapping[str, Any]], ...]
    views: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return len(self.cells.found) + len(self.cells.absent) + len(self.targets)


class Answers:
    """The answers asked for last. `cells` bounds how many numbers are kept in all."""

    def __init__(self, *, entries: int = 512, cells: int = 100_000) -> None:
        self._entries = entries
        self._cells = cells
        self._held = 0
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Hashable) -> Answer | None:
        with self._guard:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer, and let go of those that were asked for longest ago. One too large for all isn't kept."""
        if answer.size > self._cells:
            return
        with self._guard:
            before = self._kept.pop(key, None)
            self._held += answer.size - (before.size if before else 0)
            self._kept[key] = answer
            while len(self._kept) > self._entries or self._held > self._cells:
                _, oldest = self._kept.popitem(last=False)
                self._held -= oldest.size

    def __len__(self) -> int:
        with self._guard:
            return len(self._kept)


_shared = Answers()


def shared_answers() -> Answers:
    """Those of this process: what one question found, the next one on the same snapshot needn't look for."""
    return _shared
