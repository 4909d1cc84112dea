"""How a metric's statement is written for each warehouse: one file a dialect, one protocol.

A dialect writes only what `compile` asks of it. Expressions come as the checked tree of an allow-listed subset and are
rewritten node by node; no SQL text is ever translated from one dialect to another.
"""

from sophia_kit.metrics.dialects.duckdb import DuckDB
from sophia_kit.metrics.dialects.protocol import SqlDialect
from sophia_kit.metrics.dialects.snowflake import Snowflake
from sophia_kit.warehouse import Dialect

__all__ = ["SqlDialect", "dialect_of"]

_DIALECTS: dict[Dialect, SqlDialect] = {"duckdb": DuckDB(), "snowflake": Snowflake()}


def dialect_of(name: Dialect) -> SqlDialect:
    """The dialect that an engine's statements are written in."""
    return _DIALECTS[name]
