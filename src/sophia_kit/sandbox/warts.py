"""What is wrong with the records, counted: the recorded truth behind `blemishes` and `payment_warts`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import polars as pl

from sophia_kit.sandbox.blemishes import BLEMISHED, NEW_COLUMN, crm_malformed, half_done
from sophia_kit.sandbox.days import from_number, month_end
from sophia_kit.sandbox.payment_warts import BY_MONTH, DAILY_FROM
from sophia_kit.sandbox.tables import DELIVERED, LANDING, SALESFORCE, SERVED, TABLES, versions_at
from sophia_kit.sandbox.world import World

__all__ = ["Wart", "WartKind", "find_warts"]

WartKind = Literal["late", "corrected", "deleted", "doubled", "null", "malformed", "duplicate", "new_column"]


@dataclass(frozen=True, slots=True)
class Wart:
    """Something wrong with records of a table.

    Attributes:
        kind: `late` (delivered days after it happened), `corrected` (delivered again with another value), `deleted`
            (flagged), `doubled` (the same row twice in a delivery), `null` (a value is missing that may be missing),
            `malformed` (breaks the contract), `duplicate` (one customer entered twice), `new_column`.
        field: the column concerned; None when it is the record.
        problem: what is malformed: missing, missing_key, negative, not_a_number, out_of_range, unknown_value.
        count: how many records.
        ids: their keys, where they have one; left empty for payments and daily usage, which are many.
    """

    table: str
    kind: WartKind
    count: int
    field: str | None = None
    problem: str | None = None
    ids: tuple[str, ...] = ()


_NULLS = (
    ("salesforce_accounts", "Industry"),
    ("salesforce_contacts", "Email"),
    ("salesforce_opportunities", "Amount"),
    ("properties", "region"),
    ("tickets", "account_id"),
    ("calls", "sentiment"),
    ("calls", "talk_ratio"),
    ("messages", "author_id"),
    ("key_result_checkins", "current_value"),
)


def find_warts(world: World, day: int) -> tuple[Wart, ...]:
    """All warts that show at the end of `day`."""
    moment = int(world.profile.calendar.end_of(from_number(day)).timestamp())
    found = [
        *_payments(world, moment),
        *_usage(world, moment),
        *_blemished(world, moment),
        *_malformed(world, day, moment),
    ]
    for name, field in _NULLS:
        frame = versions_at(world.versions(name), name, moment).filter(pl.col(field).is_null())
        ids = tuple(frame[TABLES[name].key])
        found.append(Wart(name, "null", len(ids), field=field, ids=ids))
    for name in SALESFORCE:
        flag = TABLES[name].deleted
        if flag is not None:
            ids = tuple(versions_at(world.versions(name), name, moment).filter(pl.col(flag))["Id"])
            found.append(Wart(name, "deleted", len(ids), ids=ids))
    twins = tuple(
        a.key
        for a in world.accounts
        if a.duplicate_of is not None and world.profile.calendar.at(a.created, 9 * 3600 + a.index % 7200) <= moment
    )
    found.append(Wart("salesforce_accounts", "duplicate", len(twins), field="Name", ids=twins))
    table, field, days = NEW_COLUMN
    if day >= world.profile.last + days:
        found.append(Wart(table, "new_column", 1, field=field))
    return tuple(found)


def _payments(world: World, moment: int) -> list[Wart]:
    """Months that lie long enough behind have their full share; the others are looked at."""
    source = world.payments
    counts: Counter[str] = Counter(dict.fromkeys(BY_MONTH, 0))
    settled = world.profile.last - DAILY_FROM
    for index, start in enumerate(source.months):
        end = month_end(start)
        if world.profile.calendar.at(start, 0) > moment:
            break
        if end < settled and world.profile.calendar.at(min(end + 30, world.profile.horizon + 30), 0) < moment:
            counts.update(BY_MONTH)
            continue
        m = source.month(index)
        counts["late"] += int((m.warts.late_at <= moment).sum())
        counts["corrected"] += int((m.warts.corrected_at <= moment).sum())
        counts["deleted"] += int((m.warts.deleted_at <= moment).sum())
        counts["no_risk"] += int((m.attempted[m.warts.no_risk] <= moment).sum())
        counts["doubled"] += int((m.attempted[m.warts.doubled] <= moment).sum())
    kinds: tuple[WartKind, ...] = ("late", "corrected", "deleted", "doubled")
    nulls = Wart("payments", "null", counts["no_risk"], field="risk_score")
    return [*(Wart("payments", kind, counts[kind]) for kind in kinds), nulls]


def _usage(world: World, moment: int) -> list[Wart]:
    late = nulls = 0
    for index, start in enumerate(world.usage.months):
        if world.profile.calendar.at(start, 0) > moment:
            break
        frame = world.usage.frame(index, moment)
        late += int((frame[DELIVERED] > frame["modified_at"].dt.epoch("s")).sum())
        nulls += frame["sessions"].null_count()
    return [Wart("usage_daily", "late", late), Wart("usage_daily", "null", nulls, field="sessions")]


def _blemished(world: World, moment: int) -> list[Wart]:
    found: list[Wart] = []
    for name in BLEMISHED:
        parts = world.blemished(name)
        known = parts.doubled.rename({DELIVERED: "at"})
        frames: tuple[tuple[WartKind, pl.DataFrame], ...] = (
            ("late", parts.late),
            ("corrected", parts.corrected),
            ("deleted", parts.deleted),
            ("doubled", known),
        )
        for kind, frame in frames:
            if kind == "doubled" and name in SERVED:
                continue  # A delivery holds a row twice; an API doesn't.
            ids = tuple(frame.filter(pl.col("at") <= moment)["source_id"])
            found.append(Wart(name, kind, len(ids), ids=ids))
    return found


def _malformed(world: World, day: int, moment: int) -> list[Wart]:
    groups: dict[tuple[str, str, str], list[str | None]] = {}
    for name in (*LANDING, *SERVED):
        broken = world.malformed(name)
        known = (broken.frame[DELIVERED] <= moment).to_list()
        for field, problem, key, shown in zip(
            broken.fields, broken.kinds, broken.frame["source_id"].to_list(), known, strict=True
        ):
            if shown:
                groups.setdefault((name, field, problem), []).append(key)
    tables = {"Account": "accounts", "Contact": "contacts", "Opportunity": "opportunities", "Task": "tasks"}
    for thing, problem, field, record in crm_malformed(world.profile, day):
        groups.setdefault((f"salesforce_{tables[thing]}", field, problem), []).append(record["Id"])
    for name, problem, field, record in half_done(world.profile, day):
        groups.setdefault((name, field, problem), []).append(record["source_id"])
    return [
        Wart(name, "malformed", len(keys), field=field, problem=problem, ids=tuple(k for k in keys if k is not None))
        for (name, field, problem), keys in groups.items()
    ]
