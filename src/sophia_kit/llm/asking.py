"""One call to the models: sent along its route until one answers, whole or streamed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from opentelemetry.trace import Span

from sophia_kit.core.errors import (
    BrokenStream,
    ConfigError,
    MalformedAnswer,
    ModelRefused,
    ProviderError,
    ProviderTimeout,
    SophiaError,
)
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.llm.bill import Bill
from sophia_kit.llm.deployments import Deployment
from sophia_kit.llm.messages import (
    Answer,
    Attempt,
    ChatRequest,
    Chunk,
    Continuation,
    Embeddings,
    EmbedRequest,
    Usage,
)
from sophia_kit.llm.providers import Piece, Provider, Reply, Vectors
from sophia_kit.llm.route import Route
from sophia_kit.llm.stream import Assembly, going_on, overlap, watched
from sophia_kit.llm.telemetry import attempt_span, told_attempt

__all__ = ["Asked", "Call", "stream_along", "whole_along"]

R = TypeVar("R", Reply, Vectors)
Estimate = Callable[[str, ChatRequest | EmbedRequest, str], Usage]
"""From a model, what it was asked and what it said to the tokens that the kit counts, for when no provider did."""

_HOLD = 200
"""Characters of a continuation that are held back until it is known whether they repeat what was said."""


@dataclass(slots=True)
class Call:
    """One call on its way.

    Attributes:
        ends: its deadline, by `time.monotonic`.
        bill: what it costs.
        reprice: told of a request that has grown on its way, for what that costs.
        estimate: counts tokens where no provider did.
        first_token_s: seconds from its start until the first word.
        answer: what came of it, once it is whole.
    """

    kind: str
    started: float
    ends: float
    route: Route
    span: Span
    bill: Bill
    reprice: Callable[[ChatRequest], None]
    estimate: Estimate
    first_token_s: float | None = None
    answer: Answer | Embeddings | None = None


@dataclass(frozen=True, slots=True)
class Asked(Generic[R]):
    """A deployment's answer, and the model as which it was asked."""

    reply: R = field(repr=False)
    usage: Usage
    deployment: Deployment
    model: str
    continued: bool = False


async def whole_along(
    call: Call, settings: LlmSettings, request: ChatRequest | EmbedRequest, ask: Callable[[Provider], Awaitable[R]]
) -> Asked[R]:
    """Ask along the route until one answers; `ask` sends `request`.

    Raises:
        SophiaError: nobody did; see `Route`.
    """
    while True:
        deployment = await call.route.next()
        began = time.monotonic()
        try:
            with _span(call, deployment) as span:
                provider = await deployment.provider()
                await call.bill.reserve(deployment.name)
                span.set_attribute("server.address", provider.host)
                began = time.monotonic()
                reply = await _within(ask, provider, deployment, min(settings.answer_s, call.ends - began))
                if isinstance(reply, Reply) and _says_nothing(reply.text, bool(reply.tool_calls), reply.finish_reason):
                    raise _nothing(deployment)
        except ModelRefused as refused:
            call.route.passed(deployment, refused)
            continue
        except (ProviderError, ConfigError) as error:
            _failed(call, deployment, error, began)
            continue
        except BaseException:
            _abandoned(call, deployment, began)
            raise
        text = reply.text if isinstance(reply, Reply) else ""
        usage = reply.usage or call.estimate(deployment.configured.model, request, text)
        deployment.succeeded()
        call.bill.charge(usage)
        _note(call, deployment, "ok", began, usage)
        return Asked(reply, usage, deployment, call.route.model)


async def stream_along(
    call: Call, settings: LlmSettings, request: ChatRequest, continuation: Continuation
) -> AsyncGenerator[Chunk | Asked[Reply], None]:
    """The answer in chunks, and last of all the whole of it.

    Before the first word a failure is passed over: another deployment is asked. After it, another one goes on where
    `continuation` permits it and prose alone was said.

    Raises:
        BrokenStream: the answer broke off after its first word.
        SophiaError: nobody began one; see `Route`.
    """
    said = Assembly()
    total: Usage | None = None
    asked, continued = request, False
    while True:
        try:
            deployment = await call.route.next()
        except SophiaError as error:
            if said.empty:
                raise
            raise _broken(said, error) from error
        began = time.monotonic()
        first: float | None = None
        held: str | None = "" if continued else None
        said.begin_again()
        before = said.text
        try:
            with _span(call, deployment) as span:
                provider = await deployment.provider()
                await call.bill.reserve(deployment.name)
                span.set_attribute("server.address", provider.host)
                began = time.monotonic()
                async with aclosing(_watch(call, provider, deployment, settings, asked)) as pieces:
                    async for piece in pieces:
                        _added(said, piece, deployment, held is None)
                        if first is None and (piece.text or piece.tool_calls):
                            first = time.monotonic() - began
                            if call.first_token_s is None:
                                call.first_token_s = time.monotonic() - call.started
                        text = piece.text
                        if held is not None:
                            held += text
                            if len(held) < _HOLD and piece.finish_reason is None and not piece.tool_calls:
                                continue
                            text, held = held[overlap(before, held) :], None
                            said.add(Piece(text))
                        if text or piece.tool_calls:
                            yield Chunk(text, piece.tool_calls)
                reply = _assembled(said, deployment)
        except ModelRefused as refused:
            call.route.passed(deployment, refused)
            continue
        except (ProviderError, ConfigError) as error:
            if held:
                # What was held back is said: it may be all that this deployment had to add.
                text = held[overlap(before, held) :]
                said.add(Piece(text))
                if text:
                    yield Chunk(text)
            usage = (
                call.estimate(deployment.configured.model, asked, said.text[len(before) :])
                if first is not None
                else None
            )
            total = _sum(total, usage)
            try:
                _failed(call, deployment, error, began, first, usage)
            except SophiaError as final:
                if said.empty:
                    raise
                raise _broken(said, final) from final
            if said.empty:
                continue
            if continuation == "never" or said.calls_tools or not request.repeatable:
                raise _broken(said, error) from error
            if continuation == "same-model":
                call.route.keep_to_this_model()
            asked, continued = going_on(request, said.text), True
            call.reprice(asked)
            continue
        except BaseException:
            usage = (
                call.estimate(deployment.configured.model, asked, said.text[len(before) :])
                if first is not None
                else None
            )
            _abandoned(call, deployment, began, first, usage)
            raise
        usage = reply.usage or call.estimate(deployment.configured.model, asked, said.text[len(before) :])
        deployment.succeeded()
        call.bill.charge(usage)
        _note(call, deployment, "ok", began, usage, first)
        whole = _sum(total, usage)
        yield Asked(reply, whole or usage, deployment, call.route.model, continued)
        return


