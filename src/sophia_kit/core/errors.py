"""Every error the kit raises, in one tree.

SophiaError
├── ConfigError             what was configured is missing or wrong
│   ├── Unconfigured        a part was asked for that nobody configured
│   └── DefinitionError     a definition file (YAML) is wrong; says file and line
├── InputError              what the caller asked for can't be answered as asked
│   └── UnknownName         no such metric, dimension, job or snapshot; suggests near ones
├── Unauthenticated         who asks isn't known: no token, or one that isn't valid
├── AccessRefused           who asks may not see what is asked for
│   └── ScopeMissing        the caller's token lacks the scope
├── TooManyRequests         who asks has asked too often (retryable)
├── PolicyRefused           a request that the read-only policy doesn't permit; nothing was sent
├── ProviderError           a vendor's answer, or its absence
│   ├── Unreachable         no connection, or it broke (retryable)
│   ├── ProviderTimeout     too slow, or the total deadline passed (retryable)
│   ├── RateLimited         429 or the vendor's equivalent (retryable)
│   ├── ProviderFailing     5xx (retryable)
│   ├── AuthFailed          credentials refused, after one refresh
│   ├── RequestRejected     any other 4xx
│   ├── MalformedAnswer     truncated, not JSON, or not of the promised shape (retryable)
│   │   └── TruncatedAnswer a stream that ended without saying that it was finished
│   ├── ModelAbsent         the provider doesn't know the model
│   ├── PromptTooLong       more than the model takes
│   ├── WrongStructure      a model's answer doesn't satisfy the schema that was asked for (retryable)
│   ├── BrokenStream        a model's answer broke off after its first words (retryable)
│   └── NoAnswer            no deployment that could answer did
├── ModelRefused            no model may be asked, so nothing was sent
│   ├── NoModelFits         every model breaks a hard constraint: what it can, what is permitted, its price
│   ├── BudgetExceeded      it would cost more than is left
│   └── LimitReached        as many requests or tokens as a minute permits (retryable)
├── WarehouseError          the warehouse refused or failed a query
│   ├── QueryRefused        not a single SELECT
│   ├── QueryLimit          over the row or time limit, or cancelled
│   ├── NoSnapshot          nothing has been loaded yet
│   ├── NeverLoaded         a table that the answer stands on was never loaded: unknown, not empty
│   ├── SnapshotGone        the snapshot that was asked for is no longer kept
│   └── SnapshotDamaged     a snapshot that can't be opened
├── StorageError            the disk is full, read-only or failing
├── IngestError             a load that could not be completed
├── Busy                    another run holds the lock (retryable)
├── JobFailed               a job's process ended badly or ran out of time
├── ProofError              evidence that can't be written or read
├── RequestRefused          what a caller sent can't be taken as it is
│   ├── PathUnknown         nothing is served at that path
│   ├── MethodRefused       what is served there doesn't know the method
│   ├── InvalidRequest      parameters or a body that aren't of the documented form
│   ├── RequestTooLarge     a body over the limit
│   ├── ForeignHost         asked by a name that isn't this server's
│   └── ForeignOrigin       asked by the page of another site
├── RequestTimeout          not answered in time (retryable)
├── ShuttingDown            the server takes nothing new (retryable)
├── InternalError           a mistake of the kit's own
└── Interrupted             Ctrl-C or a termination signal
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AccessRefused",
    "AuthFailed",
    "BrokenStream",
    "BudgetExceeded",
    "Busy",
    "ConfigError",
    "DefinitionError",
    "ForeignHost",
    "ForeignOrigin",
    "IngestError",
    "InputError",
    "InternalError",
    "Interrupted",
    "InvalidRequest",
    "JobFailed",
    "LimitReached",
    "MalformedAnswer",
    "MethodRefused",
    "ModelAbsent",
    "ModelRefused",
    "NeverLoaded",
    "NoAnswer",
    "NoModelFits",
    "NoSnapshot",
    "PathUnknown",
    "PolicyRefused",
    "PromptTooLong",
    "ProofError",
    "ProviderError",
    "ProviderFailing",
    "ProviderTimeout",
    "QueryLimit",
    "QueryRefused",
    "RateLimited",
    "RequestRefused",
    "RequestRejected",
    "RequestTimeout",
    "RequestTooLarge",
    "ScopeMissing",
    "ShuttingDown",
    "SnapshotDamaged",
    "SnapshotGone",
    "SophiaError",
    "StorageError",
    "TooManyRequests",
    "TruncatedAnswer",
    "Unauthenticated",
    "Unconfigured",
    "UnknownName",
    "Unreachable",
    "WarehouseError",
    "WrongStructure",
]

_PROBLEM_BASE = "urn:sophia-kit:error:"


class SophiaError(Exception):
    """Base of the tree.

    Attributes:
        code: stable identifier in kebab case; callers may branch on it.
        title: what kind of error this is, the same for every instance of the class.
        status: HTTP status when the error leaves through the server.
        exit_code: process exit status when the error leaves through the command line.
        message: what went wrong, and where.
        hint: what to do about it; None when there is nothing to advise.
        provider: the vendor or part concerned, if any.
        retryable: whether the same call may succeed later.
    """

    code = "error"
    title = "Error"
    status = 500
    exit_code = 1
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        provider: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.provider = provider
        if retryable is not None:
            self.retryable = retryable

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem object."""
        return {
            "type": _PROBLEM_BASE + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            "hint": self.hint,
            "provider": self.provider,
            "retryable": self.retryable,
        }


