"""Rankings in words: `top 5 customers`, `which region has the fewest`, `three largest accounts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sophia_kit.metrics.question.board import Board, phrase
from sophia_kit.metrics.question.dimensions import Phrases, find_phrase

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition

__all__ = ["Ranked", "Top", "read_ranking"]

_LARGEST = frozenset({"top", "biggest", "largest", "highest", "most", "leading", "greatest", "maximum", "max"})
_SMALLEST = frozenset({"bottom", "smallest", "lowest", "least", "fewest", "minimum", "min"})
_JUDGED = {"best": True, "strongest": True, "worst": False, "weakest": False, "poorest": False}
_WORD = phrase("|".join([*_LARGEST, *_SMALLEST, *_JUDGED]))
_BESIDE = phrase(r"common|frequent|important|big|often")
_RANK = phrase(r"rank|ranked|ranking")
_WITHOUT_NUMBER = 10


@dataclass(frozen=True, slots=True)
class Top:
    """How many rows are kept: the largest values, or the smallest."""

    count: int
    largest: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking that a question asks for; `problem` says why there is none."""

    dimension: str | None
    top: Top | None
    problem: str | None = None


def read_ranking(board: Board, definition: Definition, phrases: Phrases) -> Ranked | None:
    """Take a ranking off the board; None when there is none, or nothing to rank."""
    found = [(positions.start, match[0]) for positions, match in board.find(_WORD)]
    ranks = [positions.start for positions, _ in board.find(_RANK)]
    if not found and not ranks:
        return None
    near = found[0][0] if found else ranks[0]
    placed = find_phrase(board, phrases, near)
    if placed is None:
        return None
    dimension, span = placed
    count = None
    for at, _ in [*found, *((at, "") for at in ranks)]:
        board.take([at])
        for beside in (at + 1, at - 1):
            if board.free(beside) and board.tokens[beside].word.isdigit():
                count = count or int(board.tokens[beside].word)
                board.take([beside])
    board.take_first(_BESIDE)
    if count is None:
        plural = board.tokens[span.stop - 1].raw.endswith("s")
        count = _WITHOUT_NUMBER if plural or not found else 1
    board.take(span)
    largest = {_direction(word, definition) for _, word in found} or {True}
    if None in largest:
        return Ranked(None, None, f"Neither more nor less of {definition.label} is better: say largest or smallest.")
    if len(largest) > 1:
        return Ranked(None, None, "It asks for the largest and the smallest at once.")
    if count < 1:
        return Ranked(None, None, "A ranking has at least one row.")
    return Ranked(dimension, Top(count, largest=bool(largest.pop())))


def _direction(word: str, definition: Definition) -> bool | None:
    if word in _JUDGED:
        higher = definition.higher_is_better
        return None if higher is None else higher == _JUDGED[word]
    return word in _LARGEST
