"""Fact: a number that was computed, with the text it is shown as. What prose may refer to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

__all__ = ["Direction", "Fact"]

Direction = Literal["up", "down", "flat", "unknown"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A named, computed value.

    Attributes:
        name: dotted name, unique in its report, e.g. `arr.vs_prior_year`.
        value: the number, or None when it is unknown.
        unit: `USD`, `ratio`, `count`, `fte`, ...; the unit of `value`.
        display: the text a reader sees, e.g. `$4.2M`; says `unknown` when value is None.
        direction: how the value moved, where it is a change; `flat` for a value that is no change.
        good: whether the movement is welcome; None when it can't be said.
        reason: why the value is unknown; None when it is known.
    """

    name: str
    value: Decimal | None
    unit: str
    display: str
    direction: Direction = "flat"
    good: bool | None = None
    reason: str | None = None
