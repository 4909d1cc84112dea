"""Writes one raw table of a draft snapshot, all of a load or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import polars as pl

from sophia_kit.core.errors import IngestError
from sophia_kit.ingest.contract import KEY, MODIFIED, Contract
from sophia_kit.ingest.convert import company_day_of
from sophia_kit.ingest.sources import Image
from sophia_kit.ingest.sql import number, number_from

__all__ = ["Loaded", "RawTable", "latest_versions", "prepare_raw"]

# DuckDB's row group. An empty table is filled in whole ones: others would be put together again at the checkpoint.
_ROW_GROUP = 122_880
# A question about all keys, or their hashes, is asked of about so many at a time: more rows take no more memory.
_KEYS_AT_ONCE = 500_000
_HASHES_AT_ONCE = 2_000_000
_ADDED = ("source_system", "loaded_at", "load_id")
# With a space, as no column of a raw table is called.
_POSITION = "row number"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did to its table: rows inserted or changed, and rows that are newly marked deleted."""

    rows_merged: int
    rows_deleted: int


def prepare_raw(connection: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], time_zone: str) -> None:
    """Create each contract's raw table where it is missing, and add columns that the contract gained.

    A company day that it gained is filled for the rows that are there, in `time_zone`.

    Raises:
        IngestError: a column's type changed in the contract.
    """
    # One question for all: a catalogue is slow to look through.
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
        "AND schema_name = 'raw'"
    ).fetchall()
    held: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        held.setdefault(table, {})[column] = kind
    for contract in contracts:
        if contract.table in held:
            _add_gained(connection, contract, held[contract.table], time_zone)
        else:
            connection.execute(contract.ddl())


def _add_gained(
    connection: duckdb.DuckDBPyConnection, contract: Contract, there: Mapping[str, str], time_zone: str
) -> None:
    gained: list[str] = []
    for name, kind in contract.data_columns.items():
        if name not in there:
            connection.execute(f'ALTER TABLE raw."{contract.table}" ADD COLUMN "{name}" {kind}')
            gained.append(name)
        elif there[name] != kind:
            raise IngestError(
                f"raw.{contract.table}.{name} is {there[name]} in the current snapshot and {kind} in its contract.",
                hint="Give the column a new name in the contract, or load into a new workspace (SOPHIA_WORKSPACE).",
            )
    for day, of in contract.days:
        if day in gained:
            _fill_day(connection, contract, day, of, time_zone)


def _fill_day(connection: duckdb.DuckDBPyConnection, contract: Contract, day: str, of: str, time_zone: str) -> None:
    table = f'raw."{contract.table}"'
    known = f'SELECT DISTINCT "{of}" AS moment FROM {table} WHERE "{of}" IS NOT NULL'  # noqa: S608  # a contract's names
    days = connection.sql(known).pl().with_columns(day=company_day_of("moment", time_zone))
    connection.register("days_gained", days)
    fill = f'UPDATE {table} SET "{day}" = gained.day FROM days_gained AS gained WHERE "{of}" = gained.moment'  # noqa: S608
    connection.execute(fill)
    connection.unregister("days_gained")


