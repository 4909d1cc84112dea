"""The exact cache: an answer is given again to the very same request, and to no other.

There is no semantic cache: with a fixed threshold of similarity it gives some people the answer to somebody else's
question. docs/gateway.md has the figures.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import ConfigError, SophiaError
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.breaker import Breaker
from sophia_kit.llm.messages import Answer, ChatRequest, Embeddings, EmbedRequest, ToolCall, Usage
from sophia_kit.llm.telemetry import CACHE

if TYPE_CHECKING:
    from sophia_kit.state import State

__all__ = ["AnswerCache", "cacheable", "key_of", "open_cache"]

_FAILURES, _OPEN_S = 3, 30.0
_FORM = 1
"""The form of what is kept; an older one is never read."""
_NO_PART = frozenset(
    {"model", "fallbacks", "preset", "user", "purpose", "data_policy", "deadline_s", "max_cost_usd", "cache"}
    | {"continuation", "repeatable"}
)
"""Fields of a request that don't change what a model would answer; the model itself is a part of its own."""
_NO_PART_OF_HOW = {"serves", "kind", "weight", "requests_per_minute", "tokens_per_minute"}
"""Fields of a deployment that aren't sent and change nothing of what is."""


def cacheable(request: ChatRequest | EmbedRequest, settings: LlmSettings) -> bool:
    """Whether an earlier answer will do: as the request says, else as the setting does.

    Where an answer is left to chance, who asks twice may want two answers.
    """
    if request.cache is not None:
        return request.cache
    if settings.cache == "deterministic":
        return isinstance(request, EmbedRequest) or request.temperature == 0
    return settings.cache == "all"


def key_of(request: ChatRequest | EmbedRequest, model: str, serving: Iterable[DeploymentSettings]) -> str:
    """A digest of everything that changes the answer: the model, how its deployments ask for it, every field of the
    request that reaches it, and the tenant."""
    asked = {name: value for name, value in asdict(request).items() if name not in _NO_PART}
    how = sorted(one.model_dump_json(exclude=_NO_PART_OF_HOW) for one in serving)
    whole = [_FORM, type(request).__name__, model, how, asked]
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), default=_written)
    return hashlib.sha256(text.encode()).hexdigest()


def _written(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a request")


class CacheStore(Protocol):
    """Where texts are kept by key, for a time."""

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, text: str) -> None: ...

    async def aclose(self) -> None: ...


class AnswerCache:
    """Answers in a store. A store that fails costs the cache, never the call; one that fails again and again isn't
    asked for a while, so that nobody waits for it."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._breaker = Breaker(_FAILURES, _OPEN_S)

    async def get(self, key: str) -> Answer | Embeddings | None:
        """The answer kept under `key`, marked as cached; None when there is none that can be read."""
        if not self._breaker.permits(time.monotonic()):
            return None
        self._breaker.begin()
        try:
            text = await self._store.get(key)
            self._breaker.succeeded()
            found = None if text is None else _read(text)
        except (SophiaError, OSError):
            self._failed()
            return None
        except (ValueError, TypeError, KeyError):
            CACHE.labels("failed").inc()
            return None
        except BaseException:
            self._breaker.abandoned()
            raise
        CACHE.labels("miss" if found is None else "hit").inc()
        return found

    async def put(self, key: str, answer: Answer | Embeddings) -> None:
        """Keep `answer`, if it is whole: one that a limit or a filter cut, or that two deployments wrote, is not."""
        if isinstance(answer, Answer) and (answer.finish_reason not in {"stop", "tool_calls"} or answer.continued):
            return
        if self._breaker.is_open:
            return
        try:
            await self._store.put(key, _text(answer))
        except (SophiaError, OSError):
            self._failed()

    def _failed(self) -> None:
        CACHE.labels("failed").inc()
        self._breaker.failed(time.monotonic())

    async def aclose(self) -> None:
        await self._store.aclose()


def open_cache(settings: LlmSettings, state: State | None, clock: Clock) -> AnswerCache | None:
    """The cache in Redis when that is configured, else in the state; None when it is switched off or has no place.

    Raises:
        ConfigError: Redis is configured, and its address is none, or the extra `redis` isn't installed.
    """
    if settings.redis_url is not None:
        return AnswerCache(_RedisStore(settings.redis_url.get_secret_value(), settings.cache_ttl_s))
    return None if state is None else AnswerCache(_StateStore(state, settings, clock))


class _StateStore:
    def __init__(self, state: State, settings: LlmSettings, clock: Clock) -> None:
        self._store = state.llm_cache
        self._ttl_s = settings.cache_ttl_s
        self._most = settings.cache_entries
        self._clock = clock

    # A database may take its time: other calls go on meanwhile.
    async def get(self, key: str) -> str | None:
        return await asyncio.to_thread(self._store.get, key, self._clock.now())

    async def put(self, key: str, text: str) -> None:
        await asyncio.to_thread(self._store.put, key, text, self._clock.now(), self._ttl_s, self._most)

    async def aclose(self) -> None:
        """The state is its opener's to close."""


class _RedisStore:
    def __init__(self, url: str, ttl_s: float) -> None:
        try:
            import redis.asyncio as redis
            from redis.exceptions import RedisError
        except ImportError:
            raise ConfigError(
                "The cache is configured in Redis, but redis isn't installed.", hint="Install sophia-kit[redis]."
            ) from None
        self._error: type[Exception] = RedisError
        try:
            self._client = redis.Redis.from_url(
                url, socket_timeout=1.0, socket_connect_timeout=1.0, decode_responses=True
            )
        except ValueError:
            # Its text can carry a part of the password, where that holds signs that an address has to escape.
            raise ConfigError(
                "The address of the cache's Redis can't be read.",
                hint="Set SOPHIA_LLM__REDIS_URL as redis://:password@host:6379/0, the password percent-encoded.",
            ) from None
        self._ttl_ms = int(ttl_s * 1000)

    async def get(self, key: str) -> str | None:
        try:
            found = await self._client.get(f"sophia-kit:llm:{key}")
        except self._error as error:
            raise OSError(type(error).__name__) from None
        return None if found is None else str(found)

    async def put(self, key: str, text: str) -> None:
        try:
            await self._client.set(f"sophia-kit:llm:{key}", text, px=self._ttl_ms)
        except self._error as error:
            raise OSError(type(error).__name__) from None

    async def aclose(self) -> None:
        await self._client.aclose()


def _text(answer: Answer | Embeddings) -> str:
    # What it took to get it is not what it is.
    bare = replace(answer, attempts=(), seconds=0.0, cost_usd=None, request_id="")
    kept = asdict(bare) | {"form": _FORM, "kind": type(answer).__name__}
    return json.dumps(kept, default=lambda value: str(value) if isinstance(value, Decimal) else _written(value))


def _read(text: str) -> Answer | Embeddings | None:
    kept = json.loads(text)
    if kept.pop("form") != _FORM:
        return None
    kind = kept.pop("kind")
    cost = kept["usage"].pop("cost_usd")
    kept["usage"] = Usage(cost_usd=None if cost is None else Decimal(cost), **kept["usage"])
    kept |= {"cached": True, "attempts": (), "cost_usd": Decimal()}
    if kind == "Embeddings":
        kept["vectors"] = tuple(tuple(vector) for vector in kept["vectors"])
        return Embeddings(**kept)
    kept["tool_calls"] = tuple(ToolCall(**call) for call in kept["tool_calls"])
    return Answer(**(kept | {"first_token_s": None}))
