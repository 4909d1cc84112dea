"""`untested`: a metric has a value that somebody knows from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    if definition.golden is None and not definition.tests:
        yield Remark(
            (), "no value of it is held against anything", "Add tests with a value that you know from elsewhere."
        )


RULE = Rule("untested", _check)
