"""A metric value as facts: each number named, each with the text it is shown as."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from sophia_kit.metrics import Comparison
from sophia_kit.reports import DailyBrief, Facts
from sophia_kit.reports.facts import facts_of, slug


def test_a_value_and_its_comparisons_become_facts(brief: DailyBrief) -> None:
    numbers = brief.facts.numbers
    assert (numbers["arr"].display, numbers["arr"].unit) == ("$14.1M", "USD")
    assert numbers["arr"].value == Decimal(14_085_004)
    year = numbers["arr.vs_prior_year.relative"]
    assert (year.display, year.direction, year.good) == ("+19.4 %", "up", True)
    assert numbers["arr.vs_prior_year.size"].display == "19.4 %"
    assert numbers["arr.vs_prior_year.base"].display == "$11.8M"
    assert numbers["arr.vs_prior_year.absolute"].display == "+$2.3M"


def test_a_change_of_a_ratio_is_told_in_points(brief: DailyBrief) -> None:
    size = brief.facts.numbers["nrr.vs_prior_year.size"]
    assert (size.display, size.value) == ("4.0 pp", Decimal("0.040"))


def test_a_fall_of_what_should_fall_is_good(brief: DailyBrief) -> None:
    change = brief.facts.numbers["failed_payments.vs_prior_period.absolute"]
    assert (change.direction, change.good, change.display) == ("down", True, "-185")


def test_unknown_stays_unknown_and_says_why(brief: DailyBrief) -> None:
    coverage = brief.facts.numbers["pipeline_coverage"]
    assert (coverage.value, coverage.display) == (None, "unknown")
    assert coverage.reason == "No ledger entry in Dec 2025 for 1 < 2."
    for part in ("absolute", "relative", "size"):
        fact = brief.facts.numbers[f"rpe.vs_prior_year.{part}"]
        assert (fact.value, fact.display, fact.good) == (None, "unknown", None)


def test_a_change_from_zero_has_no_relative(brief: DailyBrief) -> None:
    kpi = brief.kpi("arr")
    assert kpi is not None
    from_zero = Comparison("prior_period", Decimal(0), Decimal(5), None, True, None, kpi.value.period)
    lines = facts_of(replace(kpi.value, comparisons=(from_zero,)), "arr")
    found = {line.fact.name: line.fact for line in lines}
    assert found["arr.vs_prior_period.absolute"].display == "+$5.00"
    relative = found["arr.vs_prior_period.relative"]
    assert (relative.value, relative.display) == (None, "n/a")
    assert relative.reason == "The base is zero: there is no relative change."


def test_every_fact_has_an_explanation_of_its_own(brief: DailyBrief) -> None:
    explained = [line.fact.name for explanation in brief.explanations for line in explanation.lines]
    assert sorted(explained) == sorted(brief.facts.numbers)


def test_two_facts_of_one_name_are_refused(brief: DailyBrief) -> None:
    with pytest.raises(ValueError, match="two facts"):
        Facts.gather([brief.explanations[0], brief.explanations[0]], {})


def test_members_that_look_alike_keep_names_of_their_own() -> None:
    assert (slug("Oak & Elm"), slug("OAK-ELM"), slug("<>")) == ("oak_elm", "oak_elm", "member")
