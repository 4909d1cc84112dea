"""What a table promises: its columns, their types and limits, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import polars as pl

__all__ = ["KEY", "MODIFIED", "RESERVED", "Column", "Contract", "Kind", "NewFields", "Privacy", "privacy_problem"]

Kind = Literal["string", "bool", "int", "decimal", "date", "timestamp"]
Privacy = Literal["keep", "hash", "drop"]
NewFields = Literal["keep", "note"]

KEY = "source_id"
MODIFIED = "modified_at"
RESERVED = ("source_system", "is_deleted", "loaded_at", "load_id")

_POLARS: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}
_SQL: dict[Kind, str] = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int": "BIGINT",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a raw table.

    Attributes:
        name: its name in the raw table.
        field: its name at the source.
        precision, scale: total digits and digits after the point; for `decimal` only.
        required: whether an empty value (null or "") refuses the record.
        minimum, maximum: inclusive limits of a number; None where there is none.
        values: the values a string may take; None when any.
        privacy: what is stored of a value: itself, its keyed hash, or nothing.
    """

    name: str
    field: str
    kind: Kind
    precision: int = 0
    scale: int = 0
    required: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    values: tuple[str, ...] | None = None
    privacy: Privacy = "keep"

    @property
    def type_name(self) -> str:
        """The type as a contract spells it, e.g. `decimal(18,2)`."""
        return f"decimal({self.precision},{self.scale})" if self.kind == "decimal" else self.kind

    @property
    def dtype(self) -> pl.DataType:
        """Polars type. Timestamps are UTC without a zone."""
        return pl.Decimal(self.precision, self.scale) if self.kind == "decimal" else _POLARS[self.kind]

    @property
    def sql_type(self) -> str:
        """DuckDB type. Timestamps are UTC without a zone."""
        return f"DECIMAL({self.precision},{self.scale})" if self.kind == "decimal" else _SQL[self.kind]


def privacy_problem(column: Column, privacy: Privacy, days: Sequence[tuple[str, str]]) -> str | None:
    """Why a column can't have this policy; None when it can. `days` are the contract's."""
    if privacy == "keep":
        return None
    done = "hashed" if privacy == "hash" else "dropped"
    if column.name in (KEY, MODIFIED):
        return f"{column.name} can't be {done}: rows are merged by it"
    if column.name in {of for _, of in days}:
        return f"{column.name} can't be {done}: a company day is derived from it"
    if privacy == "hash" and column.kind != "string":
        return f"{column.name} is {column.kind}: only text can be hashed; drop it"
    if privacy == "hash" and column.values is not None:
        return f"{column.name} is one of a few values: a hash of it would tell which; drop it"
    return None


@dataclass(frozen=True, slots=True)
class Contract:
    """What a source promises to deliver for one raw table. Its key is `source_id`.

    Attributes:
        table: name of the table in schema `raw`.
        source: the connector that delivers it, or `landing`.
        resource: its name at the source: an object, or a folder of the landing zone.
        source_system: the system of record, shown as the origin of every number.
        deleted_field: the source's field that is true for a deleted record; None when the source has none.
        days: company days derived at load, as (name, the timestamp column it is the day of).
        new_fields: whether a field the contract doesn't know is stored as text, or its name noted and nothing stored.
        freshness_hours: age from which the table counts as stale.
    """

    table: str
    description: str
    source: str
    resource: str
    source_system: str
    freshness_hours: float
    columns: tuple[Column, ...]
    deleted_field: str | None = None
    days: tuple[tuple[str, str], ...] = ()
    new_fields: NewFields = "keep"

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field the contract knows, the deletion flag last."""
        names = tuple(column.field for column in self.columns)
        return names if self.deleted_field is None else (*names, self.deleted_field)

    @property
    def asked(self) -> tuple[str, ...]:
        """Every field the source has to deliver: what is dropped isn't even asked for."""
        dropped = {column.field for column in self.columns if column.privacy == "drop"}
        return tuple(name for name in self.fields if name not in dropped)

    @property
    def key_field(self) -> str:
        """The source's name of the key."""
        return next(column.field for column in self.columns if column.name == KEY)

    @property
    def data_columns(self) -> dict[str, str]:
        """SQL type by name of the columns that carry data: those of the contract, then the derived days."""
        return {column.name: column.sql_type for column in self.columns} | {day: "DATE" for day, _ in self.days}

    def ddl(self) -> str:
        """The statement that creates the raw table where it is missing."""
        parts = [f'"{name}" {kind}' for name, kind in self.data_columns.items()]
        parts += ["source_system VARCHAR", "is_deleted BOOLEAN NOT NULL", "loaded_at TIMESTAMP", "load_id VARCHAR"]
        return f'CREATE TABLE IF NOT EXISTS raw."{self.table}" ({", ".join(parts)})'
