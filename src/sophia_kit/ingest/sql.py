"""One way to ask DuckDB for one number.

An `execute` whose result was not fetched to its end keeps DuckDB 2's connection in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

__all__ = ["number"]


def number(connection: duckdb.DuckDBPyConnection, statement: str, params: Sequence[Any] = ()) -> int:
    """The whole number that `statement` returns in its first row, or 0 when it returns no row."""
    rows = connection.execute(statement, list(params)).fetchall()
    return int(rows[0][0]) if rows else 0