class ConfigError(SophiaError):
    code, title, status, exit_code = "config", "Wrong configuration", 500, 3


class Unconfigured(ConfigError):
    """Attribute `missing` lists the settings that have to be given."""

    code, title = "unconfigured", "Not configured"

    def __init__(
        self,
        message: str,
        *,
        missing: Iterable[str] = (),
        hint: str | None = None,
        provider: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, provider=provider)
        self.missing = tuple(missing)

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"missing": list(self.missing)}


class DefinitionError(ConfigError):
    """A mistake in a definition file, located by `file` and 1-based `line`."""

    code, title = "definition", "Wrong definition"

    def __init__(self, message: str, *, file: str, line: int | None = None, hint: str | None = None) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {message}", hint=hint)
        self.file = file
        self.line = line


class InputError(SophiaError):
    code, title, status, exit_code = "input", "Wrong input", 400, 2


class UnknownName(InputError):
    """No `kind` called `name`; the hint names the nearest of `known`."""

    code, title, status = "unknown-name", "Unknown name", 404

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        self.suggestions = tuple(difflib.get_close_matches(name, names, n=3, cutoff=0.5))
        if self.suggestions:
            hint = "Did you mean " + " or ".join(self.suggestions) + "?"
        elif names:
            hint = f"Known: {', '.join(names[:20])}" + (", ..." if len(names) > 20 else "")
        else:
            hint = f"There is no {kind} yet."
        super().__init__(f"No {kind} is called {name!r}.", hint=hint)


class AccessRefused(SophiaError):
    """What a principal's row filter doesn't permit, or can't be applied to."""

    code, title, status, exit_code = "access-refused", "Refused to this principal", 403, 4


class Unauthenticated(SophiaError):
    code, title, status, exit_code = "unauthenticated", "Not signed in", 401, 4


class ScopeMissing(AccessRefused):
    """`who` lacks `scope`, which permits what is asked for."""

    code, title = "scope-missing", "The token lacks a scope"

    def __init__(self, who: str, scope: str, *, permits: str) -> None:
        super().__init__(
            f"{who} lacks the scope {scope}: {permits}.", hint=f"Ask who administers access for a token with {scope}."
        )
        self.scope = scope

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"scope": self.scope}


