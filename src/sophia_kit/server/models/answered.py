"""What an OpenAI client is answered: whole answers, chunks of a stream, vectors, and the list of models."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any, Literal

from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.llm.messages import Answer, Chunk, Embeddings, ToolCall, ToolCallPiece, Usage

__all__ = ["Head", "chunk_body", "completion", "embeddings", "model_list", "usage_chunk"]


class Head:
    """What all chunks of one answer begin with. `created` is in seconds since 1970."""

    def __init__(self, created: int, model: str, answer_id: str) -> None:
        self._common = {"id": answer_id, "object": "chat.completion.chunk", "created": created, "model": model}

    def chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**self._common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}

    def end(self, usage: Usage) -> dict[str, Any]:
        return {**self._common, "choices": [], "usage": _usage(usage)}


def completion(answer: Answer, created: int) -> dict[str, Any]:
    """A `chat.completion`; `sophia` says what the kit knows beyond it."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.tool_calls:
        message["tool_calls"] = [_call(call) for call in answer.tool_calls]
    else:
        message["content"] = answer.text
    return {
        "id": f"chatcmpl-{answer.request_id}",
        "object": "chat.completion",
        "created": created,
        "model": answer.model_used,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}],
        "usage": _usage(answer.usage),
        "sophia": _told(answer),
    }


def chunk_body(head: Head, chunk: Chunk, *, first: bool) -> dict[str, Any]:
    """A `chat.completion.chunk`: a piece, or with the whole answer its finish reason."""
    delta: dict[str, Any] = {"role": "assistant"} if first else {}
    if chunk.text:
        delta["content"] = chunk.text
    if chunk.tool_calls:
        delta["tool_calls"] = [_piece(piece) for piece in chunk.tool_calls]
    return head.chunk(delta, None if chunk.answer is None else chunk.answer.finish_reason)


def usage_chunk(head: Head, answer: Answer) -> dict[str, Any]:
    """The last chunk of a stream whose client asked for its usage."""
    return head.end(answer.usage) | {"sophia": _told(answer)}


def embeddings(found: Embeddings, encoding: Literal["float", "base64"]) -> dict[str, Any]:
    """A `list` of vectors; in base64 as little-endian 32-bit floats, which OpenAI's own client asks for."""
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": place, "embedding": _vector(vector, encoding)}
            for place, vector in enumerate(found.vectors)
        ],
        "model": found.model_used,
        "usage": {"prompt_tokens": found.usage.input_tokens, "total_tokens": found.usage.total_tokens},
    }


def model_list(settings: LlmSettings) -> list[dict[str, Any]]:
    """The models that may be asked for, by the names they are asked for. When one was made isn't known: 0."""
    owners: dict[str, str] = {}
    for deployment in settings.deployments.values():
        if not settings.allow or deployment.name in settings.allow:
            owners.setdefault(deployment.name, deployment.provider)
    return [{"id": name, "object": "model", "created": 0, "owned_by": owner} for name, owner in sorted(owners.items())]


def _told(answer: Answer) -> dict[str, Any]:
    return {
        "deployment": answer.deployment,
        "provider": answer.provider,
        "provider_model": answer.provider_model,
        "attempts": len(answer.attempts),
        "cached": answer.cached,
        "continued": answer.continued,
        "cost_usd": None if answer.cost_usd is None else str(answer.cost_usd),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _piece(piece: ToolCallPiece) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": piece.arguments}
    if piece.name is not None:
        function["name"] = piece.name
    found: dict[str, Any] = {"index": piece.index, "function": function}
    return found if piece.id is None else found | {"id": piece.id, "type": "function"}


def _vector(vector: tuple[float, ...], encoding: Literal["float", "base64"]) -> list[float] | str:
    if encoding == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
