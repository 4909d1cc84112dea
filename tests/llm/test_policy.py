"""The policy: what has to hold, then a score that better facts never lower and that nothing makes jump."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.core.errors import NoModelFits, Unconfigured, UnknownName
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.llm import Catalogue, ChatRequest, EmbedRequest, Image, Message, Model, Ranking, Tool
from sophia_kit.llm.catalogue import Quality
from sophia_kit.llm.choice import Chooser, require_fit
from sophia_kit.llm.messages import Preset
from sophia_kit.llm.observed import Observed, Statistics
from sophia_kit.llm.policy import Needs, Option, prior, rank, weights
from sophia_kit.llm.prices import Price, Rates

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRESETS: tuple[Preset, ...] = get_args(Preset)
UNMEASURED = Observed(prior()).statistics("nobody", 0.0)


def priced(rate: Decimal) -> Price:
    return Price(Rates(rate, 4 * rate, rate, rate))


def option(
    name: str = "one",
    *,
    usd: float | None = 1.0,
    quality: float | None = 0.5,
    seconds: float = 5.0,
    error_rate: float = 0.02,
    preference: float = 0.0,
    tokens: int = 1000,
    **facts: Any,
) -> Option:
    model = Model(
        name=name,
        provider="compatible",
        kind="chat",
        price=None if usd is None else priced(Decimal(str(usd))),
        quality=None if quality is None else Quality(quality, "test", date(2026, 1, 1)),
        max_output_tokens=facts.pop("max_output_tokens", 4000),
        **facts,
    )
    return Option(name, name, model, "may-train", tokens, Statistics(seconds, error_rate, 10.0), preference=preference)


def names(ranking: Ranking) -> list[str]:
    return [name for name, _ in ranking.candidates]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_shares_of_a_preset_sum_to_one_and_all_count(preset: Preset) -> None:
    shares = [Decimal(str(getattr(weights(preset), field.name))) for field in fields(weights(preset))]
    assert sum(shares) == 1
    assert min(shares) > 0


def test_presets_disagree_as_their_names_say() -> None:
    cheap = option("cheap", usd=0.1, quality=0.3, seconds=8)
    good = option("good", usd=8, quality=0.95, seconds=8)
    quick = option("quick", usd=4, quality=0.3, seconds=0.5)
    first = {preset: names(rank(Needs(preset), [cheap, good, quick]))[0] for preset in PRESETS}
    assert (first["economy"], first["quality"], first["fast"]) == ("cheap", "good", "quick")


FACTS = {
    "usd": st.floats(0.001, 100),
    "quality": st.floats(0, 1),
    "seconds": st.floats(0, 300),
    "error_rate": st.floats(0, 1),
    "preference": st.floats(0, 1),
}
BETTER_IS_LESS = {"usd", "seconds", "error_rate"}


@settings(max_examples=120, deadline=None)
@given(st.data(), st.sampled_from(sorted(FACTS)), st.sampled_from(PRESETS))
def test_cheaper_better_faster_healthier_or_more_liked_never_ranks_lower(
    data: st.DataObject, fact: str, preset: Preset
) -> None:
    given_: dict[str, Any] = {name: data.draw(values) for name, values in FACTS.items()}
    one, two = sorted((data.draw(FACTS[fact]), data.draw(FACTS[fact])), reverse=fact in BETTER_IS_LESS)
    # The better one comes last by its name: it isn't the names that decide.
    worse, better = option("a", **(given_ | {fact: one})), option("b", **(given_ | {fact: two}))
    rows = {row.option.serves: row for row in rank(Needs(preset), [worse, better]).rows}
    assert rows["b"].score >= rows["a"].score
    apart = abs(two - one) > 1e-3 * max(1.0, abs(one))
    if apart:
        assert names(rank(Needs(preset), [worse, better])) == ["b", "a"]


@settings(max_examples=80, deadline=None)
@given(
    st.data(), st.sampled_from(PRESETS), st.floats(0, 86_400 * 30), st.integers(1, 30), st.floats(0, 60), st.booleans()
)
def test_nothing_makes_a_score_jump(
    data: st.DataObject, preset: Preset, age: float, calls: int, seconds: float, ok: bool
) -> None:
    seen = Observed(prior())
    for number in range(calls):
        seen.record("one", seconds=seconds, ok=ok or number % 2 == 0, at=float(number))

    def score(at: float, **more: float) -> float:
        measured = seen.statistics("one", at)
        known = option(seconds=measured.seconds + more.get("later", 0.0), error_rate=measured.error_rate)
        return rank(Needs(preset), [known]).rows[0].score

    at = 30 + age
    # A second of age, a millisecond of latency: no more than a thousandth of the score.
    assert abs(score(at + 1) - score(at)) < 2e-3
    assert abs(score(at, later=0.001) - score(at)) < 1e-3
    price = data.draw(FACTS["usd"])
    dearer = rank(Needs(preset), [option(usd=price), option(usd=price * 1.001)]).rows
    assert abs(dearer[0].score - dearer[1].score) < 1e-3


def test_what_nobody_measured_gets_the_stated_prior_not_nothing() -> None:
    assert (UNMEASURED.seconds, UNMEASURED.error_rate, UNMEASURED.calls) == (5.0, 0.02, 0.0)
    unknown = replace(option(usd=None, quality=None), observed=UNMEASURED)
    parts = {part.name: part for part in rank(Needs(), [unknown]).rows[0].parts}
    assert {name: part.known for name, part in parts.items()} == {
        "quality": None,
        "cost": None,
        "latency": None,
        "reliability": None,
        "preference": 0.0,
    }
    assert {name: round(part.points, 3) for name, part in parts.items()} == {
        "quality": 0.5,
        "cost": 0.2,
        "latency": 0.667,
        "reliability": 0.98,
        "preference": 0.0,
    }


def test_measurements_take_the_place_of_the_prior_and_fade() -> None:
    seen = Observed(prior())
    for second in range(300):
        seen.record("one", seconds=1.0, ok=True, at=float(second))
    now, much_later = seen.statistics("one", 300.0), seen.statistics("one", 300.0 + 600 * 40)
    assert now.seconds == pytest.approx(1.0, abs=0.1)
    assert now.error_rate < 0.001
    assert now.calls > 200
    assert much_later.seconds == pytest.approx(5.0, abs=1e-6)
    assert seen.statistics("two", 300.0) == UNMEASURED


def test_a_failure_counts_with_all_the_time_it_took() -> None:
    slow, dead = Observed(prior()), Observed(prior())
    for second in range(50):
        slow.record("one", seconds=2.0, ok=True, at=float(second))
        dead.record("one", seconds=2.0, ok=second % 2 == 0, at=float(second))
    # Half of the calls are lost: an answer takes twice the time.
    assert dead.statistics("one", 50.0).seconds > 1.8 * slow.statistics("one", 50.0).seconds
    assert dead.statistics("one", 50.0).error_rate > 0.4


def test_a_deployment_does_not_become_fast_by_failing_at_once() -> None:
    seen = Observed(prior())
    for second in range(100):
        seen.record("failing", seconds=0.001, ok=False, at=float(second))
        seen.record("working", seconds=5.0, ok=True, at=float(second))
    failing, working = seen.statistics("failing", 100.0), seen.statistics("working", 100.0)
    options = [replace(option("failing"), observed=failing), replace(option("working"), observed=working)]
    for preset in PRESETS:
        assert names(rank(Needs(preset), options)) == ["working", "failing"]


def test_a_call_of_the_past_counts_by_its_age_whenever_it_is_told() -> None:
    in_order, late = Observed(prior()), Observed(prior())
    calls = [("one", 3.0, True, 10.0), ("one", 9.0, False, 400.0)]
    in_order.warm(calls)
    late.warm(reversed(calls))
    ours, theirs = in_order.statistics("one", 500.0), late.statistics("one", 500.0)
    assert ours.seconds == pytest.approx(theirs.seconds)
    assert ours.error_rate == pytest.approx(theirs.error_rate)


@pytest.mark.parametrize(
    ("needs", "facts", "code"),
    [
        (Needs(images=True), {"modalities": ("text",)}, "images"),
        (Needs(tools=True), {"tools": False}, "tools"),
        (Needs(structured_output=True), {"structured_output": False}, "structured-output"),
        (Needs(), {"max_input_tokens": 999}, "context"),
        (Needs(), {"context_window": 1000}, "context"),
        (Needs(data_policy="no-training"), {}, "data-policy"),
        (Needs(models=("another",)), {}, "not-asked"),
        (Needs(budget_holds=True), {"usd": None}, "price"),
        (Needs(budget_holds=True), {"max_output_tokens": None}, "price"),
        (Needs(budget_holds=True, left_usd=Decimal("0.001")), {}, "budget"),
    ],
)
def test_what_breaks_a_hard_constraint_is_refused_with_its_reason(
    needs: Needs, facts: dict[str, Any], code: str
) -> None:
    ranking = rank(needs, [option(**facts)])
    assert ranking.candidates == ()
    assert [each.code for each in ranking.refused[0].refusals] == [code]


@pytest.mark.parametrize(
    "needs", [Needs(images=True, tools=True, structured_output=True), Needs(data_policy="any"), Needs(models=("one",))]
)
def test_what_is_not_known_of_a_model_is_no_reason_to_refuse_it(needs: Needs) -> None:
    assert names(rank(needs, [option()])) == ["one"]


def test_a_budget_counts_the_most_that_a_request_can_cost() -> None:
    needs = Needs(budget_holds=True, left_usd=Decimal("0.005"), max_output_tokens=1000)
    row = rank(needs, [option(usd=1)]).rows[0]
    assert (row.expected_usd, row.at_most_usd) == (Decimal("0.003048"), Decimal("0.005"))
    assert not row.refusals


def test_models_asked_for_by_name_keep_their_order_and_deployments_theirs_by_score() -> None:
    slow, quick, other = option("slow", seconds=60), option("quick", seconds=1), option("other", usd=0.001)
    both = [replace(slow, serves="wanted"), replace(quick, serves="wanted"), other]
    ranking = rank(Needs(models=("wanted", "other")), both)
    assert names(ranking) == ["wanted", "other"]
    assert [row.option.deployment for row in ranking.candidates[0][1]] == ["quick", "slow"]
    assert ranking.reason == "asked for by name"


# From here on with real settings and the catalogue.


def chooser(**section: Any) -> Chooser:
    deployments = {
        "mini": {"provider": "openai", "model": "gpt-5-mini", "data_policy": "no-training"},
        "sol": {"provider": "openai", "model": "gpt-6.1-sol"},
        "house": {
            "provider": "compatible",
            "model": "our-own",
            "base_url": "http://127.0.0.1:9",
            "data_policy": "local",
        },
        "vectors": {"provider": "local", "model": "small", "kind": "embedding"},
    }
    configured = LlmSettings.model_validate({"deployments": deployments, **section})
    return Chooser(configured, Catalogue(configured), Observed(prior()))


HELLO = ChatRequest((Message("user", "Hello"),))


def test_a_request_without_a_name_goes_to_the_best_score() -> None:
    ranking = chooser().rank(HELLO, NOON)
    assert [row.score for row in ranking.rows] == sorted((row.score for row in ranking.rows), reverse=True)
    assert set(names(ranking)) == {"gpt-5-mini", "gpt-6.1-sol", "our-own"}
    assert ranking.reason.startswith("balanced: score 0.")


def test_a_name_and_its_fallbacks_are_asked_in_that_order() -> None:
    configured = chooser(default_model="our-own", fallbacks={"our-own": ("gpt-6.1-sol",)})
    assert names(configured.rank(HELLO, NOON)) == ["our-own", "gpt-6.1-sol"]
    named = replace(HELLO, model="gpt-6.1-sol", fallbacks=("gpt-5-mini",))
    assert names(configured.rank(named, NOON)) == ["gpt-6.1-sol", "gpt-5-mini"]


def test_a_request_may_ask_for_a_stricter_data_policy_never_for_a_laxer_one() -> None:
    assert names(chooser().rank(replace(HELLO, data_policy="local"), NOON)) == ["our-own"]
    strict = chooser(data_policy="no-training")
    assert set(names(strict.rank(replace(HELLO, data_policy="any"), NOON))) == {"gpt-5-mini", "our-own"}


def test_the_allow_list_and_what_the_settings_prefer_count() -> None:
    assert names(chooser(allow=["gpt-6.1-sol"]).rank(HELLO, NOON)) == ["gpt-6.1-sol"]
    liked = chooser(prefer=["our-own", "gpt-5-mini"]).rank(HELLO, NOON)
    shares = {row.option.serves: row.parts[-1].points for row in liked.rows}
    assert shares == {"our-own": 1.0, "gpt-5-mini": 0.5, "gpt-6.1-sol": 0.0}


def test_where_a_budget_holds_a_model_without_a_price_is_refused() -> None:
    holding = chooser(budget={"day_usd": 5})
    assert "our-own" not in names(holding.rank(HELLO, NOON, left_usd=Decimal(5)))
    free = chooser(budget={"day_usd": 5}, models={"our-own": {"input_usd": 0, "output_usd": 0, "context_window": 8000}})
    assert "our-own" in names(free.rank(HELLO, NOON, left_usd=Decimal(5)))


def test_nobody_fits_says_why_of_each() -> None:
    request = ChatRequest(
        (Message("user", "Look", images=(Image("https://example.com/a.png"),)),),
        tools=(Tool("t"),),
        model="gpt-5-mini",
        max_cost_usd=Decimal("0.000001"),
    )
    with pytest.raises(NoModelFits, match="mini: it can cost") as refused:
        require_fit(chooser().rank(request, NOON))
    assert [name for name, _ in refused.value.reasons] == ["mini"]


def test_embeddings_are_ranked_among_their_own_kind() -> None:
    assert names(chooser().rank(EmbedRequest(("Hello",)), NOON)) == ["small"]


def test_what_runs_in_this_process_may_see_every_prompt() -> None:
    assert names(chooser(data_policy="local").rank(EmbedRequest(("Hello",)), NOON)) == ["small"]


def test_what_is_not_deployed_is_told_apart_from_nothing_at_all() -> None:
    with pytest.raises(UnknownName, match="gpt-5-minni"):
        chooser().rank(replace(HELLO, model="gpt-5-minni"), NOON)
    bare = LlmSettings()
    with pytest.raises(Unconfigured):
        Chooser(bare, Catalogue(bare), Observed(prior())).rank(HELLO, NOON)
