"""Language models through one door: at a known price, within budgets, by a policy that can be explained.

Importing this loads no SDK and no HTTP client: each name is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sophia_kit.llm.catalogue import Catalogue, Model
    from sophia_kit.llm.gateway import Gateway
    from sophia_kit.llm.messages import (
        Answer,
        Attempt,
        ChatRequest,
        Chunk,
        Embeddings,
        EmbedRequest,
        Image,
        Message,
        Tool,
        ToolCall,
        ToolCallPiece,
        Usage,
    )
    from sophia_kit.llm.policy import Ranking

# Where each public name lives.
_NAMES: dict[str, str] = {
    "Analysis": "grounding",
    "Answer": "messages",
    "Attempt": "messages",
    "Catalogue": "catalogue",
    "ChatRequest": "messages",
    "Chunk": "messages",
    "EmbedRequest": "messages",
    "Embeddings": "messages",
    "Gateway": "gateway",
    "Image": "messages",
    "Material": "grounding",
    "Message": "messages",
    "Model": "catalogue",
    "Ranking": "policy",
    "Tool": "messages",
    "ToolCall": "messages",
    "ToolCallPiece": "messages",
    "Usage": "messages",
    "analyse": "grounding",
}

__all__ = [
    "Answer",
    "Attempt",
    "Catalogue",
    "ChatRequest",
    "Chunk",
    "EmbedRequest",
    "Embeddings",
    "Gateway",
    "Image",
    "Message",
    "Model",
    "Ranking",
    "Tool",
    "ToolCall",
    "ToolCallPiece",
    "Usage",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(f"sophia_kit.llm.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
