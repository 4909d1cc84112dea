"""Gateways of tests: pauses of a hundredth of a second, and deployments where a test's servers are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.core.settings import Settings
from sophia_kit.llm import Chunk, Gateway
from sophia_kit.llm.messages import Answer, ChatRequest, Message
from sophia_kit.state import State

__all__ = ["asked", "at", "gateway", "hello", "text_of"]

_QUICK = {
    "backoff_initial_s": 0.01,
    "backoff_max_s": 0.05,
    "first_token_s": 5.0,
    "stall_s": 5.0,
    "answer_s": 5.0,
    "deadline_s": 20.0,
}


def at(base_url: str, model: str = "gpt-4o-mini", **more: Any) -> dict[str, Any]:
    """A deployment of a compatible server."""
    return {"provider": "compatible", "model": model, "base_url": base_url} | more


def gateway(root: Path, deployments: dict[str, dict[str, Any]], state: State | None = None, **llm: Any) -> Gateway:
    """A gateway of these deployments; `llm` goes into its section of the settings."""
    patience = LlmSettings.model_validate({**_QUICK, "deployments": deployments, **llm})
    settings = Settings(root=root, llm=patience)
    return Gateway(settings, state, SystemClock(), random_=random.Random(7))


def hello(text: str = "Good morning", **more: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), **more)


async def asked(door: Gateway, request: ChatRequest) -> tuple[str, Answer]:
    """A stream read to its end: the text of its chunks, and the whole answer."""
    chunks = [chunk async for chunk in door.stream(request)]
    assert all(chunk.answer is None for chunk in chunks[:-1])
    whole = chunks[-1].answer
    assert whole is not None
    return text_of(chunks), whole


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)
