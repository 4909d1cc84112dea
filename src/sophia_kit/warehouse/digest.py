"""A digest of rows, not of files: DuckDB and Parquet files differ from run to run for the same rows."""

from __future__ import annotations

import hashlib
import itertools

import duckdb
import pyarrow as pa

__all__ = ["rows_digest", "table_digest"]

_LOAD_COLUMNS = ("loaded_at", "load_id")
_BATCH_ROWS = 50_000
_SORT_ROWS = 100_000


def rows_digest(connection: duckdb.DuckDBPyConnection, *, catalog: str | None = None) -> str:
    """SHA-256 (hex) over all tables of schema `raw`, in order of their names.

    Each table enters with its name, its columns and its rows in canonical order; when and by which load a row
    was written is left out, so that the same data gives the same digest.
    """
    where = "database_name = ?" if catalog else "database_name = current_database()"
    rows = connection.execute(
        f"SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw' AND {where} ORDER BY table_name",  # noqa: S608
        [catalog] if catalog else [],
    ).fetchall()
    total = hashlib.sha256()
    for (table,) in rows:
        total.update(f"{table} {table_digest(connection, table, catalog=catalog)}\n".encode())
    return total.hexdigest()


def table_digest(connection: duckdb.DuckDBPyConnection, table: str, *, catalog: str | None = None) -> str:
    """SHA-256 (hex) over the rows of `raw.<table>`, ordered by `source_id`, columns ordered by name.

    Text is written with its length before it, so that no two different rows read the same; NULL as chr(30).
    """
    name = f'"{catalog}".raw."{table}"' if catalog else f'raw."{table}"'
    described = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall()  # noqa: S608
    columns = sorted((column, kind) for column, kind in described if column not in _LOAD_COLUMNS)
    parts = []
    for column, kind in columns:
        text = f'"{column}"::VARCHAR'
        if kind == "VARCHAR":
            text = f'strlen("{column}") || \':\' || "{column}"'
        parts.append(f"coalesce({text}, chr(30)), chr(31)")
    digest = hashlib.sha256("|".join(f"{column} {kind}" for column, kind in columns).encode())
    line = f"SELECT concat({', '.join(parts)}, chr(10)) AS line FROM {name}"  # noqa: S608
    for where, params in _ranges(connection, name):
        for batch in connection.sql(f"{line} {where} ORDER BY source_id", params=params).to_arrow_reader(_BATCH_ROWS):
            _, offsets, data = batch.column(0).buffers()
            if data is not None:
                first, last = _bounds(batch.column(0), offsets)
                digest.update(memoryview(data)[first:last])
    return digest.hexdigest()


def _ranges(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[str, list[str]]]:
    """Consecutive ranges of keys that make up the table: sorting a large one whole takes hundreds of megabytes.

    Where the ranges begin comes from a sample and doesn't change the order of the rows. Python and DuckDB both
    order text by code points.
    """
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {name}").fetchall()  # noqa: S608
    pieces = -(-rows // _SORT_ROWS)
    if pieces <= 1:
        return [("", [])]
    sample = f"SELECT source_id FROM {name} USING SAMPLE reservoir({pieces * 100} ROWS) REPEATABLE (0)"  # noqa: S608
    keys = sorted(key for (key,) in connection.execute(sample).fetchall() if key is not None)
    starts = sorted({keys[piece * len(keys) // pieces] for piece in range(1, pieces)})
    ranges: list[tuple[str, list[str]]] = [("WHERE source_id < ?", [starts[0]])]
    for start, end in itertools.pairwise(starts):
        ranges.append(("WHERE source_id >= ? AND source_id < ?", [start, end]))
    return [*ranges, ("WHERE source_id >= ? OR source_id IS NULL", [starts[-1]])]


def _bounds(lines: pa.StringArray, offsets: pa.Buffer) -> tuple[int, int]:
    """Where an Arrow string column begins and ends in its data buffer; batches may share one buffer."""
    width = 8 if pa.types.is_large_string(lines.type) else 4
    view = memoryview(offsets).cast("q" if width == 8 else "i")
    return view[lines.offset], view[lines.offset + len(lines)]
