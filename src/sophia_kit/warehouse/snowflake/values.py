"""The boundary: named parameters into Snowflake's positions, its answers into the frame that DuckDB would give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sophia_kit.core.errors import QueryRefused, WarehouseError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["normalised", "positioned"]

_NAMED = re.compile(
    r"""'(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | --[^\n]* | //[^\n]* | /\*.*?\*/ | \$\$.*?\$\$ | (?P<mark>\?)
    | \$(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


def positioned(sql: str, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with `?` for each `$name` outside of texts and comments, and the values in their order.

    Raises:
        QueryRefused: a name without a value, or a list; a list is bound as a parameter for each item.
    """
    values: list[Any] = []

    def place(match: re.Match[str]) -> str:
        if match["mark"]:
            raise QueryRefused("The query holds a bare '?'.", hint="Name its parameters: $name.", provider="snowflake")
        name = match["name"]
        if name is None:
            return match[0]
        if name not in params:
            raise QueryRefused(f"The query names ${name}, which isn't given.", hint="Give it.", provider="snowflake")
        if isinstance(params[name], list | tuple | set | dict):
            hint = "Write a parameter for each of its items."
            raise QueryRefused(f"${name} is a list, which Snowflake can't bind.", hint=hint, provider="snowflake")
        values.append(params[name])
        return "?"

    return _NAMED.sub(place, sql), values


def normalised(table: pa.Table) -> pl.DataFrame:
    """Lower-case names; whole numbers as Int64 where they fit; times as naive UTC in microseconds."""
    import polars as pl

    names = [name.lower() for name in table.column_names]
    if len(set(names)) < len(names):
        raise WarehouseError("Two columns differ in case alone.", hint="Name them apart.", provider="snowflake")
    frame = pl.from_arrow(table.rename_columns(names))
    assert isinstance(frame, pl.DataFrame)
    return frame.with_columns(_normal(column) for column in frame.iter_columns())


def _normal(column: pl.Series) -> pl.Series:
    import polars as pl

    kind = column.dtype
    if kind.is_integer():
        return column.cast(pl.Int64)
    if isinstance(kind, pl.Decimal) and kind.scale == 0:
        whole = column.cast(pl.Int64, strict=False)
        return whole if whole.null_count() == column.null_count() else column
    if isinstance(kind, pl.Datetime):
        moved = column if kind.time_zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return moved.cast(pl.Datetime("us"))
    return column
