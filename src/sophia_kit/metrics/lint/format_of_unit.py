"""`format-of-unit`: a number is shown as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sophia_kit.metrics.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["RULE"]

_FITTING = {
    "money": ("money",),
    "ratio": ("percent", "decimal"),
    "count": ("count", "decimal"),
    "fte": ("decimal", "count"),
    "multiple": ("multiple", "decimal"),
}
"""Units that aren't here are shown in any format."""


def _check(definition: Definition, catalogue: Catalogue) -> Iterator[Remark]:
    fitting = _FITTING.get(definition.unit)
    if fitting is not None and definition.format not in fitting:
        yield Remark(
            ("format",),
            f"{definition.unit} is shown as {definition.format}",
            f"Say format: {' or '.join(fitting)}, or another unit.",
        )


RULE = Rule("format-of-unit", _check)
