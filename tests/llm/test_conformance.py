"""What every provider does, whoever it is: one suite, over real HTTP. What one can't do is marked with the reason."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from llmock.scenarios import Fail, Reply
from llmock.scenarios import ToolCall as Scripted
from llmock.testing import LLMockServer
from tests.llm.gateways import asked, gateway, hello
from tests.llm.upstream import Upstream, error, event, final, json_answer, piece, stream

from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    ModelAbsent,
    PolicyRefused,
    PromptTooLong,
    ProviderError,
    ProviderFailing,
    RateLimited,
    RequestRejected,
    Unconfigured,
)
from sophia_kit.llm import ChatRequest, EmbedRequest, Gateway, Image, Message, Tool
from sophia_kit.llm.providers.wordpiece import pieces

CANARY = "canary-key-of-a-model-provider"


@dataclass(frozen=True)
class Case:
    """A provider: its deployment at an address, the keys it needs, and the headers that it then sends."""

    name: str
    deployment: Callable[[str], dict[str, Any]]
    keys: dict[str, str]
    headers: dict[str, str | None]
    most_tokens: str = "max_tokens"

    def door(self, root: Path, base_url: str, **more: Any) -> Gateway:
        return gateway(root, {"one": self.deployment(base_url) | more}, keys=self.keys, attempts=1, breaker_failures=99)


CASES = [
    Case(
        "openai",
        lambda url: {"provider": "openai", "model": "gpt-4o-mini", "base_url": url},
        {"openai": CANARY},
        {"authorization": f"Bearer {CANARY}"},
        "max_completion_tokens",
    ),
    Case(
        "openrouter",
        lambda url: {"provider": "openrouter", "model": "gpt-4o-mini", "base_url": url},
        {"one": CANARY},
        {"authorization": f"Bearer {CANARY}", "x-title": "Sophia Kit"},
    ),
    Case(
        "portkey",
        lambda url: {
            "provider": "portkey",
            "model": "gpt-4o-mini",
            "base_url": url,
            "upstream": "openai",
            "config": '{"retry": {"attempts": 1}, "custom": "${openai}"}',
            "virtual_key": "vk-1",
        },
        {"openai": CANARY, "portkey": "canary-portkey"},
        {
            "authorization": f"Bearer {CANARY}",
            "x-portkey-api-key": "canary-portkey",
            "x-portkey-provider": "openai",
            "x-portkey-virtual-key": "vk-1",
            "x-portkey-config": json.dumps({"retry": {"attempts": 1}, "custom": CANARY}),
        },
    ),
    Case(
        "compatible",
        lambda url: {"provider": "compatible", "model": "gpt-4o-mini", "base_url": url},
        {},
        {"authorization": None},
    ),
]
case = pytest.mark.parametrize("case", CASES, ids=[one.name for one in CASES])
# The local model embeds and doesn't chat: of the suite only what concerns embeddings is for it.


@case
async def test_it_chats_whole_and_streamed_with_the_same_words(
    case: Case, tmp_path: Path, mocked: LLMockServer
) -> None:
    async with case.door(tmp_path, mocked.base_url()) as door:
        whole = await door.chat(hello())
        text, streamed = await asked(door, hello())
    assert (whole.text, whole.finish_reason) == (text, "stop")
    assert (streamed.text, streamed.usage) == (whole.text, whole.usage)
    assert whole.usage.input_tokens > 0
    assert whole.usage.output_tokens > 0
    assert not whole.usage.estimated
    assert (whole.provider, whole.model_used, whole.provider_model) == (case.name, "gpt-4o-mini", "gpt-4o-mini")
    assert whole.first_token_s is None
    assert streamed.first_token_s is not None


@case
async def test_it_calls_tools_and_takes_their_results(case: Case, tmp_path: Path, mocked: LLMockServer) -> None:
    mocked.state.scenarios.add(Reply(tool_calls=(Scripted("churn", {"month": "2025-03"}),), times=2))
    tools = (Tool("churn", "Churn of a month", {"type": "object", "properties": {"month": {"type": "string"}}}),)
    async with case.door(tmp_path, mocked.base_url()) as door:
        whole = await door.chat(hello(tools=tools, tool_choice="churn"))
        _, streamed = await asked(door, hello(tools=tools))
        for answer in (whole, streamed):
            assert answer.finish_reason == "tool_calls"
            (call,) = answer.tool_calls
            assert (call.name, json.loads(call.arguments)) == ("churn", {"month": "2025-03"})
        turns = (
            Message("user", "And March?"),
            Message("assistant", tool_calls=whole.tool_calls),
            Message("tool", "2.1 %", tool_call_id=whole.tool_calls[0].id),
        )
        again = await door.chat(ChatRequest(turns, tools=tools))
    assert again.text


@case
async def test_what_it_sends(case: Case, tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment's headers and the request's fields; nothing that the SDK or the environment would add."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-elsewhere")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-elsewhere: 1")
    upstream.play(stream(piece("Yes."), piece(finish="stop"), final()))
    request = hello(
        temperature=0.5,
        max_tokens=20,
        stop=("END",),
        seed=3,
        extra={"provider": {"order": ["x"]}},
    )
    async with case.door(tmp_path, upstream.base_url, options={"top_k": 5}, headers={"x-team": "bi"}) as door:
        await asked(door, request)
    (seen,) = upstream.requests
    assert seen.path == "/v1/chat/completions"
    for name, value in {**case.headers, "x-team": "bi"}.items():
        assert seen.headers.get(name) == value, name
    assert [name for name in seen.headers if name.startswith(("x-stainless", "openai-", "x-elsewhere"))] == []
    expected = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Good morning"}],
        "temperature": 0.5,
        case.most_tokens: 20,
        "stop": ["END"],
        "seed": 3,
        "top_k": 5,
        "provider": {"order": ["x"]},
        "stream": True,
        "stream_options": {"include_usage": True},
    } | ({"usage": {"include": True}} if case.name == "openrouter" else {})
    assert seen.body == expected


REFUSALS: dict[int, type[ProviderError]] = {
    302: RequestRejected,
    400: RequestRejected,
    401: AuthFailed,
    402: AuthFailed,
    403: AuthFailed,
    404: ModelAbsent,
    413: PromptTooLong,
    422: RequestRejected,
    429: RateLimited,
    500: ProviderFailing,
    503: ProviderFailing,
}


@case
async def test_its_refusals_are_errors_of_the_kit_without_the_key(
    case: Case, tmp_path: Path, upstream: Upstream
) -> None:
    async with case.door(tmp_path, upstream.base_url) as door:
        for status, kind in REFUSALS.items():
            upstream.forget()
            upstream.play(error(f"{status} No", f"bad key {CANARY} given", headers="Location: http://127.0.0.1:1/\r\n"))
            with pytest.raises(kind) as whole:
                await door.chat(hello())
            with pytest.raises(kind):
                await asked(door, hello())
            assert type(whole.value) is kind
            assert (whole.value.http_status, whole.value.provider) == (status, case.name)
            assert "given" in whole.value.message or status == 302
            assert CANARY not in str(whole.value.problem()) or not case.keys


@case
async def test_an_answer_of_another_shape_is_no_answer(case: Case, tmp_path: Path, upstream: Upstream) -> None:
    unfinished = {"choices": [{"message": {"content": "x"}}]}
    async with case.door(tmp_path, upstream.base_url) as door:
        wrong: list[Any] = [b"{", [], {}, {"choices": []}, unfinished, {"choices": [{"message": 3}]}]
        for body in wrong:
            upstream.forget()
            upstream.play(json_answer(body))
            with pytest.raises(ProviderError) as failed:
                await door.chat(hello())
            assert (failed.value.code, failed.value.retryable) == ("malformed-answer", True), body


@case
async def test_it_embeds(case: Case, tmp_path: Path, mocked: LLMockServer) -> None:
    async with case.door(tmp_path, mocked.base_url(), kind="embedding", model="text-embedding-3-small") as door:
        found = await door.embed(EmbedRequest(("one text", "another one")))
    assert len(found.vectors) == 2
    assert len(set(map(len, found.vectors))) == 1
    assert found.usage.input_tokens > 0


@case
async def test_vectors_that_aren_t_one_for_each_text_are_no_answer(
    case: Case, tmp_path: Path, upstream: Upstream
) -> None:
    def vectors(*found: tuple[int, list[Any]]) -> list[dict[str, Any]]:
        return [{"index": index, "embedding": numbers} for index, numbers in found]

    async with case.door(tmp_path, upstream.base_url, kind="embedding") as door:
        for data in (
            [],
            vectors((0, [1.0])),
            vectors((0, [1.0]), (0, [1.0])),
            vectors((0, [1.0]), (1, [1.0, 2.0])),
            vectors((0, [1.0]), (1, ["x"])),
        ):
            upstream.forget()
            upstream.play(json_answer({"data": data, "model": "m"}))
            with pytest.raises(ProviderError, match="can't be read"):
                await door.embed(EmbedRequest(("one", "two")))


async def test_vectors_come_in_the_order_of_the_texts(tmp_path: Path, upstream: Upstream) -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1]}]
    upstream.play(json_answer({"data": data, "model": "m", "usage": {"prompt_tokens": 4}}))
    async with CASES[0].door(tmp_path, upstream.base_url, kind="embedding") as door:
        found = await door.embed(EmbedRequest(("one", "two")))
    assert found.vectors == ((1.0,), (2.0,))


async def test_the_local_model_embeds_offline(tmp_path: Path) -> None:
    deployment = {"provider": "local", "model": "all-MiniLM-L6-v2", "kind": "embedding", "data_policy": "local"}
    texts = ("The customer renewed the contract.", "The client extended their agreement.", "Bananas are yellow.")
    long = " ".join(["renewal"] * 700)
    async with gateway(tmp_path, {"here": deployment}) as door:
        found = await door.embed(EmbedRequest((*texts, long), data_policy="local"))
        alone = await door.embed(EmbedRequest(texts[1:2], cache=False))
    vectors = found.vectors
    assert {len(vector) for vector in vectors} == {384}
    assert all(math.isclose(math.hypot(*vector), 1) for vector in vectors)

    def likeness(a: int, b: int) -> float:
        return sum(x * y for x, y in zip(vectors[a], vectors[b], strict=True))

    assert likeness(0, 1) > 0.5 > 0.2 > likeness(0, 2)
    # Whatever else is embedded beside it; weights of eight bits leave a little play.
    assert sum(x * y for x, y in zip(vectors[1], alone.vectors[0], strict=True)) > 0.99
    assert found.usage.input_tokens > 700


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Hello, World! It's unaffable—naïve café",
            "7592 1010 2088 999 2009 1005 1055 14477 20961 3468 1517 15743 7668",
        ),
        ("東京タワー is 333m", "1879 1755 1709 30262 30265 2003 21211 2213"),
        ("price: $1,234.56 (+7%)", "3976 1024 1002 1015 1010 22018 1012 5179 1006 1009 1021 1003 1007"),
        ("emoji 😀 ok", "7861 29147 2072 100 7929"),
        ("a\u200bb zero width", "11113 5717 9381"),
        ("x" * 101, "100"),
    ],
)
def test_texts_are_cut_as_the_model_s_own_tokenizer_cuts_them(text: str, expected: str) -> None:
    """Expected: what Hugging Face's `tokenizers` 0.23 makes of them with the model's tokenizer.json."""
    assert pieces(text) == [int(number) for number in expected.split()]


async def test_openrouter_s_own_ways(tmp_path: Path, upstream: Upstream) -> None:
    """Cost in the last chunk, comments that keep the line open, errors as data events, cached prompts, routing."""
    usage = {
        "prompt_tokens": 90,
        "completion_tokens": 4,
        "cost": 0.00125,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    upstream.play(
        stream(
            b": OPENROUTER PROCESSING\n\n",
            piece("Yes."),
            b": OPENROUTER PROCESSING\n\n",
            piece("", finish="stop"),
            event({"model": "openai/gpt-4o-mini", "choices": [{"delta": {"content": ""}}], "usage": usage}),
            event(b"[DONE]"),
        )
    )
    upstream.play(json_answer({"error": {"message": "no provider left", "code": 503}}))
    marked = ChatRequest(
        (Message("system", "Long rules", cache_up_to_here=True), Message("user", "?", images=(Image("https://x/y"),)))
    )
    options = {"models": ["a/b", "c/d"]}
    case = CASES[1]
    async with case.door(tmp_path, upstream.base_url, options=options, data_policy="no-training") as door:
        _, answer = await asked(door, marked)
        with pytest.raises(ProviderFailing, match="no provider left"):
            await door.chat(hello())
    assert str(answer.usage.cost_usd) == str(answer.cost_usd) == "0.00125"
    assert (answer.usage.cached_input_tokens, answer.usage.reasoning_tokens) == (64, 2)
    body = upstream.requests[0].body
    assert (body["models"], body["provider"]) == (["a/b", "c/d"], {"data_collection": "deny"})
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["messages"][1]["content"][1]["image_url"]["url"] == "https://x/y"


async def test_a_provider_without_its_key_is_unconfigured_and_nothing_is_sent(tmp_path: Path) -> None:
    deployments = {
        "gpt": {"provider": "openai", "model": "gpt-4o"},
        "router": {"provider": "openrouter", "model": "openai/gpt-4o"},
        "pk": {"provider": "portkey", "model": "gpt-4.1", "virtual_key": "vk"},
    }
    async with gateway(tmp_path, deployments) as door:
        for model, variable in (
            ("gpt-4o", "SOPHIA_LLM__KEYS__OPENAI"),
            ("openai/gpt-4o", "SOPHIA_LLM__KEYS__OPENROUTER"),
            ("gpt-4.1", "SOPHIA_LLM__KEYS__PORTKEY"),
        ):
            with pytest.raises(Unconfigured) as absent:
                await door.chat(hello(model=model))
            assert absent.value.missing == (variable,)


async def test_keys_and_prompts_travel_encrypted_or_not_at_all(tmp_path: Path) -> None:
    far = {"provider": "compatible", "model": "llama", "base_url": "http://models.example.com/v1"}
    async with gateway(tmp_path, {"far": far}) as door:
        with pytest.raises(ConfigError, match="not encrypted"):
            await door.chat(hello())


async def test_only_questions_are_sent_and_only_to_the_configured_place(tmp_path: Path, upstream: Upstream) -> None:
    import httpx2

    from sophia_kit.llm.providers.transport import AskingTransport, base_url

    transport = AskingTransport("compatible", base_url(upstream.base_url, "compatible"), 1, frozenset())
    async with httpx2.AsyncClient(transport=transport) as client:
        for method, url in (
            ("DELETE", f"{upstream.base_url}/models/m"),
            ("POST", f"{upstream.base_url}/files"),
            ("GET", f"{upstream.base_url}/chat/completions"),
            ("POST", "http://127.0.0.1:1/v1/chat/completions"),
        ):
            with pytest.raises(PolicyRefused):
                await client.request(method, url)
    assert upstream.requests == []


async def test_the_first_attempt_of_a_failing_provider_is_graded_by_llmock(
    tmp_path: Path, mocked: LLMockServer
) -> None:
    """`llmock` watches how its faults are met: waits kept, nothing refused asked again, no storm."""
    from llmock.verdict import judge

    mocked.state.scenarios.add(Fail(429, retry_after=0.2, times=2), Fail(503))
    door = gateway(tmp_path, {"one": CASES[3].deployment(mocked.base_url())}, attempts=5, backoff_max_s=1)
    async with door:
        answer = await door.chat(hello())
    assert [one.outcome for one in answer.attempts] == ["rate-limited", "rate-limited", "provider-failing", "ok"]
    assert judge(mocked.state.journal.records()).findings == ()
