"""`vague-source`: a definition says whose it is, so that a reader can look it up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]

_FEWEST_WORDS = 3


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    if len(definition.source.split()) < _FEWEST_WORDS:
        yield Remark(
            ("source",),
            f"{definition.source!r} doesn't say whose definition this is",
            "Name the standard, document or person that it comes from, and when it was agreed.",
        )


RULE = Rule("vague-source", _check)
