"""Requests and tokens a minute: no stretch of sixty seconds has more than its limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_kit.core.errors import LimitReached
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.llm.limits import Limits


class Clock:
    """A steady clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def limits(clock: Clock, **given_: Any) -> Limits:
    own = given_.pop("own", {})
    deployments = {
        "one": {"provider": "openai", "model": "gpt-4o", **own},
        "two": {"provider": "openai", "model": "gpt-5"},
        "three": {"provider": "openrouter", "model": "openai/gpt-5"},
    }
    keys = {"openai": "canary-openai", "two": "canary-two", "openrouter": "canary-router"}
    return Limits(LlmSettings.model_validate({"deployments": deployments, "keys": keys, "limits": given_}), clock)


def test_a_minute_has_so_many_requests_and_the_next_fits_when_the_first_is_a_minute_old() -> None:
    clock = Clock()
    both = limits(clock, own={"requests_per_minute": 2})
    both.take("one", "", 10)
    clock.at = 20
    both.take("one", "", 10)
    with pytest.raises(LimitReached, match="2 requests a minute of deployment one") as refused:
        both.take("one", "", 10)
    assert (refused.value.retry_after, refused.value.retryable) == (40, True)
    both.take("two", "", 10)
    clock.at = 60
    both.take("one", "", 10)


@pytest.mark.parametrize(
    ("limit", "name", "shares", "apart"),
    [
        ("provider_requests", "provider openai", ("one", "two"), "three"),
        ("key_requests", "key openai", ("one", "one"), "two"),
        ("tenant_requests", "tenant acme", ("one", "three"), None),
    ],
)
def test_a_limit_is_shared_by_those_it_names(limit: str, name: str, shares: tuple[str, str], apart: str | None) -> None:
    taken = limits(Clock(), **{limit: 1})
    taken.take(shares[0], "acme", 1)
    with pytest.raises(LimitReached, match=name):
        taken.take(shares[1], "acme", 1)
    taken.take(apart or shares[1], "acme" if apart else "globex", 1)


def test_a_refused_request_counts_nowhere() -> None:
    taken = limits(Clock(), provider_requests=2, tenant_tokens=100)
    taken.take("one", "acme", 100)
    for _ in range(3):
        with pytest.raises(LimitReached, match="tenant acme"):
            taken.take("one", "acme", 1)
    taken.take("one", "globex", 1)


def test_what_was_let_pass_and_not_sent_counts_nowhere() -> None:
    taken = limits(Clock(), provider_requests=1, provider_tokens=100)
    taken.give_back(taken.take("one", "", 100))
    taken.take("one", "", 100)
    with pytest.raises(LimitReached):
        taken.take("one", "", 1)


def test_tokens_count_as_they_may_be_and_then_as_they_were() -> None:
    taken = limits(Clock(), key_tokens=1000)
    first = taken.take("one", "", 900)
    with pytest.raises(LimitReached):
        taken.take("one", "", 200)
    taken.used(first, 100)
    taken.take("one", "", 900)
    with pytest.raises(LimitReached):
        taken.take("one", "", 1)


def test_what_never_fits_says_so() -> None:
    with pytest.raises(LimitReached, match="may use 2,000 tokens") as refused:
        limits(Clock(), provider_tokens=1000).take("one", "", 2000)
    assert not refused.value.retryable


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60), st.booleans(), st.integers(0, 60)), max_size=40),
)
def test_no_sixty_seconds_have_more_than_the_limit(
    asked: list[tuple[float, int, bool, int]],
) -> None:
    clock = Clock()
    taken = limits(clock, provider_tokens=100)
    passed: list[tuple[float, int]] = []
    for pause, tokens, corrected, used in asked:
        clock.at += pause
        try:
            one = taken.take("one", "", tokens)
        except LimitReached as refused:
            clock.at += refused.retry_after + 1e-6
            one = taken.take("one", "", tokens)
        amount = min(tokens, used) if corrected else tokens
        if corrected:
            taken.used(one, amount)
        passed.append((clock.at, amount))
        assert sum(amount for at, amount in passed if at > clock.at - 60 + 1e-9) <= 100
