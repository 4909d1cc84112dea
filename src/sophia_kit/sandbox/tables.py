"""The tables that leave the sandbox: their columns and types, as the kit's contracts promise them.

Rows are collected as plain integers (days, epoch seconds, decimals as scaled integers) and become a typed
Polars frame at once. Every frame carries, beside its columns, `__delivered`: the epoch second from which on the
version of the record is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from sophia_kit.sandbox.draws import Ints

__all__ = [
    "DELIVERED",
    "LANDING",
    "MONTHLY",
    "SALESFORCE",
    "SERVED",
    "TABLES",
    "Rows",
    "Table",
    "column",
    "decimals",
    "table",
    "versions_at",
]

DELIVERED = "__delivered"

_SPECS = """
call_participants: source_id call_id name email role modified_at:timestamp
call_turns: source_id call_id participant_id started_s:int ended_s:int text modified_at:timestamp
calls: source_id account_id opportunity_id owner_id started_at:timestamp duration_s:int talk_ratio:decimal(4,3)
  longest_monologue_s:int interactivity:decimal(6,3) questions_asked:int sentiment:decimal(4,3) topics
  competitor_mentions:int modified_at:timestamp
employees: source_id department title employment_type fte:decimal(3,2) status hired_day:date left_day:date
  modified_at:timestamp
forecasts: source_id owner_id quarter_start:date category amount:decimal(18,2) currency made_at:timestamp
  modified_at:timestamp
fx_rates: source_id from_currency to_currency day:date rate:decimal(18,8) modified_at:timestamp
key_result_checkins: source_id key_result_id checked_at:timestamp current_value:decimal(18,4)
  confidence:decimal(3,2) note author modified_at:timestamp
key_results: source_id objective_id title metric unit baseline:decimal(18,4) target:decimal(18,4)
  higher_is_better:bool owner modified_at:timestamp
knowledge_pages: source_id title body author url modified_at:timestamp
ledger_entries: source_id entry_day:date account_code account_class stream customer_id amount:decimal(18,2)
  currency modified_at:timestamp
messages: source_id channel thread_id author_id posted_at:timestamp text modified_at:timestamp
objectives: source_id title owner starts_day:date ends_day:date modified_at:timestamp
payments: source_id property_id account_id amount:decimal(18,2) currency status failure_reason method processor
  processor_fee:decimal(18,4) processing_ms:int risk_score:int attempted_at:timestamp modified_at:timestamp
plans: source_id metric month:date value:decimal(18,4) unit modified_at:timestamp
properties: source_id account_id name region units:int opened_day:date closed_day:date modified_at:timestamp
quotas: source_id owner_id quarter_start:date amount:decimal(18,2) currency modified_at:timestamp
subscriptions: source_id account_id plan mrr:decimal(18,2) currency valid_from:date valid_to:date
  modified_at:timestamp
surveys: source_id account_id kind score:int answered_at:timestamp comment modified_at:timestamp
tickets: source_id account_id opened_at:timestamp solved_at:timestamp category priority status
  modified_at:timestamp
usage_daily: source_id account_id day:date active_users:int sessions:int payments_started:int
  modified_at:timestamp
salesforce_accounts: Id Name Type Industry Segment__c BillingCountry CurrencyIsoCode OwnerId
  CreatedDate:timestamp SystemModstamp:timestamp
salesforce_contacts: Id AccountId Name Title Email CreatedDate:timestamp SystemModstamp:timestamp
salesforce_opportunities: Id AccountId Name StageName Type Amount:decimal(18,2) CurrencyIsoCode
  Probability:decimal(5,2) ForecastCategoryName CloseDate:date IsClosed:bool IsWon:bool OwnerId
  CreatedDate:timestamp SystemModstamp:timestamp
salesforce_opportunity_history: Id OpportunityId StageName Amount:decimal(18,2) Probability:decimal(5,2)
  CloseDate:date CreatedDate:timestamp SystemModstamp:timestamp
salesforce_tasks: Id AccountId WhatId WhoId OwnerId TaskSubtype Status Priority ActivityDate:date IsClosed:bool
  CompletedDateTime:timestamp CallDurationInSeconds:int CreatedDate:timestamp SystemModstamp:timestamp
salesforce_users: Id Name Email Department IsActive:bool CreatedDate:timestamp SystemModstamp:timestamp
"""


class Table:
    """A table's shape.

    Attributes:
        name: the contract's name.
        columns: name of each column to its type in the contract's notation, without the deletion flag.
        key, modified: the columns that identify a record and say when it last changed.
        deleted: the deletion flag; None where the source has none (a Salesforce User is never deleted).
    """

    def __init__(self, name: str, columns: dict[str, str]) -> None:
        self.name = name
        self.columns = columns
        self.salesforce = name.startswith("salesforce_")
        self.key = "Id" if self.salesforce else "source_id"
        self.modified = "SystemModstamp" if self.salesforce else "modified_at"
        self.deleted: str | None = "IsDeleted" if self.salesforce else "is_deleted"
        if name == "salesforce_users":
            self.deleted = None

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Columns and Polars types of a delivered frame, deletion flag last."""
        schema = {name: _dtype(kind) for name, kind in self.columns.items()}
        if self.deleted is not None:
            schema[self.deleted] = pl.Boolean()
        return schema


