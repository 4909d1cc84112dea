"""Budgets: what a request may cost is held before it is sent, and what it did cost is booked after.

All processes that share a state share its budgets: each holding is one transaction, one writer at a time. A process
that dies between holding and booking leaves its reservation open; once its time is up it is charged in full, since
the request may have been answered.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from sophia_kit.core.clock import Clock, company_day
from sophia_kit.core.errors import BudgetExceeded
from sophia_kit.state import LlmCall, LlmReservation, LlmSpend, SpendBudget, State

if TYPE_CHECKING:
    from sophia_kit.core.llm_policy_settings import BudgetSettings

__all__ = ["BudgetState", "Budgets", "from_pico", "pico"]

_LOG = logging.getLogger(__name__)
_PICO = Decimal(10) ** 12
_NAMES: dict[SpendBudget, str] = {"day": "day", "tenant": "tenant's day", "user": "user's day"}

BUDGET_USED = Gauge(
    "sophia_llm_budget_used_ratio",
    "Share of the day's budget of everybody that is spent or held; 1 stops calls.",
)
BUDGET_EVENTS = Counter(
    "sophia_llm_budget_events",
    "Budgets reached: event is warning or stop, budget is day, tenant, user or request.",
    ["budget", "event"],
)


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How far a budget of a day is used.

    Attributes:
        member: the tenant or user; empty for everybody.
        limit_usd: None when it has no limit.
        held_usd: reserved by requests under way.
        status: `warning` from the settings' share on, `stop` when nothing is left.
    """

    day: date
    budget: SpendBudget
    member: str
    limit_usd: Decimal | None
    spent_usd: Decimal
    held_usd: Decimal
    status: str

    @property
    def left_usd(self) -> Decimal | None:
        """What may still be spent; None for no limit."""
        return None if self.limit_usd is None else max(self.limit_usd - self.spent_usd - self.held_usd, Decimal())


class Budgets:
    """The budgets of a workspace. Methods that take a state are run in one transaction of it.

    Args:
        time_zone: the company's; a budget's day is a calendar day there.
    """

    def __init__(self, settings: BudgetSettings, time_zone: str, clock: Clock) -> None:
        self._settings = settings
        self._time_zone = time_zone
        self._clock = clock
        self._limits: dict[SpendBudget, Decimal | None] = {
            "day": settings.day_usd,
            "tenant": settings.tenant_day_usd,
            "user": settings.user_day_usd,
        }

    @property
    def holds(self) -> bool:
        """Whether anything is limited."""
        return self._settings.holds

    def today(self) -> date:
        """The company day."""
        return company_day(self._clock.now(), self._time_zone)

    def reserve(
        self,
        state: State,
        *,
        call_id: str,
        tenant: str,
        user: str,
        amount: Decimal,
        already: Decimal = Decimal(),
        request_limit: Decimal | None = None,
    ) -> LlmReservation:
        """Hold `amount` for a request that is about to be sent.

        Args:
            already: what the same call has come to in earlier attempts.
            request_limit: what this call may cost in all, beside the settings' limit of every request.

        Raises:
            BudgetExceeded: it isn't left; nothing is held.
        """
        now = self._clock.now()
        self.expire(state, now)
        for limit in (request_limit, self._settings.request_usd):
            if limit is not None and already + amount > limit:
                raise _exceeded("request", "", limit, already, amount)
        day = company_day(now, self._time_zone)
        wanted = pico(amount)
        for budget, member in _members(tenant, user):
            limit = self._limits[budget]
            if limit is None:
                continue
            spend = state.llm_ledger.spend(day, budget, member)
            used = spend.spent + spend.reserved
            if used + wanted > pico(limit):
                raise _exceeded(budget, member, limit, from_pico(used), amount)
            self._warn(budget, limit, used, used + wanted)
        reservation = LlmReservation(
            reservation_id=uuid.uuid4().hex,
            call_id=call_id,
            day=day,
            tenant=tenant,
            user_name=user,
            amount=wanted,
            reserved_at=now,
            expires_at=now + timedelta(seconds=self._settings.reservation_s),
        )
        state.llm_ledger.hold(reservation)
        self.measure(state)
        return reservation

    def expire(self, state: State, now: datetime) -> int:
        """Charge in full what was held by processes that never said what became of it; how many there were."""
        overdue = state.llm_ledger.overdue(now)
        for reservation in overdue:
            state.llm_ledger.settle(reservation.reservation_id, reservation.amount, expired=True)
            state.llm_ledger.append(_abandoned(reservation, now))
        return len(overdue)

    def measure(self, state: State) -> None:
        """Set the Prometheus gauge of the day's budget, where there is one."""
        limit = self._limits["day"]
        if limit is not None and limit > 0:
            spend = state.llm_ledger.spend(self.today(), "day", "")
            BUDGET_USED.set((spend.spent + spend.reserved) / pico(limit))

    def spent(self, state: State, tenant: str, user: str, cost: Decimal) -> None:
        """Book a cost for which nothing was held."""
        state.llm_ledger.add_spend(self.today(), tenant, user, pico(cost))

    def left(self, state: State, tenant: str, user: str) -> Decimal | None:
        """What may still be spent today, by the budget that has least left; None when no day is limited."""
        day = self.today()
        left = [
            self._state(state.llm_ledger.spend(day, budget, member)).left_usd
            for budget, member in _members(tenant, user)
        ]
        known = [amount for amount in left if amount is not None]
        if self._settings.request_usd is not None:
            known.append(self._settings.request_usd)
        return min(known) if known else None

    def states(self, state: State, day: date | None = None) -> list[BudgetState]:
        """How far each budget of a day is used, today's by default; that of everybody always."""
        day = day or self.today()
        found = [self._state(spend) for spend in state.llm_ledger.spends(day)]
        if not any(each.budget == "day" for each in found):
            found.insert(0, self._state(LlmSpend(day, "day", "", 0, 0)))
        return found

    def _state(self, spend: LlmSpend) -> BudgetState:
        limit = self._limits[spend.budget]
        status = "no limit"
        if limit is not None:
            used, all_of_it = spend.spent + spend.reserved, pico(limit)
            warned = used >= all_of_it * Decimal(str(self._settings.warn_at))
            status = "stop" if used >= all_of_it else "warning" if warned else "ok"
        return BudgetState(
            spend.day, spend.budget, spend.member, limit, from_pico(spend.spent), from_pico(spend.reserved), status
        )

    def _warn(self, budget: SpendBudget, limit: Decimal, before: int, after: int) -> None:
        line = pico(limit) * Decimal(str(self._settings.warn_at))
        if before < line <= after:
            BUDGET_EVENTS.labels(budget, "warning").inc()
            _LOG.warning(
                "the %s budget for language models is %.0f %% spent or held: $%s of $%s",
                _NAMES[budget],
                100 * after / pico(limit),
                f"{from_pico(after):.2f}",
                f"{limit:.2f}",
            )


