"""The canonical views as definitions see them: their columns and the relationships between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import sqlglot
import yaml
from sqlglot import exp

from sophia_kit.core.suggest import nearest
from sophia_kit.metrics.expression import ExpressionError
from sophia_kit.warehouse import models

__all__ = ["Hop", "Path", "columns", "resolve_path", "views"]


@dataclass(frozen=True, slots=True)
class Hop:
    """From `column` of the view before to `source_id` of `view`."""

    column: str
    view: str


@dataclass(frozen=True, slots=True)
class Path:
    """A column of a base view (no hops) or of a view reached over relationships."""

    hops: tuple[Hop, ...]
    column: str

    @property
    def first_column(self) -> str:
        """The column of the base that the path begins with."""
        return self.hops[0].column if self.hops else self.column


def views() -> tuple[str, ...]:
    return tuple(models())


@cache
def columns(view: str) -> tuple[str, ...]:
    """The columns of a canonical view, in order, read from its model.

    Raises:
        ExpressionError: no such view.
    """
    if view not in models():
        raise ExpressionError(f"unknown view {view!r}", nearest(view, models()))
    tree = sqlglot.parse_one(models()[view], dialect="duckdb")
    assert isinstance(tree, exp.Query)
    return tuple(tree.named_selects)


@cache
def relationships() -> dict[str, dict[str, str]]:
    text = (resources.files("sophia_kit.metrics") / "relationships.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = yaml.safe_load(text)
    return found


def resolve_path(base: str, text: str) -> Path:
    """Resolve `column` or `view.column` (`view.view.column`, ...) from `base` over declared relationships.

    Raises:
        ExpressionError: no such column or relationship, or more than one that leads there.
    """
    *through, column = text.split(".")
    here, hops = base, []
    for target in through:
        onward = relationships().get(here, {})
        keys = [key for key, view in onward.items() if view == target]
        if not keys:
            raise ExpressionError(f"{here} has no relationship to {target!r}", nearest(target, onward.values()))
        if len(keys) > 1:
            raise ExpressionError(f"{here} leads to {target!r} by {' and '.join(keys)}", "Declare one of them.")
        hops.append(Hop(keys[0], target))
        here = target
    if column not in columns(here):
        raise ExpressionError(f"unknown column {column!r} of {here}", nearest(column, columns(here)))
    return Path(tuple(hops), column)
