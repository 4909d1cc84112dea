"""A language model that may not be asked, or answered wrongly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sophia_kit.core.errors.base import SophiaError
from sophia_kit.core.errors.provider import MalformedAnswer, ProviderError, RequestRejected

__all__ = [
    "BrokenStream",
    "BudgetExceeded",
    "LimitReached",
    "ModelAbsent",
    "ModelRefused",
    "NoAnswer",
    "NoModelFits",
    "PromptTooLong",
    "TruncatedAnswer",
    "WrongStructure",
]


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
