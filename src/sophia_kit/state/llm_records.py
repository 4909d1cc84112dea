"""What the state hands out about language models: their calls, and what is held or spent of a budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

__all__ = ["CostSource", "LlmCall", "LlmReservation", "LlmSpend", "SpendBudget"]

CostSource = Literal["provider", "price list", "reservation", "cache", "nothing", "unknown"]
"""Whose figure a cost is: what the provider says it charged, the list price of the tokens, what had been reserved for
a call of which nothing was heard. Nothing, because the answer was kept from an earlier call, or because nobody
answered. Or nobody's: the model has no price."""
SpendBudget = Literal["day", "tenant", "user"]


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One call of a language model, failed ones too.

    Attributes:
        sequence: its place in the ledger, from 1; 0 before it is there.
        purpose: what it was for, as the caller says.
        preset: how the policy weighed models.
        model_asked: None when it was left to the policy.
        model_used, provider, deployment: who answered, or was asked last; None when nobody was.
        reason: why that model.
        outcome: `ok`, or the code of the error.
        cached: the answer was kept from an earlier call.
        attempts: requests sent for it.
        tokens_estimated: the kit counted them, not the provider.
        input_usd_per_million, output_usd_per_million, price_source: the list price it was reckoned with.
        cost_usd: None when it is unknown.
        seconds: from the call to its end; first_token_s: to the first token of a stream.
    """

    call_id: str
    started_at: datetime
    ended_at: datetime
    kind: str
    tenant: str
    user_name: str
    purpose: str
    preset: str | None
    model_asked: str | None
    model_used: str | None
    provider: str | None
    deployment: str | None
    reason: str
    outcome: str
    cached: bool
    streamed: bool
    attempts: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    tokens_estimated: bool
    input_usd_per_million: Decimal | None
    output_usd_per_million: Decimal | None
    price_source: str | None
    cost_usd: Decimal | None
    cost_source: CostSource
    seconds: float
    first_token_s: float | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class LlmReservation:
    """Money held for a request that may be under way. Amounts in picodollars (10^-12 US dollars).

    Attributes:
        charged: what it came to; None while it is open.
        status: `expired` when its process never said what became of it: then it was charged in full.
    """

    reservation_id: str
    call_id: str
    day: date
    tenant: str
    user_name: str
    amount: int
    reserved_at: datetime
    expires_at: datetime
    charged: int | None = None
    status: Literal["open", "settled", "expired"] = "open"


@dataclass(frozen=True, slots=True)
class LlmSpend:
    """What was spent, and what is held, of one budget of a day. In picodollars (10^-12 US dollars)."""

    day: date
    budget: SpendBudget
    member: str
    spent: int
    reserved: int
