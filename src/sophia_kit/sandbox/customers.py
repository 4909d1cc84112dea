"""Customers and what they pay: when each came, which prices it had, when it left.

Two stories live here. Small Business customers get a price rise and part of them leave within months. Mid-Market
customers move to a better plan at a higher price and stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows
from sophia_kit.sandbox.vocabulary import company

__all__ = ["CAD_PER_MILLE", "SEGMENTS", "Customer", "Price", "account_id", "make_customers", "subscription_rows"]

SEGMENTS = ("Enterprise", "Mid-Market", "Small Business")
PLANS = ("Enterprise", "Plus", "Core")
CAD_PER_MILLE = 730
"""Rough worth of a Canadian dollar, in thousandths of a US dollar, where sizes are balanced; reports never use it."""

_BASE = ((30_000, 60_000), (8_000, 14_000), (2_000, 4_500))
_CHURN_PER_TEN_THOUSAND = (12, 32, 48)
NOTICE_DAYS = 5


@dataclass(frozen=True, slots=True)
class Price:
    """A monthly price in cents, from a day (inclusive) to a day (exclusive; None: open)."""

    plan: str
    cents: int
    starts: int
    ends: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Customer:
    index: int
    account: str
    name: str
    segment: int
    country: str
    currency: str
    weight: int
    starts: int
    ends: int | None
    prices: tuple[Price, ...]

    def price_on(self, day: int) -> int:
        """Cents a month in force on `day`; 0 when not a customer."""
        return next((p.cents for p in self.prices if p.starts <= day and (p.ends is None or day < p.ends)), 0)

    def active(self, day: int) -> bool:
        return self.starts <= day and (self.ends is None or day < self.ends)


def account_id(index: int) -> str:
    """An 18-character Salesforce id; its last three characters are the checksum of the first fifteen."""
    return f"001SB{index:010d}YAA"


def make_customers(profile: Profile) -> tuple[Customer, ...]:
    """All customers, those that come after the last day included, in order of index."""
    draws = Draws(profile.seed, "customers")
    count = profile.count(profile.size.customers, 60)
    drafts = [_draft(profile, draws, index, count) for index in range(count)]
    worth = sum(_usd(c) * c.price_on(profile.last) for c in drafts) // 1000
    target = profile.size.mrr * 100
    return tuple(_scaled(customer, target, worth) for customer in drafts)


def _usd(customer: Customer) -> int:
    return CAD_PER_MILLE if customer.currency == "CAD" else 1000


def _scaled(customer: Customer, target: int, worth: int) -> Customer:
    prices = tuple(replace(p, cents=max(100, p.cents * target // worth // 100 * 100)) for p in customer.prices)
    return replace(customer, prices=prices, weight=customer.weight * target // worth)


def _draft(profile: Profile, draws: Draws, index: int, count: int) -> Customer:
    stories = profile.stories
    segment = 0 if index % 10 == 0 else 1 if index % 10 < 4 else 2
    canadian = index % 8 == 5
    low, spread = _BASE[segment]
    weight = (low + draws.below("weight", index, spread)) * 100
    rank = (index * 37 + 11) % count if count % 37 else index
    late = max(3, count * 3 // 100)
    if rank < count * 53 // 100:
        starts = profile.first - 30 - draws.below("start", index, 900)
    elif rank < count - late:
        starts = profile.first + 10 + draws.below("start", index, profile.last - profile.first - 20)
    else:
        starts = profile.last + 2 + draws.below("start", index, 55)
    rise, lift = number(stories.price_rise_day), number(stories.price_lift_day)
    raised = segment == 2 and starts < rise - 90
    lifted = segment == 1 and starts < lift - 90
    ends = _churn_day(profile, draws, index, segment, starts)
    if raised and (ends is None or ends > rise - 20):
        leaves = (index * 37 + 13) % 100 < stories.price_rise_churn_percent
        ends = rise + 44 + draws.below("leaves_on", index, 110) if leaves else None
    if lifted and ends is not None and ends > lift - 60:
        ends = None
    changes: list[tuple[int, int, str]] = []
    if raised and (ends is None or ends > rise):
        changes.append((rise, stories.price_rise_percent, "price_rise"))
    if lifted and (ends is None or ends > lift):
        changes.append((lift, stories.price_lift_percent, "price_lift"))
    until = profile.horizon if ends is None else ends - 60
    for turn in range(2 + (draws.below("expansions", index, 3) == 0)):
        row = index * 8 + turn
        begin = max(starts + 60, profile.first + 20)
        if until <= begin or not draws.chance("expands", row, 480):
            continue
        day = begin + draws.below("expands_on", row, until - begin)
        changes.append((day, draws.between("expands_by", row, 5, 18), "expansion"))
    if draws.chance("contracts", index, 110) and until > max(starts + 90, profile.first):
        begin = max(starts + 90, profile.first)
        day = begin + draws.below("contracts_on", index, until - begin)
        changes.append((day, -draws.between("contracts_by", index, 5, 20), "contraction"))
    plan = PLANS[segment] if not lifted else "Core"
    prices = _timeline(starts, ends, weight, plan, changes)
    return Customer(
        index=index,
        account=account_id(index),
        name=company(index),
        segment=segment,
        country="Canada" if canadian else "United States",
        currency="CAD" if canadian else "USD",
        weight=weight,
        starts=starts,
        ends=ends,
        prices=prices,
    )


def _churn_day(profile: Profile, draws: Draws, index: int, segment: int, starts: int) -> int | None:
    """The day an unprovoked customer leaves within the company's time, if any."""
    month = 0
    day = max(starts + 120, profile.first + 5)
    while day < profile.horizon:
        if draws.below("churn", index * 128 + month, 10_000) < _CHURN_PER_TEN_THOUSAND[segment]:
            return day + draws.below("churn_on", index, 28)
        month += 1
        day += 30
    return None


