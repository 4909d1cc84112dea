"""A digest of rows, not of files: DuckDB and Parquet files differ from run to run for the same rows."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import duckdb
import pyarrow as pa

__all__ = ["rows_digest", "table_digest"]

_LOAD_COLUMNS = ("loaded_at", "load_id")
_BATCH_ROWS = 50_000
_SORT_ROWS = 250_000
_FLAGS = 60  # in a BIGINT


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
    """SHA-256 (hex) over the columns of `raw.<table>`, each with its name, its type and its values by `source_id`.

    The values of a column are hashed one after the other: text as UTF-8, after a column of its lengths in bytes (-1
    where it is NULL); other types as little-endian integers (days, microseconds, unscaled decimals of 16 bytes; 0
    where NULL), after columns of bits that say which are NULL. Column by column it takes half the time of row by row.
    """
    name = f'"{catalog}".raw."{table}"' if catalog else f'raw."{table}"'
    described = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall()  # noqa: S608
    columns = sorted((column, kind) for column, kind in described if column not in _LOAD_COLUMNS)
    streams = list(_streams(columns))
    hashes = [hashlib.sha256() for _ in streams]
    selected = ", ".join(sql for _, sql in streams)
    for where, params in _ranges(connection, name):
        relation = connection.sql(
            f"SELECT {selected} FROM (FROM {name} {where} ORDER BY source_id)",  # noqa: S608
            params=params,
        )
        for batch in relation.to_arrow_reader(_BATCH_ROWS):
            for stream, array in zip(hashes, batch.columns, strict=True):
                stream.update(_values(array))
    total = hashlib.sha256()
    for (label, _), stream in zip(streams, hashes, strict=True):
        total.update(f"{label} {stream.hexdigest()}\n".encode())
    return total.hexdigest()


def _streams(columns: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """What is hashed: a label and its SQL, which is never NULL."""
    others = [column for column, kind in columns if kind != "VARCHAR"]
    for start in range(0, len(others), _FLAGS):
        held = others[start : start + _FLAGS]
        bits = " + ".join(f'("{column}" IS NULL)::BIGINT * {1 << bit}' for bit, column in enumerate(held))
        yield f"null bits of {'|'.join(held)}", f"({bits})::BIGINT"
    for column, kind in columns:
        label = f"{column} {kind}"
        if kind == "VARCHAR":
            yield f"{label} lengths", f'coalesce(strlen("{column}"), -1)::BIGINT'
            yield label, f"coalesce(\"{column}\", '')"
        elif kind == "BOOLEAN":
            yield label, f'coalesce("{column}", false)::UTINYINT'
        elif kind.startswith("DECIMAL("):
            scale = kind.rstrip(")").rpartition(",")[2]
            yield label, f'coalesce("{column}", 0)::DECIMAL(38,{scale})'
        elif kind == "DATE":
            yield label, f"coalesce(\"{column}\" - DATE '1970-01-01', 0)::BIGINT"
        elif kind == "TIMESTAMP":
            yield label, f'coalesce(epoch_us("{column}"), 0)::BIGINT'
        else:
            yield label, f'coalesce("{column}", 0)::{kind}'


def _values(array: pa.Array) -> memoryview:
    """The values of an Arrow array without NULLs, as they lie in memory; batches may share a buffer."""
    if len(array) == 0:
        return memoryview(b"")
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        _, offsets, data = array.buffers()
        if data is None:
            return memoryview(b"")
        positions = memoryview(offsets).cast("q" if pa.types.is_large_string(array.type) else "i")
        return memoryview(data)[positions[array.offset] : positions[array.offset + len(array)]]
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


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
