"""A vendor's answer, or its absence."""

from __future__ import annotations

from sophia_kit.core.errors.base import SophiaError

__all__ = [
    "AuthFailed",
    "MalformedAnswer",
    "ProviderError",
    "ProviderFailing",
    "ProviderTimeout",
    "RateLimited",
    "RequestRejected",
    "Unreachable",
]


class ProviderError(SophiaError):
    """Attribute `http_status` is the vendor's status, or None when there was no answer."""

    code, title, status, exit_code = "provider", "The vendor failed", 502, 5

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        hint: str | None = None,
        retryable: bool | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, provider=provider, retryable=retryable)
        self.http_status = http_status


class Unreachable(ProviderError):
    """Attribute `sent` is false when nobody can have read the request: there was no connection."""

    sent = True
    code, title, status, retryable = "unreachable", "The vendor can't be reached", 502, True


class ProviderTimeout(ProviderError):
    code, title, status, retryable = "provider-timeout", "The vendor is too slow", 504, True


class RateLimited(ProviderError):
    """Attribute `retry_after` is the vendor's wish in seconds, or None."""

    code, title, status, retryable = "rate-limited", "The vendor's rate limit is reached", 503, True

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        hint: str | None = None,
        http_status: int | None = 429,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, provider=provider, hint=hint, http_status=http_status)
        self.retry_after = retry_after


class ProviderFailing(ProviderError):
    """Attribute `retry_after` is the vendor's wish in seconds, or None."""

    code, title, status, retryable = "provider-failing", "The vendor answers with a server error", 502, True

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        hint: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, provider=provider, hint=hint, http_status=http_status)
        self.retry_after = retry_after


class AuthFailed(ProviderError):
    code, title, status = "auth-failed", "The vendor refused the credentials", 502


class RequestRejected(ProviderError):
    code, title, status = "request-rejected", "The vendor rejected the request", 502


class MalformedAnswer(ProviderError):
    code, title, status, retryable = "malformed-answer", "The vendor's answer can't be read", 502, True
