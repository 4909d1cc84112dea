"""Parts rounded for display so that, as displayed, they still sum to the displayed whole."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

__all__ = ["apportion", "nearest"]


def nearest(number: Fraction, ulp: Fraction) -> int:
    """How many times `ulp` is nearest to `number`; a half counts away from zero, as displayed numbers round."""
    count = abs(number) / ulp
    rounded = floor(count + Fraction(1, 2))
    return rounded if number >= 0 else -rounded


def apportion(parts: Sequence[Fraction], ulp: Fraction, whole: int | None = None) -> tuple[int, ...]:
    """Each part as a count of `ulp`, together exactly `whole`: by largest remainder, less than one `ulp` off each.

    `whole` is what the sum of the parts is displayed as, which is its floor or its ceiling; by default the nearest.
    Of equal remainders the part that stands first is rounded up.
    """
    counts = [part / ulp for part in parts]
    floors = [floor(count) for count in counts]
    target = nearest(sum(parts, Fraction(0)), ulp) if whole is None else whole
    order = sorted(range(len(parts)), key=lambda index: (floors[index] - counts[index], index))
    for index in order[: target - sum(floors)]:
        floors[index] += 1
    return tuple(floors)
