"""What the gateway asks of a provider, whoever it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from sophia_kit.llm.messages import ChatRequest, EmbedRequest, FinishReason, ToolCall, ToolCallPiece, Usage

__all__ = ["Piece", "Provider", "Reply", "Vectors"]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer to a chat. `usage` is None when the provider doesn't say."""

    text: str = field(repr=False)
    finish_reason: FinishReason
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a streamed answer; what it doesn't carry is empty or None.

    `thinking` says that the model reasons, which isn't part of the answer.
    """

    text: str = field(default="", repr=False)
    tool_calls: tuple[ToolCallPiece, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str = ""
    thinking: bool = False


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector a text, in their order. `usage` is None when the provider doesn't say."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    usage: Usage | None = None
    model: str = ""


class Provider(Protocol):
    """One deployment, reached through its provider's API.

    A call sends one request, never a second one: retrying is the gateway's. It waits as long as it takes: limits of
    time are the gateway's too. Errors are those of `core.errors`, with the provider's name.
    """

    @property
    def host(self) -> str:
        """Where it is, for traces; empty for one in this process."""
        ...

    async def chat(self, request: ChatRequest) -> Reply:
        """The whole answer."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece. It ends when the provider stops sending, whether or not that was its finish:
        only a finish reason says that the answer is whole."""
        ...

    async def embed(self, request: EmbedRequest) -> Vectors:
        """A vector for each text."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
