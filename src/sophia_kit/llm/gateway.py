"""The gateway: chats, streams and embeddings of whichever configured model may answer, can, and does."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import InputError, ProviderTimeout, SophiaError, WrongStructure
from sophia_kit.core.settings import Settings
from sophia_kit.llm.asking import Asked, Call, stream_along, whole_along
from sophia_kit.llm.bill import Bill
from sophia_kit.llm.cache import cacheable, key_of, open_cache
from sophia_kit.llm.catalogue import Catalogue
from sophia_kit.llm.choice import Chooser, require_fit
from sophia_kit.llm.deployments import Deployments
from sophia_kit.llm.flights import Flights
from sophia_kit.llm.ledger import Ledger, recent_calls
from sophia_kit.llm.limits import Limits
from sophia_kit.llm.messages import Answer, Attempt, ChatRequest, Chunk, Embeddings, EmbedRequest, Usage
from sophia_kit.llm.observed import Observed
from sophia_kit.llm.policy import Ranking, prior
from sophia_kit.llm.providers import Reply
from sophia_kit.llm.route import Candidate, Route
from sophia_kit.llm.stream import replayed
from sophia_kit.llm.structured import check_schema, parsed, repair
from sophia_kit.llm.telemetry import CACHE, call_span, log_content, told_call
from sophia_kit.llm.tokens import count_text, input_tokens

if TYPE_CHECKING:
    from sophia_kit.state import State

__all__ = ["Gateway"]

A = TypeVar("A", Answer, Embeddings)


class Gateway:
    """Every configured model through one door. An async context manager; bound to the event loop of its first call.

    Args:
        settings: the project's; `settings.llm` says what is deployed.
        state: where the cache, budgets and the ledger are; None for none of them.
        clock: wall time.
        random_: spreads load and pauses; seeded in tests.
    """

    def __init__(
        self, settings: Settings, state: State | None, clock: Clock, *, random_: random.Random | None = None
    ) -> None:
        self._settings = settings.llm
        self._clock = clock
        self._deployments = Deployments(settings.llm, clock, random_ or random.Random())  # noqa: S311 - for load
        self._observed = Observed(prior())
        self._chooser = Chooser(settings.llm, Catalogue(settings.llm), self._observed)
        self._ledger = None if state is None else Ledger(settings, state, clock)
        if state is not None:
            self._observed.warm(recent_calls(state, clock.now()))
        self._limits = Limits(settings.llm)
        self._cache = open_cache(settings.llm, state, clock)
        self._flights = Flights()

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection, and write what is still to be booked."""
        await self._deployments.aclose()
        if self._ledger is not None:
            await asyncio.to_thread(self._ledger.close)
        if self._cache is not None:
            await self._cache.aclose()

    def explain(self, request: ChatRequest | EmbedRequest) -> Ranking:
        """Who would be asked, in which order, and why, within what the budgets leave now; asks nobody.

        Raises:
            Unconfigured: no model of the request's kind is deployed.
            UnknownName: the request names a model that isn't deployed.
        """
        left = None if self._ledger is None else self._ledger.left_now(request.tenant, request.user)
        return self._chooser.rank(request, self._clock.now(), left_usd=left)

    async def chat(self, request: ChatRequest) -> Answer:
        """The whole answer to a conversation.

        Raises:
            Unconfigured, UnknownName, NoModelFits: nobody may be asked; nothing was sent.
            InputError: the request itself is wrong.
            RequestRejected: a provider refused the request itself.
            WrongStructure: the answer doesn't satisfy the schema, corrected once.
            ProviderError: nobody answered; see `NoAnswer` for what several said.
        """
        _check(request)
        ranking = await self._ranked(request)
        answer = await self._once(request, ranking, lambda: self._chat(request, ranking), Answer)
        if self._settings.log_content:
            log_content(request, answer)
        return answer

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """A vector for each text. Errors as `chat`."""
        if not request.texts or not all(request.texts):
            raise InputError("Nothing to embed, or an empty text.", hint="Give one text or more, none of them empty.")
        ranking = await self._ranked(request)
        return await self._once(request, ranking, lambda: self._embed(request, ranking), Embeddings)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The answer in chunks; the last one carries it whole. Close it, or read it to its end.

        Raises:
            BrokenStream: it broke off after its first words; they are in the error.
            SophiaError: as `chat`; before the first chunk.
        """
        _check(request)
        ranking = await self._ranked(request)
        if not cacheable(request, self._settings):
            async with aclosing(self._stream(request, ranking)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        key = self._key(request, ranking)
        if isinstance(known := await self._known(key, request), Answer):
            for text, calls in replayed(known.text, known.tool_calls):
                yield Chunk(text, calls)
            yield Chunk(answer=self._hit(request, ranking, known))
            return
        shared = self._flights.under_way("stream:" + key)
        if shared:
            CACHE.labels("shared").inc()
        async with aclosing(
            self._flights.stream("stream:" + key, lambda: self._kept_stream(request, ranking))
        ) as chunks:
            async for chunk in chunks:
                if shared and chunk.answer is not None:
                    chunk = replace(chunk, answer=self._hit(request, ranking, chunk.answer))
                yield chunk

    async def _ranked(self, request: ChatRequest | EmbedRequest) -> Ranking:
        left = None if self._ledger is None else await self._ledger.left_usd(request.tenant, request.user)
        return self._chooser.rank(request, self._clock.now(), left_usd=left)

    async def _kept_stream(self, request: ChatRequest, ranking: Ranking) -> AsyncGenerator[Chunk, None]:
        async with aclosing(self._stream(request, ranking)) as chunks:
            async for chunk in chunks:
                if chunk.answer is not None:
                    await self._keep(request, chunk.answer)
                yield chunk

    async def _once(
        self,
        request: ChatRequest | EmbedRequest,
        ranking: Ranking,
        ask: Callable[[], Awaitable[A]],
        kind: type[A],
    ) -> A:
        """From the cache, from the same request under way, or asked."""
        if not cacheable(request, self._settings):
            return await ask()
        key = self._key(request, ranking)
        if isinstance(known := await self._known(key, request), kind):
            return self._hit(request, ranking, known)

        async def _asked_and_kept() -> A:
            found = await ask()
            await self._keep(request, found)
            return found

        shared = self._flights.under_way(key)
        if not shared:
            return await self._flights.join(key, _asked_and_kept)
        CACHE.labels("shared").inc()
        seconds = request.deadline_s or self._settings.deadline_s
        try:
            async with asyncio.timeout(seconds):
                return self._hit(request, ranking, await self._flights.join(key, _asked_and_kept))
        except TimeoutError:
            raise ProviderTimeout(
                f"The same request is under way and was not answered within {seconds:g} s.", provider="llm"
            ) from None

    async def _known(self, key: str, request: ChatRequest | EmbedRequest) -> Answer | Embeddings | None:
        known = None if self._cache is None else await self._cache.get(key)
        if isinstance(known, Answer) and isinstance(request, ChatRequest) and request.schema is not None:
            known = replace(known, parsed=parsed(known.text, request.schema))
        return known

    async def _keep(self, request: ChatRequest | EmbedRequest, answer: Answer | Embeddings) -> None:
        """Keep an answer under the model that gave it, so that nobody takes a substitute's for the first choice's."""
        if self._cache is not None:
            await self._cache.put(self._key_for(request, answer.model_used), answer)

    def _key(self, request: ChatRequest | EmbedRequest, ranking: Ranking) -> str:
        return self._key_for(request, require_fit(ranking)[0][0])

    def _key_for(self, request: ChatRequest | EmbedRequest, model: str) -> str:
        serving = (one.configured for one in self._deployments if one.configured.name == model)
        return key_of(request, model, serving)

    async def _chat(self, request: ChatRequest, ranking: Ranking) -> Answer:
        with self._call("chat", request, ranking) as call:
            asked = await whole_along(call, self._settings, request, lambda provider: provider.chat(request))
            answer = _answer(call, request, asked)
            if request.schema is not None:
                answer = await self._structured(call, request, answer)
            call.answer = answer
            return answer

    async def _structured(self, call: Call, request: ChatRequest, answer: Answer) -> Answer:
        """The answer with its JSON, corrected once where it doesn't satisfy the schema."""
        assert request.schema is not None
        if answer.tool_calls:
            return answer
        try:
            return replace(answer, parsed=parsed(answer.text, request.schema))
        except ValueError as error:
            again = repair(request, answer.text, str(error))
        ranking = await self._ranked(again)
        call.bill.priced_by(ranking)
        call.route = self._route(again, ranking, call.ends, call.route.attempts)
        asked = await whole_along(call, self._settings, again, lambda provider: provider.chat(again))
        corrected = _answer(call, request, asked)
        corrected = replace(corrected, usage=answer.usage + corrected.usage)
        try:
            return replace(corrected, parsed=parsed(corrected.text, request.schema))
        except ValueError as error:
            raise _wrong(corrected, str(error)) from None

    async def _embed(self, request: EmbedRequest, ranking: Ranking) -> Embeddings:
        with self._call("embedding", request, ranking) as call:
            asked = await whole_along(call, self._settings, request, lambda provider: provider.embed(request))
            call.answer = Embeddings(
                asked.reply.vectors,
                asked.usage,
                asked.deployment.name,
                asked.deployment.configured.provider,
                asked.model,
                request.model,
                asked.reply.model,
                tuple(call.route.attempts),
                time.monotonic() - call.started,
                cost_usd=call.bill.cost_usd,
                request_id=call.bill.call_id,
            )
            return call.answer

    async def _stream(self, request: ChatRequest, ranking: Ranking) -> AsyncGenerator[Chunk, None]:
        with self._call("chat", request, ranking, streamed=True) as call:
            continuation = request.continuation or self._settings.continuation
            async with aclosing(stream_along(call, self._settings, request, continuation)) as parts:
                async for part in parts:
                    if isinstance(part, Chunk):
                        yield part
                        continue
                    answer = _answer(call, request, part)
                    if request.schema is not None and not answer.tool_calls:
                        try:
                            answer = replace(answer, parsed=parsed(answer.text, request.schema))
                        except ValueError as error:
                            # What was said can't be taken back and corrected.
                            raise _wrong(answer, str(error)) from None
                    call.answer = answer
                    if self._settings.log_content:
                        log_content(request, answer)
                    yield Chunk(answer=answer)

    @contextmanager
    def _call(
        self, kind: str, request: ChatRequest | EmbedRequest, ranking: Ranking, *, streamed: bool = False
    ) -> Iterator[Call]:
        """A call from its beginning to its end: timed, traced, billed, and learned from, whatever becomes of it."""
        started = time.monotonic()
        ends = started + (request.deadline_s or self._settings.deadline_s)
        first = require_fit(ranking)[0][0]
        bill = Bill(self._ledger, self._limits, self._clock, request, ranking, _new_id(), streamed=streamed)
        route = self._route(request, ranking, ends, [])
        outcome = "abandoned"
        with call_span(kind, request.model or first, request) as span:
            call = Call(kind, started, ends, route, span, bill, self._reprice(bill), _estimate)
            try:
                yield call
                outcome = "ok"
            except SophiaError as error:
                outcome = error.code
                raise
            finally:
                # A stream whose caller leaves after the last chunk has ended well.
                if call.answer is not None:
                    outcome = "ok"
                told_call(span, kind, outcome, time.monotonic() - started, first, call.answer)
                bill.close(outcome, len(call.route.attempts), call.answer)
                self._learn(call)

    def _reprice(self, bill: Bill) -> Callable[[ChatRequest], None]:
        return lambda request: bill.priced_by(self._chooser.rank(request, self._clock.now()))

    def _hit(self, request: ChatRequest | EmbedRequest, ranking: Ranking, known: A) -> A:
        """Another's answer to the same request: booked, though nothing was sent for this one."""
        bill = Bill(self._ledger, self._limits, self._clock, request, ranking, _new_id())
        answer = replace(
            known, cached=True, attempts=(), cost_usd=Decimal(), model_asked=request.model, request_id=bill.call_id
        )
        bill.close_known(answer)
        return answer

    def _route(
        self, request: ChatRequest | EmbedRequest, ranking: Ranking, ends: float, attempts: list[Attempt]
    ) -> Route:
        candidates = [
            Candidate(model, tuple(self._deployments[row.option.deployment] for row in rows))
            for model, rows in require_fit(ranking)
        ]
        repeatable = request.repeatable if isinstance(request, ChatRequest) else True
        return Route(candidates, self._deployments, self._settings, ends, repeatable, attempts)

    def _learn(self, call: Call) -> None:
        """What the attempts say of their deployments, for the policy."""
        at = self._clock.now().timestamp()
        for attempt in call.route.attempts:
            if attempt.outcome not in _NO_FAULT:
                self._observed.record(attempt.deployment, seconds=attempt.seconds, ok=attempt.outcome == "ok", at=at)