def _timeline(
    starts: int, ends: int | None, cents: int, plan: str, changes: list[tuple[int, int, str]]
) -> tuple[Price, ...]:
    """Prices one after the other; of two changes within 20 days the story's wins, else the earlier."""
    planned = [change for change in changes if change[2].startswith("price_")]
    kept: list[tuple[int, int, str]] = []
    for change in planned + sorted(change for change in changes if change not in planned):
        clear = all(abs(change[0] - other[0]) > 20 for other in kept)
        if clear and change[0] > starts and (ends is None or change[0] < ends):
            kept.append(change)
    prices = [Price(plan, cents, starts, None, "new")]
    for day, percent, reason in sorted(kept):
        last = prices[-1]
        prices[-1] = replace(last, ends=day)
        next_plan = "Plus" if reason == "price_lift" else last.plan
        prices.append(Price(next_plan, last.cents * (100 + percent) // 100, day, None, reason))
    prices[-1] = replace(prices[-1], ends=ends)
    return tuple(prices)


def subscription_id(customer: Customer, turn: int) -> str:
    return f"sub_{customer.index:05d}_{turn + 1}"


def subscription_rows(profile: Profile, customers: tuple[Customer, ...]) -> Rows:
    """Versions of all subscriptions: a price is known some days ahead, its end as soon as the next is agreed."""
    rows = Rows("subscriptions")
    at = profile.calendar.at
    for customer in customers:
        for turn, price in enumerate(customer.prices):
            if price.ends is not None and price.ends < profile.first:
                continue
            head = (subscription_id(customer, turn), customer.account, price.plan, price.cents, customer.currency)
            made = at(price.starts - NOTICE_DAYS, 10 * 3600 + customer.index % 3600)
            rows.add(*head, price.starts, None, made)
            if price.ends is not None:
                known = max(made + 1, at(price.ends - NOTICE_DAYS, 10 * 3600 + customer.index % 3600))
                rows.add(*head, price.starts, price.ends, known)
    return rows
