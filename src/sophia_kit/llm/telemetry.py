"""Metrics (Prometheus) and traces (OpenTelemetry) of calls to models.

Labels are names from the settings and codes of the kit's own: never a tenant, a user, a prompt or an answer. Spans
follow OpenTelemetry's semantic conventions for generative AI.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from prometheus_client import Counter, Gauge, Histogram

from sophia_kit.core.errors import SophiaError
from sophia_kit.core.telemetry import tracer
from sophia_kit.llm.messages import Answer, Attempt, ChatRequest, Embeddings, EmbedRequest
from sophia_kit.llm.redaction import redacted

__all__ = [
    "BREAKER",
    "CACHE",
    "COST",
    "TRAILING",
    "attempt_span",
    "call_span",
    "log_content",
    "told_attempt",
    "told_call",
]

ATTEMPTS = Counter(
    "sophia_llm_attempts", "Requests sent to models; outcome is ok or an error's code.", ["deployment", "outcome"]
)
CALLS = Counter("sophia_llm_calls", "Calls to the gateway; outcome is ok or an error's code.", ["kind", "outcome"])
TOKENS = Counter("sophia_llm_tokens", "Tokens used: input, cached_input, output.", ["deployment", "kind"])
COST = Counter("sophia_llm_cost_usd", "US dollars that requests came to, as far as is known.", ["deployment"])
SECONDS = Histogram(
    "sophia_llm_call_seconds",
    "Seconds from a call until its answer is whole or given up.",
    ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120),
)
FIRST_TOKEN = Histogram(
    "sophia_llm_first_token_seconds",
    "Seconds from a request until the first token of its stream.",
    ["deployment"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
FALLBACKS = Counter("sophia_llm_fallbacks", "Answers of another model than the first candidate.", ["model", "answered"])
CONTINUED = Counter("sophia_llm_continued", "Answers that another deployment went on with.", ["model"])
CACHE = Counter("sophia_llm_cache", "Look-ups in the cache: hit, miss, shared (in flight), failed.", ["outcome"])
BREAKER = Gauge("sophia_llm_breaker_open", "1 while a deployment is left alone.", ["deployment"])
TRAILING = Counter(
    "sophia_llm_trailing_faults", "Streams that broke after their finish reason: the answer is whole.", ["deployment"]
)

_LOG = logging.getLogger("sophia_kit.llm")
_OPERATIONS = {"chat": "chat", "embedding": "embeddings"}


@contextmanager
def call_span(kind: str, asked: str, request: ChatRequest | EmbedRequest) -> Iterator[Span]:
    """The span of a whole call. It is not made the current one: a stream's caller runs in between."""
    attributes: dict[str, Any] = {"gen_ai.operation.name": _OPERATIONS[kind], "gen_ai.request.model": asked}
    if isinstance(request, ChatRequest):
        wishes = {
            "gen_ai.request.temperature": request.temperature,
            "gen_ai.request.top_p": request.top_p,
            "gen_ai.request.max_tokens": request.max_tokens,
            "gen_ai.request.seed": request.seed,
            "gen_ai.output.type": "json" if request.schema is not None else "text",
        }
        attributes |= {name: value for name, value in wishes.items() if value is not None}
    span = tracer().start_span(f"{_OPERATIONS[kind]} {asked}", attributes=attributes)
    try:
        yield span
    except SophiaError as error:
        _failed(span, error)
        raise
    finally:
        span.end()


@contextmanager
def attempt_span(parent: Span, kind: str, model: str, provider: str) -> Iterator[Span]:
    """The span of one request to one deployment; as `call_span`, not the current one."""
    attributes = {
        "gen_ai.operation.name": _OPERATIONS[kind],
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    context = trace.set_span_in_context(parent)
    name = f"{_OPERATIONS[kind]} {model}"
    span = tracer().start_span(name, context=context, kind=SpanKind.CLIENT, attributes=attributes)
    try:
        yield span
    except SophiaError as error:
        _failed(span, error)
        raise
    finally:
        span.end()


def told_attempt(attempt: Attempt) -> None:
    """Count one request."""
    ATTEMPTS.labels(attempt.deployment, attempt.outcome).inc()
    if attempt.first_token_s is not None:
        FIRST_TOKEN.labels(attempt.deployment).observe(attempt.first_token_s)
    if attempt.usage is not None:
        usage = attempt.usage
        TOKENS.labels(attempt.deployment, "input").inc(usage.input_tokens - usage.cached_input_tokens)
        TOKENS.labels(attempt.deployment, "cached_input").inc(usage.cached_input_tokens)
        TOKENS.labels(attempt.deployment, "output").inc(usage.output_tokens)


def told_call(
    span: Span, kind: str, outcome: str, seconds: float, first: str, answer: Answer | Embeddings | None
) -> None:
    """Count a call and say on its span how it ended; `first` is its first candidate's model."""
    SECONDS.labels(kind).observe(seconds)
    CALLS.labels(kind, outcome).inc()
    if answer is None:
        return
    if answer.model_used != first:
        FALLBACKS.labels(first, answer.model_used).inc()
    if isinstance(answer, Answer) and answer.continued:
        CONTINUED.labels(answer.model_used).inc()
    if not span.is_recording():
        return
    span.set_attributes(
        {
            "gen_ai.provider.name": answer.provider,
            "gen_ai.response.model": answer.provider_model or answer.model_used,
            "gen_ai.usage.input_tokens": answer.usage.input_tokens,
            "gen_ai.usage.output_tokens": answer.usage.output_tokens,
            "sophia.llm.attempts": len(answer.attempts),
        }
    )
    if isinstance(answer, Answer):
        span.set_attribute("gen_ai.response.finish_reasons", [answer.finish_reason])
        if answer.first_token_s is not None:
            span.set_attribute("sophia.llm.first_token_s", answer.first_token_s)


def log_content(request: ChatRequest, answer: Answer) -> None:
    """Write prompt and answer to the log `sophia_kit.llm`, redacted; for whoever switched it on."""
    turns = " | ".join(f"{turn.role}: {redacted(turn.text)}" for turn in request.messages)
    _LOG.info("%s asked %s: %s => %s", answer.request_id, answer.model_used, turns, redacted(answer.text))


def _failed(span: Span, error: SophiaError) -> None:
    span.set_attribute("error.type", error.code)
    span.set_status(StatusCode.ERROR, error.code)
