"""Language models through one door: at a known price, within budgets, by a policy that can be explained.

Importing this loads no SDK and no HTTP client: each name is imported when it is asked for.
"""

from importlib import import_module
from typing import Any

# Where each public name lives.
_NAMES: dict[str, str] = {
    "Answer": "messages",
    "Attempt": "messages",
    "ChatRequest": "messages",
    "Chunk": "messages",
    "EmbedRequest": "messages",
    "Embeddings": "messages",
    "Gateway": "gateway",
    "Image": "messages",
    "Message": "messages",
    "Tool": "messages",
    "ToolCall": "messages",
    "ToolCallPiece": "messages",
    "Usage": "messages",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(f"sophia_kit.llm.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
