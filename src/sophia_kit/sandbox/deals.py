"""Opportunities and their stage history.

A new customer and an agreed expansion each rest on a won deal. Lost and open deals stand beside them so that about
27 % of closed deals are won. One large deal has not moved for months: a story.
"""

from __future__ import annotations

from dataclasses import dataclass

from sophia_kit.sandbox.crm import Account, seller_of
from sophia_kit.sandbox.customers import Customer
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import user_id
from sophia_kit.sandbox.profile import HORIZON_DAYS, Profile
from sophia_kit.sandbox.tables import Rows

__all__ = ["LOST", "STAGES", "WON", "Deal", "Step", "deal_rows", "make_deals"]

STAGES = (
    ("Prospecting", 1000, "Pipeline"),
    ("Qualification", 2500, "Pipeline"),
    ("Proposal", 5000, "Best Case"),
    ("Negotiation", 7500, "Commit"),
    ("Closed Won", 10000, "Closed"),
    ("Closed Lost", 0, "Omitted"),
)
WON, LOST = 4, 5
_LOST_PER_WON_PER_MILLE = 2700
_CYCLE = ((80, 110), (50, 80), (30, 60))


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a deal: on a day it came to a stage with an expected (or actual) closing day."""

    day: int
    stage: int
    closes: int


@dataclass(frozen=True, slots=True)
class Deal:
    index: int
    account: Account
    kind: str
    cents: int
    steps: tuple[Step, ...]
    deleted_on: int | None = None
    stuck: bool = False

    @property
    def key(self) -> str:
        return f"006SB{self.index:010d}YAA"

    @property
    def owner(self) -> int:
        return seller_of(self.account.index)

    def at(self, day: int) -> Step | None:
        """The deal's last step up to `day`; None before it was opened."""
        return next((step for step in reversed(self.steps) if step.day <= day), None)

    def amount(self, step: Step) -> int | None:
        """Cents; unknown (null) in the first stage of every 25th deal."""
        return None if step.stage == 0 and self.index % 25 == 3 else self.cents


