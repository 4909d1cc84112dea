"""The chat and embedding protocol of OpenAI, which every provider speaks: requests written, answers read.

What is read comes from elsewhere: every shape is checked, and one that wasn't promised raises ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sophia_kit.llm.messages import ChatRequest, EmbedRequest, FinishReason, Message, ToolCall, ToolCallPiece, Usage
from sophia_kit.llm.providers.protocol import Piece, Reply, Vectors

__all__ = ["chat_body", "embed_body", "read_piece", "read_reply", "read_vectors"]

_FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
"""Finish reasons of OpenAI, and what compatible servers say instead. Any other one is no finish."""


def chat_body(request: ChatRequest, model: str, *, most_tokens: str, marks: bool) -> dict[str, Any]:
    """The body of a chat request, but for what the deployment and the caller add.

    Args:
        most_tokens: how the provider calls the limit of the answer's tokens.
        marks: whether it understands marks for its prompt cache.
    """
    body: dict[str, Any] = {"model": model, "messages": [_message(one, marks) for one in request.messages]}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
                | ({"strict": True} if tool.strict else {}),
            }
            for tool in request.tools
        ]
        if request.tool_choice in {"auto", "none", "required"}:
            body["tool_choice"] = request.tool_choice
        elif request.tool_choice is not None:
            body["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice}}
    if request.schema is not None:
        schema = dict(request.schema)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": request.schema_name, "schema": schema, "strict": _is_strict(schema)},
        }
    wishes = (
        ("parallel_tool_calls", request.parallel_tool_calls),
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        (most_tokens, request.max_tokens),
        ("stop", list(request.stop) or None),
        ("seed", request.seed),
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
        ("reasoning_effort", request.reasoning_effort),
    )
    return body | {name: value for name, value in wishes if value is not None}


def embed_body(request: EmbedRequest, model: str) -> dict[str, Any]:
    """The body of an embedding request."""
    body: dict[str, Any] = {"model": model, "input": list(request.texts), "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return body


def _message(message: Message, marks: bool) -> dict[str, Any]:
    content: Any = message.text
    mark = marks and message.cache_up_to_here
    if message.images or mark:
        text: dict[str, Any] = {"type": "text", "text": message.text}
        if mark:
            text["cache_control"] = {"type": "ephemeral"}
        content = [text] if message.text else []
        content += [{"type": "image_url", "image_url": {"url": i.url, "detail": i.detail}} for i in message.images]
    written: dict[str, Any] = {"role": message.role, "content": content}
    if message.tool_calls:
        written["content"] = content or None
        written["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        written["name"] = message.name
    return written


def _is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes it: every object names all of its properties as required, and no others."""
    if isinstance(schema, list):
        return all(_is_strict(one) for one in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or properties is not None:
        named = set(properties or {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != named:
            return False
    return all(_is_strict(part) for part in schema.values())


def read_reply(body: Any) -> Reply:
    """A whole answer.

    Raises:
        ValueError: it isn't of the promised shape, or has no finish.
    """
    choice = _first_choice(body)
    if choice is None:
        raise ValueError("it has no choices")
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ValueError("its choice has no message")
    finish = _finish(choice.get("finish_reason"))
    if finish is None:
        raise ValueError("it has no finish reason")
    calls: list[ToolCall] = []
    for call in _listed(message, "tool_calls"):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise ValueError("a tool call has no function")
        name, arguments = _text(function, "name"), _text(function, "arguments")
        if not name:
            raise ValueError("a tool call has no name")
        calls.append(ToolCall(_text(call, "id") or f"call_{len(calls)}", name, arguments))
    text = _text(message, "content") or _text(message, "refusal")
    return Reply(text, _with_calls(finish, bool(calls)), tuple(calls), _usage(body), _text(body, "model"))


def read_piece(body: Any) -> Piece:
    """A piece of a stream.

    Raises:
        ValueError: it isn't of the promised shape.
    """
    choice = _first_choice(body)
    if choice is None:
        return Piece(usage=_usage(body), model=_text(body, "model"))
    delta = choice.get("delta")
    if delta is None:
        delta = {}
    if not isinstance(delta, dict):
        raise ValueError("its choice has no delta")
    pieces = []
    for call in _listed(delta, "tool_calls"):
        function = call.get("function") if isinstance(call, dict) else None
        index = call.get("index", 0) if isinstance(call, dict) else None
        if not isinstance(index, int) or not isinstance(function, dict | None):
            raise ValueError("a piece of a tool call has no place")
        function = function or {}
        pieces.append(
            ToolCallPiece(
                index, _text(call, "id") or None, _text(function, "name") or None, _text(function, "arguments")
            )
        )
    return Piece(
        _text(delta, "content") or _text(delta, "refusal"),
        tuple(pieces),
        _finish(choice.get("finish_reason")),
        _usage(body),
        _text(body, "model"),
        thinking=any(delta.get(name) for name in ("reasoning", "reasoning_content", "reasoning_details")),
    )


def read_vectors(body: Any, count: int) -> Vectors:
    """`count` vectors, in the order of the texts.

    Raises:
        ValueError: it isn't of the promised shape, or a vector is absent.
    """
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list) or len(data) != count:
        raise ValueError(f"it has not one vector for each of {count} texts")
    found: dict[int, tuple[float, ...]] = {}
    for place, one in enumerate(data):
        vector = one.get("embedding") if isinstance(one, dict) else None
        index = one.get("index", place) if isinstance(one, dict) else None
        if not isinstance(vector, list) or not vector or not isinstance(index, int):
            raise ValueError("a vector is no list of numbers")
        if not all(type(number) in (float, int) and math.isfinite(number) for number in vector):
            raise ValueError("a vector has something else than numbers")
        found[index] = tuple(map(float, vector))
    if found.keys() != set(range(count)) or len({len(vector) for vector in found.values()}) != 1:
        raise ValueError("its vectors are not one for each text, of one length")
    return Vectors(tuple(found[index] for index in range(count)), _usage(body), _text(body, "model"))


def _first_choice(body: Any) -> dict[str, Any] | None:
    if not isinstance(body, dict):
        raise ValueError("it is no JSON object")
    choices = body.get("choices")
    if choices is None and "usage" in body:
        return None
    if not isinstance(choices, list):
        raise ValueError("it has no choices")
    if not choices:
        return None
    if not isinstance(choices[0], dict):
        raise ValueError("its choice is no JSON object")
    return choices[0]


def _finish(value: Any) -> FinishReason | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.lower() not in _FINISHES:
        raise ValueError(f"it ends for a reason that isn't known, {str(value)[:40]!r}")
    return _FINISHES[value.lower()]


def _with_calls(finish: FinishReason, calls: bool) -> FinishReason:
    # Some servers end a turn that calls tools with "stop".
    return "tool_calls" if calls and finish == "stop" else finish


def _listed(of: dict[str, Any], name: str) -> list[Any]:
    found = of.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"its {name} are no list")
    return found


def _text(of: dict[str, Any], name: str) -> str:
    found = of.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"its {name} is no text")
    return found


def _usage(body: dict[str, Any]) -> Usage | None:
    said = body.get("usage")
    if not isinstance(said, dict):
        return None
    counted = _count(said, "prompt_tokens")
    if counted is None:
        return None
    prompt = said.get("prompt_tokens_details")
    completion = said.get("completion_tokens_details")
    cost = said.get("cost")
    try:
        charged = Decimal(str(cost)) if isinstance(cost, int | float | str) and not isinstance(cost, bool) else None
    except InvalidOperation:
        charged = None
    return Usage(
        counted,
        _count(said, "completion_tokens") or 0,
        min((_count(prompt, "cached_tokens") or 0) if isinstance(prompt, dict) else 0, counted),
        (_count(completion, "reasoning_tokens") or 0) if isinstance(completion, dict) else 0,
        charged if charged is not None and charged.is_finite() and charged >= 0 else None,
        cache_write_tokens=(_count(prompt, "cache_write_tokens") or 0) if isinstance(prompt, dict) else 0,
    )


def _count(of: dict[str, Any], name: str) -> int | None:
    found = of.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None
