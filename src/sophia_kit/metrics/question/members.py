"""The members of dimensions, read from the warehouse once for each snapshot."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sophia_kit.metrics.question.board import Board
from sophia_kit.metrics.question.lexicon import lexicon, stems

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.principal import Principal
    from sophia_kit.warehouse import Engine

__all__ = ["Index", "Members"]

_MOST = 50_000
"""Members beyond these aren't looked for: a question then has to be a query."""
_LONGEST = 7
_SHORT_LIST = 200
"""Misspelt members are looked for in lists up to this long: longer ones hold names too much alike."""


@dataclass(frozen=True, slots=True)
class Index:
    """A dimension's members, by what they are called.

    Attributes:
        values: the members.
        names: phrase (tuple of stems) to member.
        beginnings: the first words, at least two, of exactly one member's name, to that member.
    """

    values: tuple[str, ...]
    names: dict[tuple[str, ...], str]
    beginnings: dict[tuple[str, ...], str]

    def at(self, board: Board, start: int) -> tuple[range, str] | None:
        """The longest name of a member that begins at a word, all of it free."""
        stop = start
        while stop - start < _LONGEST and board.free(stop):
            stop += 1
        phrase = tuple(token.stem for token in board.tokens[start:stop])
        for length in range(len(phrase), 0, -1):
            found = self.names.get(phrase[:length]) or self.beginnings.get(phrase[:length])
            if found is not None:
                return range(start, start + length), found
        return None


@dataclass(slots=True)
class _Kept:
    guard: threading.Lock = field(default_factory=threading.Lock)
    found: dict[tuple[str, str, str], Index] = field(default_factory=dict)


_kept: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()
_kept_guard = threading.Lock()


class Members:
    """The members that one engine's data has.

    A principal with attributes is told of no member that it didn't name itself: of a dimension that restricts it the
    permitted ones are found, of others whole names only.
    """

    def __init__(self, engine: Engine, catalogue: Catalogue, principal: Principal | None = None) -> None:
        self._engine, self._catalogue = engine, catalogue
        self._permitted = dict(principal.attributes) if principal else {}
        with _kept_guard:
            kept = _kept.get(engine)
            if kept is None:
                kept = _kept[engine] = _Kept()
        self._kept = kept

    def of(self, definition: Definition, dimension: str) -> Index:
        """The members of a metric's dimension."""
        view, column = self._column(definition, dimension)
        key = (dimension, view, column)
        with self._kept.guard:
            if key not in self._kept.found:
                self._kept.found[key] = self._read(*key)
            return self._seen(dimension, self._kept.found[key])

    def _seen(self, dimension: str, index: Index) -> Index:
        if not self._permitted:
            return index
        if dimension not in self._permitted:
            return Index((), index.names, {})
        members = self._permitted[dimension]
        names = {phrase: member for phrase, member in index.names.items() if member in members}
        return Index(tuple(value for value in index.values if value in members), names, {})

    def words(self) -> set[str]:
        """The words of members in dimensions that have few."""
        found: set[str] = set()
        for definition in self._catalogue:
            for dimension in definition.dimensions:
                index = self.of(definition, dimension)
                if len(index.values) <= _SHORT_LIST:
                    found |= {word for value in index.values for word in value.lower().replace("_", " ").split()}
        return found

    def _column(self, definition: Definition, dimension: str) -> tuple[str, str]:
        rows = next(row for row in self._catalogue.rows_below(definition) if dimension in row.dimensions)
        path = rows.dimensions[dimension].split(".")
        return (path[-2] if len(path) > 1 else rows.base), path[-1]

    def _read(self, dimension: str, view: str, column: str) -> Index:
        # Both names stand in a definition that was checked against the schema.
        sql = f"SELECT DISTINCT CAST({column} AS VARCHAR) AS member FROM {view} WHERE {column} IS NOT NULL"  # noqa: S608
        frame = self._engine.query(f"{sql} LIMIT {_MOST}").frame
        values = tuple(sorted(frame[frame.columns[0]].to_list()))
        names: dict[tuple[str, ...], str] = {}
        beginnings: dict[tuple[str, ...], str | None] = {}
        for value in values:
            phrase = stems(value)
            names[phrase] = value
            if len(phrase) == 2:
                names.setdefault(phrase[::-1], value)
            for length in range(2, len(phrase)):
                start = phrase[:length]
                beginnings[start] = None if start in beginnings else value
        for phrase, value in lexicon().member_names.get(dimension, {}).items():
            if value in values:
                names.setdefault(phrase, value)
        return Index(values, names, {start: value for start, value in beginnings.items() if value is not None})
