"""What was planted: the stories and the warts, for tests to compare with what the kit finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sophia_kit.sandbox.calls import souring_customer
from sophia_kit.sandbox.customers import SEGMENTS, Customer
from sophia_kit.sandbox.days import from_number, is_banking_day, month_end, number
from sophia_kit.sandbox.deals import STAGES
from sophia_kit.sandbox.ledger import financing_round
from sophia_kit.sandbox.okrs import rpe_cents
from sophia_kit.sandbox.warts import Wart, find_warts
from sophia_kit.sandbox.world import World

__all__ = [
    "Financing",
    "Outage",
    "PriceChange",
    "RateGap",
    "RpeGap",
    "SouringAccount",
    "StuckDeal",
    "Truth",
    "make_truth",
]


@dataclass(frozen=True, slots=True)
class Outage:
    """A processor fails on a day, from 08:00 to 20:00: every attempt through it, with one reason."""

    day: date
    processor: str
    failure_reason: str
    failed_attempts: int


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A segment's price changes by `percent` on a day, for `accounts`.

    Attributes:
        mrr_before, mrr_after: (currency, monthly price of `accounts`), on the day before and on the day.
        left: those of `accounts` who had left by the truth's day, (account, first day without subscription).
    """

    day: date
    segment: str
    percent: int
    accounts: tuple[str, ...]
    mrr_before: tuple[tuple[str, Decimal], ...]
    mrr_after: tuple[tuple[str, Decimal], ...]
    left: tuple[tuple[str, date], ...]


@dataclass(frozen=True, slots=True)
class StuckDeal:
    """A deal that has been in one stage since a day, while its closing day was pushed out `pushes` times."""

    opportunity_id: str
    account_id: str
    amount: Decimal
    currency: str
    stage: str
    since: date
    pushes: int


@dataclass(frozen=True, slots=True)
class SouringAccount:
    """An account whose calls turn sour. Averages: of calls before `since`, and of those from `sour_from` on."""

    account_id: str
    since: date
    sour_from: date
    average_before_at_least: Decimal
    average_after_at_most: Decimal
    calls: int


@dataclass(frozen=True, slots=True)
class RpeGap:
    """Revenue per employee of the twelve months to `month_end` falls short of the key result's target.

    `value` is exact but for Canadian dollars, taken at 0.73; it is within 1 % of any dated conversion.
    """

    target: Decimal
    value: Decimal
    month_end: date


@dataclass(frozen=True, slots=True)
class RateGap:
    """No exchange rate from `first` to `last`, both inclusive."""

    first: date
    last: date
    from_currency: str
    to_currency: str
    banking_days: int


@dataclass(frozen=True, slots=True)
class Financing:
    """Money that investors brought, booked on a day. Until then, and for a while after it, growth burns cash."""

    day: date
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Stories and warts as far as they show on `day`; a story that hasn't begun is None."""

    day: date
    outage: Outage | None
    price_rise: PriceChange | None
    price_lift: PriceChange | None
    stuck_deal: StuckDeal | None
    souring_account: SouringAccount | None
    rpe_gap: RpeGap | None
    rate_gap: RateGap | None
    financing: Financing | None
    warts: tuple[Wart, ...]

    def of(self, table: str, kind: str, field: str | None = None) -> tuple[Wart, ...]:
        """The warts of a kind in a table; with `field`, those of that field."""
        return tuple(
            wart for wart in self.warts if (wart.table, wart.kind) == (table, kind) and field in (None, wart.field)
        )

    def count(self, table: str, kind: str, field: str | None = None) -> int:
        return sum(wart.count for wart in self.of(table, kind, field))


