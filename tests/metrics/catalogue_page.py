"""Renders docs/catalogue.md from the catalogue: `python -m tests.metrics.catalogue_page > docs/catalogue.md`."""

from __future__ import annotations

from collections import defaultdict

from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.definition import Definition

HEAD = """\
# The metric catalogue

Every metric that the kit comes with, by the file of `src/sophia_kit/metrics/catalogue/` that defines it.
`sophia explain NAME` says the rest: formula, SQL, sources and their freshness. [metrics.md](metrics.md) tells how
metrics are asked and defined. This page is made from the definitions.
"""
COLUMNS = """\
| Metric | What it is | Unit | By | Owner | Whose definition |
|---|---|---|---|---|---|
"""


def subjects(catalogue: Catalogue) -> dict[str, list[Definition]]:
    """The metrics of each file, in the files' order."""
    found: dict[str, list[tuple[int, Definition]]] = defaultdict(list)
    for item in catalogue:
        origin = catalogue.origin(item.name)
        assert origin is not None
        found[origin.file].append((origin.line, item))
    return {file: [item for _, item in sorted(found[file], key=lambda pair: pair[0])] for file in sorted(found)}


def page(catalogue: Catalogue) -> str:
    text = HEAD
    for file, items in subjects(catalogue).items():
        title = file.split("/")[-1].removesuffix(".yaml").replace("_", " ").capitalize()
        text += f"\n## {title}\n\n{COLUMNS}"
        for item in items:
            by = f"{', '.join(item.grains)}; {', '.join(item.dimensions) or 'no dimension'}"
            told = f"**{item.label}.** {item.description}"
            cells = (f"`{item.name}`", told, item.unit, by, item.owner, item.source)
            text += f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
    return text


if __name__ == "__main__":
    print(page(Catalogue.load()), end="")
