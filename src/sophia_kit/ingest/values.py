"""From what a source delivered to typed columns, exactly.

A column is read whole, and only the values that don't fit are looked at one by one, so that a wrong record costs
itself and not its batch.

Numbers: a JSON number arrives as a float, which stands for the shortest decimal text that reads back as the
same float; that text is exact for up to 15 digits, and a longer one is refused rather than guessed. More
digits after the point than the contract has are rounded half to even.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import NoneType
from typing import Any, Final

import polars as pl

from sophia_kit.ingest.contract import Column

__all__ = ["MISSING", "Parsed", "limits", "shown", "typed", "wire"]


class _Missing:
    """Stands in a column for a record that lacks the field."""


MISSING: Final = _Missing()

_EXACT: Final = 10**15
_SAFE_INT: Final = 2**53
_TIMESTAMP: Final = "%Y-%m-%dT%H:%M:%S%.f%#z"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_SHOWN = 60
_EXACTLY = Context(prec=400, rounding=ROUND_HALF_EVEN)


@dataclass(slots=True)
class Parsed:
    """A column, and for each row that could not be read what is wrong with it; its value is null."""

    series: pl.Series
    wrong: dict[int, str] = field(default_factory=dict)


def wire(column: Column, values: list[Any]) -> Parsed:
    """A column of decoded JSON (str, int, float, bool, None; Decimal too) in the type it travels in.

    Dates and timestamps stay text, and numbers may stay floats, until `typed` reads them. Any other type of
    value, and `MISSING`, is wrong.
    """
    try:
        series = _as_sent(column, values)
    except (TypeError, OverflowError, ValueError, pl.exceptions.PolarsError):
        series = None
    return _one_by_one(column, values) if series is None else Parsed(series)


def typed(column: Column, series: pl.Series) -> Parsed:
    """A column, as it travelled or as a Parquet file has it, in the contract's type.

    Text is read as ISO 8601: a timestamp with its zone, a date as `YYYY-MM-DD`. A timestamp of a file that has
    no zone is UTC.
    """
    read = _read(column, series)
    if read is None:
        parsed = _one_by_one(column, series.to_list())
        return parsed if parsed.series.dtype == column.dtype else _settled(column, parsed)
    wrong: dict[int, str] = {}
    if read.null_count() != series.null_count():
        rows = _rows(read.is_null() & series.is_not_null())
        again = _one_by_one(column, series.gather(rows).to_list())
        if again.series.dtype == column.dtype:
            wrong = {rows[index]: reason for index, reason in again.wrong.items()}
            read = read.scatter(rows, again.series)
        else:
            wrong = {row: _not_of_type(column, series[row]) for row in rows}
    return Parsed(read.rename(column.name), wrong)


def limits(column: Column, series: pl.Series) -> dict[int, str]:
    """The rows of a typed column that break the contract, and how. Null breaks only `required`."""
    found: dict[int, str] = {}
    if column.required:
        empty = series.is_null()
        if column.kind == "string":
            empty = empty | (series == "").fill_null(value=False)
        if empty.any():
            found |= dict.fromkeys(_rows(empty), f"{column.name} is required and empty")
    for limit, low in ((column.minimum, True), (column.maximum, False)):
        if limit is None:
            continue
        outside = (series < limit) if low else (series > limit)
        if outside.any():
            side = "below the minimum" if low else "above the maximum"
            found |= {row: f"{column.name} {_told(column, series[row])} is {side} {limit}" for row in _rows(outside)}
    if column.values is not None:
        other = ~series.is_in(list(column.values))
        if other.any():
            allowed = ", ".join(column.values)
            found |= {row: f"{column.name} {_told(column, series[row])} is none of {allowed}" for row in _rows(other)}
    return found


def shown(value: object) -> str:
    """A value as a reason shows it: short, and printable whatever it holds."""
    text = repr(value).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _rows(mask: pl.Series) -> list[int]:
    rows: list[int] = mask.fill_null(value=False).arg_true().to_list()
    return rows


def _not_of_type(column: Column, value: object) -> str:
    return f"{column.name} is not {column.type_name}: {_told(column, value)}"


def _told(column: Column, value: object) -> str:
    """A value as a reason says it: not of a column that isn't kept, and not what is nested, which may hold anything."""
    if column.privacy != "keep":
        return "(not kept)"
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return str(value) if isinstance(value, Decimal) else shown(value)


# A column as a whole. None when it has to be read value by value.


def _as_sent(column: Column, values: Sequence[Any]) -> pl.Series | None:
    match column.kind:
        case "string" | "date" | "timestamp":
            return pl.Series(column.name, values, dtype=pl.String())
        case "bool":
            return pl.Series(column.name, values, dtype=pl.Boolean())
    kinds = set(map(type, values))
    if kinds <= {int, NoneType}:
        return pl.Series(column.name, values, dtype=pl.Int64())
    if kinds <= {int, float, NoneType}:
        numbers = pl.Series(column.name, values, dtype=pl.Float64())
        # Beyond 2**53 a float can't hold every whole number, so an int among the floats might have changed.
        return None if int in kinds and (numbers.abs() > _SAFE_INT).any() else numbers
    return None


