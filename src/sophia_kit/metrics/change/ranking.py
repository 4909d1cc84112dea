"""Which dimension explains a change, and by which members of it.

A dimension explains a change when few of its members moved out of proportion to their size. Adtributor (R. Bhagwan
et al., Adtributor: Revenue Debugging in Advertising Systems, NSDI 2014) asks the same: explanatory power is a
member's share of the change, surprise the departure from proportion, and few members are to be named. Here the
departure is measured in the metric's own unit, as excess, so that rates and sums are ranked alike; and few is a
description length (J. Rissanen, Modeling by shortest data description, Automatica 14, 1978): naming members
costs bits, log2 of how many there are to choose from, each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import log2

__all__ = ["NOTHING_NAMED", "Ranking", "rank_members"]

BIT_PRICE = 0.2
"""What a bit costs: five bits, naming one member of 32, halve what it explains; nine, one of 400, leave a third."""

MOST_NAMED = 6
"""More members than a reader keeps in mind explain nothing."""

LEAST_SHARE = Fraction(1, 10)
"""A member that adds less than this share of the change beyond its proportion is not named (Adtributor's threshold)."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a dimension explains a change.

    Attributes:
        named: the members that explain it, the strongest first; empty when the change is in proportion to size, or
            is spread over too many.
        excess: by how much they moved beyond their proportion, as a share of the change; beyond one when others
            moved against it.
        score: `excess`, divided by one and the price of naming them; 0 when nothing is named.
    """

    named: tuple[str, ...]
    excess: Fraction
    score: float


NOTHING_NAMED = Ranking((), Fraction(0), 0.0)


def rank_members(contributions: Mapping[str, Fraction], sizes: Mapping[str, Fraction]) -> Ranking:
    """How well members explain the change that they sum to.

    Args:
        contributions: each member's part of the change.
        sizes: each member's size before; a member that isn't there had none. Only their proportion counts, and
            that without sign.
    """
    change = sum(contributions.values(), Fraction(0))
    # What cancels out altogether is measured by how much did.
    measure = abs(change) or sum((abs(part) for part in contributions.values()), Fraction(0)) / 2
    whole = sum((abs(sizes.get(member, Fraction(0))) for member in contributions), Fraction(0))
    excess: dict[str, Fraction] = {}
    for member, part in contributions.items():
        due = change * abs(sizes.get(member, Fraction(0))) / whole if whole else Fraction(0)
        over = (part - due) * (-1 if change < 0 else 1)
        if measure and over >= measure * LEAST_SHARE:
            excess[member] = over / measure
    order = sorted(excess, key=lambda member: (-excess[member], member))
    best, told, bits = NOTHING_NAMED, Fraction(0), 0.0
    for count, member in enumerate(order[:MOST_NAMED], 1):
        told += excess[member]
        bits += log2(len(contributions) - count + 1)
        score = float(told) / (1 + BIT_PRICE * bits)
        # To name all members is no choice, and says nothing.
        if score > best.score and count < len(contributions):
            best = Ranking(tuple(order[:count]), told, score)
    return best
