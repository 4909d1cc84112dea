"""What checks found, as it is kept in the snapshot: `meta.check_results`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from sophia_kit.warehouse.checks.definition import Severity

if TYPE_CHECKING:
    import duckdb

    from sophia_kit.warehouse.engine import Engine

__all__ = ["CheckResult", "Status", "read_results", "row_counts", "write_results"]

Status = Literal["passed", "failed", "skipped", "unknown"]

_COLUMNS = (
    "check_id", "view", "kind", "severity", "status", "failed_rows", "checked_rows", "rows_before", "detail",
    "description", "stands_on", "ran_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        status: `skipped` when there was nothing to look at, and `detail` says why; `unknown` when it could not run.
        failed_rows: rows that fail it; of a reconciliation the months or groups, of other checks of a whole view 1.
        checked_rows: rows that it looked at.
        rows_before: rows of the view in the snapshot before; None when that isn't known.
        detail: one sentence for a reader.
        stands_on: the columns it vouches for, as `view.column`, or `view.*` for the view's rows.
        ran_at: the load's moment; UTC.
    """

    check_id: str
    view: str
    kind: str
    severity: Severity
    status: Status
    failed_rows: int
    checked_rows: int
    rows_before: int | None
    detail: str
    description: str
    stands_on: tuple[str, ...]
    ran_at: datetime

    @property
    def marks(self) -> bool:
        """Whether it marks the metrics that stand on it."""
        return self.severity == "error" and self.status in ("failed", "unknown")


def write_results(connection: duckdb.DuckDBPyConnection, results: Iterable[CheckResult]) -> None:
    """Replace the draft's `meta.check_results`."""
    import polars as pl

    schema: dict[str, Any] = dict.fromkeys(_COLUMNS, pl.String)
    schema |= dict.fromkeys(("failed_rows", "checked_rows", "rows_before"), pl.Int64)
    schema["ran_at"] = pl.Datetime("us")
    rows = [
        tuple(
            ", ".join(each.stands_on) if name == "stands_on"
            else each.ran_at.astimezone(UTC).replace(tzinfo=None) if name == "ran_at"
            else getattr(each, name)
            for name in _COLUMNS
        )
        for each in results
    ]  # fmt: skip
    connection.register("incoming", pl.DataFrame(rows, schema=schema, orient="row"))
    connection.execute("DELETE FROM meta.check_results")
    names = ", ".join(_COLUMNS)
    connection.execute(f"INSERT INTO meta.check_results ({names}) SELECT {names} FROM incoming")  # noqa: S608
    connection.unregister("incoming")


def read_results(engine: Engine) -> tuple[CheckResult, ...]:
    """What the snapshot's checks found, in order of their ids; empty when none ran on it."""
    sql = f"SELECT {', '.join(_COLUMNS)} FROM check_results ORDER BY check_id"  # noqa: S608
    return tuple(_result(row) for row in engine.query(sql).frame.iter_rows())


def row_counts(results: Iterable[CheckResult]) -> dict[str, int]:
    """Rows by check, of those that compare the number of rows."""
    return {each.check_id: each.checked_rows for each in results if each.kind == "row_count_drift"}


def _result(row: Sequence[Any]) -> CheckResult:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["stands_on"] = tuple(str(values["stands_on"]).split(", "))
    values["ran_at"] = cast("datetime", values["ran_at"]).replace(tzinfo=UTC)
    return CheckResult(**values)