def _dtype(kind: str) -> pl.DataType:
    if (match := re.fullmatch(r"decimal\((\d+),(\d+)\)", kind)) is not None:
        return pl.Decimal(int(match[1]), int(match[2]))
    plain: dict[str, pl.DataType] = {
        "string": pl.String(),
        "int": pl.Int64(),
        "bool": pl.Boolean(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us", "UTC"),
    }
    return plain[kind]


def _parse(text: str) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for line in re.sub(r"\n\s+", " ", text).strip().splitlines():
        name, fields = line.split(": ", 1)
        pairs = (field.partition(":") for field in fields.split())
        tables[name] = Table(name, {column: kind or "string" for column, _, kind in pairs})
    return tables


TABLES = _parse(_SPECS)
SERVED = (
    "call_participants",
    "call_turns",
    "calls",
    "key_result_checkins",
    "key_results",
    "knowledge_pages",
    "messages",
    "objectives",
)
"""Tables that a vendor's API shows in a shape of its own."""
LANDING = tuple(name for name in TABLES if not TABLES[name].salesforce and name not in SERVED)
SALESFORCE = tuple(name for name in TABLES if TABLES[name].salesforce)
MONTHLY = ("payments", "usage_daily")


def table(name: str) -> Table:
    return TABLES[name]


def decimals(name: str, values: Ints, kind: pl.DataType, valid: NDArray[np.bool_] | None = None) -> pl.Series:
    """Scaled integers as an exact decimal column: 12345 as decimal(18,2) is 123.45."""
    if not isinstance(kind, pl.Decimal):
        raise TypeError(f"{name} is no decimal")
    halves = np.empty((len(values), 2), dtype=np.int64)
    halves[:, 0] = values
    halves[:, 1] = values >> 63
    bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    kind_of = pa.decimal128(kind.precision or 38, kind.scale)
    array = pa.Array.from_buffers(kind_of, len(values), [bits, pa.py_buffer(halves.tobytes())])
    return pl.Series(name, array)


def column(name: str, values: Sequence[Any], kind: pl.DataType) -> pl.Series:
    """Plain values (see the module) as a typed column; None stays null."""
    if isinstance(kind, pl.Decimal):
        valid = np.array([value is not None for value in values], dtype=np.bool_)
        whole = np.array([0 if value is None else value for value in values], dtype=np.int64)
        return decimals(name, whole, kind, None if valid.all() else valid)
    if isinstance(kind, pl.Date):
        return pl.Series(name, values, dtype=pl.Int32).cast(pl.Date)
    if isinstance(kind, pl.Datetime):
        return (pl.Series(name, values, dtype=pl.Int64) * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.Series(name, values, dtype=kind)


class Rows:
    """Collects the versions of a table's records. Values come in the order of the table's columns."""

    def __init__(self, name: str) -> None:
        self._table = TABLES[name]
        self._rows: list[tuple[Any, ...]] = []
        self._width = len(self._table.columns)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, *values: Any, deleted: bool = False, delivered: int | None = None) -> None:
        """A version, known from `delivered` on (default: from when it was modified, which is its last value)."""
        if len(values) != self._width:
            raise ValueError(f"{self._table.name} has {self._width} columns, not {len(values)}")
        self._rows.append((*values, deleted, values[-1] if delivered is None else delivered))

    def frame(self) -> pl.DataFrame:
        """The table's columns, its deletion flag, and `__delivered`."""
        names = [*self._table.columns, self._table.deleted, DELIVERED]
        schema = self._table.schema | {DELIVERED: pl.Int64()}
        columns: Iterable[Sequence[Any]] = zip(*self._rows, strict=True) if self._rows else [()] * len(names)
        return pl.DataFrame(
            [
                column(name, values, schema[name])
                for name, values in zip(names, columns, strict=True)
                if name is not None
            ]
        )


def versions_at(frame: pl.DataFrame, name: str, moment: int) -> pl.DataFrame:
    """The newest version of each record that is known at `moment` (epoch seconds), ordered by key."""
    shape = TABLES[name]
    return (
        frame.filter(pl.col(DELIVERED) <= moment)
        .sort(shape.key, shape.modified, maintain_order=True)
        .unique(shape.key, keep="last", maintain_order=True)
    )
