"""How a metric's statement is written for each warehouse: one file a dialect, one protocol.

A dialect writes only what `compile` asks of it. Expressions come as the checked tree of an allow-listed subset and are
rewritten node by node; no SQL text is ever translated from one dialect to another.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sophia_kit.metrics.dialects.protocol import SqlDialect

if TYPE_CHECKING:
    from sophia_kit.warehouse import Dialect

__all__ = ["SqlDialect", "dialect_of"]


@cache
def dialect_of(name: Dialect) -> SqlDialect:
    """The dialect that an engine's statements are written in. Its grammar is imported when it is first asked for."""
    if name == "snowflake":
        from sophia_kit.metrics.dialects.snowflake import Snowflake

        return Snowflake()
    from sophia_kit.metrics.dialects.duckdb import DuckDB

    return DuckDB()
