"""What is asked of a model and what comes back. The same for every provider; nothing here loads an SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

__all__ = [
    "Answer",
    "Attempt",
    "ChatRequest",
    "Chunk",
    "Continuation",
    "DataPolicy",
    "EmbedRequest",
    "Embeddings",
    "FinishReason",
    "Image",
    "Message",
    "Preset",
    "Role",
    "Tool",
    "ToolCall",
    "ToolCallPiece",
    "Usage",
]

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Preset = Literal["economy", "balanced", "quality", "fast"]
DataPolicy = Literal["any", "no-training", "local"]
"""Where a prompt may go: anywhere, to deployments that don't train on it, or to those on this machine alone."""
Continuation = Literal["never", "same-model", "any-model"]
"""Who may go on with an answer whose stream broke: nobody, another deployment of the same model, any candidate."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture in a message: an https URL, or a `data:` URL with the bytes in it."""

    url: str = field(repr=False)
    detail: Literal["auto", "low", "high"] = "auto"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for. `arguments` is JSON text, as the model wrote it: check it before use."""

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """A piece of a tool call in a stream: pieces of the same `index` are one call, their arguments joined."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        text: what is said; empty for an assistant's turn that only calls tools.
        images: shown after the text, in turns of the user alone.
        tool_calls: what the assistant called in this turn.
        tool_call_id: for the role `tool`: the call that this turn answers.
        cache_up_to_here: a wish to the provider to cache the prompt up to and with this turn. Only some understand it.
    """

    role: Role
    text: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    cache_up_to_here: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to be called; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A conversation to be continued by a model.

    Attributes:
        messages: the turns so far; at least one.
        model: the name of a configured model; None leaves the choice to the policy.
        fallbacks: models to try after `model`, in this order; None takes what is configured for it.
        preset: how the policy weighs quality, cost and speed; None takes the configured one.
        tool_choice: `auto`, `none`, `required`, or the name of the one tool to call; None leaves it to the provider.
        schema: the JSON schema that the answer has to satisfy, as JSON. It is checked here too, not only asked for.
        max_tokens: most tokens of the answer.
        extra: fields of the provider's own, sent as they are; they win over what the deployment sends.
        tenant, user: on whose behalf; budgets and the cache are kept apart by them.
        purpose: what it is for, a word or two for the ledger. Never a part of the prompt.
        data_policy: where the prompt may go.
        deadline_s: seconds for everything, all attempts together; None takes the configured ones.
        max_cost_usd: most that this one request may cost, in US dollars.
        cache: whether an earlier answer to the same request will do; None follows the setting.
        continuation: see `Continuation`; None follows the setting.
        repeatable: whether sending it twice does no harm. If not, it is sent again only after it was refused (429) or
            found no connection: for models behind tools of the provider's own that change something.
    """

    messages: tuple[Message, ...] = field(repr=False)
    model: str | None = None
    fallbacks: tuple[str, ...] | None = None
    preset: Preset | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    schema: Mapping[str, Any] | None = field(default=None, repr=False)
    schema_name: str = "answer"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tenant: str = ""
    user: str = ""
    purpose: str = ""
    data_policy: DataPolicy | None = None
    deadline_s: float | None = None
    max_cost_usd: Decimal | None = None
    cache: bool | None = None
    continuation: Continuation | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counted them, or as the kit did when `estimated`.

    Attributes:
        input_tokens: of the prompt, cached ones among them.
        output_tokens: of the answer, reasoning among them.
        cached_input_tokens: of the prompt, those that the provider had in its cache.
        cost_usd: what the provider says it charged, in US dollars; None when it doesn't say.
        cache_write_tokens: of the prompt, those that it put into its cache; some charge more for them.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal | None = None
    estimated: bool = False
    cache_write_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Both together. The charge is known when both are; the whole is estimated when a part is."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            (self.cost_usd or Decimal()) + (other.cost_usd or Decimal()) if known else None,
            self.estimated or other.estimated,
            self.cache_write_tokens + other.cache_write_tokens,
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request sent to one deployment.

    Attributes:
        outcome: `ok`, or the code of the error that ended it.
        seconds: until it ended.
        first_token_s: seconds until the first token; None when there was none, or the answer came at once.
        usage: what it used, so far as is known. A failed attempt may have been charged too.
    """

    deployment: str
    provider: str
    model: str
    outcome: str
    seconds: float
    first_token_s: float | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, whole: it ended with a finish reason.

    Attributes:
        text: the prose; empty when only tools are called.
        tool_calls: what the model wants called, in its order.
        parsed: the decoded JSON that satisfies `ChatRequest.schema`; None without a schema.
        model_asked, model_used: the name asked for (None when it was left to the policy), and the configured model
            that answered.
        deployment, provider: who answered.
        provider_model: the model's name as the provider gave it in its answer.
        attempts: everything that was sent for it, in order; empty when it came from the cache.
        seconds: from the call until the answer, waiting included.
        first_token_s: from the call until the first token, where it was streamed.
        cached: it was said before, to the same request.
        continued: another deployment went on where a stream broke.
        cost_usd: US dollars of all attempts together; None when a part of it isn't known.
    """

    text: str = field(repr=False)
    finish_reason: FinishReason
    usage: Usage
    deployment: str
    provider: str
    model_used: str
    model_asked: str | None = None
    provider_model: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: Any = field(default=None, repr=False)
    attempts: tuple[Attempt, ...] = ()
    seconds: float = 0.0
    first_token_s: float | None = None
    cached: bool = False
    continued: bool = False
    cost_usd: Decimal | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer.

    The last one carries the whole `answer`, and with it its finish reason and usage. A stream that ends otherwise
    raises: there is no success without a last chunk.
    """

    text: str = field(default="", repr=False)
    tool_calls: tuple[ToolCallPiece, ...] = ()
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Texts to be placed in a vector space; at least one, none empty. `dimensions` is asked of models that can cut."""

    texts: tuple[str, ...] = field(repr=False)
    model: str | None = None
    fallbacks: tuple[str, ...] | None = None
    dimensions: int | None = None
    tenant: str = ""
    user: str = ""
    purpose: str = ""
    data_policy: DataPolicy | None = None
    deadline_s: float | None = None
    max_cost_usd: Decimal | None = None
    cache: bool | None = None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector a text, in their order, all of one length and from one model. The rest as in `Answer`."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    usage: Usage
    deployment: str
    provider: str
    model_used: str
    model_asked: str | None = None
    provider_model: str = ""
    attempts: tuple[Attempt, ...] = ()
    seconds: float = 0.0
    cached: bool = False
    cost_usd: Decimal | None = None
    request_id: str = ""
