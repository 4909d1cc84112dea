"""The exact cache and shared flights: the same answer to the very same request alone, and nothing broken kept."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from tests.llm.gateways import asked, at, gateway, hello
from tests.llm.upstream import Pause, Upstream, error, event, final, json_answer, piece, stream

from sophia_kit.core.errors import BrokenStream, ProviderError
from sophia_kit.core.llm_settings import DeploymentSettings
from sophia_kit.llm import ChatRequest, Chunk, EmbedRequest, Message, Tool, ToolCall
from sophia_kit.llm.cache import key_of
from sophia_kit.llm.redaction import redacted
from sophia_kit.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(str(tmp_path / "state.sqlite")) as found:
        yield found


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of the tests' own, on loopback."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("no redis-server: install Debian's package redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([server, *options], stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


COLD = hello(temperature=0)


def says(text: str, finish: str = "stop", pause: float = 0) -> list[Any]:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    body = {"model": "m-1", "choices": [{"message": {"content": text}, "finish_reason": finish}], "usage": usage}
    return [Pause(pause), json_answer(body)]


async def test_the_same_request_is_answered_again_without_being_sent(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    upstream.play(*says("Yes."))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state) as door:
        first = await door.chat(COLD)
        again = await door.chat(COLD)
        text, streamed = await asked(door, COLD)
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state) as door:
        later = await door.chat(COLD)
    assert len(upstream.requests) == 1
    assert (first.cached, again.cached, streamed.cached, later.cached) == (False, True, True, True)
    assert {text, first.text, again.text, streamed.text, later.text} == {"Yes."}
    assert (again.attempts, str(again.cost_usd), again.usage) == ((), "0", first.usage)
    assert len({first.request_id, again.request_id, later.request_id}) == 3
    booked = state.llm_ledger.calls(newest=10)
    assert sorted(call.cached for call in booked) == [False, True, True, True]


async def test_streams_are_kept_and_replayed_with_their_tool_calls(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    calls = [{"index": 0, "id": "t1", "function": {"name": "churn", "arguments": '{"m": 3}'}}]
    upstream.play(stream(piece("Let me see. "), piece(tool_calls=calls), piece(finish="tool_calls"), final()))
    request = replace(COLD, tools=(Tool("churn"),))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state) as door:
        _, first = await asked(door, request)
        chunks = [chunk async for chunk in door.stream(request)]
        whole = await door.chat(request)
    assert len(upstream.requests) == 1
    assert chunks[0] == Chunk("Let me see. ")
    assert [part.arguments for chunk in chunks for part in chunk.tool_calls] == ['{"m": 3}']
    assert whole.tool_calls == first.tool_calls == (ToolCall("t1", "churn", '{"m": 3}'),)


SERVING = [DeploymentSettings(provider="openai", model="gpt-4o")]
BASE = ChatRequest((Message("user", "Hi"),), temperature=0)
CHANGES: dict[str, Any] = {
    "messages": (Message("user", "Hi!"),),
    "tools": (Tool("churn"),),
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "schema": {"type": "object"},
    "schema_name": "other",
    "temperature": 0.1,
    "top_p": 0.5,
    "max_tokens": 5,
    "stop": ("x",),
    "seed": 1,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "reasoning_effort": "low",
    "extra": {"top_k": 1},
    "tenant": "other",
}
NO_CHANGES: dict[str, Any] = {
    "model": "gpt-4o",
    "fallbacks": ("x",),
    "preset": "fast",
    "user": "ann",
    "purpose": "brief",
    "data_policy": "local",
    "deadline_s": 1.0,
    "max_cost_usd": 1,
    "cache": True,
    "continuation": "any-model",
    "repeatable": False,
}


def test_the_key_has_everything_that_changes_the_answer_and_nothing_else() -> None:
    fields = set(ChatRequest.__dataclass_fields__)
    assert fields == CHANGES.keys() | NO_CHANGES.keys(), "a new field: does it change the answer?"
    base = key_of(BASE, "gpt-4o", SERVING)
    changed = {key_of(replace(BASE, **{name: value}), "gpt-4o", SERVING) for name, value in CHANGES.items()}
    assert base not in changed
    assert len(changed) == len(CHANGES)
    assert {key_of(replace(BASE, **{name: value}), "gpt-4o", SERVING) for name, value in NO_CHANGES.items()} == {base}
    how = {
        "provider": "compatible",
        "model": "gpt-4.1",
        "base_url": "https://x/v1",
        "options": {"top_k": 3},
        "headers": {"X-Beta": "on"},
        "data_policy": "no-training",
        "config": "pc-1",
        "virtual_key": "vk-1",
        "upstream": "openai",
    }
    not_how = {"serves": "m", "kind": "embedding", "weight": 3, "requests_per_minute": 1, "tokens_per_minute": 1}
    assert set(DeploymentSettings.model_fields) == how.keys() | not_how.keys(), (
        "a new field: does it change the answer?"
    )
    for updates, same in ((how, False), (not_how, True)):
        for name, value in updates.items():
            other = [SERVING[0].model_copy(update={name: value})]
            assert (key_of(BASE, "gpt-4o", other) == base) is same, name
    assert key_of(BASE, "other", SERVING) != base
    assert key_of(EmbedRequest(("Hi",)), "gpt-4o", SERVING) != key_of(EmbedRequest(("Hi",), tenant="x"), "gpt-4o", [])


async def test_what_is_left_to_chance_is_asked_each_time_unless_told_otherwise(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    upstream.play(*says("Yes."))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state) as door:
        for request, sent in ((hello(), 2), (hello(cache=True), 1), (replace(COLD, cache=False), 2)):
            upstream.requests.clear()
            await door.chat(request)
            await door.chat(request)
            assert len(upstream.requests) == sent, request
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, cache="off") as door:
        upstream.requests.clear()
        await door.chat(COLD)
        await door.chat(COLD)
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_a_cut_answer_is_never_kept(finish: str, tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(*says("Revenue rose by", finish))
    upstream.play(stream(piece("Revenue rose by"), piece(finish=finish), final()))
    upstream.play(*says("Revenue rose by a lot."))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state) as door:
        assert (await door.chat(COLD)).finish_reason == finish
        assert (await asked(door, COLD))[1].finish_reason == finish
        assert (await door.chat(COLD)).text == "Revenue rose by a lot."


async def test_errors_and_broken_streams_are_never_kept(tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(error("500 Broken"))
    upstream.play(stream(piece("Revenue ")))
    upstream.play(stream(piece("Revenue "), event([])))
    upstream.play(*says("Yes."))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, attempts=1) as door:
        with pytest.raises(ProviderError):
            await door.chat(COLD)
        for _ in range(2):
            with pytest.raises(BrokenStream):
                await asked(door, COLD)
        answer = await door.chat(COLD)
    assert (answer.text, answer.cached) == ("Yes.", False)


async def test_a_substitute_s_answer_isn_t_given_for_the_first_choice_s(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    upstream.play(error("500 Broken"))
    upstream.play(*says("The substitute."))
    upstream.play(*says("The first choice."))
    models = {"a": at(upstream.base_url), "b": at(upstream.base_url, "gpt-4o")}
    async with gateway(tmp_path, models, state, attempts=1, fallbacks={"gpt-4o-mini": ("gpt-4o",)}) as door:
        assert (await door.chat(replace(COLD, model="gpt-4o-mini"))).text == "The substitute."
        assert (await door.chat(replace(COLD, model="gpt-4o-mini"))).text == "The first choice."
        assert (await door.chat(replace(COLD, model="gpt-4o"))).text == "The substitute."
    assert len(upstream.requests) == 3


async def test_identical_requests_under_way_are_sent_once(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(*says("Yes.", pause=0.3))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        answers = await asyncio.gather(*(door.chat(replace(COLD, tenant=f"t{n % 2}")) for n in range(10)))
        assert len(upstream.requests) == 2
        assert sorted(answer.cached for answer in answers) == [False, False] + [True] * 8
        upstream.forget()
        upstream.play(stream(piece("Yes, ")), Pause(0.3), piece("of course."), piece(finish="stop"), final())
        streams = await asyncio.gather(*(asked(door, COLD) for _ in range(5)))
        assert len(upstream.requests) == 1
        assert {text for text, _ in streams} == {"Yes, of course."}
        upstream.forget()
        upstream.play(error("400 Bad"))
        failed = await asyncio.gather(*(door.chat(COLD) for _ in range(3)), return_exceptions=True)
        assert {getattr(one, "code", None) for one in failed} == {"request-rejected"}


async def test_who_leaves_takes_the_answer_from_nobody(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(*says("Yes.", pause=0.3))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        first = asyncio.ensure_future(door.chat(COLD))
        second = asyncio.ensure_future(door.chat(COLD))
        await asyncio.sleep(0.1)
        first.cancel()
        assert (await second).text == "Yes."
        assert len(upstream.requests) == 1
        upstream.forget()
        upstream.play(stream(piece("Yes, ")), Pause(0.3), piece("of course."), piece(finish="stop"), final())
        leaving = door.stream(COLD)
        assert (await anext(leaving)).text == "Yes, "
        staying = asyncio.ensure_future(asked(door, COLD))
        await asyncio.sleep(0.05)
        await leaving.aclose()
        assert (await staying)[0] == "Yes, of course."
        assert len(upstream.requests) == 1


async def test_redis_shares_answers_between_processes(tmp_path: Path, upstream: Upstream, redis_url: str) -> None:
    tenant = uuid.uuid4().hex
    upstream.play(*says("Yes."))
    for _ in range(2):
        async with gateway(tmp_path, {"a": at(upstream.base_url)}, redis_url=redis_url) as door:
            answer = await door.chat(replace(COLD, tenant=tenant))
    assert (answer.text, answer.cached, len(upstream.requests)) == ("Yes.", True, 1)


async def test_a_cache_that_fails_costs_the_cache_and_not_the_call(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(*says("Yes."))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, redis_url="redis://127.0.0.1:9/0") as door:
        assert (await door.chat(COLD)).text == (await door.chat(COLD)).text == "Yes."
    assert len(upstream.requests) == 2


def test_the_state_keeps_the_latest_answers_for_their_time(state: State) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(5):
        state.llm_cache.put(f"k{number}", str(number), now + timedelta(seconds=number), 60, most=3)
    assert [state.llm_cache.get(f"k{number}", now) for number in range(5)] == [None, None, "2", "3", "4"]
    assert state.llm_cache.get("k4", now + timedelta(seconds=64)) is None
    assert (state.llm_cache.clear(), state.llm_cache.get("k4", now)) == (3, None)


def test_postgres_keeps_answers_as_sqlite_does(postgres_url: str) -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    with State.open(postgres_url) as state:
        state.llm_cache.clear()
        state.llm_cache.put("k", "one", now, 60, most=3)
        state.llm_cache.put("k", "two", now, 60, most=3)
        assert state.llm_cache.get("k", now) == "two"
        assert state.llm_cache.clear() == 1


async def test_a_call_is_a_span_and_so_is_each_request_with_the_conventions_names(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    upstream.play(error("500 Broken"))
    upstream.play(stream(piece("Yes."), piece(finish="stop"), final(7, 5)))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        await asked(door, hello("canary prompt", temperature=0.5, max_tokens=9))
    failed, answered, call = spans.get_finished_spans()
    assert {one.parent.span_id for one in (failed, answered) if one.parent} == {call.context.span_id}
    assert [one.name for one in (failed, answered, call)] == ["chat gpt-4o-mini"] * 3
    assert dict(failed.attributes or {})["error.type"] == "provider-failing"
    assert dict(answered.attributes or {})["gen_ai.provider.name"] == "compatible"
    said = dict(call.attributes or {})
    assert said["gen_ai.operation.name"] == "chat"
    assert (said["gen_ai.request.temperature"], said["gen_ai.request.max_tokens"]) == (0.5, 9)
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (7, 5)
    assert said["gen_ai.response.finish_reasons"] == ("stop",)
    assert "canary prompt" not in str([one.to_json() for one in spans.get_finished_spans()])


async def test_what_is_counted(tmp_path: Path, upstream: Upstream) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    name = f"d{uuid.uuid4().hex[:8]}"
    upstream.play(error("500 Broken"))
    upstream.play(stream(piece("Yes."), piece(finish="stop"), final(7, 5)))
    priced = at(upstream.base_url, provider="openai")
    async with gateway(tmp_path, {name: priced}, keys={"openai": "canary"}) as door:
        await asked(door, hello())
    assert value("sophia_llm_attempts_total", deployment=name, outcome="provider-failing") == 1
    assert value("sophia_llm_attempts_total", deployment=name, outcome="ok") == 1
    assert value("sophia_llm_tokens_total", deployment=name, kind="input") == 7
    assert value("sophia_llm_tokens_total", deployment=name, kind="output") == 5
    assert value("sophia_llm_first_token_seconds_count", deployment=name) == 1
    assert value("sophia_llm_cost_usd_total", deployment=name) > 0
    assert value("sophia_llm_breaker_open", deployment=name) == 0


async def test_prompts_and_answers_are_logged_when_asked_for_and_then_redacted(
    tmp_path: Path, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.play(*says("Call +1 415 555 0100 or mail bob@example.com."))
    request = hello("I am ann@example.com and my card is 4111 1111 1111 1111")
    with caplog.at_level("DEBUG"):
        async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
            await door.chat(request)
        assert "I am" not in caplog.text
        assert "example.com" not in caplog.text
        async with gateway(tmp_path, {"a": at(upstream.base_url)}, log_content=True) as door:
            await door.chat(request)
    assert "I am [email] and my card is [card]" in caplog.text
    assert "Call [phone] or mail [email]." in caplog.text


def test_figures_of_a_report_are_not_taken_for_secrets() -> None:
    text = "ARR grew from 1,234,567 to 2,345,678 in 2025-03 (+90.1 %), 12 of 340 churned."
    assert redacted(text) == text
