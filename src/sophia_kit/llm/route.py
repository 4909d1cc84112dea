"""The way of one call: which deployment is asked next, after which pause, and what a failure means for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    LimitReached,
    ModelAbsent,
    ModelRefused,
    NoAnswer,
    PromptTooLong,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    SophiaError,
    Unreachable,
)
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.llm.deployments import Deployment, Deployments
from sophia_kit.llm.messages import Attempt

__all__ = ["Candidate", "Route"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may answer, and the deployments that may be asked for it."""

    model: str
    deployments: tuple[Deployment, ...]


class Route:
    """The candidates of one call, in order, until one answers.

    Several deployments of one model are tried one after another without a pause; one that was tried already only after
    a pause that doubles each time, or as long as it asked for. When waiting would take the call past its deadline, or
    longer than the longest pause while another model could answer, the next model is tried instead.

    Args:
        ends: the call's deadline, by the clock of `deployments`.
        repeatable: see `ChatRequest.repeatable`.
        attempts: what was sent for the call so far; what is sent along this route is added.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        deployments: Deployments,
        settings: LlmSettings,
        ends: float,
        repeatable: bool,
        attempts: list[Attempt],
    ) -> None:
        self._left = list(candidates)
        self._deployments = deployments
        self._settings = settings
        self._ends = ends
        self._repeatable = repeatable
        self._sent = 0
        self._failures: dict[str, int] = {}
        self._ready: dict[str, float] = {}
        self._unfit: set[str] = set()
        self._last: SophiaError | None = None
        self.attempts = attempts

    @property
    def model(self) -> str:
        """The model whose turn it is."""
        return self._left[0].model

    def keep_to_this_model(self) -> None:
        """No other model may go on."""
        del self._left[1:]

    async def next(self) -> Deployment:
        """The deployment to ask now, once its pause is over.

        Raises:
            ProviderTimeout: the deadline has passed.
            SophiaError: nobody is left to ask; the last failure, or `NoAnswer` when there were several kinds.
        """
        while self._left:
            candidate = self._left[0]
            fit = [one for one in candidate.deployments if one.name not in self._unfit]
            if self._sent < self._settings.attempts and fit:
                if (found := self._deployments.pick(fit, self._failures.keys())) is not None:
                    return self._begin(found)
                if (found := await self._waited_for(fit)) is not None:
                    return self._begin(found)
            self._left.pop(0)
            self._sent = 0
            self._failures.clear()
        raise self._end()

    def failed(self, deployment: Deployment, error: SophiaError) -> None:
        """What came of asking it.

        Raises:
            SophiaError: `error`, when nobody else can do better: the request itself is at fault, or it may have been
                read and must not be sent twice.
        """
        now = self._deployments.now()
        self._last = error
        self._note(deployment, error, now)
        if isinstance(error, PromptTooLong):
            # Another deployment of the same model takes no more.
            self._sent = self._settings.attempts
        elif isinstance(error, RequestRejected) and not isinstance(error, ModelAbsent):
            raise error
        elif isinstance(error, AuthFailed | ModelAbsent) or not error.retryable:
            self._unfit.add(deployment.name)
        unread = isinstance(error, RateLimited | ConfigError) or (isinstance(error, Unreachable) and not error.sent)
        if not self._repeatable and not unread:
            raise error
        count = self._failures.get(deployment.name, 0) + 1
        self._failures[deployment.name] = count
        pause = min(self._settings.backoff_initial_s * 2 ** (count - 1), self._settings.backoff_max_s)
        self._ready[deployment.name] = now + pause * self._deployments.jitter()

    def passed(self, deployment: Deployment, refusal: ModelRefused) -> None:
        """Nothing was sent to it: a budget or a limit of ours doesn't allow it, or not yet."""
        self._last = refusal
        self._sent -= 1
        deployment.breaker.abandoned()
        if isinstance(refusal, LimitReached) and refusal.retryable:
            self._failures.setdefault(deployment.name, 0)
            self._ready[deployment.name] = self._deployments.now() + (refusal.retry_after or 0.0)
        else:
            self._unfit.add(deployment.name)

    def _note(self, deployment: Deployment, error: SophiaError, now: float) -> None:
        """What the failure says of the deployment: an answer that refuses the request shows that it is alive."""
        wish = error.retry_after if isinstance(error, RateLimited | ProviderFailing) else None
        if wish is not None:
            deployment.not_before = now + wish
        if isinstance(error, RequestRejected) and not isinstance(error, ModelAbsent):
            deployment.succeeded()
        elif isinstance(error, ProviderError) and not isinstance(error, RateLimited):
            deployment.failed(now)
        else:
            deployment.breaker.abandoned()

    def late(self) -> ProviderTimeout:
        """The error for a call whose deadline has passed."""
        last = f" Last: {self._last.message}" if self._last is not None else ""
        return ProviderTimeout(
            f"No model answered before the call's deadline, in {len(self.attempts)} attempt(s).{last}",
            provider="llm",
            hint="Try again later, or raise SOPHIA_LLM__DEADLINE_S.",
        )

    def _begin(self, deployment: Deployment) -> Deployment:
        if self._deployments.now() >= self._ends:
            raise self.late()
        deployment.breaker.begin()
        self._sent += 1
        return deployment

    async def _waited_for(self, fit: Sequence[Deployment]) -> Deployment | None:
        """The one of `fit` that is ready soonest, once it is; None when that is too late."""
        now = self._deployments.now()
        ready = {one: max(self._ready.get(one.name, now), one.not_before) for one in fit if one.breaker.permits(now)}
        if not ready:
            return None
        soonest = min(ready, key=lambda one: ready[one])
        pause = ready[soonest] - now
        if now + pause >= self._ends or (pause > self._settings.backoff_max_s and len(self._left) > 1):
            return None
        await asyncio.sleep(max(pause, 0))
        # Another call may have found out meanwhile that it isn't back.
        return soonest if soonest.breaker.permits(self._deployments.now()) else None

    def _end(self) -> SophiaError:
        kinds = {attempt.outcome for attempt in self.attempts}
        if self._last is not None and kinds <= {self._last.code}:
            return self._last
        if not self.attempts:
            return NoAnswer(
                "Every deployment that could answer has failed lately and is left alone for a while.",
                provider="llm",
                hint="Try again in half a minute; sophia models list shows what is configured.",
                retryable=True,
            )
        told = "; ".join(f"{one.deployment}: {one.outcome}" for one in self.attempts)
        last = f" Last: {self._last.message}" if self._last is not None else ""
        return NoAnswer(
            f"No model answered in {len(self.attempts)} attempts ({told}).{last}",
            provider="llm",
            outcomes=[(one.deployment, one.outcome) for one in self.attempts],
            hint="Look at the last failure first.",
            retryable=self._last.retryable if self._last is not None else False,
        )
