"""The views as definitions see them: their columns and the relationships between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import sqlglot
from sqlglot import exp

from sophia_kit.core.suggest import nearest
from sophia_kit.core.yaml_text import yaml_values
from sophia_kit.metrics.expression import ExpressionError
from sophia_kit.warehouse import model_references, models

__all__ = ["Hop", "Path", "Schema", "canonical"]


@dataclass(frozen=True, slots=True)
class Hop:
    """From `column` of the view before to the unique `key` of `view`."""

    column: str
    view: str
    key: str


@dataclass(frozen=True, slots=True)
class Path:
    """A column of a base view (no hops) or of a view reached over relationships."""

    hops: tuple[Hop, ...]
    column: str

    @property
    def first_column(self) -> str:
        """The column of the base that the path begins with."""
        return self.hops[0].column if self.hops else self.column


class Schema:
    """Views, and the many-to-one relationships between them.

    Args:
        models: the SELECT of each view, whose columns it names.
        relationships: view -> column -> the view whose `source_id` it holds, or `view.key` for another unique column.
        references: the tables of `raw` and `meta` below each view.
    """

    def __init__(
        self,
        models: Mapping[str, str],
        relationships: Mapping[str, Mapping[str, str]],
        references: Mapping[str, frozenset[str]],
    ) -> None:
        self._models = models
        self._references = references
        self._columns: dict[str, tuple[str, ...]] = {}
        self._relationships = {
            view: [Hop(column, *_target(text)) for column, text in onward.items()]
            for view, onward in relationships.items()
        }

    @property
    def views(self) -> tuple[str, ...]:
        return tuple(self._models)

    def columns(self, view: str) -> tuple[str, ...]:
        """The columns of a view, in order, read from its model.

        Raises:
            ExpressionError: no such view.
        """
        found = self._columns.get(view)
        if found is None:
            if view not in self._models:
                raise ExpressionError(f"unknown view {view!r}", nearest(view, self._models))
            tree = sqlglot.parse_one(self._models[view], dialect="duckdb")
            assert isinstance(tree, exp.Query)
            found = self._columns[view] = tuple(tree.named_selects)
        return found

    def relationships(self, view: str) -> tuple[Hop, ...]:
        """The relationships that lead on from a view."""
        return tuple(self._relationships.get(view, ()))

    def tables(self, views: Iterable[str]) -> tuple[str, ...]:
        """The raw tables below views, without their schema, in order of name."""
        below = {table for view in views for table in self._references[view]}
        return tuple(sorted(table.removeprefix("raw.") for table in below if table.startswith("raw.")))

    def resolve_path(self, base: str, text: str) -> Path:
        """Resolve `column` or `view.column` (`view.view.column`, ...) from `base` over declared relationships.

        Raises:
            ExpressionError: no such column or relationship, one that would count rows twice, or several.
        """
        *through, column = text.split(".")
        here = base
        hops: list[Hop] = []
        for target in through:
            route = " -> ".join([base, *(hop.view for hop in hops), target])
            onward = [hop for hop in self.relationships(here) if hop.view == target]
            if not onward:
                raise self._no_way(here, target, route)
            if len(onward) > 1:
                ways = " and ".join(hop.column for hop in onward)
                raise ExpressionError(f"{route}: {here} leads to {target} by {ways}", "Declare one of them.")
            hops.append(onward[0])
            here = target
        if column not in self.columns(here):
            raise ExpressionError(f"unknown column {column!r} of {here}", nearest(column, self.columns(here)))
        return Path(tuple(hops), column)

    def _no_way(self, here: str, target: str, route: str) -> ExpressionError:
        back = [hop.column for hop in self.relationships(target) if hop.view == here]
        if back:
            return ExpressionError(
                f"{route} is one-to-many ({target}.{back[0]} names {here}): "
                f"a total would count each row of {here} once for every one of its {target}",
                f"Base the metric on {target}, which leads to {here}.",
            )
        known = [hop.view for hop in self.relationships(here)]
        if target not in self._models:
            return ExpressionError(f"{route}: no view is called {target!r}", nearest(target, known or self._models))
        onward = f"It leads to {', '.join(known)}." if known else "It leads nowhere."
        return ExpressionError(f"{route}: no relationship from {here} to {target} is declared", onward)


def _target(text: str) -> tuple[str, str]:
    view, _, key = text.partition(".")
    return view, key or "source_id"


@cache
def canonical() -> Schema:
    """The canonical views and `relationships.yaml`."""
    text = (resources.files("sophia_kit.metrics") / "relationships.yaml").read_text(encoding="utf-8")
    return Schema(models(), yaml_values(text), model_references())
