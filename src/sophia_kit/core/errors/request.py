"""A request to the kit's own server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sophia_kit.core.errors.base import SophiaError

__all__ = [
    "ForeignHost",
    "ForeignOrigin",
    "InternalError",
    "InvalidRequest",
    "MethodRefused",
    "PathUnknown",
    "RequestRefused",
    "RequestTimeout",
    "RequestTooLarge",
    "ShuttingDown",
]


class RequestRefused(SophiaError):
    code, title, status, exit_code = "request-refused", "The request can't be taken", 400, 2


class PathUnknown(RequestRefused):
    code, title, status = "path-unknown", "Nothing is served here", 404


class MethodRefused(RequestRefused):
    code, title, status = "method-refused", "Not by this method", 405


class InvalidRequest(RequestRefused):
    """Attribute `errors` holds pairs of where a mistake is (`query.limit`) and what it is."""

    code, title, status = "invalid-request", "Not of the documented form", 422

    def __init__(self, message: str, *, errors: Iterable[tuple[str, str]] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.errors = tuple(errors)

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"errors": [{"where": where, "what": what} for where, what in self.errors]}


class RequestTooLarge(RequestRefused):
    code, title, status = "request-too-large", "The body is too large", 413


class ForeignHost(RequestRefused):
    code, title, status = "foreign-host", "Not this server's name", 400


class ForeignOrigin(RequestRefused):
    code, title, status, exit_code = "foreign-origin", "Asked by another site", 403, 4


class RequestTimeout(SophiaError):
    code, title, status, retryable = "request-timeout", "Not answered in time", 504, True


class ShuttingDown(SophiaError):
    code, title, status, exit_code, retryable = "shutting-down", "The server is shutting down", 503, 9, True


class InternalError(SophiaError):
    code, title, status = "internal", "A mistake of the kit's own", 500
