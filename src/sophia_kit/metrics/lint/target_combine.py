"""`target-combine`: a plan of several months is combined as the metric itself is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    target = definition.target
    if target is None or target.plan is None or not {"quarter", "year"} & set(definition.grains):
        return
    sums = definition.additive == "full"
    if sums and target.combine == "last":
        yield Remark(("target",), "a quarter's sum is held against its last month's plan", "Say combine: sum.")
    if not sums and target.combine == "sum":
        yield Remark(
            ("target",), "the plans of a quarter's months are summed, and the metric isn't", "Say combine: last."
        )


RULE = Rule("target-combine", _check)