def make_truth(world: World, day: int) -> Truth:
    """The truth as it shows at the end of `day`."""
    stories = world.profile.stories
    return Truth(
        day=from_number(day),
        outage=_outage(world) if day >= number(stories.outage_day) else None,
        price_rise=_price(world, day, number(stories.price_rise_day), "price_rise", stories.price_rise_percent),
        price_lift=_price(world, day, number(stories.price_lift_day), "price_lift", stories.price_lift_percent),
        stuck_deal=_stuck(world, day),
        souring_account=_souring(world, day),
        rpe_gap=_rpe(world, day),
        rate_gap=_rates(world) if day >= number(stories.rate_gap_last) else None,
        financing=_financing(world, day),
        warts=find_warts(world, day),
    )


def _outage(world: World) -> Outage:
    stories = world.profile.stories
    day = number(stories.outage_day)
    index = max(turn for turn, start in enumerate(world.payments.months) if start <= day)
    failed = int(world.payments.month(index).outage.sum())
    return Outage(stories.outage_day, stories.outage_processor, "processor_unavailable", failed)


def _price(world: World, day: int, changed: int, reason: str, percent: int) -> PriceChange | None:
    if day < changed:
        return None
    touched = [c for c in world.customers if any(p.reason == reason for p in c.prices)]

    def mrr(on: int) -> tuple[tuple[str, Decimal], ...]:
        totals: dict[str, int] = {}
        for c in touched:
            totals[c.currency] = totals.get(c.currency, 0) + c.price_on(on)
        return tuple((currency, Decimal(cents).scaleb(-2)) for currency, cents in sorted(totals.items()))

    left = tuple((c.account, from_number(c.ends)) for c in touched if c.ends is not None and c.ends <= day)
    return PriceChange(
        day=from_number(changed),
        segment=SEGMENTS[touched[0].segment],
        percent=percent,
        accounts=tuple(c.account for c in touched),
        mrr_before=mrr(changed - 1),
        mrr_after=mrr(changed),
        left=left,
    )


def _stuck(world: World, day: int) -> StuckDeal | None:
    deal = next(deal for deal in world.deals if deal.stuck)
    since = number(world.profile.stories.stuck_since)
    if day < since:
        return None
    step = deal.at(day)
    assert step is not None
    return StuckDeal(
        opportunity_id=deal.key,
        account_id=deal.account.key,
        amount=Decimal(deal.cents).scaleb(-2),
        currency=deal.account.currency,
        stage=STAGES[step.stage][0],
        since=from_number(since),
        pushes=sum(1 for other in deal.steps if since < other.day <= day),
    )


_SOUR_AFTER = 75


def _souring(world: World, day: int) -> SouringAccount | None:
    since = number(world.profile.stories.souring_since)
    if day < since + _SOUR_AFTER + 14:
        return None
    customer: Customer = souring_customer(world.profile, world.customers)
    moment = int(world.profile.calendar.end_of(from_number(day)).timestamp())
    return SouringAccount(
        account_id=customer.account,
        since=from_number(since),
        sour_from=from_number(since + _SOUR_AFTER),
        average_before_at_least=Decimal("0.30"),
        average_after_at_most=Decimal("-0.30"),
        calls=sum(1 for c in world.calls if c.account == customer.account and c.moment + c.duration + 1200 <= moment),
    )


def _rpe(world: World, day: int) -> RpeGap | None:
    months = world.payments.months
    ended = [turn for turn, start in enumerate(months) if month_end(start) <= day]
    if len(ended) < 12:
        return None
    last = ended[-1]
    cents = rpe_cents(world.profile, world.revenue, world.employees, last)
    target = Decimal(world.profile.stories.rpe_target)
    return RpeGap(target, Decimal(cents).scaleb(-2), from_number(month_end(months[last])))


def _rates(world: World) -> RateGap:
    stories = world.profile.stories
    days = range(number(stories.rate_gap_first), number(stories.rate_gap_last) + 1)
    missing = sum(1 for day in days if is_banking_day(day))
    return RateGap(stories.rate_gap_first, stories.rate_gap_last, "CAD", "USD", missing)


def _financing(world: World, day: int) -> Financing | None:
    booked, cents = financing_round(world.profile)
    return Financing(from_number(booked), Decimal(cents).scaleb(-2), "USD") if booked <= day else None
