"""What one call costs: held before each request, charged after it, and booked at the end with who asked and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import ProviderError, ProviderFailing, RateLimited, SophiaError, Unreachable
from sophia_kit.llm.ledger import Ledger, call_entry, cost_of
from sophia_kit.llm.limits import Limits, Passed
from sophia_kit.llm.messages import Answer, ChatRequest, Embeddings, EmbedRequest, Usage
from sophia_kit.llm.policy import Ranked, Ranking
from sophia_kit.llm.telemetry import COST
from sophia_kit.state import CostSource

__all__ = ["Bill"]


class Bill:
    """The bill of one call.

    Args:
        ledger: where it is booked; None when there is no state: then nothing limits it but its own request.
    """

    def __init__(
        self,
        ledger: Ledger | None,
        limits: Limits,
        clock: Clock,
        request: ChatRequest | EmbedRequest,
        ranking: Ranking,
        call_id: str,
        *,
        streamed: bool = False,
    ) -> None:
        self.call_id = call_id
        self._limits = limits
        self._passed: Passed | None = None
        self._clock = clock
        self._request = request
        self._ranking = ranking
        self._streamed = streamed
        self._rows: Mapping[str, Ranked] = {}
        self._asked: Ranked | None = None
        self._cost = Decimal()
        self._source: CostSource = "nothing"
        self._known = True
        self._usage: Usage | None = None
        self._started: datetime = clock.now()
        self._account = (
            None
            if ledger is None
            else ledger.account(call_id, tenant=request.tenant, user=request.user, max_cost_usd=request.max_cost_usd)
        )
        self.priced_by(ranking)

    def priced_by(self, ranking: Ranking) -> None:
        """What is sent from now on costs what this ranking says: the request has grown."""
        self._rows = {row.option.deployment: row for row in ranking.rows}

    async def reserve(self, deployment: str) -> None:
        """Hold what a request to `deployment` can cost, and count it towards the minute's limits.

        Raises:
            ModelRefused: that isn't left, or isn't known while a budget holds; nothing may be sent.
        """
        self._asked = self._rows[deployment]
        most = self._request.max_tokens if isinstance(self._request, ChatRequest) else 0
        tokens = self._asked.option.input_tokens + (most or 0)
        self._passed = self._limits.take(deployment, self._request.tenant, tokens)
        if self._account is not None:
            try:
                await self._account.reserve(self._asked.at_most_usd)
            except BaseException:
                self._limits.give_back(self._passed)
                raise

    def charge(self, usage: Usage | None, error: SophiaError | None = None) -> None:
        """What the request that was reserved last came to; with `error`, what it may have cost before it failed."""
        if self._asked is None:
            return
        cost: Decimal | None = None
        if usage is not None:
            if self._passed is not None:
                self._limits.used(self._passed, usage.total_tokens)
            self._usage = usage if self._usage is None else self._usage + usage
            cost, source = cost_of(usage, self._asked.option.model)
            if source != "unknown":
                self._source = source
        elif error is not None and _unanswered(error):
            cost = Decimal()
        if cost is None:
            self._known = False
        else:
            self._cost += cost
            COST.labels(self._asked.option.deployment).inc(float(cost))
        if self._account is not None:
            self._account.charge(cost)

    @property
    def cost_usd(self) -> Decimal | None:
        """What it came to so far; None when a part of that isn't known."""
        return self._cost if self._known else None

    def close_known(self, answer: Answer | Embeddings) -> None:
        """Book an answer for which nothing was sent."""
        self._asked = self._rows.get(answer.deployment)
        self.close("ok", 0, answer)

    def close(self, outcome: str, attempts: int, answer: Answer | Embeddings | None = None) -> None:
        """Book it; returns at once."""
        if self._account is None:
            return
        asked = self._asked
        cost, source = self.cost_usd, self._source
        if not self._known:
            # What isn't known counts as it was held.
            cost, source = (self._account.charged_usd, "reservation") if self._account.holds else (None, "unknown")
        self._account.close(
            call_entry(
                self._request,
                call_id=self.call_id,
                started_at=self._started,
                ended_at=self._clock.now(),
                reason=self._reason(answer),
                outcome=outcome,
                answer=answer,
                model=None if asked is None else asked.option.model,
                deployment=None if asked is None else asked.option.deployment,
                model_used=None if asked is None else asked.option.serves,
                usage=self._usage,
                attempts=attempts,
                streamed=self._streamed,
                preset=self._ranking.preset,
                cost_usd=cost,
                cost_source=source,
            )
        )

    def _reason(self, answer: Answer | Embeddings | None) -> str:
        """Why that model: how the ranking came about, and that the first candidate failed, if it did."""
        first = self._ranking.candidates[0][0]
        if answer is None or answer.cached or answer.model_used == first:
            return self._ranking.reason
        return f"{self._ranking.reason}; {first} did not answer"


def _unanswered(error: SophiaError) -> bool:
    """Whether it surely cost nothing: it was refused, or nobody read it."""
    if isinstance(error, Unreachable):
        return not error.sent
    if isinstance(error, ProviderFailing | RateLimited):
        return error.http_status is not None
    return not isinstance(error, ProviderError) or not error.retryable
