"""Law 8: prose carries references, never a number of its own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.core.fact import Fact
from sophia_kit.reports import Facts, fill, plain_text

FACTS = Facts(
    {
        "arr": Fact("arr", Decimal("14085004"), "USD", "$14.1M"),
        "nrr": Fact("nrr", None, "ratio", "unknown", reason="No rows."),
    },
    {"customer": "Oak 9 Apartments", "arr.period": "Dec 2025"},
)


def test_references_are_filled_with_the_facts_own_text() -> None:
    parts = fill("ARR was {arr} in {arr.period}, led by {customer}; NRR is {nrr}.", FACTS)
    assert plain_text(parts) == "ARR was $14.1M in Dec 2025, led by Oak 9 Apartments; NRR is unknown."
    assert [part.fact.name for part in parts if part.fact] == ["arr", "nrr"]
    assert [part.term for part in parts if part.term] == ["arr.period", "customer"]


@pytest.mark.parametrize(
    "prose",
    [
        "ARR was 14 million.",
        "ARR was $14.1M.",
        "ARR grew by a third.",
        "Churn doubled.",
        "Churn has tripled since then.",
        "Half of it is new.",
        "It fell for three months.",
        "A dozen customers left.",
        "Growth of ten percent.",
        "Growth in %.",
        "It rose twofold.",
        "It rose in December.",
        "It rose on Monday.",
        "One in ¾ left.",
        "ARR was ١٤.",
        "ARR was {arr}, of which 1 is new.",
    ],
)
def test_a_number_of_its_own_is_refused(prose: str) -> None:
    with pytest.raises(InputError, match="of its own"):
        fill(prose, FACTS)


@pytest.mark.parametrize("prose", ["ARR was {arr.", "ARR was arr}.", "ARR was {{arr}}."])
def test_a_brace_that_is_no_reference_is_refused(prose: str) -> None:
    with pytest.raises((InputError, UnknownName)):
        fill(prose, FACTS)


def test_an_unknown_reference_is_refused_and_a_near_one_named() -> None:
    with pytest.raises(UnknownName) as refused:
        fill("ARR in {arr.perod}.", FACTS)
    assert "arr.period" in (refused.value.hint or "")


@pytest.mark.parametrize("prose", ["No one may say so.", "Often attended; a thorough tenant; foursquare; the end."])
def test_words_that_only_look_like_numbers_are_left_alone(prose: str) -> None:
    assert plain_text(fill(prose, FACTS)) == prose
