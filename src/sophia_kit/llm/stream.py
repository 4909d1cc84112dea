"""One streamed answer: watched while it comes, put together when it is whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from sophia_kit.core.errors import MalformedAnswer, ProviderError, ProviderTimeout, TruncatedAnswer
from sophia_kit.llm.messages import ChatRequest, FinishReason, Message, ToolCall, ToolCallPiece, Usage
from sophia_kit.llm.providers import Piece, Provider
from sophia_kit.llm.telemetry import TRAILING

__all__ = ["Assembly", "going_on", "overlap", "replayed", "watched"]

_AFTER_FINISH_S = 5.0
"""How long a stream may take to say its usage, once the answer is whole."""
_LEAST_OVERLAP = 12
"""Characters that a continuation has to repeat to count as a repetition: fewer may be chance."""
_MOST_OVERLAP = 200


async def watched(
    provider: Provider, request: ChatRequest, *, deployment: str, name: str, first_s: float, stall_s: float, ends: float
) -> AsyncGenerator[Piece, None]:
    """The pieces of one answer, from a deployment that is given only so long.

    Ends without an error when a finish reason came, and never otherwise. What breaks after it changes nothing: the
    answer is whole.

    Args:
        first_s: seconds until the first word; thinking counts as life.
        stall_s: seconds between pieces from then on.
        ends: the call's deadline, by `time.monotonic`.

    Raises:
        TruncatedAnswer: the stream ended without a finish reason.
        ProviderTimeout: no word within `first_s`, none for `stall_s`, or the deadline passed.
        MalformedAnswer: a piece can't be read, or the stream went on after its finish.
        ProviderError: the connection broke, or the provider says what went wrong.
    """
    finished = spoke = False
    async with aclosing(provider.stream(request)) as pieces:
        while True:
            left = ends - time.monotonic()
            limit = _AFTER_FINISH_S if finished else stall_s if spoke else first_s
            try:
                async with asyncio.timeout(min(limit, left)):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                break
            except TimeoutError:
                if finished:
                    break
                raise _silent(name, "said nothing more" if spoke else "did not begin", min(limit, left)) from None
            except ProviderError:
                if not finished:
                    raise
                TRAILING.labels(deployment).inc()
                break
            if finished and (piece.text or piece.tool_calls):
                raise MalformedAnswer(f"The answer of {name} went on after its finish.", provider=name)
            finished = finished or piece.finish_reason is not None
            spoke = spoke or bool(piece.text or piece.tool_calls)
            yield piece
    if not finished:
        raise TruncatedAnswer(
            f"The answer of {name} ended without a finish reason.",
            provider=name,
            hint="It was cut off on its way. Try again.",
        )


def _silent(name: str, what: str, seconds: float) -> ProviderTimeout:
    return ProviderTimeout(f"{name} {what} within {max(seconds, 0):.3g} s.", provider=name, hint="Try again later.")


class Assembly:
    """What was said so far, over all deployments that took part."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None
        self.model = ""

    def add(self, piece: Piece) -> None:
        """Take a piece.

        Raises:
            ValueError: a tool call changes its name.
        """
        if piece.text:
            self._text.append(piece.text)
        for part in piece.tool_calls:
            identity, name, arguments = self._calls.get(part.index, ("", "", []))
            if part.name and name and part.name != name:
                raise ValueError("a tool call changes its name")
            arguments.append(part.arguments)
            self._calls[part.index] = (identity or part.id or "", name or part.name or "", arguments)
        self.finish = piece.finish_reason or self.finish
        self.usage = piece.usage or self.usage
        self.model = piece.model or self.model

    def begin_again(self) -> None:
        """Another deployment goes on: its usage is its own."""
        self.usage = None

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def calls_tools(self) -> bool:
        return bool(self._calls)

    @property
    def empty(self) -> bool:
        return not self._calls and not any(self._text)

    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, whole.

        Raises:
            ValueError: one has no name.
        """
        if any(not name for _, name, _ in self._calls.values()):
            raise ValueError("a tool call has no name")
        return tuple(
            ToolCall(identity or f"call_{index}", name, "".join(arguments))
            for index, (identity, name, arguments) in sorted(self._calls.items())
        )


def going_on(request: ChatRequest, said: str) -> ChatRequest:
    """The request to go on with an answer that broke off."""
    asked = "Your answer was cut off. Go on exactly where it ends, without repeating or introducing anything."
    return replace(request, messages=(*request.messages, Message("assistant", said), Message("user", asked)))


def overlap(said: str, more: str) -> int:
    """How many characters at the beginning of `more` repeat the end of `said`; 0 when it may be chance."""
    for length in range(min(len(said), len(more), _MOST_OVERLAP), _LEAST_OVERLAP - 1, -1):
        if said.endswith(more[:length]):
            return length
    return 0


def replayed(text: str, calls: tuple[ToolCall, ...], size: int = 64) -> list[tuple[str, tuple[ToolCallPiece, ...]]]:
    """A known answer as the pieces of a stream."""
    pieces: list[tuple[str, tuple[ToolCallPiece, ...]]] = [
        (text[start : start + size], ()) for start in range(0, len(text), size)
    ]
    return pieces + [
        ("", (ToolCallPiece(index, call.id, call.name, call.arguments),)) for index, call in enumerate(calls)
    ]
