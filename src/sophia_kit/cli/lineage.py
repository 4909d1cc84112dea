"""`sophia lineage`: from a metric to the vendors' fields."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sophia_kit.cli.context import console, open_settings

if TYPE_CHECKING:
    from rich.tree import Tree

    from sophia_kit.reports.lineage import LineageNode

__all__ = ["lineage_command"]


class LineageFormat(StrEnum):
    table = "table"
    json = "json"
    mermaid = "mermaid"
    dot = "dot"


def lineage_command(
    name: Annotated[str, typer.Argument(help="The metric, e.g. arr.")],
    format: Annotated[  # noqa: A002  # the option's name
        LineageFormat,
        typer.Option("--format", help="Table (a tree) for reading, JSON for programs, Mermaid and dot for diagrams."),
    ] = LineageFormat.table,
) -> None:
    """Show what a metric stands on, column by column, down to the vendors' fields."""
    from sophia_kit.metrics import Catalogue
    from sophia_kit.reports.lineage import metric_lineage
    from sophia_kit.reports.lineage_graph import dot_of, mermaid_of

    root = metric_lineage(Catalogue.load(open_settings().metrics_folder), name)
    if format is LineageFormat.json:
        sys.stdout.write(json.dumps(_record(root), indent=2) + "\n")
    elif format is LineageFormat.mermaid:
        sys.stdout.write(mermaid_of(root))
    elif format is LineageFormat.dot:
        sys.stdout.write(dot_of(root))
    else:
        console().print(_tree(root))


def _record(node: LineageNode) -> dict[str, Any]:
    record: dict[str, Any] = {"kind": node.kind, "name": node.name}
    if node.sources:
        record["sources"] = [_record(source) for source in node.sources]
    return record


_STYLES = {"metric": "bold", "dimension": "bold", "field": "green", "record": "dim", "raw": "dim", "rows": "italic"}


def _tree(node: LineageNode) -> Tree:
    from rich.text import Text
    from rich.tree import Tree

    def add(tree: Tree, source: LineageNode) -> None:
        # What is made of one thing alone stands on one line with it.
        line = Text(source.name, style=_STYLES.get(source.kind, ""))
        while len(source.sources) == 1 and source.kind in ("column", "raw"):
            (source,) = source.sources
            line += Text(" \u2190 ", style="dim") + Text(source.name, style=_STYLES.get(source.kind, ""))
        branch = tree.add(line)
        for below in source.sources:
            add(branch, below)

    root = Tree(Text(node.name, style="bold"))
    for source in node.sources:
        add(root, source)
    return root
