"""A batch as it was delivered becomes a typed frame, the records that were refused, and the fields nobody knew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from sophia_kit.ingest.contract import RESERVED, Column, Contract
from sophia_kit.ingest.privacy import Treatment, is_private, kind_of
from sophia_kit.ingest.values import MISSING, Parsed, limits, shown, typed, wire

__all__ = ["Converted", "Converter", "Refused", "combine", "company_day_of", "record_text"]

# Few enough that the records of a block stay in the processor's cache while their columns are read.
_BLOCK = 2_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that broke its contract.

    Attributes:
        source_id: its key, where it has one.
        reason: everything that is wrong with it, in the order of the contract's columns.
        record: the record as JSON with sorted keys, without what isn't kept of it.
    """

    source_id: str | None
    reason: str
    record: str


@dataclass(frozen=True, slots=True)
class Converted:
    """A batch, typed.

    Attributes:
        frame: the contract's columns, its company days, then fields the contract doesn't know (as text) where it keeps
            them, then `is_deleted`. Row order is delivery order.
        new_columns: the unknown fields, as column names; noted ones too.
        rows_read: how many records were delivered; `frame.height + len(refused)`.
    """

    frame: pl.DataFrame
    refused: tuple[Refused, ...]
    new_columns: tuple[str, ...]
    rows_read: int


class Converter:
    """Reads one table's batches. Safe to use from several threads.

    `time_zone` is the company's; a company day is the calendar day of a moment there. `treatment` is what becomes of
    private values; reasons don't quote them, and what is dropped isn't looked at.
    """

    def __init__(self, contract: Contract, time_zone: str, treatment: Treatment | None = None) -> None:
        self._contract = contract
        self._time_zone = time_zone
        self._treatment = treatment or Treatment()
        self._private = is_private(contract)
        self._columns = [column for column in contract.columns if column.privacy != "drop"]
        self._dropped = [column for column in contract.columns if column.privacy == "drop"]
        if contract.deleted_field is not None:
            self._columns.append(Column("is_deleted", contract.deleted_field, "bool"))
        self._known = set(contract.fields)
        self._taken = {name.lower() for name in (*contract.data_columns, *RESERVED)}

    def records(self, records: Sequence[object], absent: Collection[str] = ()) -> Converted:
        """A batch of decoded JSON objects; what isn't an object is refused.

        `absent` are fields that the source openly doesn't have: their columns are left out of the frame, unless
        they are required.
        """
        objects: list[dict[str, Any]] = [record for record in records if type(record) is dict]
        columns = self._present(absent)
        blocks: list[list[Parsed]] = [[] for _ in columns]
        unknown: dict[str, list[str | None]] = {}
        for start in range(0, len(objects), _BLOCK):
            block = objects[start : start + _BLOCK]
            for column, parts in zip(columns, blocks, strict=True):
                parts.append(wire(column, _values(block, column.field)))
            if max(map(len, block)) > len(columns):
                for name in set().union(*block) - self._known:
                    if self._contract.new_fields == "note":
                        unknown[name] = []
                        continue
                    texts = unknown.setdefault(name, [None] * len(objects))
                    texts[start : start + len(block)] = [_text(record.get(name)) for record in block]
        parsed = [_joined(column, parts) for column, parts in zip(columns, blocks, strict=True)]
        converted = self._assemble(columns, parsed, unknown, objects.__getitem__, len(objects))
        if len(objects) == len(records):
            return converted
        strangers = tuple(self._stranger(record) for record in records if type(record) is not dict)
        return Converted(converted.frame, converted.refused + strangers, converted.new_columns, len(records))

    def frame(self, frame: pl.DataFrame) -> Converted:
        """A batch that is a frame already, such as Parquet gives."""
        missing = [MISSING] * frame.height
        parsed = [
            typed(column, frame[column.field])
            if column.field in frame.columns
            else _joined(column, [wire(column, missing)])
            for column in self._columns
        ]
        keep = self._contract.new_fields == "keep"
        strange = [name for name in frame.columns if name not in self._known]
        unknown: dict[str, Sequence[str | None] | pl.Series] = {
            name: _frame_text(frame[name]) if keep else [] for name in strange
        }
        return self._assemble(self._columns, parsed, unknown, lambda row: frame.row(row, named=True), frame.height)

    def _stranger(self, record: object) -> Refused:
        if self._private:
            return Refused(None, f"not an object: {kind_of(record)}", record_text(f"({kind_of(record)}, not kept)"))
        return Refused(None, f"not an object: {shown(record)}", record_text(record))

    def _present(self, absent: Collection[str]) -> list[Column]:
        return [column for column in self._columns if column.required or column.field not in absent]

    def _assemble(
        self,
        columns: list[Column],
        parsed: list[Parsed],
        unknown: Mapping[str, Sequence[str | None] | pl.Series],
        record_at: Callable[[int], dict[str, Any]],
        height: int,
    ) -> Converted:
        wrong: dict[int, list[str]] = {}
        for column, result in zip(columns, parsed, strict=True):
            for row, reason in (limits(column, result.series) | result.wrong).items():
                wrong.setdefault(row, []).append(reason)
        stored = [self._treatment.series(column, one.series) for column, one in zip(columns, parsed, strict=True)]
        stored += [pl.Series(column.name, [None] * height, dtype=column.dtype) for column in self._dropped]
        frame = pl.DataFrame(stored)
        names = self._column_names(sorted(unknown))
        if self._contract.new_fields == "note":
            unknown = {}
        derived = [
            company_day_of(of, self._time_zone).alias(day) for day, of in self._contract.days if of in frame.columns
        ]
        flag = pl.col("is_deleted").fill_null(value=False) if "is_deleted" in frame.columns else pl.lit(value=False)
        extra = [pl.Series(names[field], texts, dtype=pl.String()) for field, texts in unknown.items()]
        frame = frame.with_columns(*derived, *extra, is_deleted=flag)
        if wrong:
            keep = pl.Series([row not in wrong for row in range(height)], dtype=pl.Boolean())
            frame = frame.filter(keep)
        refused = tuple(self._refused(record_at(row), reasons) for row, reasons in sorted(wrong.items()))
        return Converted(frame, refused, tuple(names.values()), height)

    def _refused(self, record: dict[str, Any], reasons: list[str]) -> Refused:
        key = record.get(self._contract.key_field)
        known = isinstance(key, str) and key != "" and key.isprintable()
        kept = self._treatment.record(self._contract, record)
        return Refused(str(key) if known else None, "; ".join(reasons), record_text(kept))

    def _column_names(self, fields: Iterable[str]) -> dict[str, str]:
        """A column name for each unknown field: its own, unless that is taken or can't be a name."""
        names: dict[str, str] = {}
        taken = set(self._taken)
        for field in fields:
            name = re.sub(r"\W", "_", field, flags=re.ASCII)[:60] or "_"
            while name.lower() in taken:
                name += "_new"
            taken.add(name.lower())
            names[field] = name
        return names


