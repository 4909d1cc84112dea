"""`/v1/chat/completions`, `/v1/embeddings` and `/v1/models`: the gateway, for whoever has the scope `llm:use`.

The caller is the tenant: budgets, limits and the cache are kept apart by it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response, StreamingResponse

from sophia_kit.core.errors import SophiaError, Unconfigured, UnknownName
from sophia_kit.server.auth import Caller, needs
from sophia_kit.server.models.answered import (
    Head,
    chunk_body,
    completion,
    embeddings,
    model_list,
    usage_chunk,
)
from sophia_kit.server.models.asked import ChatBody, EmbedBody
from sophia_kit.server.models.errors import error_member

if TYPE_CHECKING:
    from sophia_kit.llm import Gateway
    from sophia_kit.llm.messages import Chunk
    from sophia_kit.server.services import Services

__all__ = ["ModelDoor", "model_routes"]

SCOPE: Final = "llm:use"
Using = Annotated[Caller, Depends(needs(SCOPE))]
_log = logging.getLogger(__name__)


class ModelDoor:
    """The gateway of this server: opened by the first request, closed with the server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._gateway: Gateway | None = None
        self._opening = asyncio.Lock()

    async def gateway(self) -> Gateway:
        """The gateway.

        Raises:
            Unconfigured: no model is deployed.
        """
        if not self._services.settings.llm.deployments:
            raise Unconfigured(
                "No language model is configured.",
                missing=["SOPHIA_LLM__DEPLOYMENTS"],
                hint="Deploy one in sophia.toml, below [llm.deployments]; docs/gateway.md shows how.",
            )
        async with self._opening:
            if self._gateway is None:
                self._gateway = await asyncio.to_thread(self._open)
        return self._gateway

    def _open(self) -> Gateway:
        from sophia_kit.llm import Gateway

        return Gateway(self._services.settings, self._services.state, self._services.clock)

    async def close(self) -> None:
        """Let go of every connection, and write what is still to be booked."""
        if self._gateway is not None:
            await self._gateway.aclose()


def model_routes(services: Services, door: ModelDoor) -> APIRouter:
    """The routes, to be included in the application. They stand in OpenAI's own description, not in this server's."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/v1/chat/completions")
    async def chat(body: ChatBody, caller: Using) -> Response:
        request = body.request(caller.principal.name)
        gateway = await door.gateway()
        if not body.stream:
            answer = await gateway.chat(request)
            headers = {"x-request-id": answer.request_id}
            return JSONResponse(completion(answer, _now(services)), headers=headers)
        chunks = gateway.stream(request)
        # Until its first chunk an error is an answer with a status of its own.
        first = await anext(chunks)
        wanted = body.stream_options is not None and body.stream_options.include_usage
        head = Head(_now(services), body.model, f"chatcmpl-{secrets.token_hex(12)}")
        return StreamingResponse(
            _events(head, first, chunks, usage=wanted),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @routes.post("/v1/embeddings")
    async def embed(body: EmbedBody, caller: Using) -> Response:
        gateway = await door.gateway()
        found = await gateway.embed(body.request(caller.principal.name))
        return JSONResponse(embeddings(found, body.encoding_format), headers={"x-request-id": found.request_id})

    @routes.get("/v1/models")
    def models(caller: Using) -> dict[str, Any]:
        return {"object": "list", "data": model_list(services.settings.llm)}

    @routes.get("/v1/models/{name:path}")
    def model(name: str, caller: Using) -> dict[str, Any]:
        found = {one["id"]: one for one in model_list(services.settings.llm)}
        if name not in found:
            raise UnknownName("model", name, found)
        return found[name]

    return routes


async def _events(
    head: Head, first: Chunk, chunks: AsyncGenerator[Chunk, None], *, usage: bool
) -> AsyncIterator[bytes]:
    """Server-sent events. A stream that breaks ends with an event that holds the error, and without `[DONE]`."""
    async with aclosing(chunks):
        try:
            yield _event(chunk_body(head, first, first=True))
            last = first
            async for last in chunks:
                yield _event(chunk_body(head, last, first=False))
            if usage and last.answer is not None:
                yield _event(usage_chunk(head, last.answer))
            yield b"data: [DONE]\n\n"
        except SophiaError as error:
            _log.warning("A stream broke off: %s: %s", error.code, error.message)
            yield _event({"error": error_member(error)})


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def _now(services: Services) -> int:
    return int(services.clock.now().timestamp())
