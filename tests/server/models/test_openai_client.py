"""OpenAI's own client against this server: real sockets, a real upstream, tokens, streams, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from llmock.scenarios import Fail, Reply, StreamFault
from llmock.scenarios import ToolCall as MockCall
from llmock.testing import LLMockServer
from tests.server.serving import Serving, serving

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.server.auth.tokens import issue

MODEL = "gpt-4o-mini"


@pytest.fixture(scope="module")
def upstream() -> Iterator[LLMockServer]:
    with LLMockServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(upstream: LLMockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(_settings(tmp_path_factory.mktemp("models"), upstream.base_url("openai")), apps=()) as running:
        yield running


def _settings(root: Path, base_url: str) -> Settings:
    (root / "sophia.toml").write_text(
        f"""
[server]
authentication = "tokens"
requests_per_minute = 100000
request_timeout_s = 5
max_request_bytes = 100000

[llm]
attempts = 1
backoff_initial_s = 0.01

[llm.budget]
request_usd = 0.5

[llm.models.{MODEL}]
input_usd = 0.15
output_usd = 0.6

[llm.models.text-embedding-3-small]
input_usd = 0.02

[llm.deployments.mock]
provider = "compatible"
model = "{MODEL}"
base_url = "{base_url}"

[llm.deployments.vectors]
provider = "compatible"
kind = "embedding"
model = "text-embedding-3-small"
base_url = "{base_url}"
"""
    )
    return load_settings(root)


@pytest.fixture
def client(server: Serving, upstream: LLMockServer) -> Iterator[openai.OpenAI]:
    upstream.state.scenarios.clear()
    upstream.state.journal.clear()
    with _client(server, server.token("team-a")) as opened:
        yield opened


def _client(server: Serving, token: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key=token, max_retries=0)


def ask(client: openai.OpenAI, text: str = "Good morning") -> str:
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content or ""


def test_a_chat_is_answered_with_its_usage_and_what_it_cost(client: openai.OpenAI, upstream: LLMockServer) -> None:
    upstream.state.scenarios.add(Reply(text="Good evening, ½ past"))
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    )
    assert answer.choices[0].message.content == "Good evening, ½ past"
    assert (answer.model, answer.choices[0].finish_reason) == (MODEL, "stop")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id
    told = (answer.model_extra or {})["sophia"]
    assert (told["deployment"], told["attempts"], told["cached"]) == ("mock", 1, False)
    assert float(told["cost_usd"]) > 0
    (record,) = upstream.state.journal.records()
    assert [turn["role"] for turn in record.body["messages"]] == ["system", "user"]


def test_a_stream_is_the_same_text_in_pieces_with_its_usage_last(client: openai.OpenAI, upstream: LLMockServer) -> None:
    upstream.state.scenarios.add(Reply(text="One word after another, until the end."))
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == "One word after another, until the end."
    assert len([text for text in texts if text]) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_that_breaks_off_is_an_error_and_never_done(client: openai.OpenAI, upstream: LLMockServer) -> None:
    upstream.state.scenarios.add(Reply(text="This will break off somewhere in the middle of it."))
    upstream.state.scenarios.add(StreamFault(kind="truncate", after_chunks=3))
    said = ""
    with pytest.raises(openai.APIError, match=r"broke off|ended without") as broken:
        for chunk in client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], stream=True
        ):
            said += chunk.choices[0].delta.content or ""
    assert said
    assert broken.value.code == "broken-stream"


def test_a_tool_is_called_and_answered(client: openai.OpenAI, upstream: LLMockServer) -> None:
    upstream.state.scenarios.add(Reply(tool_calls=(MockCall("revenue", {"month": "now"}),)))
    tool = {"type": "function", "function": {"name": "revenue", "parameters": {"type": "object", "properties": {}}}}
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Revenue?"}],
        tools=[tool],  # type: ignore[list-item]
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("revenue", {"month": "now"})


def test_vectors_arrive_as_numbers(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model="text-embedding-3-small", input=["rent", "payment"])
    plain = client.embeddings.create(model="text-embedding-3-small", input=["rent", "payment"], encoding_format="float")
    assert [item.index for item in found.data] == [0, 1]
    assert found.data[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)
    assert len(found.data[1].embedding) > 1


def test_the_models_are_those_that_are_deployed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL, "text-embedding-3-small"]
    assert client.models.retrieve(MODEL).owned_by == "compatible"
    with pytest.raises(openai.NotFoundError, match="gpt-4o-mini"):
        client.models.retrieve("gpt-4o-mino")


def test_errors_are_the_clients_own(client: openai.OpenAI, server: Serving, upstream: LLMockServer) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4o-mino", messages=[{"role": "user", "content": "Hello"}])
    assert (unknown.value.code, unknown.value.type) == ("unknown-name", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as several:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hello"}], n=2)
    assert several.value.param == "n"
    upstream.state.scenarios.add(Fail(status=503, times=None))
    with pytest.raises(openai.InternalServerError) as failing:
        ask(client)
    assert failing.value.response.headers["content-type"] == "application/problem+json"
    with pytest.raises(openai.AuthenticationError) as nobody, _client(server, "canary-no-token") as stranger:
        ask(stranger)
    assert nobody.value.type == "authentication_error"


def test_an_unknown_field_is_refused_and_not_ignored(client: openai.OpenAI, upstream: LLMockServer) -> None:
    with pytest.raises(openai.APIStatusError, match="provider") as refused:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], extra_body={"provider": {"sort": "price"}}
        )
    assert 400 <= refused.value.status_code < 500
    assert upstream.state.journal.records() == []


def test_a_token_without_the_scope_is_refused_and_nothing_is_sent(server: Serving, upstream: LLMockServer) -> None:
    from datetime import timedelta

    upstream.state.journal.clear()
    made, _ = issue(
        server.services.state,
        name="reader",
        scopes=["metrics:read"],
        now=SystemClock().now(),
        lifetime=timedelta(hours=1),
    )
    with _client(server, made) as reader, pytest.raises(openai.PermissionDeniedError, match="llm:use"):
        ask(reader)
    assert upstream.state.journal.records() == []


def test_each_caller_is_a_tenant_of_its_own(client: openai.OpenAI, server: Serving, upstream: LLMockServer) -> None:
    same = {"model": MODEL, "messages": [{"role": "user", "content": "Same?"}], "temperature": 0}
    with _client(server, server.token("team-b")) as other:
        told = [
            (who.chat.completions.create(**same).model_extra or {})["sophia"]["cached"]  # type: ignore[call-overload]
            for who in (client, client, other)
        ]
    assert told == [False, True, False]
    assert len(upstream.state.journal.records()) == 2


def test_with_nothing_deployed_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "sophia.toml").touch()
    with serving(load_settings(tmp_path), apps=()) as bare:
        answer = httpx.post(
            f"http://127.0.0.1:{bare.port}/v1/chat/completions",
            json={"model": "auto", "messages": [{"role": "user", "content": "Hello"}]},
        )
    assert answer.status_code == 500
    assert answer.json()["missing"] == ["SOPHIA_LLM__DEPLOYMENTS"]
    assert answer.json()["error"]["code"] == "unconfigured"
    assert answer.headers["x-should-retry"] == "false"