_NO_FAULT = frozenset({"abandoned", "request-rejected", "prompt-too-long", "policy-refused"})
"""Outcomes that say nothing of a deployment: the request, or its caller, was at fault."""


def _check(request: ChatRequest) -> None:
    if not request.messages:
        raise InputError("The conversation is empty.", hint="Give one message or more.")
    names = [tool.name for tool in request.tools]
    if len(set(names)) != len(names):
        raise InputError("Two tools have the same name.", hint="Give each tool a name of its own.")
    if request.tool_choice not in {None, "auto", "none", "required", *names}:
        raise InputError(
            f"The tool {request.tool_choice!r} isn't among the tools.",
            hint="Choose auto, none, required, or one of them.",
        )
    if request.schema is not None:
        check_schema(request.schema)


def _answer(call: Call, request: ChatRequest, asked: Asked[Reply]) -> Answer:
    reply = asked.reply
    return Answer(
        reply.text,
        reply.finish_reason,
        asked.usage,
        asked.deployment.name,
        asked.deployment.configured.provider,
        asked.model,
        request.model,
        reply.model,
        reply.tool_calls,
        attempts=tuple(call.route.attempts),
        seconds=time.monotonic() - call.started,
        first_token_s=call.first_token_s,
        continued=asked.continued,
        cost_usd=call.bill.cost_usd,
        request_id=call.bill.call_id,
    )


def _wrong(answer: Answer, what: str) -> WrongStructure:
    return WrongStructure(
        f"The answer of {answer.model_used} doesn't satisfy the schema: {what}.",
        provider=answer.provider,
        said=answer.text,
        hint="Simplify the schema, or ask a model that keeps to one.",
    )


def _estimate(model: str, request: ChatRequest | EmbedRequest, text: str) -> Usage:
    return Usage(input_tokens(request, model).tokens, count_text(text, model).tokens, estimated=True)


def _new_id() -> str:
    return uuid.uuid4().hex
