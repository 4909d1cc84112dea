"""The only way out to a model: one origin, and only questions. Checked before a byte leaves."""

from __future__ import annotations

import functools
import ssl

import httpx2

from sophia_kit.core.errors import ConfigError, PolicyRefused
from sophia_kit.core.telemetry import HTTP_REFUSALS
from sophia_kit.core.transport import is_loopback, proxy_for

__all__ = ["QUESTIONS", "AskingTransport", "base_url"]

QUESTIONS = frozenset({("POST", "/chat/completions"), ("POST", "/embeddings")})
"""What may be sent, below the base URL. An OpenAI-compatible API also stores files, tunes and deletes models."""

_HEADERS = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host", "user-agent"}
)
"""What is sent beside a deployment's own headers. The SDK adds what it knows of this machine, and what
`OPENAI_CUSTOM_HEADERS` holds; neither is any provider's business."""


def base_url(text: str, provider: str) -> httpx2.URL:
    """`text` as the address where an API begins: https, or http on this machine.

    Raises:
        ConfigError: prompts and keys would travel unencrypted, or it is no URL.
    """
    try:
        url = httpx2.URL(text.rstrip("/"))
    except httpx2.InvalidURL:
        raise ConfigError(f"The address of {provider} is not a URL.", provider=provider) from None
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigError(
            f"The address of {provider} at {url.host} is not encrypted.",
            hint="Use https: prompts and keys are sent there. Plain http is for this machine alone.",
            provider=provider,
        )
    return url


class AskingTransport(httpx2.AsyncBaseTransport):
    """Passes on `QUESTIONS` to one base URL, with `headers` and no others of the SDK's, and refuses the rest.

    Raises:
        PolicyRefused: another address or another request. No connection was opened for it.
    """

    def __init__(self, provider: str, base: httpx2.URL, connections: int, headers: frozenset[str]) -> None:
        self._provider = provider
        self._origin = (base.scheme, base.host, base.port)
        self._paths = {(method, base.path.rstrip("/") + path) for method, path in QUESTIONS}
        self._headers = _HEADERS | {name.lower() for name in headers}
        self._inner = httpx2.AsyncHTTPTransport(
            verify=_certificates(),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            proxy=proxy_for(base.scheme, base.host),
            trust_env=False,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if (url.scheme, url.host, url.port) != self._origin or (request.method, url.path) not in self._paths:
            HTTP_REFUSALS.labels(self._provider).inc()
            raise PolicyRefused(
                f"{request.method} {url.path} at {url.host} was not sent: models are only asked, "
                "where they are configured.",
                hint="What may be sent is listed in llm/providers/transport.py.",
                provider=self._provider,
            )
        for name in set(request.headers) - self._headers:
            del request.headers[name]
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@functools.cache
def _certificates() -> ssl.SSLContext:
    # Loading the bundle takes 30 ms: once a process, not once a deployment.
    return httpx2.create_ssl_context()
