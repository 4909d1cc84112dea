"""The cost ledger: who asked what of which model, what it cost and why that model; and each call's account with the
budgets.

A call's row is written a moment after its end, together with those of other calls, and nobody waits for it. Where a
budget holds, what the call may cost is on the disk before it is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import NoModelFits
from sophia_kit.llm.budget import Budgets, pico
from sophia_kit.llm.catalogue import Model
from sophia_kit.llm.messages import Answer, ChatRequest, Embeddings, EmbedRequest, Usage
from sophia_kit.llm.writer import Writer
from sophia_kit.state import CostSource, LlmCall, LlmReservation, State

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings

__all__ = ["Account", "Ledger", "call_entry", "cost_of", "recent_calls"]

_LOG = logging.getLogger(__name__)


class Ledger:
    """The ledger and the budgets of a workspace."""

    def __init__(self, settings: Settings, state: State, clock: Clock) -> None:
        self.budgets = Budgets(settings.llm.budget, settings.company.time_zone, clock)
        self._writer = Writer(state)

    def account(
        self, call_id: str, *, tenant: str = "", user: str = "", max_cost_usd: Decimal | None = None
    ) -> Account:
        """The account of a call that begins; nothing is written yet."""
        return Account(self._writer, self.budgets, call_id, tenant, user, max_cost_usd)

    async def left_usd(self, tenant: str, user: str) -> Decimal | None:
        """What may still be spent today; None when no budget holds, which needs no look at the state."""
        asked = self._left(tenant, user)
        return None if asked is None else await asyncio.wrap_future(asked)

    def left_now(self, tenant: str, user: str) -> Decimal | None:
        """The same, for who can wait a moment: it looks at the state and blocks meanwhile."""
        asked = self._left(tenant, user)
        return None if asked is None else asked.result()

    def _left(self, tenant: str, user: str) -> Future[Decimal | None] | None:
        if not self.budgets.holds:
            return None
        return self._writer.submit(lambda state: self.budgets.left(state, tenant, user))

    def flush(self) -> None:
        """Wait until all calls that ended are written."""
        self._writer.flush()

    def close(self) -> None:
        """Write what waits, and end."""
        self._writer.close()


@dataclass(slots=True)
class _Held:
    reservation: LlmReservation
    charged: int | None = None


class Account:
    """What one call holds and comes to. `reserve` before each request that is sent, `charge` once its cost is known,
    `close` at the end, whatever became of it.

    A request that was reserved and never charged is charged in full: it may have been answered.
    """

    def __init__(
        self,
        writer: Writer,
        budgets: Budgets,
        call_id: str,
        tenant: str,
        user: str,
        max_cost_usd: Decimal | None,
    ) -> None:
        self._writer = writer
        self._budgets = budgets
        self._tenant = tenant
        self._user = user
        self._limit = max_cost_usd
        self._held: list[_Held] = []
        self._unheld = Decimal()
        self.call_id = call_id

    @property
    def holds(self) -> bool:
        """Whether anything limits what the call may cost."""
        return self._limit is not None or self._budgets.holds

    @property
    def charged_usd(self) -> Decimal:
        """What the call has come to, open reservations in full."""
        held = sum(each.reservation.amount if each.charged is None else each.charged for each in self._held)
        return Decimal(held) / 10**12 + self._unheld

    async def reserve(self, at_most_usd: Decimal | None) -> None:
        """Hold what a request can cost, on the disk, before it is sent. At once where nothing is limited.

        Raises:
            BudgetExceeded: that isn't left.
            NoModelFits: what it can cost isn't known, and a budget holds.
            StorageError, Unreachable: it can't be held; the request must not be sent.
        """
        if not self.holds:
            return
        if at_most_usd is None:
            raise NoModelFits(
                "What the request can cost isn't known, and a budget holds.",
                hint="Give max_tokens, and the model's price in llm.models.",
            )
        amount, already = at_most_usd, self.charged_usd
        reservation = await asyncio.wrap_future(
            self._writer.submit(
                lambda state: self._budgets.reserve(
                    state,
                    call_id=self.call_id,
                    tenant=self._tenant,
                    user=self._user,
                    amount=amount,
                    already=already,
                    request_limit=self._limit,
                )
            )
        )
        self._held.append(_Held(reservation))

    def charge(self, cost_usd: Decimal | None) -> None:
        """What the request that was reserved last came to; None when that isn't known, and it counts in full.

        Nothing, `Decimal(0)`, for one that surely wasn't answered: refused, or never connected.
        """
        if self._held and self._held[-1].charged is None:
            if cost_usd is not None:
                self._held[-1].charged = pico(cost_usd)
        elif cost_usd is not None:
            self._unheld += cost_usd

    def close(self, call: LlmCall) -> Future[None]:
        """Book the call. Returns at once; the future ends when it is written, and its error is logged."""
        held, unheld = tuple(self._held), self._unheld

        def book(state: State) -> None:
            for each in held:
                charged = each.reservation.amount if each.charged is None else each.charged
                state.llm_ledger.settle(each.reservation.reservation_id, charged)
            if unheld:
                self._budgets.spent(state, self._tenant, self._user, unheld)
            state.llm_ledger.append(call)
            self._budgets.measure(state)

        done = self._writer.submit(book)
        done.add_done_callback(_log_failure)
        return done


def _log_failure(done: Future[None]) -> None:
    error = done.exception()
    if error is not None:
        _LOG.error("a call of a language model could not be written to the ledger: %s", error)


def cost_of(usage: Usage, model: Model) -> tuple[Decimal | None, CostSource]:
    """US dollars of what was used, and whose figure that is: the provider's where it says, else the list's."""
    if usage.cost_usd is not None:
        return usage.cost_usd, "provider"
    if model.price is not None:
        return model.price.cost(usage), "price list"
    return None, "unknown"


def call_entry(
    request: ChatRequest | EmbedRequest,
    *,
    call_id: str,
    started_at: datetime,
    ended_at: datetime,
    reason: str,
    outcome: str = "ok",
    answer: Answer | Embeddings | None = None,
    model: Model | None = None,
    deployment: str | None = None,
    model_used: str | None = None,
    usage: Usage | None = None,
    attempts: int = 0,
    streamed: bool = False,
    preset: str | None = None,
    cost_usd: Decimal | None = None,
    cost_source: CostSource = "unknown",
) -> LlmCall:
    """A call as the ledger keeps it: never its prompt, never its answer.

    Args:
        answer: what came of it; without one, `deployment`, `model_used`, `usage` and `attempts` say how far it came.
        model: who answered or was asked last, with its price.
        cost_usd: of all attempts together; None when it is unknown.
    """
    if answer is not None:
        deployment, model_used, usage = answer.deployment, answer.model_used, answer.usage
        attempts = len(answer.attempts)
    used = usage or Usage()
    cached = answer is not None and answer.cached
    rates = None if model is None or model.price is None else model.price.rates_for(used.input_tokens)
    return LlmCall(
        call_id=call_id,
        started_at=started_at,
        ended_at=ended_at,
        kind="chat" if isinstance(request, ChatRequest) else "embedding",
        tenant=request.tenant,
        user_name=request.user,
        purpose=request.purpose,
        preset=preset,
        model_asked=request.model,
        model_used=model_used,
        provider=None if model is None else model.provider,
        deployment=deployment,
        reason=reason,
        outcome=outcome,
        cached=cached,
        streamed=streamed,
        attempts=attempts,
        input_tokens=used.input_tokens,
        cached_input_tokens=used.cached_input_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        tokens_estimated=used.estimated,
        input_usd_per_million=None if rates is None else rates.input_usd,
        output_usd_per_million=None if rates is None else rates.output_usd,
        price_source=None if model is None or model.price is None else model.price.source,
        cost_usd=Decimal() if cached else cost_usd,
        cost_source="cache" if cached else cost_source,
        seconds=(ended_at - started_at).total_seconds() if answer is None else answer.seconds,
        first_token_s=getattr(answer, "first_token_s", None),
    )


def recent_calls(state: State, at: datetime, *, hours: float = 1.0) -> Iterator[tuple[str, float, bool, float]]:
    """The last hours' calls as `Observed.warm` takes them: so that a process that starts knows what others saw."""
    for call in state.llm_ledger.calls(since=at - timedelta(hours=hours), newest=2000):
        if call.deployment is not None and not call.cached:
            yield call.deployment, call.seconds, call.outcome == "ok", call.ended_at.timestamp()
