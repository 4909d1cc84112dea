"""Whether a check names what is there: its columns, its conditions, its measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sophia_kit.core.source_file import SourceFile
from sophia_kit.core.suggest import nearest
from sophia_kit.warehouse.canonical import models
from sophia_kit.warehouse.checks.definition import TODAY, Check, Range, Reconciliation, Relationship
from sophia_kit.warehouse.lineage import view_columns

__all__ = ["lint"]

Where = tuple[str | int, ...]


def lint(check: Check, source: SourceFile, where: tuple[str, ...]) -> None:
    """
    Raises:
        DefinitionError: the first name or piece of SQL that is wrong.
    """
    place = (*where,)
    for field, view, column in _named(check):
        _column(source, (*place, *field), view, column)
    for field, view, text, aggregate in _pieces(check):
        _sql(source, (*place, *field), view, text, aggregate=aggregate)


def _named(check: Check) -> Iterator[tuple[Where, str, str]]:
    """Every column a check names: where, of which view, its name."""
    column = getattr(check, "column", None)
    if column is not None:
        yield ("column",), check.view, column
    for index, name in enumerate(getattr(check, "columns", ())):
        yield ("columns", index), check.view, name
    if isinstance(check, Relationship):
        view, _, key = check.to.partition(".")
        yield ("to",), view, key
    if isinstance(check, Range):
        for side in ("min", "max"):
            limit = getattr(check, side)
            if isinstance(limit, str) and limit != TODAY:
                yield (side,), check.view, limit
    if isinstance(check, Reconciliation):
        sides = (((), check.view, check.time), (("against",), check.against.view, check.against.time))
        for field, view, time in sides:
            if time is not None:
                yield (*field, "time"), view, time
            for index, name in enumerate(check.by):
                yield ("by", index), view, name
        for index, name in enumerate(check.against.columns):
            yield ("against", "columns", index), check.against.view, name


def _pieces(check: Check) -> Iterator[tuple[Where, str, str, bool]]:
    """Every piece of SQL: where, over which view, its text, whether it aggregates."""
    if check.when is not None:
        yield ("when",), check.view, check.when, False
    if isinstance(check, Reconciliation):
        yield ("measure",), check.view, check.measure, True
        yield ("against", "measure"), check.against.view, check.against.measure, True
        if check.against.when is not None:
            yield ("against", "when"), check.against.view, check.against.when, False


def _column(source: SourceFile, where: Where, view: str, column: str) -> None:
    if view not in models():
        raise source.error(where, f"unknown view {view!r}", nearest(view, models()))
    if column not in view_columns(view):
        raise source.error(where, f"unknown column {column!r} of {view}", nearest(column, view_columns(view)))


def _sql(source: SourceFile, where: Where, view: str, text: str, *, aggregate: bool) -> None:
    try:
        tree = sqlglot.parse_one(text, dialect="duckdb")
    except SqlglotError as error:
        first = str(error).splitlines()[0].split(". Line")[0]
        raise source.error(where, f"{text!r} doesn't parse: {first}", "Check brackets and quotes.") from None
    if tree.find(exp.Query, exp.Command) is not None:
        raise source.error(where, f"{text!r} is a query of its own", "It sees the columns of its view alone.")
    if (tree.find(exp.AggFunc) is not None) != aggregate:
        wanted = "an aggregate, e.g. sum(amount)" if aggregate else "a condition on one row"
        raise source.error(where, f"{text!r} is not what belongs here", f"It has to be {wanted}.")
    for column in _columns(tree.find_all(exp.Column)):
        _column(source, where, view, column)


def _columns(nodes: Iterable[exp.Column]) -> Iterator[str]:
    for node in nodes:
        # `$today` is a parameter, not a column.
        if not isinstance(node.this, exp.Parameter):
            yield node.name
