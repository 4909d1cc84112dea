"""What goes wrong with records on their way: late, corrected, deleted and doubled ones, and records nobody can use.

Payments have their own plan (`payment_warts`). Here every n-th record of a table gets one fate, so the counts follow
from the rows themselves. A malformed record is one more record, never a spoilt good one: a perfect loader ends up
with exactly the good ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from sophia_kit.sandbox.days import DAY, from_number
from sophia_kit.sandbox.profile import HORIZON_DAYS, Profile
from sophia_kit.sandbox.tables import DELIVERED, TABLES, Rows, table

__all__ = ["BLEMISHED", "NEW_COLUMN", "Blemished", "Malformed", "blemish", "crm_malformed", "half_done", "malformed"]

NEW_COLUMN = ("tickets", "channel", 2)
"""A column that a table gains, this many days after the last day; no contract knows it."""

BLEMISHED = ("calls", "ledger_entries", "messages", "surveys", "tickets")
_LATE, _CORRECTED, _DELETED, _DOUBLED = (211, 11), (263, 17), (307, 13), (173, 9)
_LATE_DAYS, _CORRECTED_DAYS, _DELETED_DAYS = 4, 6, 9

_CORRECTIONS: dict[str, Callable[[], pl.Expr]] = {
    "messages": lambda: (pl.col("text") + " (edited)").alias("text"),
    "tickets": lambda: pl.lit("high").alias("priority"),
    "surveys": lambda: pl.lit("Comment withdrawn.").alias("comment"),
    "calls": lambda: pl.lit(0, pl.Int64).alias("competitor_mentions"),
    "ledger_entries": lambda: (pl.col("amount") + pl.lit("100.00").cast(pl.Decimal(18, 2))).cast(pl.Decimal(18, 2)),
}


@dataclass(frozen=True, slots=True)
class Blemished:
    """A table's versions with their blemishes, and which records have which: frames of key and `at` (epoch second)."""

    versions: pl.DataFrame
    late: pl.DataFrame
    corrected: pl.DataFrame
    deleted: pl.DataFrame
    doubled: pl.DataFrame


def blemish(frame: pl.DataFrame, name: str) -> Blemished:
    """Give every n-th record of a table its fate."""
    shape = TABLES[name]
    key, modified = shape.key, shape.modified
    seconds = pl.col(modified).dt.epoch("s")
    place = pl.col(key).rank("dense") - 1
    ordered = frame.sort(key, modified, maintain_order=True).with_columns(place.cast(pl.Int64).alias("__place"))

    def chosen(rule: tuple[int, int]) -> pl.Expr:
        return pl.col("__place") % rule[0] == rule[1]

    late_from = seconds.min().over(key) + _LATE_DAYS * DAY
    can_be_late = name != "ledger_entries"
    late = chosen(_LATE) & can_be_late
    ordered = ordered.with_columns(
        pl.when(late).then(pl.max_horizontal(DELIVERED, late_from)).otherwise(DELIVERED).alias(DELIVERED)
    )
    parts = [ordered]

    def later(rule: tuple[int, int], days: int, change: pl.Expr) -> pl.DataFrame:
        newest = pl.concat(parts).sort(key, modified, maintain_order=True).unique(key, keep="last", maintain_order=True)
        moved = newest.filter(chosen(rule)).with_columns(change, pl.col(modified) + pl.duration(days=days))
        moved = moved.with_columns(seconds.alias(DELIVERED)).select(ordered.columns)
        parts.append(moved)
        return moved

    corrected = later(_CORRECTED, _CORRECTED_DAYS, _CORRECTIONS[name]())
    if name == "ledger_entries":
        deleted = ordered.clear()
    else:
        deleted = later(_DELETED, _DELETED_DAYS, pl.lit(value=True).alias("is_deleted"))
    first = ordered.unique(key, keep="first", maintain_order=True)
    doubled = first.filter(chosen(_DOUBLED))
    versions = pl.concat(parts).sort(DELIVERED, modified, key, maintain_order=True).drop("__place")

    def marks(part: pl.DataFrame) -> pl.DataFrame:
        return part.select(key, pl.col(DELIVERED).alias("at"))

    return Blemished(versions, marks(first.filter(late)), marks(corrected), marks(deleted), doubled.drop("__place"))