class RawTable:
    """One load of one raw table. Used by one thread at a time; `begin`, any number of `add`, then `finish`.

    Of the versions of a record the one with the latest `modified_at` stays, of equals the one that was delivered
    last. A row that would not change is not touched, so that the same load twice leaves the same rows.

    `loaded_at` and `load_id` mark the rows that the load inserts or changes. With `only_newer` a record replaces only
    one that was modified before it: what is loaded was delivered earlier than what is held.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        *,
        load_id: str,
        loaded_at: datetime,
        only_newer: bool = False,
    ) -> None:
        self._connection = connection
        self._contract = contract
        self._name = f'raw."{contract.table}"'
        self._marks = [contract.source_system, loaded_at.astimezone(UTC).replace(tzinfo=None), load_id]
        self._replaces = ">" if only_newer else ">="
        self._appending = False
        self._appended = False
        self._held: list[pl.DataFrame] = []
        self._merged = 0
        self._deleted_before = 0
        self._keys_known = False

    def begin(self) -> None:
        """Start the load."""
        self._connection.execute("BEGIN")
        self._appending = self._count() == 0
        self._deleted_before = self._count("WHERE is_deleted")

    def add(self, frame: pl.DataFrame) -> None:
        """Merge a batch: columns of the contract, `is_deleted`, and text columns the contract doesn't know.

        It holds one version of each record: see `latest_versions`.
        """
        if frame.is_empty():
            return
        if not self._appending:
            self._put(frame, self._merge)
            return
        self._held.append(frame)
        if sum(map(len, self._held)) >= _ROW_GROUP:
            # One statement may write its rows in another order than they come: each record is in it once.
            held, self._held = pl.concat(self._held, how="diagonal"), []
            frame = latest_versions(held)
            del held
            whole = frame.height - frame.height % _ROW_GROUP
            for start in range(0, whole, _ROW_GROUP):
                self._put(frame.slice(start, _ROW_GROUP), self._append)
                # What a transaction appends stays in memory until it ends.
                self._connection.execute("COMMIT")
                self._connection.execute("BEGIN")
                self._appended = True
            self._held = [frame.slice(whole)]

    def delivered(self, keys: pl.Series) -> None:
        """Note keys that the source still has, for `finish` to tell which it hasn't. An empty table lacks none."""
        if self._appending:
            return
        if not self._keys_known:
            self._connection.execute("CREATE OR REPLACE TEMP TABLE delivered_keys (source_id VARCHAR)")
            self._keys_known = True
        if len(keys):
            number_from(
                self._connection,
                keys.rename(KEY).to_frame(),
                "INSERT INTO delivered_keys SELECT source_id FROM incoming",
            )

    def finish(self, *, delete_undelivered: bool = False, image: Image | None = None) -> Loaded:
        """End the load. With `delete_undelivered`, rows whose key was not delivered are marked deleted: all of them,
        or those of the image."""
        if self._appending and not self._appended:
            if self._held:
                frame = latest_versions(pl.concat(self._held, how="diagonal"))
                self._put(frame, self._append)
                self._merged = frame.height
        elif self._appending:
            for frame in self._held:
                self._put(frame, self._append)
            # Deleting rows that the same transaction appended would have DuckDB write all of them again.
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")
            self._drop_old_versions()
            self._merged = self._count()
        if delete_undelivered and self._keys_known:
            within, limits = self._within(image)
            for share in self._shares(_KEYS_AT_ONCE):
                self._merged += number(
                    self._connection,
                    f"UPDATE {self._name} SET is_deleted = true, loaded_at = ?, load_id = ? "  # noqa: S608
                    f"WHERE NOT is_deleted AND {share} "
                    f"AND source_id NOT IN (SELECT source_id FROM delivered_keys WHERE {share}){within}",
                    [*self._marks[1:], *limits],
                )
        deleted = self._count("WHERE is_deleted") - self._deleted_before
        self._connection.execute("COMMIT")
        return Loaded(self._merged, max(0, deleted))

    def rollback(self) -> None:
        """Leave the table as it was before `begin`."""
        with suppress(duckdb.TransactionException):
            self._connection.execute("ROLLBACK")
        if self._appending:
            self._connection.execute(f"DELETE FROM {self._name}")  # noqa: S608

    def _put(self, frame: pl.DataFrame, how: Callable[[pl.DataFrame], None]) -> None:
        there = {name.lower() for name in _columns(self._connection, self._contract)}
        for name in frame.columns:
            if name.lower() not in there:
                self._connection.execute(f'ALTER TABLE {self._name} ADD COLUMN "{name}" VARCHAR')
        how(frame)

    def _append(self, frame: pl.DataFrame) -> None:
        names = _list(frame.columns)
        number_from(
            self._connection,
            frame,
            f"INSERT INTO {self._name} ({names}, {', '.join(_ADDED)}) SELECT {names}, ?, ?, ? FROM incoming",  # noqa: S608
            self._marks,
        )

    def _merge(self, frame: pl.DataFrame) -> None:
        columns = frame.columns
        data = [name for name in columns if name != KEY]
        changed = " OR ".join(f'held."{name}" IS DISTINCT FROM new."{name}"' for name in data)
        update = ", ".join(f'"{name}" = new."{name}"' for name in (*data, *_ADDED))
        every = [*columns, *_ADDED]
        values = ", ".join(f'new."{name}"' for name in every)
        self._merged += number_from(
            self._connection,
            frame,
            f"MERGE INTO {self._name} AS held "  # noqa: S608
            "USING (SELECT *, ? AS source_system, ? AS loaded_at, ? AS load_id FROM incoming) AS new "
            "ON held.source_id = new.source_id "
            f"WHEN MATCHED AND new.modified_at {self._replaces} held.modified_at AND ({changed}) "
            f"THEN UPDATE SET {update} "
            f"WHEN NOT MATCHED THEN INSERT ({_list(every)}) VALUES ({values})",
            self._marks,
        )

    def _drop_old_versions(self) -> None:
        """Statement after statement appended in the order of delivery; of each key the latest version stays.

        Keys that occur more than once are few: they are looked for by their hashes, which are quicker to group.
        """
        for share in self._shares(_HASHES_AT_ONCE):
            self._connection.execute(
                f"DELETE FROM {self._name} WHERE rowid IN (SELECT row FROM (SELECT rowid AS row, row_number() OVER "  # noqa: S608
                f"(PARTITION BY source_id ORDER BY modified_at DESC, rowid DESC) AS age FROM {self._name} WHERE "
                f"hash(source_id) IN (SELECT hash(source_id) FROM {self._name} WHERE {share} "
                "GROUP BY hash(source_id) HAVING count(*) > 1)) WHERE age > 1)"
            )

    def _shares(self, rows: int) -> Iterator[str]:
        """Conditions of which one holds for each row, the same for each row of a key; each for about so many rows."""
        shares = 1 + self._count() // rows
        for share in range(shares):
            yield f"hash(source_id) % {shares} = {share}"

    def _within(self, image: Image | None) -> tuple[str, list[Any]]:
        """The condition that a row is in the image, and its parameters."""
        if image is None:
            return "", []
        moments = [image.span.start] if image.span.end is None else [image.span.start, image.span.end]
        limits: list[Any] = [moment.astimezone(UTC).replace(tzinfo=None) for moment in moments]
        lies = " AND ".join(f'"{image.column}" {limit} ?' for limit in (">=", "<")[: len(limits)])
        if image.found_by is None:
            return f" AND {lies}", limits
        return (
            f' AND {lies} AND ("{image.found_by}" IN (SELECT source_id FROM {self._name} WHERE {lies}) '  # noqa: S608
            f'OR "{image.found_by}" IN (SELECT unnest(?::VARCHAR[])))',
            [*limits, *limits, sorted(image.of)],
        )

    def _count(self, where: str = "") -> int:
        return number(self._connection, f"SELECT count(*) FROM {self._name} {where}")  # noqa: S608


def latest_versions(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows of a batch that are to be added: of each key the version modified last; of equals the one that comes
    last."""
    several = frame[KEY].hash().is_duplicated()
    if not several.any():
        return frame
    # Few keys occur more than once: only their rows are sorted.
    versions = (
        frame.lazy().select(KEY, MODIFIED).with_row_index(_POSITION).filter(several).sort(MODIFIED, maintain_order=True)
    )
    old = versions.filter(pl.col(_POSITION) != pl.col(_POSITION).last().over(KEY)).select(_POSITION).collect()
    return frame.filter(pl.repeat(value=True, n=frame.height, eager=True).scatter(old[_POSITION], values=False))


def _columns(connection: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, str]:
    # The catalogue's own table of columns lists those of every view as well, which takes as long as a small load.
    rows = connection.execute(f'DESCRIBE raw."{contract.table}"').fetchall()
    return {str(name): str(kind) for name, kind, *_ in rows}


def _list(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
