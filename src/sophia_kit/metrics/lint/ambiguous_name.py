"""`ambiguous-name`: a word that people say for a metric means one metric."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    taken = {word: other for other in catalogue if _came_before(other, definition, catalogue) for word in _words(other)}
    said = [(("label",), definition.label), *((("synonyms", i), word) for i, word in enumerate(definition.synonyms))]
    for where, word in said:
        other = taken.get(word.lower())
        if other is not None:
            yield Remark(where, f"{word!r} means {other.name} too", f"Leave it to {other.name}, or say more precisely.")


def _words(definition: Definition) -> set[str]:
    return {word.lower() for word in (definition.name, definition.label, *definition.synonyms)}


def _came_before(other: Definition, definition: Definition, catalogue: Catalogue) -> bool:
    """Of two metrics with one word, the remark is about the project's own, else about the second by name."""
    ranks = []
    for item in (other, definition):
        origin = catalogue.origin(item.name)
        ranks.append((origin is not None and origin.own, item.name))
    return ranks[0] < ranks[1]


RULE = Rule("ambiguous-name", _check)
