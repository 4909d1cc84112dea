"""The question while it is read: which of its words are accounted for, and by what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sophia_kit.metrics.question.tokens import Token

__all__ = ["Board", "phrase"]

_TAKEN = "\N{CURRENCY SIGN}"


def phrase(text: str) -> re.Pattern[str]:
    """A pattern of whole words."""
    return re.compile(rf"(?<!\S)(?:{text})(?!\S)")


class Board:
    """The tokens, and a mark on each that has been accounted for. `fork` gives an independent copy."""

    def __init__(self, tokens: Sequence[Token], taken: Iterable[int] = ()) -> None:
        self.tokens = tokens
        self._taken = set(taken)

    def fork(self) -> Board:
        return Board(self.tokens, self._taken)

    def free(self, index: int) -> bool:
        return 0 <= index < len(self.tokens) and index not in self._taken

    def left(self) -> list[int]:
        """The positions that nothing accounts for yet."""
        return [index for index in range(len(self.tokens)) if index not in self._taken]

    def take(self, positions: Iterable[int]) -> None:
        self._taken.update(positions)

    def find(self, pattern: re.Pattern[str]) -> Iterator[tuple[range, re.Match[str]]]:
        """Matches of a pattern (see `phrase`) over free words, joined by single spaces."""
        shown = [token.word if self.free(index) else _TAKEN for index, token in enumerate(self.tokens)]
        starts, ends, at = {}, {}, 0
        for index, word in enumerate(shown):
            starts[at], ends[at + len(word)] = index, index
            at += len(word) + 1
        for match in pattern.finditer(" ".join(shown)):
            yield range(starts[match.start()], ends[match.end()] + 1), match

    def take_first(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take the words of the first match, and give it."""
        for positions, match in self.find(pattern):
            self.take(positions)
            return match
        return None
