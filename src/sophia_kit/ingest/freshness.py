"""`meta.freshness`: when each table was last loaded completely, carried from snapshot to snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import duckdb
import polars as pl

from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.sql import number

__all__ = ["write_freshness"]


def write_freshness(
    connection: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], succeeded: Mapping[str, datetime]
) -> None:
    """One row a contract. `succeeded` has the tables that this load brought up to date, and as of when.

    A table never moves back in time, and one that no source ever delivered has no time at all.
    """
    before = dict(connection.execute("SELECT table_name, last_success_at FROM meta.freshness").fetchall())
    rows = []
    for contract in contracts:
        now = succeeded.get(contract.table)
        naive = None if now is None else now.astimezone(UTC).replace(tzinfo=None)
        latest = max((moment for moment in (before.get(contract.table), naive) if moment is not None), default=None)
        count = number(connection, f'SELECT count(*) FROM raw."{contract.table}" WHERE NOT is_deleted')  # noqa: S608
        rows.append((contract.table, contract.source_system, latest, contract.freshness_hours, count))
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
