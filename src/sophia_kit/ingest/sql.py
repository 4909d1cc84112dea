"""One way to ask DuckDB for one number, and one to have it read a frame.

An `execute` whose result was not fetched to its end keeps DuckDB 2's connection in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl

__all__ = ["number", "number_from"]


def number(connection: duckdb.DuckDBPyConnection, statement: str, params: Sequence[Any] = ()) -> int:
    """The whole number that `statement` returns in its first row, or 0 when it returns no row."""
    rows = connection.execute(statement, list(params)).fetchall()
    return int(rows[0][0]) if rows else 0


def number_from(
    connection: duckdb.DuckDBPyConnection, incoming: pl.DataFrame, statement: str, params: Sequence[Any] = ()
) -> int:
    """`number` of a statement that reads the frame as the table `incoming`, such as how many rows it inserted.

    DuckDB finds the frame by its name here. A registered one it would hold until the transaction ends, unregistered
    or not: all of a load's batches together.
    """
    rows = connection.execute(statement, list(params)).fetchall()
    return int(rows[0][0]) if rows else 0
