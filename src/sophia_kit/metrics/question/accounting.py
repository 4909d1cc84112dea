"""The words of a question that are left over: what they may be, and which of them nothing accounts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sophia_kit.metrics.question.board import Board, phrase
from sophia_kit.metrics.question.lexicon import lexicon
from sophia_kit.metrics.question.tokens import STOP

if TYPE_CHECKING:
    from collections.abc import Set

    from sophia_kit.metrics.definition import Definition

__all__ = ["Account", "account", "is_filler", "listing", "refusal"]

_LISTING = frozenset({"which", "who", "list"})
_NO_AVERAGE = ("percentile", "distinct_count", "cumulative")
"""Kinds that are no average, though their total is computed anew."""
_BESIDE = {"long": ("how", -1), "due": ("to", 1)}
"""Words that change nothing next to another only: `how long`, but not `long calls`; `due to`, not `payments due`."""
_COUNTED = phrase(r"how many|(?:number|count) of")


@dataclass(frozen=True, slots=True)
class Account:
    """What is left of a question.

    Attributes:
        unexplained: positions that nothing accounts for.
        described: how many words only the metric's description accounts for.
        refusal: why the question is refused; None when it isn't.
    """

    unexplained: tuple[int, ...]
    described: int
    refusal: str | None


def account(board: Board, definition: Definition, soft: Set[int], described: Set[str], others: Set[int]) -> Account:
    """Account for what is left on the board.

    Args:
        soft: positions that are explained already, unless they are refused.
        described: the stems of the metric's names and description.
        others: positions that name another metric or a dimension: a description doesn't explain these.
    """
    nouns = lexicon().unit_nouns.get(definition.unit, frozenset())
    if definition.additive == "none" and definition.kind not in _NO_AVERAGE:
        nouns |= lexicon().averaged_nouns
    unexplained, by_description, why = [], 0, None
    refused = _refused(board)
    # A share isn't how many there are.
    counted = {positions.start for positions, _ in board.find(_COUNTED)} if definition.unit == "ratio" else set()
    for index in board.left():
        token = board.tokens[index]
        if index in soft:
            continue
        if index in refused:
            why = why or refused[index]
            unexplained.append(index)
        elif index not in counted and (is_filler(board, index) or token.stem in nouns):
            continue
        elif index in others or (index and board.tokens[index - 1].word == "per"):
            unexplained.append(index)
        elif token.stem in described:
            by_description += 1
        else:
            unexplained.append(index)
    return Account(tuple(unexplained), by_description, why)


def listing(board: Board, named: Set[int]) -> int | None:
    """The place of a word like `which` right before the metric's name: rows are asked for, not a number."""
    before = min(named, default=0) - 1
    while before >= 0 and board.free(before) and board.tokens[before].word in STOP:
        before -= 1
    return before if board.free(before) and board.tokens[before].word in _LISTING else None


def is_filler(board: Board, index: int) -> bool:
    """Whether a word changes nothing."""
    token = board.tokens[index]
    if token.word in _BESIDE:
        word, away = _BESIDE[token.word]
        beside = index + away
        return 0 <= beside < len(board.tokens) and board.tokens[beside].word == word
    return token.word in lexicon().fillers or token.raw in lexicon().fillers


def refusal(board: Board) -> str | None:
    """Why what is left on the board is refused; None when it isn't."""
    refused = _refused(board)
    return next((refused[index] for index in board.left() if index in refused), None)


def _refused(board: Board) -> dict[int, str]:
    """The words over which a refused phrase goes, with the reason that takes precedence."""
    found: dict[int, tuple[int, str]] = {}
    for start in board.left():
        token = board.tokens[start]
        for word in {token.word, token.stem}:
            for order, reason, said in lexicon().refusals_by_word.get(word, ()):
                if _stands(board, said, start):
                    for index in range(start, start + len(said)):
                        found[index] = min(found.get(index, (order, reason)), (order, reason))
    return {index: reason for index, (_, reason) in found.items()}


def _stands(board: Board, said: tuple[str, ...], start: int) -> bool:
    if start + len(said) > len(board.tokens):
        return False
    return all(
        word == "*"
        or (
            word in (board.tokens[start + offset].word, board.tokens[start + offset].stem)
            and board.free(start + offset)
        )
        for offset, word in enumerate(said)
    )
