"""`grain-finer-than-base`: what has one row a month isn't asked by day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_kit.metrics.definition import RowsDefinition
from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    if isinstance(definition, RowsDefinition) and definition.base_grain == "month":
        for index, grain in enumerate(definition.grains):
            if grain in ("day", "week"):
                yield Remark(
                    ("grains", index),
                    f"{definition.base} has one row a month, not one a {grain}",
                    f"Leave {grain} out.",
                )


RULE = Rule("grain-finer-than-base", _check)
