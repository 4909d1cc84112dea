"""`meta.freshness`, when each table was last loaded completely, and `meta.behind`, why one isn't up to date: both are
carried from snapshot to snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import polars as pl

from sophia_kit.ingest.contract import Contract

__all__ = ["Behind", "write_freshness"]


@dataclass(frozen=True, slots=True)
class Behind:
    """Why a table isn't up to date, and when its load failed; None where it wasn't tried."""

    failed_at: datetime | None
    reason: str


def write_freshness(
    connection: duckdb.DuckDBPyConnection,
    contracts: Iterable[Contract],
    succeeded: Mapping[str, datetime],
    behind: Mapping[str, Behind],
) -> None:
    """One row a contract. `succeeded` has the tables that this load brought up to date, and as of when; `behind` those
    that it did not. What it left out stays as it was.

    A table never moves back in time, and one that no source ever delivered has no time at all.
    """
    before = dict(connection.execute("SELECT table_name, last_success_at FROM meta.freshness").fetchall())
    tables = tuple(contracts)
    each = (
        f"SELECT '{one.table}', count(*) FROM raw.\"{one.table}\" WHERE NOT is_deleted"  # noqa: S608
        for one in tables
    )
    counts = dict(connection.execute(" UNION ALL ".join(each)).fetchall())
    rows = []
    for contract in tables:
        moments = (before.get(contract.table), _naive(succeeded.get(contract.table)))
        latest = max((moment for moment in moments if moment is not None), default=None)
        rows.append((contract.table, contract.source_system, latest, contract.freshness_hours, counts[contract.table]))
    schema: dict[str, type[pl.DataType] | pl.DataType] = {
        "table_name": pl.String,
        "source_system": pl.String,
        "last_success_at": pl.Datetime("us"),
        "freshness_hours": pl.Float64,
        "row_count": pl.Int64,
    }
    connection.register("incoming", pl.DataFrame(rows, schema=schema, orient="row"))
    connection.execute("DELETE FROM meta.freshness")
    connection.execute(f"INSERT INTO meta.freshness ({', '.join(schema)}) SELECT * FROM incoming")  # noqa: S608
    connection.unregister("incoming")
    for table in {*succeeded, *behind}:
        connection.execute("DELETE FROM meta.behind WHERE table_name = ?", [table])
    for table, found in behind.items():
        connection.execute("INSERT INTO meta.behind VALUES (?, ?, ?)", [table, _naive(found.failed_at), found.reason])


def _naive(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
