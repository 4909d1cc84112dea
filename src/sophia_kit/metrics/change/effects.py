"""What a change consists of, in exact rationals: each function's parts sum to the whole change.

Decimals and floats miss that sum in most cases, so nothing here is rounded; `rounding` does it for display.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial

__all__ = ["NOTHING", "RateMix", "Share", "rate_mix", "shapley"]


@dataclass(frozen=True, slots=True)
class Share:
    """A member's part of a ratio in one period: what it adds above and below the line."""

    numerator: Fraction
    denominator: Fraction

    @property
    def rate(self) -> Fraction | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True)
class RateMix:
    """What one member did to a ratio of the whole.

    Attributes:
        rate: by its own rate's change, at the weight it had.
        mix: by its weight's change, at the distance of its rate from the whole's.
        interaction: by both at once.
    """

    rate: Fraction
    mix: Fraction
    interaction: Fraction

    @property
    def total(self) -> Fraction:
        return self.rate + self.mix + self.interaction


NOTHING = Share(Fraction(0), Fraction(0))


def rate_mix(base: Mapping[str, Share], value: Mapping[str, Share]) -> dict[str, RateMix]:
    """The change of a ratio of sums by member: effects of rate, mix and interaction.

    With the members' weights w (shares of the denominator) and rates r, and the whole's rate R before, a member's
    effects are w0 (r1 - r0), (w1 - w0) (r0 - R) and (w1 - w0) (r1 - r0); over all members they sum to the change
    of R. A member that has no rate in one of the periods, because it appears or disappears, has a mix effect alone.

    Source: E. M. Kitagawa, Components of a Difference Between Two Rates, Journal of the American Statistical
    Association 50 (1955), with the mix effect measured from the whole's rate so that it is a member's own.

    Raises:
        ZeroDivisionError: the whole has no denominator in one of the periods.
    """
    members = dict.fromkeys([*base, *value])
    below = sum((share.denominator for share in base.values()), Fraction(0))
    below_now = sum((share.denominator for share in value.values()), Fraction(0))
    whole = sum((share.numerator for share in base.values()), Fraction(0)) / below
    found = {}
    for member in members:
        then, now = base.get(member, NOTHING), value.get(member, NOTHING)
        weight, shift = then.denominator / below, now.denominator / below_now - then.denominator / below
        if then.rate is not None and now.rate is not None:
            move = now.rate - then.rate
            found[member] = RateMix(weight * move, shift * (then.rate - whole), shift * move)
        else:
            moved = now.numerator / below_now - then.numerator / below - shift * whole
            found[member] = RateMix(Fraction(0), moved, Fraction(0))
    return found


def shapley(
    formula: Callable[[Mapping[str, Fraction]], Fraction], base: Mapping[str, Fraction], value: Mapping[str, Fraction]
) -> dict[str, Fraction]:
    """The change of a formula by input: what each one's change does, averaged over all orders of changing them.

    It is exact, it treats the inputs alike whatever their order, and gives nothing to an input that didn't change.
    For a sum it is each input's own change, for a product of two the change of one at the mean of the other.
    The formula is evaluated for every subset of inputs.

    Source: A. F. Shorrocks, Decomposition procedures for distributional analysis: a unified framework based on the
    Shapley value, Journal of Economic Inequality 11 (2013).

    Raises:
        ZeroDivisionError: the formula has no value for some inputs from before together with others from after.
    """
    moved = [name for name in base if base[name] != value[name]]

    def worth(changed: Sequence[str]) -> Fraction:
        return formula({**base, **{name: value[name] for name in changed}})

    worths = {chosen: worth(chosen) for size in range(len(moved) + 1) for chosen in combinations(moved, size)}
    found = dict.fromkeys(base, Fraction(0))
    for name in moved:
        others = [other for other in moved if other != name]
        for size in range(len(others) + 1):
            orders = Fraction(factorial(size) * factorial(len(others) - size), factorial(len(moved)))
            for chosen in combinations(others, size):
                joined = tuple(item for item in moved if item in chosen or item == name)
                found[name] += orders * (worths[joined] - worths[chosen])
    return found
