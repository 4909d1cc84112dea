"""Apartment communities of the customers, and how many payment attempts each makes in a month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sophia_kit.sandbox.customers import Customer
from sophia_kit.sandbox.days import add_months, from_number, number
from sophia_kit.sandbox.draws import Draws, Ints
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows
from sophia_kit.sandbox.vocabulary import CITIES, community

__all__ = ["Property", "attempts_by_month", "make_properties", "months_of", "property_rows"]


@dataclass(frozen=True, slots=True)
class Property:
    index: int
    customer: Customer
    name: str
    region: str
    units: int
    rent: int
    opened: int
    closed: int | None

    @property
    def key(self) -> str:
        return f"prop_{self.index:05d}"


def months_of(profile: Profile) -> list[int]:
    """First days of the months from the first day to the horizon."""
    start, found = from_number(profile.first).replace(day=1), []
    while number(start) <= profile.horizon:
        found.append(number(start))
        start = add_months(start, 1)
    return found


def make_properties(profile: Profile, customers: tuple[Customer, ...]) -> tuple[Property, ...]:
    """Every customer has one property at least, the others go to customers in proportion to what they pay."""
    draws = Draws(profile.seed, "properties")
    spare = profile.count(profile.size.properties, 3 * len(customers)) - len(customers)
    total = sum(c.weight for c in customers)
    found: list[Property] = []
    running = 0
    for c in customers:
        before = running * spare // total
        running += c.weight
        for turn in range(1 + running * spare // total - before):
            index = len(found)
            begin = max(c.starts, profile.first - 800)
            end = c.ends if c.ends is not None else profile.last
            later = turn > 0 and draws.chance("later", index, 300) and end - begin > 60
            opened = begin + (draws.below("opened", index, end - begin - 30) if later else 0)
            closed = c.ends
            if turn > 0 and draws.chance("closes", index, 25) and profile.last - opened > 200:
                alone = max(opened + 100, profile.first + 40)
                day = alone + draws.below("closed", index, max(1, profile.last - alone))
                closed = day if closed is None else min(closed, day)
            regions = CITIES[c.country]
            found.append(
                Property(
                    index=index,
                    customer=c,
                    name=community(index),
                    region=regions[draws.below("region", index, len(regions))],
                    units=20 + draws.below("units_a", index, 160) + draws.below("units_b", index, 160),
                    rent=80_000 + draws.below("rent_a", index, 90_000) + draws.below("rent_b", index, 70_000),
                    opened=opened,
                    closed=closed,
                )
            )
    return tuple(found)


def property_rows(profile: Profile, properties: tuple[Property, ...]) -> Rows:
    """Versions: opened, and closed. A region is missing for every 97th."""
    rows = Rows("properties")
    at = profile.calendar.at
    for p in properties:
        region = None if p.index % 97 == 31 else p.region
        head = (p.key, p.customer.account, p.name, region, p.units, p.opened)
        made = at(p.opened, 9 * 3600 + p.index % 9000)
        rows.add(*head, None, made)
        if p.closed is not None:
            rows.add(*head, p.closed, max(made + 60, at(p.closed, 9 * 3600 + p.index % 9000)))
    return rows


def attempts_by_month(profile: Profile, properties: tuple[Property, ...]) -> Ints:
    """Payment attempts, shape (properties, months to the horizon); up to the last day they sum to the planned size."""
    months = np.array([*months_of(profile), profile.horizon + 1], dtype=np.int64)
    starts, ends = months[:-1], months[1:]
    opened = np.array([p.opened for p in properties], dtype=np.int64)[:, None]
    closed = np.array([2**40 if p.closed is None else p.closed for p in properties], dtype=np.int64)[:, None]
    units = np.array([p.units for p in properties], dtype=np.int64)[:, None]
    growth = 1000 + 11 * np.arange(len(starts), dtype=np.int64)
    weights = units * growth[None, :] * ((opened <= starts) & (closed >= ends))
    wanted = profile.count(profile.size.payments, 1)
    factor = (wanted << 20) // int(weights[:, starts <= profile.last].sum())
    rows = np.arange(len(properties), dtype=np.int64)[:, None] * 64 + np.arange(len(starts), dtype=np.int64)[None, :]
    rounding = Draws(profile.seed, "attempts").belows("round", rows, 1 << 20)
    attempts: Ints = (weights * factor + rounding) >> 20
    attempts[weights == 0] = 0
    return attempts
