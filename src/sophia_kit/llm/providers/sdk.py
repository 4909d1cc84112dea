"""A deployment reached through the official `openai` SDK, whoever the provider is.

The SDK brings connections, the reading of server-sent events and of error bodies. Its retries are switched off, since
only the gateway knows what else could answer. Bodies pass as plain JSON: its typed objects would hide a wrong shape.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
import openai

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import ProviderError
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.messages import ChatRequest, EmbedRequest
from sophia_kit.llm.providers.failures import malformed, of_exception, of_status, said_error
from sophia_kit.llm.providers.protocol import Piece, Reply, Vectors
from sophia_kit.llm.providers.transport import AskingTransport, base_url
from sophia_kit.llm.providers.wire import chat_body, embed_body, read_piece, read_reply, read_vectors

__all__ = ["Dialect", "SdkProvider"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a provider differs from the others.

    Attributes:
        base_url: where its API begins.
        key: sent as a bearer token; None sends none.
        headers: further headers, secrets among them.
        secrets: what must not leave in an error message, beside the key.
        most_tokens: how it calls the limit of the answer's tokens.
        marks: whether it understands marks for its prompt cache.
        fields: sent in the body of every chat request.
    """

    base_url: str
    key: str | None = field(repr=False, default=None)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    secrets: tuple[str, ...] = field(repr=False, default=())
    most_tokens: str = "max_tokens"
    marks: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


class SdkProvider:
    """See `protocol.Provider`.

    Raises:
        ConfigError: the address is no URL, or not encrypted.
    """

    def __init__(self, deployment: DeploymentSettings, dialect: Dialect, settings: LlmSettings, clock: Clock) -> None:
        self._provider = deployment.provider
        self._deployment = deployment
        self._dialect = dialect
        self._clock = clock
        self._secrets = tuple(filter(None, (dialect.key, *dialect.secrets)))
        self._base = base_url(dialect.base_url, self._provider)
        self._headers: dict[str, Any] = {**deployment.headers, **dialect.headers}
        self._headers["Authorization"] = f"Bearer {dialect.key}" if dialect.key else openai.Omit()
        transport = AskingTransport(self._provider, self._base, settings.connections, frozenset(self._headers))
        # The gateway ends what takes too long, and reads on where a provider thinks: no limit on reading here.
        timeout = httpx2.Timeout(None, connect=settings.connect_timeout_s)
        self._client = openai.AsyncOpenAI(
            api_key=dialect.key or "none",
            base_url=str(self._base),
            max_retries=0,
            timeout=timeout,
            http_client=httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False),
            default_headers={"User-Agent": "sophia-kit"},
        )

    @property
    def host(self) -> str:
        return self._base.host

    async def aclose(self) -> None:
        await self._client.close()

    async def chat(self, request: ChatRequest) -> Reply:
        body = await self._whole("/chat/completions", self._chat_body(request))
        choices = body.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict) and choices[0].get("error"):
            raise said_error(self._provider, choices[0]["error"], self._clock, self._secrets)
        try:
            return read_reply(body)
        except ValueError as error:
            raise malformed(self._provider, str(error)) from None

    async def embed(self, request: EmbedRequest) -> Vectors:
        body = embed_body(request, self._deployment.model) | self._deployment.options
        try:
            return read_vectors(await self._whole("/embeddings", body), len(request.texts))
        except ValueError as error:
            raise malformed(self._provider, str(error)) from None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        body = self._chat_body(request) | {"stream": True, "stream_options": {"include_usage": True}}
        try:
            events: openai.AsyncStream[object] = await self._client.post(
                "/chat/completions",
                body=body,
                cast_to=object,
                options={"headers": self._headers},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
        except openai.OpenAIError as error:
            raise self._failure(error) from None
        try:
            async for event in events:
                yield self._piece(event)
        except openai.OpenAIError as error:
            raise self._failure(error) from None
        except ValueError:
            raise malformed(self._provider, "a piece of the stream is no JSON") from None
        finally:
            with anyio.CancelScope(shield=True):
                await events.close()

    def _chat_body(self, request: ChatRequest) -> dict[str, Any]:
        body = chat_body(
            request, self._deployment.model, most_tokens=self._dialect.most_tokens, marks=self._dialect.marks
        )
        return body | dict(self._dialect.fields) | self._deployment.options | dict(request.extra)

    async def _whole(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._client.post(
                path, body=body, cast_to=httpx2.Response, options={"headers": self._headers}
            )
        except openai.OpenAIError as error:
            raise self._failure(error) from None
        try:
            found = json.loads(response.content)
        except ValueError:
            raise malformed(self._provider, "it is no JSON") from None
        if not isinstance(found, dict):
            raise malformed(self._provider, "it is no JSON object")
        if found.get("error"):
            raise said_error(self._provider, found["error"], self._clock, self._secrets)
        return found

    def _piece(self, event: object) -> Piece:
        if isinstance(event, dict):
            choices = event.get("choices")
            first = choices[0] if isinstance(choices, list) and choices else None
            if isinstance(first, dict) and first.get("error"):
                raise said_error(self._provider, first["error"], self._clock, self._secrets)
        try:
            return read_piece(event)
        except ValueError as error:
            raise malformed(self._provider, str(error)) from None

    def _failure(self, error: openai.OpenAIError) -> ProviderError:
        if isinstance(error, openai.APIStatusError):
            response = error.response
            return of_status(
                self._provider, error.status_code, error.body, response.headers, self._clock, self._secrets
            )
        if isinstance(error, openai.APIConnectionError):
            return of_exception(self._provider, self.host, error)
        # An error that the provider says in the middle of a stream.
        return said_error(self._provider, getattr(error, "body", None), self._clock, self._secrets)