def pico(usd: Decimal) -> int:
    """Picodollars, rounded up."""
    return int((usd * _PICO).to_integral_value(ROUND_CEILING))


def from_pico(amount: int) -> Decimal:
    """US dollars."""
    return (Decimal(amount) / _PICO).normalize() + Decimal()


def _members(tenant: str, user: str) -> list[tuple[SpendBudget, str]]:
    found: list[tuple[SpendBudget, str]] = [("day", "")]
    if tenant:
        found.append(("tenant", tenant))
    if user:
        found.append(("user", user))
    return found


def _exceeded(budget: SpendBudget | str, member: str, limit: Decimal, used: Decimal, amount: Decimal) -> BudgetExceeded:
    BUDGET_EVENTS.labels(budget, "stop").inc()
    whose = {"day": "today's budget", "tenant": f"today's budget of {member}", "user": f"today's budget of {member}"}
    what = whose.get(budget, "the budget of one request")
    again = "Ask for fewer tokens (max_tokens) or of a cheaper model"
    return BudgetExceeded(
        f"It can cost ${amount:.6f}, and of {what} (${limit:f}) ${max(limit - used, Decimal()):.6f} are left.",
        budget=budget,
        hint=f"{again}." if budget == "request" else f"{again}, or wait until tomorrow. See docs/budgets.md.",
    )


def _abandoned(reservation: LlmReservation, now: datetime) -> LlmCall:
    return LlmCall(
        call_id=f"{reservation.call_id}/{reservation.reservation_id[:8]}",
        started_at=reservation.reserved_at,
        ended_at=now,
        kind="unknown",
        tenant=reservation.tenant,
        user_name=reservation.user_name,
        purpose="",
        preset=None,
        model_asked=None,
        model_used=None,
        provider=None,
        deployment=None,
        reason="the process that sent it never said what became of it",
        outcome="abandoned",
        cached=False,
        streamed=False,
        attempts=1,
        input_tokens=0,
        cached_input_tokens=0,
        output_tokens=0,
        reasoning_tokens=0,
        tokens_estimated=True,
        input_usd_per_million=None,
        output_usd_per_million=None,
        price_source=None,
        cost_usd=from_pico(reservation.amount),
        cost_source="reservation",
        seconds=(now - reservation.reserved_at).total_seconds(),
    )
