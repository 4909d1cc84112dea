"""An answer as a typed frame or Arrow table, with where it comes from attached."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

from sophia_kit.core.errors import InputError
from sophia_kit.metrics.value import MetricResult, MetricValue, Provenance, UnknownCode

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["METADATA_KEY", "arrow_of", "frame_of", "metadata_of"]

METADATA_KEY = "sophia_kit"
"""The key of the metadata of an Arrow schema or a Parquet file."""

_NAMESPACE = "sophia"
_RESULT = "_sophia_result"
_SCALE = Decimal("1e-10")


def frame_of(result: MetricResult) -> pl.DataFrame:
    """See `MetricResult.frame`."""
    import polars as pl

    _register()
    number = pl.Decimal(38, 10)
    schema: dict[str, Any] = {"period_start": pl.Date, "period_end": pl.Date, "complete": pl.Boolean}
    schema |= dict.fromkeys(result.query.by, pl.String)
    schema |= {"value": number, "unit": pl.String, "unknown_code": pl.Enum(get_args(UnknownCode))}
    schema |= {"unknown_reason": pl.String, "freshness": pl.Enum(["fresh", "stale", "unknown"])}
    schema["failed_checks"] = pl.String
    for kind in result.query.compare:
        schema |= {f"{kind}_{part}": number for part in ("base", "absolute", "relative")}
        schema[f"{kind}_good"] = pl.Boolean
    rows = [_row(value, len(result.query.by)) for value in result.values]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    setattr(frame, _RESULT, result)
    return frame


def arrow_of(result: MetricResult) -> pa.Table:
    """See `MetricResult.arrow`."""
    table = frame_of(result).to_arrow()
    return table.replace_schema_metadata(metadata_of(result))


def metadata_of(result: MetricResult) -> dict[str, str]:
    """See `MetricResult.metadata`."""
    query, first = result.query, result.values[0]
    provenance = first.provenance
    content = {
        "metric": first.metric,
        "label": first.label,
        "unit": first.unit,
        "day": query.day,
        "grain": first.period.grain,
        "by": query.by,
        "filters": dict(query.filters),
        "compare": query.compare,
        "trailing": query.trailing,
        "periods": query.periods,
        "include_unfinished": query.include_unfinished,
        "principal": None if query.principal is None else query.principal.name,
        "row_filter": () if query.principal is None else query.principal.attributes,
        "known_at": first.known_at,
        "demo": first.demo,
        "freshness": {
            "status": first.freshness.status,
            "as_of": first.freshness.as_of,
            "failures": first.freshness.failures,
        },
        "failed_checks": [asdict(mark) for mark in first.quality],
        "engine": provenance.engine,
        "query_ids": provenance.query_ids,
        "ran_at": provenance.ran_at,
        "snapshot_id": provenance.snapshot_id,
        "definition_digest": provenance.definition_digest,
        "own_definitions": provenance.own_definitions,
        "tables": provenance.tables,
        "source_systems": provenance.source_systems,
        "sql": provenance.sql,
        "params": dict(provenance.params),
    }
    return {METADATA_KEY: json.dumps(content, default=_plain, separators=(",", ":"))}


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _row(value: MetricValue, dimensions: int) -> tuple[Any, ...]:
    cells: list[Any] = [value.period.start, value.period.end_inclusive, value.period.complete]
    # A metric that is unknown altogether has no members to name.
    cells += [member for _, member in value.members] or [None] * dimensions
    unknown = value.unknown
    cells += [_cell(value.value), value.unit]
    cells += [unknown.code if unknown else None, unknown.reason if unknown else None, value.freshness.status]
    cells.append(", ".join(mark.check for mark in value.quality) or None)
    for item in value.comparisons:
        cells += [_cell(item.base), _cell(item.absolute), _cell(item.relative), item.good]
    return tuple(cells)


def _cell(number: Decimal | None) -> Decimal | None:
    return None if number is None else number.quantize(_SCALE)


class _Namespace:
    """`frame.sophia`: what a frame made by `MetricResult.frame` is an answer to.

    A frame that was made from such a frame is another one, and has nothing of this: what was done to it isn't known.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    @property
    def result(self) -> MetricResult:
        """The answer that the frame holds.

        Raises:
            InputError: the frame isn't one that `MetricResult.frame` returned.
        """
        found: MetricResult | None = getattr(self._frame, _RESULT, None)
        if found is None:
            raise InputError(
                "This frame is no metric's: it was made by other means, or from a metric's frame.",
                hint="Keep the result: `result = sk.metric(...)`, then `result.provenance`.",
            )
        return found

    @property
    def provenance(self) -> Provenance:
        """Where its values come from.

        Raises:
            InputError: as for `result`.
        """
        return self.result.provenance


def _register() -> None:
    import polars as pl

    if not hasattr(pl.DataFrame, _NAMESPACE):
        pl.api.register_dataframe_namespace(_NAMESPACE)(_Namespace)