@dataclass(frozen=True, slots=True)
class Malformed:
    """Records that break their contract: the frame as delivered, and for each row which field is wrong and how."""

    frame: pl.DataFrame
    fields: tuple[str, ...]
    kinds: tuple[str, ...]


_FAULTY: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "payments": (
        ("missing_key", "source_id", None),
        ("negative", "amount", -12_500),
        ("unknown_value", "status", "teleported"),
    ),
    "surveys": (("out_of_range", "score", 14), ("unknown_value", "kind", "mood")),
    "ledger_entries": (("unknown_value", "account_class", "misc"), ("missing", "amount", None)),
    "usage_daily": (("negative", "sessions", -3), ("missing_key", "source_id", None)),
    "messages": (("missing", "posted_at", None),),
    "calls": (("missing", "started_at", None), ("out_of_range", "sentiment", 7_000)),
    "tickets": (("missing", "opened_at", None),),
    "subscriptions": (("negative", "mrr", -100),),
}


def malformed(profile: Profile, name: str) -> Malformed:
    """Some in the history, spread over its months; for payments one more on every day after the last."""
    faults = _FAULTY.get(name, ())
    rows, fields, kinds = Rows(name), [], []
    columns = table(name).columns
    days = [profile.first + 45 + turn * 97 for turn in range(len(faults) * 3)] if faults else []
    if name == "payments":
        days += [profile.last + turn for turn in range(1, HORIZON_DAYS + 1)]
    for turn, day in enumerate(days):
        kind, field, value = faults[turn % len(faults)]
        moment = profile.calendar.at(day, 12 * 3600 + turn)
        record = {column: _plausible(name, column, dtype, turn, day, moment) for column, dtype in columns.items()}
        record[field] = value
        rows.add(*record.values())
        fields.append(field)
        kinds.append(kind)
    return Malformed(rows.frame(), tuple(fields), tuple(kinds))


def _plausible(name: str, column: str, dtype: str, turn: int, day: int, moment: int) -> Any:
    fixed = {
        "source_id": f"bad_{name}_{turn:03d}", "account_id": "001SB0000000000YAA", "property_id": "prop_00000",
        "currency": "USD", "status": "succeeded", "kind": "nps", "account_class": "other", "method": "card",
        "processor": "Halyard", "plan": "Core", "account_code": "6410", "category": "billing", "priority": "normal",
        "failure_reason": None, "comment": None, "customer_id": None, "left_day": None, "valid_to": None,
        "stream": "software", "solved_at": None, "talk_ratio": 500, "sentiment": 100, "interactivity": 5_000,
    }  # fmt: skip
    if column in fixed:
        return fixed[column]
    kind = dtype.partition("(")[0]
    return {"string": "x", "int": 5, "bool": False, "date": day, "timestamp": moment, "decimal": 10_000}[kind]


_HALF_DONE: tuple[tuple[str, int, str, str, dict[str, Any]], ...] = (
    ("key_result_checkins", 12, "key_result_id", "missing", {}),
    (
        "key_results",
        26,
        "target",
        "missing",
        {"title": "Draft: fewer steps to a first payment", "higher_is_better": True},
    ),
    ("key_result_checkins", 40, "confidence", "out_of_range", {"title": "Confidence in tenths", "confidence": 7}),
    ("key_result_checkins", -3, "key_result_id", "missing", {}),
)


