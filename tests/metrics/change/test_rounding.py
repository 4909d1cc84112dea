"""What a reader sees of a change adds up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.metrics.change.effects import Share, rate_mix
from sophia_kit.metrics.change.parts import Draft, DraftPart, assemble
from sophia_kit.metrics.change.rounding import apportion, nearest
from sophia_kit.metrics.format import change_scale, display_change
from sophia_kit.metrics.value import Format, Unknown

parts = st.lists(st.fractions(max_denominator=10**6), min_size=1, max_size=20)
amounts = st.lists(st.decimals(-(10**10), 10**10, places=10).map(Fraction), min_size=1, max_size=20)
formats: st.SearchStrategy[Format] = st.sampled_from(
    ["money", "percent", "count", "decimal", "score", "days", "milliseconds"]
)


@settings(max_examples=40, deadline=None)
@given(parts, st.sampled_from([Fraction(1), Fraction(1, 10), Fraction(10**6), Fraction(1, 3)]))
def test_rounded_parts_sum_to_the_rounded_whole_and_none_is_off_by_a_place(
    numbers: list[Fraction], ulp: Fraction
) -> None:
    counts = apportion(numbers, ulp)
    assert sum(counts) == nearest(sum(numbers, Fraction(0)), ulp)
    assert all(abs(count * ulp - number) < ulp for count, number in zip(counts, numbers, strict=True))


@settings(max_examples=40, deadline=None)
@given(parts)
def test_parts_that_need_no_rounding_stay(numbers: list[Fraction]) -> None:
    whole = [Fraction(round(number)) for number in numbers]
    assert apportion(whole, Fraction(1)) == tuple(whole)


def test_the_largest_remainder_is_rounded_up_and_of_equals_the_first() -> None:
    assert apportion([Fraction(14, 10), Fraction(13, 10), Fraction(13, 10)], Fraction(1)) == (2, 1, 1)
    assert apportion([Fraction(1, 2), Fraction(1, 2), Fraction(1)], Fraction(1)) == (1, 0, 1)


@pytest.mark.parametrize(("number", "count"), [("2.5", 3), ("-2.5", -3), ("2.4", 2), ("-0.5", -1), ("0", 0)])
def test_a_half_counts_away_from_zero_as_displayed_numbers_do(number: str, count: int) -> None:
    assert nearest(Fraction(number), Fraction(1)) == count


def read(text: str) -> Decimal:
    """A displayed change as the number that it says, in the unit shown."""
    return Decimal("".join(sign for sign in text if sign in "-.0123456789"))


@settings(max_examples=40, deadline=None)
@given(amounts, formats)
def test_displayed_parts_sum_to_the_displayed_change(numbers: list[Fraction], kind: Format) -> None:
    change = sum(numbers, Fraction(0))
    scale = change_scale(change or max(map(abs, numbers)), kind, "USD")
    draft = Draft("segment", "contribution", tuple(DraftPart(str(n), str(n), x) for n, x in enumerate(numbers)))
    shown = assemble(draft, change, scale)
    assert sum(read(part.display) for part in shown.parts) == read(scale.text(nearest(change, scale.ulp)))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("abcde"), st.tuples(*[st.integers(0, 999)] * 4), min_size=1))
def test_displayed_effects_sum_to_their_member_and_to_the_displayed_change(
    members: dict[str, tuple[int, int, int, int]],
) -> None:
    base = {name: Share(Fraction(row[0]), Fraction(row[1] + 1)) for name, row in members.items()}
    value = {name: Share(Fraction(row[2]), Fraction(row[3] + 1)) for name, row in members.items()}
    effects = rate_mix(base, value)
    change = sum((item.total for item in effects.values()), Fraction(0))
    scale = change_scale(change, "percent", "ratio")
    rows = tuple(DraftPart(name, name, item.total, effects=item) for name, item in effects.items())
    shown = assemble(Draft("segment", "rate and mix", rows), change, scale)
    for part in shown.parts:
        assert sum(read(effect.display) for effect in part.effects) == read(part.display)
    whole = read(scale.text(nearest(change, scale.ulp)))
    assert sum(read(part.display) for part in shown.parts) == whole
    assert sum(read(effect.display) for effect in shown.effects) == whole


@settings(max_examples=40, deadline=None)
@given(amounts, st.integers(0, 3))
def test_with_unknown_parts_the_rest_completes_the_displayed_change(numbers: list[Fraction], lost: int) -> None:
    change = sum(numbers, Fraction(0)) + 7
    scale = change_scale(change or Fraction(1), "money", "USD")
    known = [DraftPart(str(n), str(n), x) for n, x in enumerate(numbers)]
    missing = [DraftPart(f"lost {n}", "lost", None, unknown=Unknown("no_rows", "None.")) for n in range(lost + 1)]
    shown = assemble(Draft("segment", "contribution", (*known, *missing)), change, scale)
    assert shown.rest is not None
    assert shown.rest.exact == 7
    told = [part.count for part in shown.parts if part.count is not None]
    assert sum(told) + (shown.rest.count or 0) == nearest(change, scale.ulp)
    assert [part.display for part in shown.parts[-lost - 1 :]] == ["unknown"] * (lost + 1)
    assert shown.unknown == Unknown("no_rows", "None.")


def test_parts_that_miss_the_change_are_not_shown_as_its_parts() -> None:
    scale = change_scale(Fraction(10), "count", "count")
    shown = assemble(Draft("segment", "contribution", (DraftPart("a", "a", Fraction(9)),)), Fraction(10), scale)
    assert shown.parts == ()
    assert shown.unknown is not None
    assert shown.unknown.code == "not_additive"


@settings(max_examples=40, deadline=None)
@given(st.decimals(-(10**10), 10**10, places=4), formats)
def test_a_change_of_two_digits_reads_as_everywhere_else(change: Decimal, kind: Format) -> None:
    scale = change_scale(Fraction(change), kind, "USD")
    text = scale.text(nearest(Fraction(change), scale.ulp))
    usual = display_change(change, kind, "USD")
    assert text == usual or len(text) > len(usual) or not read(usual)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ("5541234", "money", "+$5.5M"),
        ("1241234", "money", "+$1.2M"),
        ("-999960", "money", "-$1.0M"),
        ("12.345", "money", "+$12.35"),
        ("-0.0042", "percent", "-0.42 pp"),
        ("0.00042", "percent", "+0.042 pp"),
        ("-0.059", "percent", "-5.9 pp"),
        ("3", "count", "+3"),
        ("0", "percent", "0.0 pp"),
        ("0.094", "multiple", "+0.094x"),
        ("-28872.4", "milliseconds", "-28,872 ms"),
        ("2.34", "days", "+2.3 days"),
        ("0.184", "score", "+0.18"),
    ],
)
def test_small_changes_are_shown_finer(change: str, kind: Format, text: str) -> None:
    scale = change_scale(Fraction(change), kind, "USD")
    assert scale.text(nearest(Fraction(change), scale.ulp)) == text
