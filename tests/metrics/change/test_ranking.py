"""Which dimension explains a change: few members, out of proportion to their size."""

from __future__ import annotations

from fractions import Fraction

from sophia_kit.metrics.change.ranking import Ranking, rank_members


def ranked(parts: dict[str, int], sizes: dict[str, int]) -> Ranking:
    return rank_members(
        {name: Fraction(part) for name, part in parts.items()}, {name: Fraction(size) for name, size in sizes.items()}
    )


def test_a_change_in_proportion_to_size_is_explained_by_nobody() -> None:
    assert ranked({"a": 80, "b": 20}, {"a": 800, "b": 200}) == Ranking((), Fraction(0), 0.0)


def test_the_member_that_moved_alone_explains_the_change() -> None:
    found = ranked({"a": 100, "b": 0, "c": 0}, {"a": 100, "b": 100, "c": 100})
    assert found.named == ("a",)
    assert found.excess == Fraction(2, 3)


def test_the_more_members_to_choose_from_the_less_one_of_them_explains() -> None:
    few = ranked({"a": 100, "b": 0}, {"b": 1})
    many = ranked({"a": 100} | {str(n): 0 for n in range(300)}, {"0": 1})
    assert few.excess == many.excess == 1
    assert few.score > many.score > 0


def test_one_member_of_few_beats_the_same_spread_over_many() -> None:
    one = ranked({"a": 60, "b": 3, "c": 1}, {"a": 100, "b": 100, "c": 100})
    spread = ranked({str(n): n % 3 for n in range(64)}, {str(n): 10 for n in range(64)})
    assert one.score > spread.score


def test_a_rise_that_a_fall_hides_is_named_and_the_fall_is_not() -> None:
    found = ranked({"mid": 30, "small": -20, "large": 0}, {"mid": 100, "small": 100, "large": 100})
    assert found.named == ("mid",)
    assert found.excess > 1


def test_a_change_of_nothing_has_those_who_cancelled_out() -> None:
    found = ranked({"up": 10, "down": -10, "still": 0}, {"up": 1, "down": 1, "still": 1})
    assert found.named == ("up",)
    assert ranked({"a": 0, "b": 0}, {"a": 1, "b": 1}) == Ranking((), Fraction(0), 0.0)


def test_a_falling_metric_is_ranked_as_a_rising_one() -> None:
    parts, sizes = {"a": 60, "b": 3, "c": -1}, {"a": 100, "b": 100, "c": 100}
    assert ranked({name: -part for name, part in parts.items()}, sizes) == ranked(parts, sizes)


def test_to_name_everybody_is_no_explanation() -> None:
    assert ranked({"a": 5}, {}).named == ()
    assert ranked({"a": 5, "b": 5}, {}).named == ("a",)