def _watch(
    call: Call, provider: Provider, deployment: Deployment, settings: LlmSettings, request: ChatRequest
) -> AsyncGenerator[Piece, None]:
    return watched(
        provider,
        request,
        deployment=deployment.name,
        name=deployment.configured.provider,
        first_s=settings.first_token_s,
        stall_s=settings.stall_s,
        ends=call.ends,
    )


def _added(said: Assembly, piece: Piece, deployment: Deployment, with_text: bool) -> None:
    """Take a piece; the text of one that is held back is taken later."""
    try:
        said.add(
            piece
            if with_text
            else Piece("", piece.tool_calls, piece.finish_reason, piece.usage, piece.model, piece.thinking)
        )
    except ValueError as error:
        raise _unreadable(deployment, str(error)) from None


def _assembled(said: Assembly, deployment: Deployment) -> Reply:
    assert said.finish is not None
    try:
        calls = said.calls()
    except ValueError as error:
        raise _unreadable(deployment, str(error)) from None
    finish = "tool_calls" if calls and said.finish == "stop" else said.finish
    if _says_nothing(said.text, bool(calls), finish):
        raise _nothing(deployment)
    return Reply(said.text, finish, calls, said.usage, said.model)


async def _within(
    ask: Callable[[Provider], Awaitable[R]], provider: Provider, deployment: Deployment, seconds: float
) -> R:
    try:
        async with asyncio.timeout(seconds):
            return await ask(provider)
    except TimeoutError:
        name = deployment.configured.provider
        raise ProviderTimeout(f"{name} did not answer within {seconds:.3g} s.", provider=name) from None


def _says_nothing(text: str, calls: bool, finish: str) -> bool:
    # An answer that was cut by a limit or a filter may be empty, and says so.
    return finish == "stop" and not calls and not text.strip()


def _nothing(deployment: Deployment) -> MalformedAnswer:
    return _unreadable(deployment, "it is empty")


def _unreadable(deployment: Deployment, what: str) -> MalformedAnswer:
    name = deployment.configured.provider
    return MalformedAnswer(f"The answer of {name} can't be used: {what}.", provider=name)


def _broken(said: Assembly, error: SophiaError) -> BrokenStream:
    return BrokenStream(
        f"The answer broke off after {len(said.text)} characters: {error.message}",
        provider=error.provider or "llm",
        said=said.text,
        reason=error.code,
        hint="What was said is not whole. Ask again, or let another deployment go on: llm.continuation.",
    )


def _sum(total: Usage | None, more: Usage | None) -> Usage | None:
    if total is None or more is None:
        return total or more
    return total + more


def _span(call: Call, deployment: Deployment) -> AbstractContextManager[Span]:
    configured = deployment.configured
    # Connecting is a part of the attempt: a key that is absent is its failure.
    return attempt_span(call.span, call.kind, configured.model, configured.provider)


def _failed(
    call: Call,
    deployment: Deployment,
    error: SophiaError,
    began: float,
    first: float | None = None,
    usage: Usage | None = None,
) -> None:
    call.bill.charge(usage, error)
    _note(call, deployment, error.code, began, usage, first)
    call.route.failed(deployment, error)
    if time.monotonic() >= call.ends:
        raise call.route.late() from error


def _abandoned(
    call: Call, deployment: Deployment, began: float, first: float | None = None, usage: Usage | None = None
) -> None:
    deployment.breaker.abandoned()
    call.bill.charge(usage)
    _note(call, deployment, "abandoned", began, usage, first)


def _note(
    call: Call,
    deployment: Deployment,
    outcome: str,
    began: float,
    usage: Usage | None = None,
    first: float | None = None,
) -> None:
    seconds = time.monotonic() - began
    configured = deployment.configured
    attempt = Attempt(deployment.name, configured.provider, configured.model, outcome, seconds, first, usage)
    call.route.attempts.append(attempt)
    told_attempt(attempt)
