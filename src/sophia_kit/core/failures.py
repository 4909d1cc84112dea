"""From what went wrong on the wire to the error that says so, and what to do about it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    Unreachable,
)

__all__ = ["error_of_exception", "error_of_status", "http_date", "retry_after", "sendable"]


def error_of_status(provider: str, path: str, status: int, wish: float | None) -> ProviderError:
    """The error for an answer that is no success; `path` is a template, `wish` the vendor's wait in seconds."""
    said = f"{provider} answered {status} to {path}"
    about: dict[str, Any] = {"provider": provider, "http_status": status}
    if status == 429:
        soon = "" if wish is None else f" It asks to wait {wish:g} s."
        hint = "Try again later, or lower the rate."
        return RateLimited(f"{said}: too many requests.{soon}", hint=hint, retry_after=wish, **about)
    if status >= 500:
        return ProviderFailing(f"{said}.", hint="The vendor has a problem. Try later.", retry_after=wish, **about)
    if status == 401:
        return AuthFailed(f"{said}: the credentials are not accepted.", hint="Renew the credentials.", **about)
    if status == 403:
        return AuthFailed(f"{said}: not permitted.", hint="Give the integration user read access.", **about)
    if status == 404:
        return RequestRejected(f"{said}: not found.", hint="Check the base URL and the API version.", **about)
    if status == 408:
        return ProviderTimeout(f"{said}: it gave up waiting.", hint="Try again later.", **about)
    return RequestRejected(f"{said}.", hint="The vendor does not accept this request.", **about)


def error_of_exception(
    error: httpx.HTTPError, provider: str, host: str, path: str, status: int | None
) -> ProviderError:
    """The error for an exchange that broke; carries nothing of the request but `path`, a template."""
    about: dict[str, Any] = {"provider": provider, "http_status": status}
    if isinstance(error, httpx.TimeoutException):
        return ProviderTimeout(
            f"{provider} at {host} did not answer {path} in time ({type(error).__name__}).",
            hint="Try again later, or raise SOPHIA_HTTP__READ_TIMEOUT_S.",
            **about,
        )
    if isinstance(error, httpx.TooManyRedirects):
        return RequestRejected(f"{provider} redirects {path} in circles.", hint="Check the base URL.", **about)
    if _certificate_refused(error):
        return Unreachable(
            f"The certificate of {provider} at {host} can't be verified.",
            hint="Check the base URL; behind an inspecting proxy, set SSL_CERT_FILE to its certificate.",
            retryable=False,
            **about,
        )
    return Unreachable(
        f"{provider} at {host} can't be reached for {path} ({type(error).__name__}).",
        hint="Check the network and the base URL.",
        **about,
    )


def sendable(signature: Mapping[str, str], provider: str) -> Mapping[str, str]:
    """The headers of a login.

    Raises:
        ConfigError: a credential holds what no header can carry; it isn't repeated.
    """
    if all(value.isascii() and value.isprintable() for value in signature.values()):
        return signature
    raise ConfigError(
        f"The credentials of {provider} hold a character that can't be sent, such as a line break.",
        hint="Set them again, each as one line.",
        provider=provider,
    )


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds to wait as the `Retry-After` header wishes, given as seconds or as a date; None when it says nothing.

    A date is measured against the answer's own `Date`, so that a skew between the vendor's clock and ours changes
    nothing; against `clock` when there is none.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    now = http_date(headers.get("date")) or clock.now()
    return max((until - now).total_seconds(), 0.0)


def http_date(text: str | None) -> datetime | None:
    """An HTTP date in UTC, or None when `text` is none."""
    try:
        found = parsedate_to_datetime(text or "")
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _certificate_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