def _read(column: Column, series: pl.Series) -> pl.Series | None:
    """The column in the contract's type, null where a value doesn't fit; None where the types have no relation."""
    dtype, target = series.dtype, column.dtype
    if dtype in (target, pl.Null):
        return series.cast(target)
    match column.kind:
        case "string" if isinstance(dtype, (pl.Categorical, pl.Enum)):
            return series.cast(target)
        case "int" if dtype.is_integer():
            return series.cast(target, strict=False)
        case "int" if dtype.is_float():
            floats = series.cast(pl.Float64)
            return _null_where(~((floats.round() == floats) & (floats.abs() < _SAFE_INT)), floats).cast(target)
        case "decimal" if dtype.is_decimal() or dtype.is_integer():
            return series.cast(target, strict=False)
        case "decimal" if dtype.is_float():
            return _float_decimals(column, series.cast(pl.Float64))
        case "date" if dtype == pl.String:
            days = series.str.to_date("%Y-%m-%d", strict=False)
            return _null_where((series.str.len_bytes() != 10) | (days < _FIRST.date()), days)
        case "timestamp" if dtype == pl.String:
            return _utc(series.str.to_datetime(_TIMESTAMP, time_unit="us", strict=False))
        case "timestamp" if isinstance(dtype, pl.Datetime):
            return _utc(series)
        case _:
            return None


def _utc(series: pl.Series) -> pl.Series:
    zoned = series.dt.replace_time_zone("UTC") if series.dtype.time_zone is None else series  # type: ignore[attr-defined]
    utc = zoned.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    return _null_where((utc < _FIRST) | (utc > _LAST), utc).dt.replace_time_zone(None)


def _float_decimals(column: Column, floats: pl.Series) -> pl.Series:
    unit = 10**column.scale
    scaled = (floats * unit).round()
    # Up to 15 digits a decimal and its nearest float name each other, so a float that is the quotient of a whole
    # number and the unit stands for exactly that decimal. The divisor is a column because Polars multiplies by the
    # reciprocal of a scalar, which is not exact.
    divisor = pl.repeat(unit, len(floats), dtype=pl.Float64(), eager=True)
    # Polars ends the cast of a float just past the precision with an error, strict or not.
    fits = scaled.abs() < 10**column.precision
    exact = fits & (scaled.abs() <= _EXACT) & (scaled / divisor == floats)
    return _null_where(~exact, floats).cast(column.dtype, strict=False)


def _null_where(mask: pl.Series, series: pl.Series) -> pl.Series:
    return series.set(mask, None) if mask.any() else series


# Value by value.


class _WrongValue(Exception):
    pass


def _one_by_one(column: Column, values: Sequence[Any]) -> Parsed:
    dtype = pl.String() if column.kind in ("date", "timestamp") else column.dtype
    read: list[Any] = []
    wrong: dict[int, str] = {}
    for row, value in enumerate(values):
        one = None
        if value is MISSING:
            wrong[row] = f"field {column.field} is missing"
        elif value is not None:
            try:
                one = _one(column, value)
            except _WrongValue as error:
                wrong[row] = str(error) or _not_of_type(column, value)
        read.append(one)
    return Parsed(pl.Series(column.name, read, dtype=dtype), wrong)


def _settled(column: Column, parsed: Parsed) -> Parsed:
    again = typed(column, parsed.series)
    return Parsed(again.series, again.wrong | parsed.wrong)


def _one(column: Column, value: Any) -> Any:
    kind = type(value)
    match column.kind:
        case "string" | "date" | "timestamp" if kind is str:
            try:
                value.encode()
            except UnicodeEncodeError:
                raise _WrongValue(f"{column.name} is not valid text: {_told(column, value)}") from None
            return value
        case "bool" if kind is bool:
            return value
        case "int" if kind in (int, float, Decimal) and _finite(value):
            if abs(value) >= (_SAFE_INT if kind is float else 2**63):
                raise _WrongValue(f"{column.name} is too large: {_told(column, value)}")
            if value == int(value):
                return int(value)
        case "decimal" if kind in (int, float, Decimal):
            return _exact(column, value)
    raise _WrongValue


def _finite(value: int | float | Decimal) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _exact(column: Column, value: int | float | Decimal) -> Decimal:
    if not _finite(value):
        raise _WrongValue
    if abs(value) >= 10**column.precision:
        raise _WrongValue(f"{column.name} doesn't fit {column.type_name}: {_told(column, value)}")
    if isinstance(value, float):
        if abs(value) * 10**column.scale > _EXACT:
            raise _WrongValue(
                f"{column.name} has more than 15 digits, which a JSON number can't carry: {_told(column, value)}"
            )
        value = Decimal(repr(value))
    number = _EXACTLY.quantize(Decimal(value), Decimal(1).scaleb(-column.scale))
    if len(number.as_tuple().digits) > column.precision:
        raise _WrongValue(f"{column.name} doesn't fit {column.type_name}: {_told(column, value)}")
    return number
