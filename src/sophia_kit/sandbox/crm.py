"""Accounts and contacts of the CRM: customers, and prospects that never became one."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_kit.sandbox.customers import SEGMENTS, Customer, account_id
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.people import SELLERS, user_id
from sophia_kit.sandbox.profile import HORIZON_DAYS, Profile
from sophia_kit.sandbox.tables import Rows
from sophia_kit.sandbox.vocabulary import company, person

__all__ = ["Account", "account_rows", "contact_rows", "make_accounts", "seller_of"]

_TITLES = ("Owner", "Controller", "VP Operations", "Regional Manager", "Property Manager", "CFO", "Leasing Director")
_INDUSTRIES = ("Multifamily", "Student Housing", "Senior Living", "Single-Family Rental")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the CRM; `customer` is None for a prospect, `duplicate_of` names the index of its twin."""

    index: int
    key: str
    name: str
    segment: int
    country: str
    currency: str
    created: int
    customer: Customer | None
    deleted_on: int | None = None
    duplicate_of: int | None = None


def seller_of(index: int) -> int:
    """The seller (an employee's index) who owns an account."""
    return (index * 7 + index // 12) % SELLERS


def make_accounts(profile: Profile, customers: tuple[Customer, ...]) -> tuple[Account, ...]:
    draws = Draws(profile.seed, "accounts")
    accounts = [
        Account(c.index, c.account, c.name, c.segment, c.country, c.currency, c.starts - 260 + c.index % 30, c)
        for c in customers
    ]
    for turn in range(profile.count(profile.size.prospects, 120)):
        index = len(customers) + turn
        twice = turn % 40 == 39
        named = index - 1 if twice else index
        canadian = named % 8 == 5
        accounts.append(
            Account(
                index=index,
                key=account_id(index),
                name=company(named),
                segment=0 if named % 10 == 0 else 1 if named % 10 < 4 else 2,
                country="Canada" if canadian else "United States",
                currency="CAD" if canadian else "USD",
                created=profile.first - 120 + draws.below("created", index, profile.last - profile.first),
                customer=None,
                deleted_on=profile.last - 400 + draws.below("deleted", index, 390) if turn % 60 == 17 else None,
                duplicate_of=named if twice else None,
            )
        )
    return tuple(accounts)


def account_rows(profile: Profile, accounts: tuple[Account, ...]) -> Rows:
    """Versions: entered as a prospect, won, renewed by a new owner, lost, deleted."""
    rows = Rows("salesforce_accounts")
    draws = Draws(profile.seed, "accounts")
    at = profile.calendar.at
    for a in accounts:
        made = at(max(a.created, profile.first - 900), 9 * 3600 + a.index % 7200)
        owner = user_id(seller_of(a.index))
        industry = None if a.index % 33 == 9 else _INDUSTRIES[draws.below("industry", a.index, 4)]

        def add(kind: str, moment: int, *, deleted: bool = False, a: Account = a, industry: str | None = industry,
                owner: str = owner, made: int = made) -> None:  # fmt: skip
            rows.add(a.key, a.name, kind, industry, SEGMENTS[a.segment], a.country, a.currency, owner, made,
                     max(moment, made), deleted=deleted)  # fmt: skip

        add("Prospect", made)
        if a.customer is not None:
            add("Customer", at(max(a.customer.starts, profile.first - 900), 11 * 3600 + a.index % 3600))
            if a.customer.ends is not None:
                add("Former Customer", at(a.customer.ends, 11 * 3600 + a.index % 3600))
        elif a.deleted_on is not None:
            add("Prospect", at(max(a.deleted_on, a.created + 1), 15 * 3600), deleted=True)
    return rows


def contact_count(account: Account) -> int:
    """How many people are known there at first."""
    return (5, 3, 2)[account.segment] if account.customer is not None else 1


def contact_rows(profile: Profile, accounts: tuple[Account, ...]) -> Rows:
    """Versions of contacts. After the last day each day brings one new, one changed and one deleted contact."""
    rows = Rows("salesforce_contacts")
    draws = Draws(profile.seed, "contacts")
    at = profile.calendar.at
    outage = number(profile.stories.outage_day)
    index = 0

    def add(a: Account, created: int) -> None:
        nonlocal index
        name = person(draws.below("person", index, 1184))
        title = _TITLES[draws.below("title", index, len(_TITLES))]
        domain = a.name.lower().replace(" ", "")
        email = None if index % 37 == 5 else f"{name.lower().replace(' ', '.')}@{domain}.example"
        key = f"003SB{index:010d}YAA"
        made = at(created, 9 * 3600 + index % 25_000)
        rows.add(key, a.key, name, title, email, made, made)
        day = index // 2 - 5
        if created <= outage and 1 <= day <= HORIZON_DAYS:
            moment = at(profile.last + day, 14 * 3600 + index)
            next_title = _TITLES[(_TITLES.index(title) + 1) % len(_TITLES)]
            rows.add(key, a.key, name, title if index % 2 else next_title, email, made, moment, deleted=bool(index % 2))
        elif index % 41 == 20:
            gone = created + 30 + draws.below("deleted", index, 200)
            if gone < profile.last - 5:
                rows.add(key, a.key, name, title, email, made, at(gone, 16 * 3600), deleted=True)
        index += 1

    for a in accounts:
        for _ in range(contact_count(a)):
            add(a, min(max(a.created + 3 + draws.below("after", index, 60), profile.first - 850), profile.last - 1))
    for day in range(1, HORIZON_DAYS + 1):
        add(accounts[day % len(accounts)], profile.last + day)
    return rows
