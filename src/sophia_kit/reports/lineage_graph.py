"""A metric's lineage as the source of a diagram: Mermaid or Graphviz."""

from __future__ import annotations

from sophia_kit.reports.lineage import LineageNode, walk

__all__ = ["dot_of", "mermaid_of"]


def mermaid_of(root: LineageNode) -> str:
    """A Mermaid flowchart, from the fields on the left to the metric on the right."""
    ids = _ids(root)
    lines = ["flowchart LR"]
    lines += [f'    {key}["{_plain(name)}"]' for (_, name), key in ids.items()]
    lines += [f"    {ids[source]} --> {ids[target]}" for source, target in _edges(root)]
    return "\n".join(lines) + "\n"


def dot_of(root: LineageNode) -> str:
    """A Graphviz digraph, from the fields on the left to the metric on the right."""
    ids = _ids(root)
    lines = ["digraph lineage {", "    rankdir=LR;", "    node [shape=box];"]
    lines += [f'    {key} [label="{_plain(name)}"];' for (_, name), key in ids.items()]
    lines += [f"    {ids[source]} -> {ids[target]};" for source, target in _edges(root)]
    return "\n".join([*lines, "}"]) + "\n"


_Key = tuple[str, str]


def _ids(root: LineageNode) -> dict[_Key, str]:
    """A short id for each thing; one that is reached on several ways is one node."""
    keys = dict.fromkeys((node.kind, node.name) for node in walk(root))
    return {key: f"n{position}" for position, key in enumerate(keys)}


def _edges(root: LineageNode) -> list[tuple[_Key, _Key]]:
    pairs = (((source.kind, source.name), (node.kind, node.name)) for node in walk(root) for source in node.sources)
    return list(dict.fromkeys(pairs))


def _plain(text: str) -> str:
    return text.replace('"', "'")