def half_done(profile: Profile, until: int) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(table, kind, field, values) of the rows that somebody began in an OKR table and left, up to a day: empty ones,
    one without a target, one whose confidence is no share. Values hold a key, the epoch second `begun`, and what was
    filled in.
    """
    return [
        (
            table,
            kind,
            field,
            {"source_id": f"half_done_{place}", "begun": profile.calendar.at(day, 54_000 + place)} | given,
        )
        for place, (table, before, field, kind, given) in enumerate(_HALF_DONE)
        if (day := profile.last - before) <= until
    ]


_CRM_FAULTS: tuple[tuple[str, str, str, Any], ...] = (
    ("Opportunity", "not_a_number", "Amount", "n/a"),
    ("Opportunity", "negative", "Amount", -5000.0),
    ("Opportunity", "missing", "CloseDate", None),
    ("Opportunity", "missing_key", "Id", None),
    ("Account", "missing", "Name", None),
    ("Contact", "missing_key", "Id", None),
)

_TASK_FAULTS: tuple[tuple[str, str, Any], ...] = (
    ("missing_key", "Id", None),
    ("negative", "CallDurationInSeconds", -60),
)


def crm_malformed(profile: Profile, until: int) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(object, kind, field, JSON record) of the records of the CRM that break their contract, up to a day.

    Each kind occurs twice in the history; the amount that is no number also once on every fifth day after it.
    """
    days = [(profile.last - 20 - 41 * turn, turn % len(_CRM_FAULTS)) for turn in range(2 * len(_CRM_FAULTS))]
    days += [(profile.last + 1 + 5 * turn, 0) for turn in range(HORIZON_DAYS // 5)]
    found = []
    for turn, (day, which) in enumerate(days):
        if day > until:
            continue
        thing, kind, field, value = _CRM_FAULTS[which]
        record = _crm_record(thing, turn, from_number(day))
        record[field] = value
        found.append((thing, kind, field, record))
    for turn, (kind, field, value) in enumerate(_TASK_FAULTS):
        day = profile.last - 33 - 41 * turn
        if day <= until:
            task = _crm_record("Task", turn, from_number(day))
            task[field] = value
            found.append(("Task", kind, field, task))
    return found


def _crm_record(thing: str, turn: int, day: date) -> dict[str, Any]:
    moment = f"{day.isoformat()}T18:{turn % 60:02d}:00.000+0000"
    prefix = {"Opportunity": "006", "Account": "001", "Contact": "003", "Task": "00T"}[thing]
    record: dict[str, Any] = {"Id": f"{prefix}SB9{turn:09d}YAA", "Name": f"Imported record {turn}"}
    if thing == "Opportunity":
        record |= {
            "AccountId": "001SB0000000000YAA", "StageName": "Proposal", "Type": "Expansion", "Amount": 1000.0,
            "CurrencyIsoCode": "USD", "Probability": 50.0, "ForecastCategoryName": "Best Case",
            "CloseDate": day.isoformat(), "IsClosed": False, "IsWon": False, "OwnerId": "005SB0000000000YAA",
        }  # fmt: skip
    elif thing == "Account":
        record |= {
            "Type": "Prospect", "Industry": None, "Segment__c": "Small Business", "BillingCountry": "United States",
            "CurrencyIsoCode": "USD", "OwnerId": "005SB0000000000YAA",
        }  # fmt: skip
    elif thing == "Contact":
        record |= {"AccountId": "001SB0000000000YAA", "Title": "Owner", "Email": None}
    else:
        record |= {
            "AccountId": "001SB0000000000YAA", "WhatId": None, "WhoId": None, "OwnerId": "005SB0000000000YAA",
            "TaskSubtype": "Call", "Status": "Completed", "Priority": "Normal", "ActivityDate": day.isoformat(),
            "IsClosed": True, "CompletedDateTime": moment, "CallDurationInSeconds": 60,
        }  # fmt: skip
    return record | {"CreatedDate": moment, "SystemModstamp": moment, "IsDeleted": False}
