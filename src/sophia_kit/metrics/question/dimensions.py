"""Dimensions and their members in words: `by segment`, `in Texas`, `excluding Enterprise`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sophia_kit.metrics.question.board import Board
from sophia_kit.metrics.question.lexicon import lexicon, stems
from sophia_kit.metrics.value import NOT_SET

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.question.members import Index

__all__ = ["Filters", "Phrases", "find_phrase", "naming", "phrases_of", "read_dimensions", "read_members", "whole"]

Phrases = tuple[tuple[tuple[str, ...], str], ...]
"""What dimensions are called (stems), with the dimension; the longest first."""

_MARKERS = frozenset({"by", "per", "across", "each", "every", "among", "between", "split", "breakdown"})
_AFTER = frozenset({"breakdown", "split", "wise", "level"})
_SKIPPED = frozenset({"the", "our", "each", "every", "a", "of", "by", "up", "down", "out"})
_NOT = frozenset(
    {"excluding", "exclude", "excl", "except", "without", "outside", "not", "non", "ex", "besides", "but", "minus"}
)
_SMALL = frozenset({"of", "the", "for", "in", "than", "from", "is", "are", "on", "at", "with"})
_JOINED = frozenset({"and", "or", "nor", "the"})


@dataclass(slots=True)
class Filters:
    """Members that a question names.

    Attributes:
        chosen: a dimension to the members it is restricted to.
        excluded: a dimension to the members left out.
        soft: positions that members explain when nothing else does: `customers` in `Enterprise customers`.
        assumed: what was taken for granted, in words.
        apart: dimensions whose members are set against each other: `Enterprise vs Mid-Market`.
    """

    chosen: dict[str, list[str]] = field(default_factory=dict)
    excluded: dict[str, list[str]] = field(default_factory=dict)
    soft: set[int] = field(default_factory=set)
    assumed: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)

    def pairs(self, indexes: Mapping[str, Index]) -> tuple[tuple[str, tuple[str, ...]], ...] | str:
        """As a query takes them; a sentence when they can't be put so."""
        if self.chosen.keys() & self.excluded.keys():
            return "It names a dimension both to restrict it and to leave members out."
        if not all(indexes[name].values for name in self.excluded):
            return "Members can be left out of a dimension only by who may see all of it."
        found = [(name, tuple(dict.fromkeys(members))) for name, members in self.chosen.items()]
        for name, members in self.excluded.items():
            found.append((name, tuple(value for value in (*indexes[name].values, NOT_SET) if value not in members)))
        return tuple(found)


def phrases_of(definition: Definition) -> Phrases:
    """What the metric's dimensions are called."""
    found: dict[tuple[str, ...], str] = {}
    for name in definition.dimensions:
        for phrase in (stems(name), *lexicon().dimension_words.get(name, ())):
            found.setdefault(phrase, name)
    return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


def find_phrase(board: Board, phrases: Phrases, near: int) -> tuple[str, range] | None:
    """The dimension whose name stands nearest to a word, longer names first; the words before it count as farther."""
    best: tuple[tuple[int, int], str, range] | None = None
    for start in board.left():
        found = _phrase_at(board, phrases, start)
        if found is not None:
            rank = (abs(start - near) + (2 if start < near else 0), -len(found[1]))
            if best is None or rank < best[0]:
                best = (rank, *found)
    return None if best is None else (best[1], best[2])


def whole(board: Board, phrases: Phrases) -> set[int]:
    """The words of `our customers`, `all reps`: everyone, which restricts nothing."""
    found: set[int] = set()
    for index in board.left():
        if board.tokens[index].word in ("our", "all"):
            placed = _phrase_at(board, phrases, index + 1)
            if placed is not None and board.tokens[placed[1].stop - 1].raw.endswith("s"):
                found.update(placed[1])
    return found


def naming(board: Board, phrases: Phrases, dimensions: tuple[str, ...]) -> set[int]:
    """The free words that name one of these dimensions."""
    placed = (_phrase_at(board, phrases, index) for index in board.left())
    return {index for found in placed if found is not None and found[0] in dimensions for index in found[1]}


def read_dimensions(board: Board, phrases: Phrases) -> list[str]:
    """Take every `by segment and region` off the board."""
    found: list[str] = []
    for index in range(len(board.tokens)):
        if board.free(index) and board.tokens[index].word in _MARKERS:
            _read_list(board, phrases, index + 1, found)
    for index in range(1, len(board.tokens)):
        if board.tokens[index].word in _AFTER:
            for start in range(index):
                placed = _phrase_at(board, phrases, start)
                if placed is not None and placed[1].stop == index:
                    board.take([*placed[1], index])
                    found.append(placed[0])
    return list(dict.fromkeys(found))


def _read_list(board: Board, phrases: Phrases, at: int, found: list[str]) -> None:
    while True:
        while board.free(at) and board.tokens[at].word in _SKIPPED:
            at += 1
        placed = _phrase_at(board, phrases, at)
        if placed is None:
            return
        name, span = placed
        board.take(span)
        found.append(name)
        at = span.stop
        if board.free(at) and board.tokens[at].word in ("and", "&", "then", "x"):
            board.take([at] if _phrase_at(board, phrases, at + 1) else [])
            at += 1


