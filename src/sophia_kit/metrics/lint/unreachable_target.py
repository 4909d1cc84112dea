"""`unreachable-target`: a target is one that some grain can be held against."""

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
    if target is not None and target.plan is not None and set(definition.grains) <= {"day", "week"}:
        listed = " and ".join(definition.grains)
        yield Remark(
            ("target",),
            f"plans are monthly: none is ever held against a {listed}",
            "Add the grain month, or leave the target out.",
        )


RULE = Rule("unreachable-target", _check)