def make_deals(profile: Profile, customers: tuple[Customer, ...], accounts: tuple[Account, ...]) -> tuple[Deal, ...]:
    draws = Draws(profile.seed, "deals")
    deals: list[Deal] = []
    typical = _typical_prices(customers, profile.last)

    def steps(created: int, ends: int, outcome: int | None, row: int) -> tuple[Step, ...]:
        return _steps(draws, row, created, ends, outcome, profile.horizon)

    for c in customers:
        account = accounts[c.index]
        for price, before in zip(c.prices, (None, *c.prices), strict=False):
            fresh = before is None
            if not (fresh or price.reason == "expansion"):
                continue
            ends = price.starts - 12
            if ends < profile.first:
                continue
            row = len(deals)
            low, spread = _CYCLE[c.segment]
            created = ends - (low + draws.below("cycle", row, spread)) // (1 if fresh else 2)
            cents = 12 * (price.cents - (0 if before is None else before.cents))
            deals.append(
                Deal(row, account, "New Business" if fresh else "Expansion", cents, steps(created, ends, WON, row))
            )
    wins = len(deals)
    prospects = [a for a in accounts if a.customer is None and a.deleted_on is None]
    lost = wins * _LOST_PER_WON_PER_MILLE // 1000
    unfinished = HORIZON_DAYS + max(8, wins // 8)
    for turn in range(lost + unfinished):
        row = len(deals)
        outcome = LOST if turn < lost else None
        low, spread = _CYCLE[draws.below("segment", row, 3)]
        cycle = low + draws.below("cycle", row, spread)
        if outcome == LOST:
            ends = profile.first + 5 + draws.below("ends", row, profile.horizon - profile.first - 4)
            created = ends - cycle
        elif turn - lost < HORIZON_DAYS:
            created, ends = profile.last + 1 + (turn - lost), profile.horizon + 40
        else:
            created = profile.last - draws.below("opened", row, 110)
            ends = profile.horizon + 1 + draws.below("ends", row, 90)
        account, kind = _target(draws, row, created, prospects, accounts, customers)
        whole = typical[account.segment] * (35 + draws.below("size", row, 71)) // 100
        cents = 12 * (whole if kind == "New Business" else whole // 8) // 10_000 * 10_000
        deleted = ends + 20 if outcome == LOST and turn % 60 == 7 and ends + 20 <= profile.last else None
        deals.append(Deal(row, account, kind, cents, steps(created, ends, outcome, row), deleted))
    deals.append(_stuck(profile, len(deals), prospects))
    return tuple(deals)


def _typical_prices(customers: tuple[Customer, ...], day: int) -> list[int]:
    """Average cents a month by segment."""
    typical = []
    for segment in range(3):
        prices = [c.price_on(day) for c in customers if c.segment == segment and c.active(day)]
        typical.append(sum(prices) // max(1, len(prices)))
    return typical


def _target(
    draws: Draws, row: int, created: int, prospects: list[Account], accounts: tuple[Account, ...],
    customers: tuple[Customer, ...],
) -> tuple[Account, str]:  # fmt: skip
    if draws.chance("expands", row, 560):
        start = draws.below("customer", row, len(customers))
        for turn in range(len(customers)):
            c = customers[(start + turn) % len(customers)]
            if c.active(created):
                return accounts[c.index], "Expansion"
    start = draws.below("prospect", row, len(prospects))
    for turn in range(len(prospects)):
        account = prospects[(start + turn) % len(prospects)]
        if account.created < created and account.duplicate_of is None:
            return account, "New Business"
    return prospects[start], "New Business"


def _steps(draws: Draws, row: int, created: int, ends: int, outcome: int | None, horizon: int) -> tuple[Step, ...]:
    """Stages in order between opening and end; the expected closing day is pushed out when it comes too near."""
    reach = 4 if outcome == WON else 1 + draws.below("reach", row, 4)
    length = ends - created
    expected = created + length * (70 + draws.below("optimism", row, 60)) // 100 + 5
    lazy = draws.chance("lazy", row, 250)
    plan = [(created + length * turn // reach, turn) for turn in range(reach)]
    plan = [entry for turn, entry in enumerate(plan) if turn == 0 or entry[0] > plan[turn - 1][0]]
    if outcome is not None:
        plan.append((ends, outcome))
    found: list[Step] = []
    for turn, (day, stage) in enumerate(plan):
        if stage in (WON, LOST):
            expected = day
        elif not lazy and expected < day + 7:
            expected = day + 21 + draws.below("slip", row * 64 + turn, 25)
        found.append(Step(day, stage, expected))
        until = plan[turn + 1][0] if turn + 1 < len(plan) else ends
        while stage not in (WON, LOST) and not lazy and expected - 2 < until - 1:
            push = max(expected - 2, found[-1].day + 1)
            if push >= until:
                break
            expected = push + 20 + draws.below("push", row * 64 + len(found), 30)
            found.append(Step(push, stage, expected))
    return tuple(step for step in found if step.day <= horizon)


def _stuck(profile: Profile, index: int, prospects: list[Account]) -> Deal:
    """The large deal: in negotiation since a day, its closing day pushed out every seven weeks, never moving."""
    since = number(profile.stories.stuck_since)
    account = next(a for a in prospects if a.segment == 0 and a.currency == "USD" and a.created < since - 150)
    steps = [Step(since - 140, 0, since - 20), Step(since - 110, 1, since - 20), Step(since - 60, 2, since + 20)]
    day = since
    while day <= profile.horizon:
        steps.append(Step(day, 3, day + 52))
        day += 49
    return Deal(index, account, "New Business", profile.stories.stuck_amount * 100, tuple(steps), stuck=True)


def deal_rows(profile: Profile, deals: tuple[Deal, ...]) -> tuple[Rows, Rows]:
    """Versions of the opportunities, and their history."""
    now, history = Rows("salesforce_opportunities"), Rows("salesforce_opportunity_history")
    at = profile.calendar.at
    for deal in deals:
        owner = user_id(deal.owner)
        made = at(deal.steps[0].day, 8 * 3600 + deal.index % 7200) if deal.steps else 0
        name = f"{deal.account.name} - {deal.kind}"

        def add(step: Step, moment: int, *, deleted: bool = False, deal: Deal = deal, name: str = name,
                owner: str = owner, made: int = made) -> None:  # fmt: skip
            stage, probability, category = STAGES[step.stage]
            now.add(deal.key, deal.account.key, name, stage, deal.kind, deal.amount(step), deal.account.currency,
                    probability, category, step.closes, step.stage in (WON, LOST), step.stage == WON, owner, made,
                    moment, deleted=deleted)  # fmt: skip

        for turn, step in enumerate(deal.steps):
            moment = at(step.day, (8 if turn == 0 else 13) * 3600 + deal.index % 7200)
            add(step, moment)
            stage, probability, _ = STAGES[step.stage]
            entry = (
                f"008SB{deal.index * 64 + turn:010d}YAA",
                deal.key,
                stage,
                deal.amount(step),
                probability,
                step.closes,
            )
            history.add(*entry, moment, moment)
            if deal.deleted_on is not None:
                history.add(*entry, moment, at(deal.deleted_on, 15 * 3600), deleted=True)
        if deal.deleted_on is not None:
            add(deal.steps[-1], at(deal.deleted_on, 15 * 3600), deleted=True)
    return now, history