def _phrase_at(board: Board, phrases: Phrases, start: int) -> tuple[str, range] | None:
    for phrase, name in phrases:
        span = range(start, start + len(phrase))
        if all(
            board.free(index) and board.tokens[index].stem == word for index, word in zip(span, phrase, strict=True)
        ):
            return name, span
    return None


def read_members(board: Board, indexes: Mapping[str, Index], metrics: Set[int]) -> Filters:
    """Take every member off the board, and what excludes it.

    Args:
        metrics: the words that name another metric; as members they count where they are said as such.
    """
    filters = Filters()
    ends: dict[str, int] = {}
    out: int | None = None
    for start in range(len(board.tokens)):
        if not board.free(start):
            continue
        found = {
            name: placed
            for name, index in indexes.items()
            if (placed := index.at(board, start))
            and (_follows(board, ends.get(name), start) or _clear(board, name, placed[0], metrics))
        }
        if not found:
            continue
        longest = max(len(span) for span, _ in found.values())
        found = {name: placed for name, placed in found.items() if len(placed[0]) == longest}
        named = [name for name, (span, _) in found.items() if _beside(board, name, span)]
        dimension = (named or list(found))[0]
        span, member = found[dimension]
        if len(found) > 1 and not named:
            others = " or ".join(name for name in found if name != dimension)
            filters.assumed.append(f"{member} is taken for a {dimension}, not a {others}")
        board.take(span)
        board.take(_name(board, dimension, span))
        filters.soft.update(_nouns(board, dimension, span))
        before = _back(board, start)
        word = board.tokens[before].word if board.free(before) else ""
        other_than = word == "other" and board.tokens[start - 1].word == "than"
        if (word in _NOT and not _both(board, before)) or other_than:
            board.take(range(before, start))
            filters.excluded.setdefault(dimension, []).append(member)
            out = span.stop
        elif out is not None and _joined([token.word for token in board.tokens[out:start]]):
            filters.excluded.setdefault(dimension, []).append(member)
            out = span.stop
        else:
            chosen = filters.chosen.setdefault(dimension, [])
            chosen.append(member)
            if len(chosen) > 1 and _set_apart(board, ends[dimension], start):
                filters.apart.append(dimension)
            ends[dimension] = span.stop
            out = None
    return filters


def _back(board: Board, start: int) -> int:
    """The place before a member, small words passed over."""
    before = start - 1
    while board.free(before) and board.tokens[before].word in _SMALL:
        before -= 1
    return before


def _joined(between: list[str]) -> bool:
    """Whether only an `and` or `or` stands between two members."""
    return len(between) > 0 and between[0] != "the" and _JOINED.issuperset(between)


def _both(board: Board, before: int) -> bool:
    """`with and without`: two questions, not one."""
    return before > 1 and board.tokens[before - 1].word in ("and", "or") and board.tokens[before - 2].word == "with"


def _set_apart(board: Board, first: int, second: int) -> bool:
    """Whether two members are compared; takes the word between them that says so."""
    between = [index for index in range(first, second) if board.tokens[index].word in ("versus", "v", "against")]
    board.take(between)
    return bool(between) or any(token.word in ("compare", "comparing", "comparison") for token in board.tokens)


def _follows(board: Board, end: int | None, start: int) -> bool:
    """Whether an `and` or `or` joins the words to a member of the same dimension."""
    return end == start - 1 and board.tokens[end].word in ("and", "or")


def _clear(board: Board, dimension: str, span: range, metrics: Set[int]) -> bool:
    """Whether the words are said as a member.

    Everyday words are only beside their dimension's name; names of metrics (`sales`) also beside its nouns, or in it.
    """
    if all(board.tokens[index].word in lexicon().everyday_members for index in span):
        return _beside(board, dimension, span)
    if not metrics >= set(span) or _beside(board, dimension, span) or _nouns(board, dimension, span):
        return True
    return board.free(span.start - 1) and board.tokens[span.start - 1].word in ("in", "for", "of", "from", "within")


def _beside(board: Board, dimension: str, span: range) -> bool:
    names = {word for phrase in lexicon().dimension_words.get(dimension, ()) for word in phrase} | {*stems(dimension)}
    beside = (_back(board, span.start), span.stop)
    return any(0 <= index < len(board.tokens) and board.tokens[index].stem in names for index in beside)


def _names(dimension: str) -> set[str]:
    return {phrase[0] for phrase in lexicon().dimension_words.get(dimension, ()) if len(phrase) == 1}


def _name(board: Board, dimension: str, span: range) -> set[int]:
    """The dimension's name right beside its member, as in `plan Core`, unless it is grouped by."""
    return {
        index
        for index in (span.start - 1, span.stop)
        if board.free(index) and board.tokens[index].stem in _names(dimension) and not _grouped(board, index)
    }


def _nouns(board: Board, dimension: str, span: range) -> set[int]:
    """Nouns that go with the member, as in `Enterprise customers`; not in `per customer`."""
    nouns = lexicon().dimension_nouns.get(dimension, frozenset()) | _names(dimension)
    return {
        index
        for index in (_back(board, span.start), span.stop)
        if board.free(index) and board.tokens[index].stem in nouns and not _grouped(board, index)
    }


def _grouped(board: Board, index: int) -> bool:
    return index > 0 and board.tokens[index - 1].word in ("by", "per")
