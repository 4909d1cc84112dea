"""The check of prose: planted hallucinations of every kind are caught, good texts pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.llm.grounding.larkfield_facts import MATERIAL

from sophia_kit.llm.grounding import Material, check

TEXTS = Path(__file__).parent / "texts"


def texts(folder: str) -> Iterator[tuple[str, str]]:
    """The kind of each text, which is its file's name, and the text. Comments begin with `#` and no reference."""
    for file in sorted((TEXTS / folder).glob("*.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line and not (line.startswith("# ") and "{" not in line):
                yield file.stem, line


KINDS = sorted({kind for kind, _ in texts("bad")})


@pytest.mark.parametrize("kind", KINDS)
def test_planted_hallucinations_are_caught_with_reason_and_place(kind: str) -> None:
    for prose in (prose for name, prose in texts("bad") if name == kind):
        found = check(prose, MATERIAL)
        assert kind in {finding.rule for finding in found}, (prose, found)
        for finding in found:
            assert prose[finding.at :].startswith(finding.excerpt), (prose, finding)
            assert finding.message.endswith((".", "?"))


def test_good_texts_pass() -> None:
    refused = {prose: found for _, prose in texts("good") if (found := check(prose, MATERIAL))}
    assert refused == {}


def test_there_are_enough_texts_of_every_kind() -> None:
    bad = [kind for kind, _ in texts("bad")]
    assert set(bad) == {
        "number", "date", "name", "reference", "direction", "comparison", "cause", "form", "missing",
    }  # fmt: skip
    assert len(bad) >= 60
    assert len(list(texts("good"))) >= 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_hallucination_in_the_middle_of_a_good_text_is_found_where_it_stands(kind: str) -> None:
    before, after = [prose for _, prose in texts("good")][:2]
    for planted in (prose for name, prose in texts("bad") if name == kind):
        found = check(f"{before}\n{planted}\n{after}", MATERIAL)
        assert found, planted
        assert {finding.paragraph for finding in found} == {2}, planted


def test_a_direction_is_held_against_its_fact_and_no_other() -> None:
    prose = "ARR is up {arr.vs_prior_year.size}, and revenue is up {revenue.vs_prior_year.size}."
    (found,) = check(prose, MATERIAL)
    assert (found.rule, found.at, found.excerpt) == ("direction", prose.rindex("up"), "up")
    assert "{revenue.vs_prior_year.size}, which went down" in found.message


def test_an_unknown_reference_names_the_near_one() -> None:
    (found,) = check("{arr.vs_prior_yeer.size} is on its way.", MATERIAL)
    assert "{arr.vs_prior_year.size}" in found.message


def test_what_has_to_be_mentioned_is_missed() -> None:
    material = Material(MATERIAL.numbers, MATERIAL.terms, required=("arr", "churn"))
    assert [finding.rule for finding in check("ARR stands at {arr}.", material)] == ["missing"]
    assert check("ARR stands at {arr}, churn at {churn}.", material) == ()


@pytest.mark.parametrize("prose", ["", "  \n ", "{arr} " * 1000])
def test_nothing_and_too_much_are_refused(prose: str) -> None:
    assert check(prose, MATERIAL)
