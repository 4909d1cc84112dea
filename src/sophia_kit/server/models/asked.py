"""What an OpenAI client sends, read strictly: a field that can't be kept is refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sophia_kit.core.errors import InputError
from sophia_kit.llm.messages import ChatRequest, EmbedRequest, Image, Message, Role, Tool, ToolCall

__all__ = ["ChatBody", "EmbedBody", "UnsupportedField"]

ANY_MODEL: Final = "auto"
"""The model's name with which a client leaves the choice to the policy."""

PURPOSE: Final = "api"


class UnsupportedField(InputError):
    """A field, named by `param`, that is well formed and that this server can't keep."""

    def __init__(self, param: str, what: str, *, hint: str | None = None) -> None:
        super().__init__(f"{param}: {what}", hint=hint)
        self.param = param


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Url(_Body):
    url: str
    detail: Literal["auto", "low", "high"] = "auto"


class _Part(_Body):
    type: Literal["text", "image_url", "refusal"]
    text: str = ""
    image_url: _Url | None = None
    refusal: str = ""


class _Called(_Body):
    name: str
    arguments: str


class _Call(_Body):
    id: str
    type: Literal["function"] = "function"
    function: _Called


class _Turn(_Body):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None

    def message(self) -> Message:
        """The turn as the gateway takes it."""
        parts = [_Part(type="text", text=self.content)] if isinstance(self.content, str) else self.content or []
        images = tuple(Image(part.image_url.url, part.image_url.detail) for part in parts if part.image_url is not None)
        role: Role = "system" if self.role == "developer" else self.role
        return Message(
            role,
            "".join(part.text or part.refusal for part in parts),
            images,
            tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls or ()),
            self.tool_call_id,
            self.name,
        )


class _Function(_Body):
    name: str
    description: str = ""
    parameters: dict[str, Any] = {"type": "object", "properties": {}}
    strict: bool | None = None


class _Tool(_Body):
    type: Literal["function"]
    function: _Function


class _Named(_Body):
    name: str


class _Choice(_Body):
    type: Literal["function"]
    function: _Named


class _Schema(_Body):
    name: str = "answer"
    description: str | None = None
    schema_: Annotated[dict[str, Any], Field(alias="schema")] = {"type": "object"}
    strict: bool | None = None


class _Format(_Body):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _StreamOptions(_Body):
    include_usage: bool = False
    include_obfuscation: bool = False


class ChatBody(_Body):
    """The body of `POST /v1/chat/completions`."""

    model: str
    messages: Annotated[list[_Turn], Field(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Choice | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Format | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: str | None = None
    logit_bias: dict[str, float] | None = None
    verbosity: str | None = None
    # What follows asks for nothing when it has these values.
    n: int | None = None
    logprobs: bool | None = None
    store: bool | None = None
    service_tier: Literal["auto", "default"] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    def request(self, tenant: str) -> ChatRequest:
        """What the gateway is asked.

        Raises:
            UnsupportedField: several answers, probabilities of tokens, or keeping the answer at the provider.
        """
        for name, value, nothing in (
            ("n", self.n, 1),
            ("logprobs", self.logprobs, False),
            ("store", self.store, False),
        ):
            if value not in (None, nothing):
                raise UnsupportedField(name, f"{value} isn't supported.", hint=f"Leave {name} out.")
        schema, schema_name = self._schema()
        extra = {"logit_bias": self.logit_bias, "verbosity": self.verbosity}
        choice = self.tool_choice
        return ChatRequest(
            messages=tuple(turn.message() for turn in self.messages),
            model=None if self.model == ANY_MODEL else self.model,
            tools=tuple(_tool(one.function) for one in self.tools or ()),
            tool_choice=choice.function.name if isinstance(choice, _Choice) else choice,
            parallel_tool_calls=self.parallel_tool_calls,
            schema=schema,
            schema_name=schema_name,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            seed=self.seed,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            reasoning_effort=self.reasoning_effort,
            extra={name: value for name, value in extra.items() if value is not None},
            tenant=tenant,
            user=self.user or "",
            purpose=PURPOSE,
        )

    def _schema(self) -> tuple[dict[str, Any] | None, str]:
        if self.response_format is None or self.response_format.type == "text":
            return None, "answer"
        if self.response_format.type == "json_object":
            return {"type": "object"}, "answer"
        given = self.response_format.json_schema
        if given is None:
            raise UnsupportedField("response_format", "json_schema is absent.")
        return given.schema_, given.name


def _tool(given: _Function) -> Tool:
    return Tool(given.name, given.description, given.parameters, strict=bool(given.strict))


class EmbedBody(_Body):
    """The body of `POST /v1/embeddings`."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1)] | None = None
    user: str | None = None

    def request(self, tenant: str) -> EmbedRequest:
        """What the gateway is asked."""
        texts: Iterable[str] = (self.input,) if isinstance(self.input, str) else self.input
        return EmbedRequest(
            tuple(texts),
            None if self.model == ANY_MODEL else self.model,
            dimensions=self.dimensions,
            tenant=tenant,
            user=self.user or "",
            purpose=PURPOSE,
        )