def company_day_of(column: str, time_zone: str) -> pl.Expr:
    """The company's calendar day of a UTC timestamp."""
    return pl.col(column).dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone).dt.date()


def combine(parts: Iterable[Converted]) -> Converted:
    """Several batches as one; a column that only some of them have is null in the others."""
    found = list(parts)
    frame = pl.concat([part.frame for part in found], how="diagonal")
    new = tuple(dict.fromkeys(name for part in found for name in part.new_columns))
    refused = tuple(record for part in found for record in part.refused)
    return Converted(frame, refused, new, sum(part.rows_read for part in found))


def _values(block: list[dict[str, Any]], field: str) -> list[Any]:
    try:
        return [record[field] for record in block]
    except KeyError:
        return [record.get(field, MISSING) for record in block]


def _joined(column: Column, parts: list[Parsed]) -> Parsed:
    """The blocks of a column as one, typed."""
    if len({part.series.dtype for part in parts}) > 1:
        parts = [_typed_block(column, part) for part in parts]
    series = pl.concat([part.series for part in parts]) if parts else pl.Series(column.name, [], dtype=column.dtype)
    wrong: dict[int, str] = {}
    start = 0
    for part in parts:
        wrong |= {start + row: reason for row, reason in part.wrong.items()}
        start += len(part.series)
    whole = typed(column, series)
    return Parsed(whole.series, whole.wrong | wrong)


def _typed_block(column: Column, part: Parsed) -> Parsed:
    block = typed(column, part.series)
    return Parsed(block.series, block.wrong | part.wrong)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return record_text(value)


def _frame_text(series: pl.Series) -> pl.Series:
    return series if series.dtype == pl.String else pl.Series([_text(value) for value in series], dtype=pl.String())


def record_text(value: object) -> str:
    """A record as JSON with sorted keys, its values as a vendor would send them, so that it can be read again."""
    return json.dumps(value, sort_keys=True, default=_as_sent)


def _as_sent(value: object) -> str | float:
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo else f"{value.isoformat()}Z"
    if isinstance(value, Decimal) and Decimal(repr(float(value))) == value:
        return float(value)
    return str(value)
