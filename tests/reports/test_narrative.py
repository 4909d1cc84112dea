"""The narrative: rules over facts, and nothing said that isn't known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sophia_kit.core.fact import Fact
from sophia_kit.reports import Author, DailyBrief, Facts, narrate, plain_text


def told(facts: Facts) -> list[tuple[str, str]]:
    return [(paragraph.kind, plain_text(paragraph.parts)) for paragraph in narrate(facts).paragraphs]


def test_it_says_what_the_facts_say(brief: DailyBrief) -> None:
    assert told(brief.facts) == [
        ("headline", "Annual recurring revenue stands at $14.1M, up 19.4 % on a year earlier."),
        (
            "point",
            "ARR is up on Dec 2024 by $2.3M: New MRR × 12 +$1.9M, Expansion MRR × 12 +$0.7M and Churned MRR × 12 "
            "-$0.3M. By segment, Mid-Market stands out with +$1.8M.",
        ),
        ("point", "Payment success rate is down on Nov 2025 by 0.14 pp."),
        (
            "point",
            "In Dec 2025 monthly recurring revenue gained $22.8K from new customers and $9.0K from expansion, and lost "
            "$3.0K to contraction and $6.0K to churn. Net revenue retention is 105.2 %, up 4.0 pp on a year earlier.",
        ),
        (
            "point",
            "Recognised revenue for Dec 2025 was $1.7M, 67.6 % above plan. Revenue per employee is $238.4K, 76.2 % "
            "short of its key result of $1.0M.",
        ),
        (
            "point",
            "Residents paid $60.1M in Dec 2025, up 0.7 % on the month before. Of all attempts 96.4 % succeeded, down "
            "0.1 pp on the month before. The most frequent reason for a failed payment was insufficient funds: 811 "
            "of 1,480.",
        ),
        ("point", "Of the deals closed 26.0 % were won, up 2.0 pp on a year earlier."),
        ("point", "The largest move within ARR was Enterprise, +$211.1K against Nov 2025."),
        ("caution", "Not all sources are fresh: subscriptions (stale). Numbers that stand on them are marked."),
        ("caution", "Pipeline coverage is unknown: No ledger entry in Dec 2025 for 1 < 2."),
        ("caution", "Records set aside because they can't be used: 14."),
    ]


def test_it_says_who_wrote_it(brief: DailyBrief) -> None:
    assert brief.narrative.author == Author("rules", "No model is configured to write it.")


def test_the_same_facts_give_the_same_words(brief: DailyBrief) -> None:
    assert narrate(brief.facts) == narrate(brief.facts)


def test_without_facts_it_claims_nothing() -> None:
    assert told(Facts({}, {})) == [("headline", "The headline numbers are unknown; the reasons are below.")]


def test_an_unknown_number_is_in_no_sentence(brief: DailyBrief) -> None:
    unknown = {
        name: replace(fact, value=None, display="unknown", reason="No rows.")
        for name, fact in brief.facts.numbers.items()
    }
    for kind, text in told(Facts(unknown, brief.facts.terms)):
        assert kind != "point", text


def test_many_failures_reach_the_headline(brief: DailyBrief) -> None:
    rate = brief.facts.numbers["payment_success_rate"]
    worse = dict(brief.facts.numbers) | {rate.name: replace(rate, value=Decimal("0.9499"), display="95.0 %")}
    (_, headline), *rest = told(Facts(worse, brief.facts.terms))
    assert "95.0 %" not in " ".join(text for _, text in rest), "it is said once"
    assert headline.endswith(
        "Payments are failing: 95.0 % of attempts succeeded in Dec 2025, down 0.1 pp on the month before."
    )


def test_no_change_is_not_called_a_rise() -> None:
    numbers = {
        "arr": Fact("arr", Decimal(5), "USD", "$5.00"),
        "arr.vs_prior_year.size": Fact("arr.vs_prior_year.size", Decimal(0), "ratio", "0.0 %", "flat"),
    }
    assert told(Facts(numbers, {}))[0][1] == (
        "Annual recurring revenue stands at $5.00, unchanged from a year earlier."
    )
