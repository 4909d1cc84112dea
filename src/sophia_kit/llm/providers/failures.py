"""From what went wrong at a provider to the error that says so, and who is at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import (
    AuthFailed,
    MalformedAnswer,
    ModelAbsent,
    PromptTooLong,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    Unreachable,
)
from sophia_kit.core.failures import retry_after

__all__ = ["malformed", "of_exception", "of_status", "said_error"]

_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_SHOWN = 200


def of_status(
    provider: str, status: int, body: Any, headers: Mapping[str, str], clock: Clock, secrets: tuple[str, ...]
) -> ProviderError:
    """The error for an answer that is no success. Its message quotes the provider's, without secrets."""
    code, said = _told(body, secrets)
    quoted = f": {said}" if said else "."
    wish = _wish(headers, clock)
    about: dict[str, Any] = {"provider": provider, "http_status": status}
    final = headers.get("x-should-retry") == "false"
    if code in _TOO_LONG or status == 413:
        return PromptTooLong(f"The prompt is longer than the model of {provider} takes{quoted}", **about)
    if code in _SPENT or status == 402:
        return AuthFailed(
            f"{provider} answered {status}{quoted}", hint="The account is out of credit. Top it up.", **about
        )
    if status == 429:
        found = RateLimited(
            f"{provider} answered 429{quoted}", hint="Try again later, or lower the rate.", retry_after=wish, **about
        )
    elif status in {408, 504}:
        return ProviderTimeout(f"{provider} answered {status}{quoted}", hint="Try again later.", **about)
    elif status >= 500:
        failing = ProviderFailing(
            f"{provider} answered {status}{quoted}", hint="The provider has a problem.", retry_after=wish, **about
        )
        if final:
            failing.retryable = False
        return failing
    elif status in {401, 403}:
        what = "does not accept the key" if status == 401 else "does not permit this"
        return AuthFailed(f"{provider} {what}{quoted}", hint="Check its key in SOPHIA_LLM__KEYS__...", **about)
    elif status == 404:
        return ModelAbsent(
            f"{provider} does not know this model or address{quoted}",
            hint="Check the deployment's model and base_url.",
            **about,
        )
    else:
        return RequestRejected(
            f"{provider} answered {status}{quoted}", hint="The provider does not accept this request.", **about
        )
    if final:
        found.retryable = False
    return found


def said_error(provider: str, error: Any, clock: Clock, secrets: tuple[str, ...]) -> ProviderError:
    """The error that a provider says in the body of a success, or in the middle of a stream."""
    status = error.get("code") if isinstance(error, dict) else None
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if isinstance(status, int) and 400 <= status <= 599:
        return of_status(provider, status, {"error": error}, {}, clock, secrets)
    code, said = _told({"error": error}, secrets)
    if code in _TOO_LONG:
        return of_status(provider, 413, {"error": error}, {}, clock, secrets)
    if code == "rate_limit_exceeded":
        return of_status(provider, 429, {"error": error}, {}, clock, secrets)
    return ProviderFailing(
        f"{provider} reports an error in its answer{f': {said}' if said else '.'}",
        provider=provider,
        hint="The provider has a problem.",
    )


def of_exception(provider: str, host: str, error: BaseException) -> ProviderError:
    """The error for an exchange that broke. A request that got no connection was not read by anybody."""
    cause = error.__cause__ or error.__context__ or error
    kind = type(cause).__name__
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
        unsent = Unreachable(f"{provider} at {host} can't be reached ({kind}).", provider=provider, hint=_NETWORK)
        unsent.sent = False
        return unsent
    if isinstance(cause, httpx2.TimeoutException):
        return ProviderTimeout(f"{provider} at {host} did not answer in time.", provider=provider)
    if isinstance(cause, httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.DecodingError):
        return Unreachable(
            f"{provider} at {host} broke the connection ({kind}).", provider=provider, hint="Try again later."
        )
    return Unreachable(f"{provider} at {host} can't be reached ({kind}).", provider=provider, hint=_NETWORK)


_NETWORK = "Check the network and the deployment's base_url."


def malformed(provider: str, what: str) -> MalformedAnswer:
    """An answer that is not of the promised shape."""
    return MalformedAnswer(
        f"The answer of {provider} can't be read: {what}.", provider=provider, hint="The provider has a problem."
    )


def _wish(headers: Mapping[str, str], clock: Clock) -> float | None:
    try:
        return max(float(headers["retry-after-ms"]) / 1000, 0.0)
    except (KeyError, ValueError):
        pass
    try:
        # Some send a fraction of a second, which the standard doesn't know.
        return max(float(headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return retry_after(headers, clock)


def _told(body: Any, secrets: tuple[str, ...]) -> tuple[str, str]:
    """The code and the first words of an error body, `{"error": {"code", "message", "type"}}` or the like."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        code = error.get("code") or error.get("type") or ""
        text = error.get("message") or ""
    else:
        code, text = "", error if isinstance(error, str) else ""
    said = " ".join(str(text).split())
    for secret in secrets:
        if secret:
            said = said.replace(secret, "***")
    return str(code), said if len(said) <= _SHOWN else said[:_SHOWN] + " ..."