class TooManyRequests(SophiaError):
    """Attribute `retry_after` is how many seconds to wait."""

    code, title, status, retryable = "too-many-requests", "Too many requests", 429, True

    def __init__(self, message: str, *, retry_after: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class PolicyRefused(SophiaError):
    code, title, status, exit_code = "policy-refused", "Refused by the read-only policy", 403, 4


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


class TruncatedAnswer(MalformedAnswer):
    code, title = "truncated-answer", "The answer ended without a finish"


class ModelAbsent(RequestRejected):
    code, title = "model-absent", "The provider doesn't know the model"


class PromptTooLong(RequestRejected):
    code, title, status = "prompt-too-long", "More than the model takes", 400


class WrongStructure(ProviderError):
    """Attribute `said` is the answer that doesn't satisfy the schema."""

    code, title, status, retryable = "wrong-structure", "The answer has the wrong structure", 502, True

    def __init__(self, message: str, *, provider: str, said: str = "", hint: str | None = None) -> None:
        super().__init__(message, provider=provider, hint=hint)
        self.said = said


class BrokenStream(ProviderError):
    """Attribute `said` is what had been said; `reason` the code of what broke it."""

    code, title, status, retryable = "broken-stream", "The answer broke off", 502, True

    def __init__(self, message: str, *, provider: str, said: str, reason: str, hint: str | None = None) -> None:
        super().__init__(message, provider=provider, hint=hint)
        self.said = said
        self.reason = reason


class NoAnswer(ProviderError):
    """Attribute `outcomes` is what came of each attempt: deployment and error code, in order."""

    code, title, status = "no-answer", "No model answered", 502

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        outcomes: Iterable[tuple[str, str]] = (),
        hint: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, provider=provider, hint=hint, retryable=retryable)
        self.outcomes = tuple(outcomes)


class ModelRefused(SophiaError):
    code, title, status, exit_code = "model-refused", "No model may be asked", 403, 15


class NoModelFits(ModelRefused):
    """Attribute `reasons` holds pairs of a deployment and why it can't be asked."""

    code, title, status = "no-model-fits", "No model fits the request", 422

    def __init__(self, message: str, *, reasons: Iterable[tuple[str, str]] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reasons = tuple(reasons)

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"reasons": [{"deployment": one, "reason": why} for one, why in self.reasons]}


class BudgetExceeded(ModelRefused):
    """Attribute `budget` names what is spent: `day`, `tenant`, `user` or `request`."""

    code, title, status = "budget-exceeded", "Over budget", 402

    def __init__(self, message: str, *, budget: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.budget = budget

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"budget": self.budget}


class LimitReached(ModelRefused):
    """Attribute `retry_after` is in how many seconds it fits again."""

    code, title, status, retryable = "limit-reached", "Too fast", 429, True

    def __init__(self, message: str, *, retry_after: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"retry_after": self.retry_after}


class WarehouseError(SophiaError):
    code, title, status, exit_code = "warehouse", "The warehouse failed", 500, 6


class QueryRefused(WarehouseError):
    code, title, status = "query-refused", "Only a single SELECT is permitted", 400


class QueryLimit(WarehouseError):
    code, title, status = "query-limit", "The query passed its limit", 503


class NoSnapshot(WarehouseError):
    code, title, status = "no-snapshot", "Nothing has been loaded yet", 503


class NeverLoaded(WarehouseError):
    """Attribute `tables` has the raw tables that were never loaded. The request is fine; its answer is unknown."""

    code, title, status = "never-loaded", "Unknown: never loaded", 409

    def __init__(self, message: str, *, tables: Iterable[str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.tables = tuple(tables)

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"tables": list(self.tables)}


class SnapshotGone(WarehouseError):
    code, title, status = "snapshot-gone", "The snapshot is no longer kept", 410


class SnapshotDamaged(WarehouseError):
    code, title = "snapshot-damaged", "The snapshot can't be read"


class StorageError(SophiaError):
    code, title, status, exit_code = "storage", "The disk refused", 507, 7


class IngestError(SophiaError):
    code, title, status, exit_code = "ingest", "The load failed", 500, 8


class Busy(SophiaError):
    code, title, status, exit_code, retryable = "busy", "Another run is at work", 409, 9, True


class JobFailed(SophiaError):
    code, title, status, exit_code = "job-failed", "The job failed", 500, 10


class ProofError(SophiaError):
    code, title, status, exit_code = "proof", "The evidence failed", 500, 11


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


class Interrupted(SophiaError):
    code, title, status, exit_code = "interrupted", "Interrupted", 499, 130
