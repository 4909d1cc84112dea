"""What the metric layer needs of a warehouse. DuckDB on a snapshot and Snowflake both are one.

Statements are written with named `$name` placeholders, and each engine binds them in its own way. A list is bound
as the list it is on DuckDB, and as a JSON array's text on Snowflake, with dates in ISO form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import polars as pl

    from sophia_kit.warehouse.snapshots import Snapshot

__all__ = ["Dialect", "Engine", "QueryProvenance", "QueryResult", "TableFreshness"]

Dialect = Literal["duckdb", "snowflake"]


@dataclass(frozen=True, slots=True)
class QueryProvenance:
    """What ran, on what, when.

    Attributes:
        engine: the dialect that ran it.
        query_id: the engine's own id of this run, by which its query history finds it; None where it keeps none.
        snapshot_id: the snapshot that was read; None where the engine keeps none.
        known_at: the time as of which the rows were known; UTC.
        ran_at: real time; UTC.
        elapsed_s: in seconds.
    """

    sql: str
    params: tuple[Any, ...] | Mapping[str, Any]
    engine: Dialect
    query_id: str | None
    snapshot_id: str | None
    known_at: datetime
    ran_at: datetime
    elapsed_s: float
    demo: bool


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows as a Polars frame, and where they come from."""

    frame: pl.DataFrame
    provenance: QueryProvenance


@dataclass(frozen=True, slots=True)
class TableFreshness:
    """How recent a raw table is. Times are UTC.

    Attributes:
        last_success_at: None when no source ever delivered it.
        failed_at: when its last load failed; None when that went well, or it wasn't tried.
        reason: why it isn't up to date, where the loader noted it.
    """

    table_name: str
    source_system: str
    last_success_at: datetime | None
    freshness_hours: float
    row_count: int
    failed_at: datetime | None = None
    reason: str | None = None

    def status(self, now: datetime) -> Literal["fresh", "stale", "unknown"]:
        """`unknown` when it was never loaded; `stale` when its last load failed, or is longer ago than permitted."""
        if self.last_success_at is None:
            return "unknown"
        late = now - self.last_success_at > timedelta(hours=self.freshness_hours)
        return "stale" if late or self.failed_at is not None else "fresh"

    def because(self, now: datetime) -> str | None:
        """Why it isn't fresh, for people; None when it is."""
        if self.last_success_at is None:
            return "never loaded" if self.reason is None else f"never loaded: {self.reason}"
        if self.failed_at is not None:
            return f"the load of {self.failed_at:%Y-%m-%d %H:%M} UTC failed: {self.reason}"
        return None if self.status(now) == "fresh" else f"older than {self.freshness_hours:g} h"


class Engine(Protocol):
    """A warehouse that metrics are evaluated on. Safe to share between threads, hashable, and weakly referable."""

    @property
    def dialect(self) -> Dialect:
        """The dialect that its statements are written in."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot it answers from, which never changes; None where rows change under an open engine."""

    @property
    def known_at(self) -> datetime:
        """The time as of which its rows are known; UTC."""

    @property
    def demo(self) -> bool:
        """Whether its rows are the fictional company's."""

    @property
    def time_zone(self) -> str:
        """The company's time zone, an IANA name, by which its days were cut."""

    @property
    def currency(self) -> str:
        """The company's reporting currency, an ISO 4217 code."""

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
    ) -> QueryResult:
        """Run one SELECT with its named parameters. Columns have lower-case names; whole numbers are Int64, others
        Decimal or Float64 as the statement says.

        Raises:
            QueryRefused: it isn't a single SELECT, or it names what isn't there.
            QueryLimit: more rows than `row_limit`, longer than `timeout_s`, or interrupted.
            WarehouseError: it failed while running.
        """

    def freshness(self) -> dict[str, TableFreshness]:
        """When each raw table was last loaded completely, by table name."""

    def close(self) -> None:
        """Stop what runs and let go."""
