"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["Remark", "Rule"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule has to say about a definition.

    Attributes:
        where: the keys that lead from the definition to what is meant.
        hint: what to write instead.
    """

    where: tuple[str | int, ...]
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, by the name that `sophia metrics lint` prints and docs/metric-rules.md explains."""

    name: str
    check: Callable[[Definition, Catalogue], Iterator[Remark]]
