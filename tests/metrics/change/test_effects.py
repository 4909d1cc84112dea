"""The algebra of a change: whatever the numbers, its parts sum to it exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.metrics.change.effects import RateMix, Share, rate_mix, shapley

numbers = st.fractions(min_value=-1000, max_value=1000, max_denominator=10_000)
sizes = st.fractions(min_value=0, max_value=1000, max_denominator=10_000)
shares = st.builds(Share, numbers, sizes)
sides = st.dictionaries(st.sampled_from("abcde"), shares, min_size=1).filter(
    lambda members: sum(share.denominator for share in members.values()) > 0
)
inputs = st.fixed_dictionaries(dict.fromkeys("xyz", numbers))


def whole(members: dict[str, Share]) -> Fraction:
    above = sum((share.numerator for share in members.values()), Fraction(0))
    return above / sum((share.denominator for share in members.values()), Fraction(0))


@settings(max_examples=40, deadline=None)
@given(sides, sides)
def test_rate_mix_and_interaction_sum_to_the_change_of_the_ratio(
    base: dict[str, Share], value: dict[str, Share]
) -> None:
    effects = rate_mix(base, value)
    assert set(effects) == {*base, *value}
    assert sum(item.total for item in effects.values()) == whole(value) - whole(base)


def test_effects_by_hand() -> None:
    """Card: 90 of 100 to 95 of 100; bank: 80 of 100 to 70 of 300. The whole: 85 % to 41.25 %."""
    base = {"card": Share(Fraction(90), Fraction(100)), "bank": Share(Fraction(80), Fraction(100))}
    value = {"card": Share(Fraction(95), Fraction(100)), "bank": Share(Fraction(70), Fraction(300))}
    assert rate_mix(base, value) == {
        # Half of all at first, a quarter then; 90 % to 95 %, beside 85 % of the whole.
        "card": RateMix(Fraction(5, 200), -Fraction(1, 4) * Fraction(5, 100), -Fraction(1, 4) * Fraction(5, 100)),
        # Half of all at first, three quarters then; 80 % to 23.3 %.
        "bank": RateMix(
            Fraction(1, 2) * (Fraction(7, 30) - Fraction(4, 5)),
            Fraction(1, 4) * (Fraction(4, 5) - Fraction(85, 100)),
            Fraction(1, 4) * (Fraction(7, 30) - Fraction(4, 5)),
        ),
    }


def test_a_member_that_appears_or_disappears_changes_the_mix_alone() -> None:
    base = {"stays": Share(Fraction(1), Fraction(2)), "goes": Share(Fraction(0), Fraction(2))}
    value = {"stays": Share(Fraction(1), Fraction(2)), "comes": Share(Fraction(3), Fraction(3))}
    effects = rate_mix(base, value)
    assert all(effects[name].rate == effects[name].interaction == 0 for name in ("goes", "comes"))
    assert effects["goes"].mix == Fraction(1, 8)  # half of all, at nothing beside a quarter of the whole
    assert effects["comes"].mix == Fraction(9, 20)  # three fifths of all, at one beside a quarter


def test_equal_rates_leave_no_mix() -> None:
    base = {name: Share(Fraction(1), Fraction(2)) for name in "ab"}
    value = {"a": Share(Fraction(5), Fraction(10)), "b": Share(Fraction(1), Fraction(2))}
    assert set(rate_mix(base, value).values()) == {RateMix(Fraction(0), Fraction(0), Fraction(0))}


def test_a_whole_without_a_denominator_has_no_change_to_tell() -> None:
    with pytest.raises(ZeroDivisionError):
        rate_mix({"a": Share(Fraction(1), Fraction(0))}, {"a": Share(Fraction(1), Fraction(2))})


def product_less_sum(values: dict[str, Fraction]) -> Fraction:
    return values["x"] * values["y"] * values["z"] - values["x"] - 2 * values["y"]


@settings(max_examples=40, deadline=None)
@given(inputs, inputs)
def test_shapley_effects_sum_to_the_change_of_the_formula(
    base: dict[str, Fraction], value: dict[str, Fraction]
) -> None:
    effects = shapley(lambda values: product_less_sum(dict(values)), base, value)
    assert sum(effects.values()) == product_less_sum(value) - product_less_sum(base)


@settings(max_examples=40, deadline=None)
@given(inputs, inputs)
def test_shapley_effects_are_the_mean_over_all_orders(base: dict[str, Fraction], value: dict[str, Fraction]) -> None:
    expected = dict.fromkeys("xyz", Fraction(0))
    for order in permutations("xyz"):
        now = dict(base)
        for name in order:
            before = product_less_sum(now)
            now[name] = value[name]
            expected[name] += (product_less_sum(now) - before) / 6
    assert shapley(lambda values: product_less_sum(dict(values)), base, value) == expected


def test_of_a_sum_each_input_has_its_own_change_and_one_that_stayed_has_none() -> None:
    base, value = {"x": Fraction(1), "y": Fraction(5)}, {"x": Fraction(4), "y": Fraction(5)}
    assert shapley(lambda values: values["x"] + values["y"], base, value) == {"x": 3, "y": 0}


def test_of_a_product_each_change_counts_at_the_mean_of_the_other() -> None:
    base, value = {"price": Fraction(10), "count": Fraction(4)}, {"price": Fraction(12), "count": Fraction(5)}
    effects = shapley(lambda values: values["price"] * values["count"], base, value)
    assert effects == {"price": 2 * Fraction(9, 2), "count": 1 * Fraction(11)}
