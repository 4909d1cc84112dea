"""Retries, fallbacks, breakers, deadlines and the spreading of load, against servers that fail."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llmock.scenarios import Fail
from llmock.testing import LLMockServer
from tests.llm.gateways import asked, at, gateway, hello
from tests.llm.upstream import RESET, Pause, Upstream, error, final, json_answer, piece, running, stream

from sophia_kit.core.errors import (
    AuthFailed,
    LimitReached,
    NoAnswer,
    ProviderTimeout,
    RequestRejected,
    Unconfigured,
    UnknownName,
    WrongStructure,
)
from sophia_kit.llm.breaker import Breaker

YES = json_answer(
    {
        "model": "m-1",
        "choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    }
)


@pytest.fixture(scope="module")
def _second() -> Iterator[Upstream]:
    with running() as found:
        yield found


@pytest.fixture
def second(_second: Upstream) -> Upstream:
    _second.forget()
    return _second


def outcomes(answer: Any) -> list[tuple[str, str]]:
    return [(one.deployment, one.outcome) for one in answer.attempts]


async def test_it_waits_as_long_as_the_provider_asks(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(error("429 Slow", headers="Retry-After: 0.3\r\n"))
    upstream.play(error("503 Busy", headers="retry-after-ms: 200\r\n"))
    upstream.play(YES)
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, backoff_max_s=1) as door:
        answer = await door.chat(hello())
    assert outcomes(answer) == [("a", "rate-limited"), ("a", "provider-failing"), ("a", "ok")]
    first, second_, third = (seen.at for seen in upstream.requests)
    assert second_ - first >= 0.3
    assert third - second_ >= 0.2


async def test_rather_than_wait_long_another_model_is_asked(
    tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    upstream.play(error("429 Slow", headers="Retry-After: 60\r\n"))
    second.play(YES)
    models = {"a": at(upstream.base_url), "b": at(second.base_url, "gpt-4o")}
    async with gateway(tmp_path, models, fallbacks={"gpt-4o-mini": ("gpt-4o",)}) as door:
        began = time.monotonic()
        answer = await door.chat(hello(model="gpt-4o-mini"))
        # The next call doesn't ask it at all: it is still to be left alone.
        again = await door.chat(hello(model="gpt-4o-mini"))
    assert (answer.model_used, answer.model_asked) == ("gpt-4o", "gpt-4o-mini")
    assert outcomes(answer) == [("a", "rate-limited"), ("b", "ok")]
    assert outcomes(again) == [("b", "ok")]
    assert time.monotonic() - began < 10


async def test_with_no_time_for_the_wait_the_refusal_itself_is_said(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(error("429 Slow", headers="Retry-After: 60\r\n"))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, deadline_s=2) as door:
        with pytest.raises(Exception, match="answered 429") as refused:
            await door.chat(hello())
    assert getattr(refused.value, "retry_after", None) == 60
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", ["400 Bad", "422 Bad"])
async def test_a_request_that_is_wrong_is_sent_once_and_to_nobody_else(
    status: str, tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    upstream.play(error(status))
    second.play(YES)
    models = {"a": at(upstream.base_url), "b": at(second.base_url, "gpt-4o")}
    async with gateway(tmp_path, models, fallbacks={"gpt-4o-mini": ("gpt-4o",)}) as door:
        with pytest.raises(RequestRejected):
            await door.chat(hello(model="gpt-4o-mini"))
    assert (len(upstream.requests), len(second.requests)) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error("401 No"), "auth-failed"),
        (error("402 Pay"), "auth-failed"),
        (error("404 What"), "model-absent"),
        (error("400 Long", code="context_length_exceeded"), "prompt-too-long"),
    ],
)
async def test_what_is_the_deployment_s_fault_is_asked_elsewhere_at_once(
    answer: bytes, outcome: str, tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    upstream.play(answer)
    second.play(YES)
    models = {"a": at(upstream.base_url), "b": at(second.base_url, "gpt-4o")}
    async with gateway(tmp_path, models, fallbacks={"gpt-4o-mini": ("gpt-4o",)}) as door:
        found = await door.chat(hello(model="gpt-4o-mini"))
    assert outcomes(found) == [("a", outcome), ("b", "ok")]


async def test_deployments_of_one_model_are_tried_before_another_model(
    tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    upstream.play(error("500 Broken"))
    second.play(YES)
    models = {
        "a": at(upstream.base_url),
        "b": at(upstream.base_url, "other-name", serves="gpt-4o-mini"),
        "c": at(second.base_url, "gpt-4o"),
    }
    async with gateway(tmp_path, models, fallbacks={"gpt-4o-mini": ("gpt-4o",)}, attempts=2) as door:
        answer = await door.chat(hello(model="gpt-4o-mini"))
    assert {name for name, _ in outcomes(answer)[:2]} == {"a", "b"}
    assert outcomes(answer)[2:] == [("c", "ok")]


async def test_what_must_not_be_repeated_is_sent_again_only_where_nobody_read_it(
    tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    once = hello(repeatable=False)
    second.play(YES)
    for play, again in (([RESET], False), ([error("500 Broken")], False), ([error("429 Slow")], True)):
        upstream.forget()
        upstream.play(*play)
        upstream.play(YES)
        async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
            if again:
                assert (await door.chat(once)).text == "Yes."
            else:
                with pytest.raises(Exception, match=r"broke|answered 500"):
                    await door.chat(once)
                assert len(upstream.requests) == 1
    nobody = {"gone": at("http://127.0.0.1:9/v1"), "b": at(second.base_url, serves="gpt-4o-mini", weight=0)}
    async with gateway(tmp_path, nobody) as door:
        assert outcomes(await door.chat(once)) == [("gone", "unreachable"), ("b", "ok")]


async def test_the_deadline_of_the_whole_call_is_kept(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(Pause(30), YES)
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, answer_s=0.2, first_token_s=0.2, attempts=99) as door:
        began = time.monotonic()
        with pytest.raises(ProviderTimeout, match=r"deadline|within"):
            await door.chat(hello(deadline_s=0.5))
        with pytest.raises(ProviderTimeout, match=r"deadline|within"):
            await asked(door, hello(deadline_s=0.5))
        assert 0.4 <= time.monotonic() - began < 5


async def test_a_breaker_spares_what_fails_and_finds_out_when_it_is_back(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(error("500 Broken"))
    more: dict[str, Any] = {"attempts": 1, "breaker_failures": 3, "breaker_open_s": 0.4}
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, **more) as door:
        for _ in range(3):
            with pytest.raises(Exception, match="500"):
                await door.chat(hello())
        with pytest.raises(NoAnswer, match="left alone") as spared:
            await door.chat(hello())
        assert spared.value.retryable
        assert len(upstream.requests) == 3
        await asyncio.sleep(0.5)
        with pytest.raises(Exception, match="500"):
            await door.chat(hello())
        with pytest.raises(NoAnswer, match="left alone"):
            await door.chat(hello())
        await asyncio.sleep(0.5)
        upstream.forget()
        upstream.play(YES)
        for _ in range(3):
            assert (await door.chat(hello())).text == "Yes."


def test_while_a_breaker_tries_one_request_the_others_stay_away() -> None:
    breaker = Breaker(1, 10)
    breaker.begin()
    breaker.failed(0.0)
    assert (breaker.permits(9.9), breaker.permits(10)) == (False, True)
    breaker.begin()
    assert not breaker.permits(11)
    breaker.abandoned()
    assert breaker.permits(12)
    breaker.begin()
    breaker.failed(12)
    assert (breaker.permits(21.9), breaker.permits(22)) == (False, True)
    breaker.begin()
    breaker.succeeded()
    assert breaker.permits(22.1)
    assert not breaker.is_open


async def test_load_is_spread_by_weight_and_shifts_away_from_what_fails(
    tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    upstream.play(YES)
    second.play(YES)
    models = {
        "heavy": at(upstream.base_url, weight=3),
        "light": at(second.base_url, weight=1),
        "spare": at(upstream.base_url, weight=0),
    }
    async with gateway(tmp_path, models, cache="off", breaker_failures=99) as door:
        asked_ = Counter([(await door.chat(hello())).deployment for _ in range(48)])
        assert asked_["spare"] == 0
        assert 1.5 < asked_["heavy"] / asked_["light"] < 8
        upstream.forget()
        upstream.play(error("500 Broken"))
        after = [await door.chat(hello()) for _ in range(24)]
    # Nobody noticed, and ever fewer requests went there first.
    assert all(one.text == "Yes." for one in after)
    assert len([one for one in after[12:] if one.attempts[0].deployment == "heavy"]) < 6


async def test_a_minute_s_limit_moves_requests_elsewhere_and_then_refuses(
    tmp_path: Path, upstream: Upstream, second: Upstream
) -> None:
    upstream.play(YES)
    second.play(YES)
    models = {"a": at(upstream.base_url, requests_per_minute=2), "b": at(second.base_url, requests_per_minute=1)}
    async with gateway(tmp_path, models, cache="off") as door:
        used = Counter([(await door.chat(hello())).deployment for _ in range(3)])
        assert used == {"a": 2, "b": 1}
        with pytest.raises(LimitReached) as reached:
            await door.chat(hello())
    assert reached.value.retry_after > 10
    assert (len(upstream.requests), len(second.requests)) == (2, 1)


async def test_with_nothing_configured_nothing_is_asked(tmp_path: Path) -> None:
    async with gateway(tmp_path, {}) as door:
        with pytest.raises(Unconfigured):
            await door.chat(hello())
    async with gateway(tmp_path, {"a": at("http://127.0.0.1:9/v1")}) as door:
        with pytest.raises(UnknownName, match="gpt-5"):
            await door.chat(hello(model="gpt-5"))


SCHEMA = {
    "type": "object",
    "properties": {"churn": {"type": "number"}, "months": {"type": "array", "items": {"type": "integer"}}},
    "required": ["churn"],
    "additionalProperties": False,
}


def says(text: str) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    return json_answer({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage})


async def test_a_structured_answer_is_checked_and_corrected_once(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(says('{"churn": "two"}'))
    upstream.play(says('```json\n{"churn": 2, "months": [1, 2]}\n```'))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        answer = await door.chat(hello(schema=SCHEMA))
    assert answer.parsed == {"churn": 2, "months": [1, 2]}
    assert (answer.usage.input_tokens, len(answer.attempts)) == (20, 2)
    first, again = (seen.body for seen in upstream.requests)
    assert first["response_format"]["json_schema"]["schema"] == SCHEMA
    # OpenAI's strict mode would refuse a schema with a property that isn't required.
    assert first["response_format"]["json_schema"]["strict"] is False
    assert [turn["role"] for turn in again["messages"]] == ["user", "assistant", "user"]
    assert "at churn" in again["messages"][2]["content"]


@pytest.mark.parametrize(
    "wrong", ["no JSON", '{"months": []}', '{"churn": NaN}', "[" * 100_000, '{"churn": 1} and more']
)
async def test_one_that_stays_wrong_is_an_error(wrong: str, tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(says(wrong))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        with pytest.raises(WrongStructure) as failed:
            await door.chat(hello(schema=SCHEMA))
    assert (failed.value.said, len(upstream.requests)) == (wrong, 2)


async def test_a_schema_never_makes_a_request_of_its_own(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(says("{}"))
    far = {"$ref": f"{upstream.base_url}/schema.json"}
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        with pytest.raises(Exception, match=r"schema|Unresolvable"):
            await door.chat(hello(schema=far))
    assert {seen.path for seen in upstream.requests} <= {"/v1/chat/completions"}


async def test_a_stream_s_structure_is_checked_at_its_end(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(stream(piece('{"churn"'), piece(": 2}"), piece(finish="stop"), final()))
    upstream.play(stream(piece('{"churn"'), piece(": true}"), piece(finish="stop"), final()))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        _, answer = await asked(door, hello(schema=SCHEMA))
        assert answer.parsed == {"churn": 2}
        with pytest.raises(WrongStructure):
            await asked(door, hello(schema=SCHEMA))


async def test_many_streams_at_once_end_whole(tmp_path: Path, mocked: LLMockServer) -> None:
    """Of a hundred here; the benchmark has the thousand."""
    mocked.state.scenarios.add(Fail(503, times=10))
    async with gateway(tmp_path, {"a": at(mocked.base_url())}, stall_s=60, deadline_s=60, breaker_failures=99) as door:
        found = await asyncio.gather(*(asked(door, hello(f"Number {n % 7}")) for n in range(40)))
    assert all(text == answer.text for text, answer in found)
    assert len({text for text, _ in found}) <= 7


async def test_a_wrong_key_is_said_as_such(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(error("401 No", "Incorrect API key provided"))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        with pytest.raises(AuthFailed, match="Incorrect API key"):
            await door.chat(hello())
    assert len(upstream.requests) == 1
