"""Which columns a statement stands on, found in its syntax tree.

Needs a SQL parser, which takes half a second to import; `sophia_kit.warehouse` doesn't import this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from sophia_kit.warehouse.canonical import models

__all__ = ["ColumnSources", "below", "statement_columns", "view_columns", "view_sources"]

Column = tuple[str, str]
"""A table or view (tables of `raw` and `meta` with their schema) and a column of it."""

_DIALECT = "duckdb"


@dataclass(frozen=True, slots=True)
class ColumnSources:
    """What a column of a view is made of.

    Attributes:
        values: columns that its content is computed from.
        rows: columns that decide which rows there are: conditions, joins, groups.
    """

    values: frozenset[Column]
    rows: frozenset[Column]


@cache
def view_columns(view: str) -> tuple[str, ...]:
    """The columns of a canonical view, in order."""
    return tuple(_parsed(models()[view]).named_selects)


@cache
def view_sources(view: str) -> dict[str, ColumnSources]:
    """For each column of a canonical view, what it is made of in the tables and views that the model reads."""
    scope = _scope(models()[view])
    tracer = _Tracer()
    rows = frozenset(tracer.rows(scope))
    return {name: ColumnSources(frozenset(tracer.values(scope, name)), rows) for name in view_columns(view)}


def below(columns: Iterable[Column]) -> frozenset[Column]:
    """These columns of views and all below them, through every view in between, down to tables."""
    return frozenset().union(*(_below(view, column) for view, column in columns))


@cache
def _below(view: str, column: str) -> frozenset[Column]:
    found = {(view, column)}
    if view in models():
        sources = view_sources(view).get(column)
        if sources is not None:
            found |= below(sources.values | sources.rows)
    return frozenset(found)


@lru_cache(maxsize=512)
def statement_columns(sql: str) -> frozenset[Column]:
    """Every column of a table or view that a statement reads, in whatever part of it."""
    scope = _scope(sql)
    return frozenset(_Tracer().everything(scope))


def _parsed(sql: str) -> exp.Query:
    tree = sqlglot.parse_one(sql, dialect=_DIALECT)
    assert isinstance(tree, exp.Query)
    return tree


def _scope(sql: str) -> Scope:
    scope = build_scope(_parsed(sql))
    assert scope is not None
    return scope


class _Tracer:
    """Follows columns through the scopes of one statement."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, str], set[Column]] = {}

    def values(self, scope: Scope, name: str) -> set[Column]:
        """What the output column `name` of a scope is computed from."""
        key = (id(scope), name)
        if key not in self._values:
            self._values[key] = self._computed_from(scope, name)
        return self._values[key]

    def _computed_from(self, scope: Scope, name: str) -> set[Column]:
        tree = _query(scope)
        if isinstance(tree, exp.SetOperation):
            left, right = scope.set_operation_scopes
            position = _query(left).named_selects.index(name)
            return self.values(left, name) | self.values(right, _query(right).named_selects[position])
        for select in tree.selects:
            if select.alias_or_name == name:
                return self._read(scope, select)
        return set()

    def rows(self, scope: Scope) -> set[Column]:
        """What decides which rows a scope has."""
        tree = scope.expression
        if isinstance(tree, exp.SetOperation):
            return set().union(*(self.rows(part) for part in scope.set_operation_scopes))
        found: set[Column] = set()
        for part in ("where", "group", "having", "qualify"):
            if tree.args.get(part) is not None:
                found |= self._read(scope, tree.args[part])
        for join in tree.args.get("joins") or ():
            found |= self._read(scope, join)
        for _, source in scope.selected_sources.values():
            if isinstance(source, Scope):
                found |= self.rows(source)
        return found

    def everything(self, scope: Scope) -> set[Column]:
        """All columns that a scope and those in it read."""
        found: set[Column] = set()
        for column, inner in _owned(scope.traverse()):
            source = _source(inner, column)
            if isinstance(source, exp.Table):
                found.add((_name(source), column.name))
        return found

    def _read(self, scope: Scope, part: exp.Expr) -> set[Column]:
        """What the columns in a part of a scope's query are made of; a query within the part counts whole."""
        inner = {id(column): owner for sub in scope.subquery_scopes for column, owner in _owned(sub.traverse())}
        found: set[Column] = set()
        for column in part.find_all(exp.Column):
            scope_of = inner.get(id(column), scope)
            source = _source(scope_of, column)
            if isinstance(source, exp.Table):
                found.add((_name(source), column.name))
            elif isinstance(source, Scope):
                found |= self.values(source, column.name)
        return found


def _query(scope: Scope) -> exp.Query:
    tree = scope.expression
    assert isinstance(tree, exp.Query)
    return tree


def _owned(scopes: Iterable[Scope]) -> Iterator[tuple[exp.Column, Scope]]:
    """Each column with the innermost scope that holds it. Inner scopes come first; outer ones list theirs too."""
    seen: set[int] = set()
    for scope in scopes:
        for column in scope.columns:
            if id(column) not in seen:
                seen.add(id(column))
                yield column, scope


def _source(scope: Scope, column: exp.Column) -> exp.Table | Scope | None:
    """Where a column comes from: what it is qualified with, else a source that has one of its name, here or outside."""
    sources = {name: source for name, (_, source) in scope.selected_sources.items()}
    if column.table:
        found = sources.get(column.table)
    else:
        # The columns of raw tables aren't known here: one takes what no other source has.
        has = [source for source in sources.values() if column.name in _outputs(source)]
        open_ended = [source for source in sources.values() if not _outputs(source)]
        found = next(iter([*has, *open_ended]), None)
    if found is None and scope.parent is not None:
        return _source(scope.parent, column)
    return found


def _outputs(source: exp.Table | Scope) -> Sequence[str]:
    if isinstance(source, Scope):
        return _query(source).named_selects
    return view_columns(source.name) if not source.db and source.name in models() else ()


def _name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}" if table.db else table.name
