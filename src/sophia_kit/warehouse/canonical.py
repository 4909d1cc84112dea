"""The canonical views: one SELECT a file in `models/`, named after the view it defines.

A model reads `raw.*`, `meta.*` or other models by their bare names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources

__all__ = ["model_references", "models", "models_for", "reads_one_table"]

_COMMENT = re.compile(r"--[^\n]*")
_REFERENCE = re.compile(r"\b(?:from|join)\s+((?:[a-z_]+\.)?[a-z_]+)", re.IGNORECASE)


@cache
def models() -> dict[str, str]:
    """SQL by view name, in an order in which each view comes after those it reads."""
    folder = resources.files("sophia_kit.warehouse") / "models"
    texts = {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8").rstrip().rstrip(";")
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    }
    graph = {name: {ref for ref in _references(sql) if ref in texts and ref != name} for name, sql in texts.items()}
    return {name: texts[name] for name in TopologicalSorter(graph).static_order()}


@cache
def model_references() -> dict[str, frozenset[str]]:
    """For each view, the tables of `raw` and `meta` below it, through every view in between."""
    found: dict[str, frozenset[str]] = {}
    for name, sql in models().items():
        below: set[str] = set()
        for ref in _references(sql):
            below |= found.get(ref, frozenset()) if "." not in ref else {ref}
        found[name] = frozenset(below)
    return found


def models_for(views: Iterable[str]) -> dict[str, str]:
    """SQL of these views and of all that they read, by name, each after those it reads; unknown names are left out."""
    wanted = set(views)
    for name, sql in reversed(models().items()):
        if name in wanted:
            wanted |= _references(sql)
    return {name: sql for name, sql in models().items() if name in wanted}


def reads_one_table(view: str) -> bool:
    """Whether the view's model reads one table of `raw` or `meta`, and no other view."""
    (first, *more) = _references(models()[view])
    return "." in first and not more


def _references(sql: str) -> set[str]:
    return {match.lower() for match in _REFERENCE.findall(_COMMENT.sub("", sql))}
