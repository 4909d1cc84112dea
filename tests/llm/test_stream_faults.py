"""A stream ends whole, or with an error that says so: whatever breaks, wherever it breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.llm.gateways import asked, at, gateway, hello
from tests.llm.upstream import RESET, Pause, Upstream, error, event, final, piece, stream

from sophia_kit.core.errors import (
    BrokenStream,
    MalformedAnswer,
    NoAnswer,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    TruncatedAnswer,
    Unreachable,
)
from sophia_kit.llm import Answer, Gateway, ToolCall

WORDS = ["Revenue ", "rose. ", "Churn ", "fell, ", "as — planned."]
WHOLE = "".join(WORDS)
EVENTS = [piece("", role="assistant"), *map(piece, WORDS), piece(finish="stop"), final()]
ANSWER = stream(*EVENTS)
BODY_AT = ANSWER.index(b"data:")
FINISHED_AT = ANSWER.index(b'"finish_reason": "stop"')


@pytest.mark.parametrize("ending", ["closed", "reset"])
async def test_cut_at_any_byte_it_is_whole_or_an_error_never_a_part(
    tmp_path: Path, upstream: Upstream, ending: str
) -> None:
    """On this wire a cut looks like an end. Every ninth byte, and each of those around the finish reason."""
    near = range(FINISHED_AT - 3, FINISHED_AT + 32)
    places = sorted({*range(BODY_AT, len(ANSWER), 9 if ending == "closed" else 31), *near})

    async def read(door: Gateway) -> tuple[str, Answer | None, ProviderError | None]:
        said = ""
        try:
            async for chunk in door.stream(hello()):
                said += chunk.text
        except ProviderError as error:
            return said, None, error
        return said, chunk.answer, None

    outcomes = set()
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, attempts=1, breaker_failures=9999) as door:
        for place in places:
            upstream.forget()
            upstream.play(ANSWER[:place], *([RESET] if ending == "reset" else []))
            said, whole, error = await read(door)
            if error is None:
                outcomes.add("whole")
                assert whole is not None
                assert (said, whole.text, place > FINISHED_AT) == (WHOLE, WHOLE, True), place
            else:
                outcomes.add("error")
                assert WHOLE.startswith(said)
                assert isinstance(error, BrokenStream) == bool(said), (place, error)
                assert getattr(error, "said", said) == said
    assert outcomes == {"error", "whole"}


BAD = {
    "half": b'data: {"choices": [{"del\n\n',
    "no object": event([1, 2]),
    "no choices": event({"model": "m-1"}),
    "choices of text": event({"choices": "none"}),
    "choice of text": event({"choices": ["none"]}),
    "delta of text": event({"choices": [{"delta": "none"}]}),
    "content of numbers": event({"choices": [{"delta": {"content": 7}}]}),
    "tool call of text": event({"choices": [{"delta": {"tool_calls": ["none"]}}]}),
    "tool calls of text": event({"choices": [{"delta": {"tool_calls": "none"}}]}),
    "tool call without a place": event({"choices": [{"delta": {"tool_calls": [{"index": "0"}]}}]}),
    "no UTF-8": b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n',
    "unknown finish": event({"choices": [{"delta": {}, "finish_reason": "tired"}]}),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_piece_that_can_t_be_read_is_an_error_and_before_the_first_word_another_answers(
    tmp_path: Path, upstream: Upstream, bad: str, after: int
) -> None:
    upstream.play(stream(*map(piece, WORDS[:after]), BAD[bad], *map(piece, WORDS[after:]), piece(finish="stop")))
    upstream.play(ANSWER)
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        if after == 0:
            text, whole = await asked(door, hello())
            assert (text, whole.text, [one.outcome for one in whole.attempts]) == (
                WHOLE,
                WHOLE,
                ["malformed-answer", "ok"],
            )
        else:
            with pytest.raises(BrokenStream) as broken:
                await asked(door, hello())
            assert (broken.value.reason, broken.value.said) == ("malformed-answer", "".join(WORDS[:after]))


@pytest.mark.parametrize("after", [0, 1, 3, 50])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("closed", "truncated-answer"),
        ("reset", "unreachable"),
        ("silent", "provider-timeout"),
        ("error event", "provider-failing"),
        ("error finish", "provider-failing"),
    ],
)
async def test_what_breaks_after_so_many_chunks(
    tmp_path: Path, upstream: Upstream, after: int, fault: str, reason: str
) -> None:
    said = [piece(f"w{number} ") for number in range(after)]
    wrong = {"message": "the model is overloaded", "code": 502}
    ends: dict[str, list[Any]] = {
        "closed": [stream(*said)],
        "reset": [stream(*said), Pause(0.02), RESET],
        "silent": [stream(*said), Pause(5), piece(finish="stop")],
        "error event": [stream(*said, event({"error": wrong}), event(b"[DONE]"))],
        "error finish": [
            stream(*said, event({"choices": [{"delta": {}, "finish_reason": "error", "error": wrong}]}), final())
        ],
    }
    upstream.play(*ends[fault])
    upstream.play(ANSWER)
    patience: dict[str, Any] = {"first_token_s": 0.2, "stall_s": 0.2} if fault == "silent" else {}
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, **patience) as door:
        if after == 0:
            text, whole = await asked(door, hello())
            assert (text, [one.outcome for one in whole.attempts]) == (WHOLE, [reason, "ok"])
        else:
            with pytest.raises(BrokenStream) as broken:
                await asked(door, hello())
            assert (broken.value.reason, broken.value.said) == (reason, "".join(f"w{n} " for n in range(after)))


async def test_with_nobody_else_to_ask_the_error_says_what_each_attempt_met(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(stream())
    upstream.play(error("503 Service Unavailable"))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, attempts=2) as door:
        with pytest.raises(NoAnswer) as failed:
            await asked(door, hello())
    assert failed.value.outcomes == (("a", "truncated-answer"), ("a", "provider-failing"))


@pytest.mark.parametrize(
    ("play", "kind"),
    [
        ([stream()], TruncatedAnswer),
        ([stream(BAD["half"])], MalformedAnswer),
        ([stream(piece(finish="stop"), final())], MalformedAnswer),
        ([RESET], Unreachable),
        ([Pause(3)], ProviderTimeout),
        ([error("500 Broken")], ProviderFailing),
    ],
    ids=["ended", "malformed", "empty", "reset", "silent", "failing"],
)
async def test_one_kind_of_failure_is_said_as_itself(
    tmp_path: Path, upstream: Upstream, play: list[Any], kind: type[ProviderError]
) -> None:
    upstream.play(*play)
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, attempts=2, first_token_s=0.5) as door:
        with pytest.raises(kind):
            await asked(door, hello())
    assert len(upstream.requests) == 2


async def test_what_breaks_after_the_finish_changes_nothing(tmp_path: Path, upstream: Upstream) -> None:
    said = list(map(piece, WORDS))
    for play in ([stream(*said, piece(finish="stop"))], [stream(*said, piece(finish="stop"), BAD["half"])]):
        upstream.forget()
        upstream.play(*play)
        async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
            text, whole = await asked(door, hello())
        assert (text, whole.finish_reason) == (WHOLE, "stop")
        assert whole.usage.estimated
        assert whole.usage.output_tokens > 0


async def test_words_after_the_finish_are_no_answer(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(stream(piece("All is well."), piece(finish="stop"), piece(" Or not."), final()))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        with pytest.raises(BrokenStream) as broken:
            await asked(door, hello())
    assert broken.value.reason == "malformed-answer"


async def test_a_limit_s_and_a_filter_s_end_are_ends(tmp_path: Path, upstream: Upstream) -> None:
    for finish in ("length", "content_filter"):
        upstream.forget()
        upstream.play(stream(piece("All is"), piece(finish=finish), final()))
        async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
            text, whole = await asked(door, hello())
        assert (text, whole.finish_reason) == ("All is", finish)


async def test_a_model_that_thinks_aloud_is_not_taken_for_dead(tmp_path: Path, upstream: Upstream) -> None:
    thinking = [part for _ in range(4) for part in (Pause(0.3), piece(reasoning="hm"))]
    upstream.play(stream(piece(reasoning="hm")), *thinking, *EVENTS)
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, first_token_s=1.0, stall_s=1.0) as door:
        text, whole = await asked(door, hello())
    assert (text, len(whole.attempts)) == (WHOLE, 1)


async def test_tool_calls_come_in_pieces_and_one_that_breaks_is_never_gone_on_with(
    tmp_path: Path, upstream: Upstream
) -> None:
    parts = [
        piece(tool_calls=[{"index": 0, "id": "t1", "function": {"name": "churn", "arguments": ""}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": '{"month": '}}]),
        piece(tool_calls=[{"index": 1, "id": "t2", "function": {"name": "arr", "arguments": "{}"}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": "3}"}}]),
    ]
    upstream.play(stream(*parts, piece(finish="tool_calls"), final()))
    upstream.play(stream(*parts[:2]))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, continuation="any-model") as door:
        _, whole = await asked(door, hello())
        assert whole.tool_calls == (ToolCall("t1", "churn", '{"month": 3}'), ToolCall("t2", "arr", "{}"))
        with pytest.raises(BrokenStream) as broken:
            await asked(door, hello())
    assert broken.value.reason == "truncated-answer"
    assert len(upstream.requests) == 2


async def test_another_deployment_goes_on_where_the_policy_allows(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(stream(*map(piece, WORDS[:3])))
    # It repeats the end of what was said, as models do.
    upstream.play(stream(piece("rose. Ch"), piece("urn "), *map(piece, WORDS[3:]), piece(finish="stop"), final(20, 9)))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, continuation="same-model") as door:
        text, whole = await asked(door, hello())
    assert (text, whole.text, whole.continued) == (WHOLE, WHOLE, True)
    assert [one.outcome for one in whole.attempts] == ["truncated-answer", "ok"]
    assert whole.usage.output_tokens > 9
    turns = upstream.requests[1].body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == "".join(WORDS[:3])


async def test_who_goes_on_may_call_a_tool_and_every_piece_of_the_call_is_passed_on(
    tmp_path: Path, upstream: Upstream
) -> None:
    call = [
        piece(tool_calls=[{"index": 0, "id": "t1", "function": {"name": "churn", "arguments": '{"month": '}}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": "3}"}}]),
    ]
    upstream.play(stream(piece("I look it up")))
    upstream.play(stream(piece(": "), *call, piece(finish="tool_calls"), final()))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, continuation="same-model") as door:
        chunks = [chunk async for chunk in door.stream(hello())]
    assert "".join(chunk.text for chunk in chunks) == "I look it up: "
    assert "".join(part.arguments for chunk in chunks for part in chunk.tool_calls) == '{"month": 3}'
    assert chunks[-1].answer is not None
    assert chunks[-1].answer.tool_calls == (ToolCall("t1", "churn", '{"month": 3}'),)


async def test_going_on_stays_with_the_model_unless_any_may(tmp_path: Path, upstream: Upstream) -> None:
    models = {"a": at(upstream.base_url, "gpt-4o-mini"), "b": at(upstream.base_url, "gpt-4o")}
    for continuation, whole in (("same-model", False), ("any-model", True)):
        upstream.forget()
        upstream.play(stream(piece("Revenue rose by ")))
        upstream.play(error("503 Busy"))
        upstream.play(stream(piece("a little."), piece(finish="stop"), final()))
        more: dict[str, Any] = {"fallbacks": {"gpt-4o-mini": ("gpt-4o",)}, "attempts": 2, "continuation": continuation}
        async with gateway(tmp_path, models, **more) as door:
            if whole:
                text, answer = await asked(door, hello(model="gpt-4o-mini"))
                assert (text, answer.model_used) == ("Revenue rose by a little.", "gpt-4o")
            else:
                with pytest.raises(BrokenStream):
                    await asked(door, hello(model="gpt-4o-mini"))


async def test_who_leaves_a_stream_leaves_no_connection(tmp_path: Path, upstream: Upstream) -> None:
    upstream.play(stream(piece("Revenue ")), Pause(5), piece("rose."))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}) as door:
        chunks = door.stream(hello())
        assert (await anext(chunks)).text == "Revenue "
        await chunks.aclose()
        upstream.forget()
        upstream.play(ANSWER)
        text, _ = await asked(door, hello())
    assert text == WHOLE
