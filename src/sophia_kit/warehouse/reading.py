"""A snapshot's file, read as it is: without the views that this version would define over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

__all__ = ["reading"]


@contextmanager
def reading(path: Path, config: Mapping[str, str | int] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose own tables are those of the snapshot at `path`, read-only; `config` are DuckDB's settings.

    The file is attached, not opened: two that open a file in one process must agree in every setting, and a reader
    can't know who else has it open.

    Raises:
        duckdb.Error: the file can't be read.
    """
    with duckdb.connect(":memory:", config=dict(config or {})) as connection:
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS snapshot (READ_ONLY)")
        connection.execute("USE snapshot")
        yield connection
