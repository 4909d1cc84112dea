"""Customer calls: who spoke, what was said, how it felt. The calls of one account turn sour: a story."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_kit.sandbox.crm import seller_of
from sophia_kit.sandbox.customers import Customer
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.deals import WON, Deal
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import Employee, user_id
from sophia_kit.sandbox.phrases import CLOSERS, OPENERS, RIVALS, SOURING, TOPICS
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows
from sophia_kit.sandbox.vocabulary import person

__all__ = ["Call", "call_rows", "make_calls", "souring_customer"]

_TOPICS = tuple(TOPICS)
_COMPETITOR = _TOPICS.index("competitor")


@dataclass(frozen=True, slots=True)
class Call:
    """A call; `sentiment` is in thousandths. `topics` are places in the list of topics."""

    index: int
    account: str
    company: str
    opportunity: str | None
    seller: int
    moment: int
    duration: int
    sentiment: int
    topics: tuple[int, ...]
    rivals: int
    sour: bool

    @property
    def key(self) -> str:
        return f"call_{self.index:06d}"


def souring_customer(profile: Profile, customers: tuple[Customer, ...]) -> Customer:
    """The largest Enterprise customer who pays in US dollars and stays throughout."""
    since = number(profile.stories.souring_since) - 200
    staying = [c for c in customers if c.segment == 0 and c.currency == "USD" and c.starts < since and c.ends is None]
    return max(staying, key=lambda c: (c.weight, -c.index))


def make_calls(profile: Profile, customers: tuple[Customer, ...], deals: tuple[Deal, ...]) -> tuple[Call, ...]:
    """All calls in order of time: three of four with customers, the others about open deals."""
    draws = Draws(profile.seed, "calls")
    sour = souring_customer(profile, customers)
    whole = profile.horizon - profile.first
    count = profile.count(profile.size.calls, 300) * whole // (profile.last - profile.first)
    begin, turn_sour = number(profile.stories.souring_since) - 112, number(profile.stories.souring_since)
    planned = [(profile.first + whole * turn // count, turn, False) for turn in range(count)]
    planned += [(day, 1_000_000 + day, True) for day in range(begin, profile.horizon + 1, 7)]
    planned.sort()
    calls: list[Call] = []
    for day, row, soured in planned:
        moved = day + (0, 0, 0, 0, 0, 2, 1)[(day + 3) % 7]
        if moved > profile.horizon:
            continue
        found = None if soured else _about(draws, row, moved, customers, deals, sour)
        if not soured and found is None:
            continue
        account, company, opportunity, place = found or (sour.account, sour.name, None, sour.index)
        topics = tuple(sorted({draws.below("topic", row * 4 + turn, len(_TOPICS)) for turn in range(3)}))
        bell = sum(draws.below("sentiment", row * 4 + turn, 401) for turn in range(3))
        sentiment = bell - 450
        if soured:
            late = max(0, moved - turn_sour)
            sentiment = 420 - min(1000, 9 * late) + draws.below("noise", row, 121) - 60
            topics = tuple(sorted({*topics, _COMPETITOR})) if late > 60 else _without(topics)
        elif _COMPETITOR in topics and draws.chance("no_rival", row, 500):
            topics = _without(topics)
        rivals = 1 + draws.below("rivals", row, 3) if _COMPETITOR in topics else 0
        calls.append(
            Call(
                index=len(calls),
                account=account,
                company=company,
                opportunity=opportunity,
                seller=seller_of(place),
                moment=profile.calendar.at(moved, 9 * 3600 + draws.below("second", row, 28_000)),
                duration=480 + draws.below("length", row, 2700),
                sentiment=max(-980, min(980, sentiment)),
                topics=topics or (0,),
                rivals=rivals,
                sour=soured and moved > turn_sour + 40,
            )
        )
    return tuple(calls)


def _without(topics: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(topic for topic in topics if topic != _COMPETITOR)


def _about(
    draws: Draws, row: int, day: int, customers: tuple[Customer, ...], deals: tuple[Deal, ...], sour: Customer
) -> tuple[str, str, str | None, int] | None:
    """(account, company, opportunity, place of the account) of a call on a day."""
    if draws.chance("sales", row, 260):
        start = draws.below("deal", row, len(deals))
        for turn in range(min(400, len(deals))):
            deal = deals[(start + turn) % len(deals)]
            step = deal.at(day)
            if step is not None and step.stage < WON and deal.account.key != sour.account:
                return deal.account.key, deal.account.name, deal.key, deal.account.index
    start = draws.below("customer", row, len(customers))
    for turn in range(len(customers)):
        c = customers[(start + turn) % len(customers)]
        if c.active(day) and c is not sour:
            return c.account, c.name, None, c.index
    return None


def call_rows(profile: Profile, calls: tuple[Call, ...], employees: tuple[Employee, ...]) -> tuple[Rows, Rows, Rows]:
    """Rows of calls, participants and turns. Every 45th call has no sentiment, every 60th no talk ratio."""
    draws = Draws(profile.seed, "call_rows")
    found, people, turns = Rows("calls"), Rows("call_participants"), Rows("call_turns")
    for call in calls:
        i, key = call.index, call.key
        known = call.moment + call.duration + 1200
        ratio = 360 + draws.below("ratio", i, 330)
        found.add(
            key, call.account, call.opportunity, user_id(call.seller), call.moment, call.duration,
            None if i % 60 == 21 else ratio, 40 + draws.below("monologue", i, 220),
            2000 + draws.below("active", i, 9000), draws.below("questions", i, 24),
            None if i % 45 == 8 else call.sentiment,
            "|".join(_TOPICS[t] for t in call.topics), call.rivals, known,
        )  # fmt: skip
        seller = employees[call.seller]
        guests = 1 + draws.below("guests", i, 2)
        people.add(f"{key}_p0", key, seller.name, seller.email, "internal", known)
        for guest in range(1, guests + 1):
            name = person(draws.below("guest", i * 4 + guest, 1184))
            domain = call.company.lower().replace(" ", "")
            mail = f"{name.lower().replace(' ', '.')}@{domain}.example"
            people.add(f"{key}_p{guest}", key, name, mail, "external", known)
        _say(draws, call, guests, known, turns)
    return found, people, turns


def _say(draws: Draws, call: Call, guests: int, known: int, turns: Rows) -> None:
    key, count, place = call.key, 6 + draws.below("turns", call.index, 6), 4
    for turn in range(count):
        row = call.index * 16 + turn
        inside = turn % 2 == 0
        if turn == 0:
            text = draws.choice("opener", row, OPENERS)
        elif turn == count - 1:
            text, inside = draws.choice("closer", row, CLOSERS), True
        else:
            ours, glad, cross = TOPICS[_TOPICS[call.topics[turn // 2 % len(call.topics)]]]
            unhappy = draws.below("mood", row, 1000) * 2 - 1000 > call.sentiment
            lines = ours if inside else SOURING if call.sour and turn % 4 == 1 else cross if unhappy else glad
            text = draws.choice("line", row, lines)
        if "{" in text:
            rival = RIVALS[draws.below("rival", call.index, len(RIVALS))]
            text = text.format(company=call.company, rival=rival, count=2 + draws.below("count", row, 30))
        until = place + max(6, call.duration * (8 + draws.below("share", row, 5)) // (count * 12))
        speaker = 0 if inside else 1 + turn // 2 % guests
        turns.add(f"{key}_t{turn:02d}", key, f"{key}_p{speaker}", place, until, text, known)
        place = until + 1
