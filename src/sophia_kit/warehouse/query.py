"""The query interface over one snapshot: read-only, a cursor per thread, bounded in rows and time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import duckdb

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import QueryLimit, QueryRefused, SnapshotDamaged, WarehouseError
from sophia_kit.core.spans import told_span
from sophia_kit.warehouse.canonical import model_references, models
from sophia_kit.warehouse.deadlines import Deadlines
from sophia_kit.warehouse.digest import rows_digest
from sophia_kit.warehouse.engine import Dialect, QueryProvenance, QueryResult, TableFreshness
from sophia_kit.warehouse.guard import require_select
from sophia_kit.warehouse.layout import create_missing

if TYPE_CHECKING:
    import polars as pl

    from sophia_kit.core.settings import Settings
    from sophia_kit.warehouse.snapshots import Snapshot

__all__ = ["Warehouse"]

Params = Sequence[Any] | Mapping[str, Any] | None

CATALOG = "snapshot"

_KEPT_STATEMENTS: Final = 64
"""Parsed, for each thread's cursor: 7 KB each for the catalogue's (measured, DuckDB 2.0)."""
# Of the relation that a query is read through; without one DuckDB draws a random name for each.
_ALIAS: Final = "found"
_deadlines: Final = Deadlines()


class Warehouse:
    """The `Engine` that is DuckDB on one snapshot. Safe to share between threads: each gets a cursor of its own.

    Attributes:
        snapshot: the snapshot it answers from.
        demo: whether its rows are the fictional company's.
        time_zone: the company's time zone when the snapshot was loaded.
        currency: the company's reporting currency when the snapshot was loaded.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        connection: duckdb.DuckDBPyConnection,
        *,
        demo: bool,
        time_zone: str,
        currency: str,
        row_limit: int,
        timeout_s: float,
    ) -> None:
        self.snapshot = snapshot
        self.demo = demo
        self.time_zone = time_zone
        self.currency = currency
        self._connection = connection
        self._row_limit = row_limit
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self._guard = threading.Lock()
        self._closed = False

    @classmethod
    def open(cls, snapshot: Snapshot, settings: Settings) -> Warehouse:
        """Attach the snapshot read-only and define the canonical views over it.

        Raises:
            SnapshotDamaged: the file can't be opened or lacks what a snapshot holds.
        """
        limits = settings.warehouse
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{limits.memory_limit_mb}MB",
                "threads": limits.threads,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        try:
            path = str(snapshot.path).replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS {CATALOG} (READ_ONLY)")
            described = f"SELECT demo, company_time_zone, currency FROM {CATALOG}.meta.snapshot"  # noqa: S608
            row = connection.execute(described).fetchone()
            if row is None:
                raise SnapshotDamaged(
                    f"The snapshot {snapshot.snapshot_id} doesn't say what it is.",
                    hint="Run `sophia ingest run --full`.",
                    path=snapshot.path,
                )
            _define_views(connection)
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            connection.close()
            reason = str(error).splitlines()[0].replace(str(snapshot.path), snapshot.path.name)
            raise SnapshotDamaged(
                f"The snapshot {snapshot.snapshot_id} can't be opened: {reason}",
                hint="Point `current` at another snapshot, or run `sophia ingest run --full`.",
                path=snapshot.path,
            ) from error
        demo, time_zone, currency = row
        return cls(
            snapshot,
            connection,
            demo=demo,
            time_zone=time_zone,
            currency=currency,
            row_limit=limits.row_limit,
            timeout_s=limits.query_timeout_s,
        )

    @property
    def dialect(self) -> Dialect:
        return "duckdb"

    @property
    def known_at(self) -> datetime:
        """The snapshot's; UTC."""
        return self.snapshot.known_at

    def query(
        self, sql: str, params: Params = None, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> QueryResult:
        """Run one SELECT with bound parameters (`?` with a list, `$name` with a mapping).

        Raises:
            QueryRefused: it isn't a single SELECT, or it names what isn't there.
            QueryLimit: more rows than `row_limit`, longer than `timeout_s`, or interrupted.
            WarehouseError: it failed while running.
        """
        if self._closed:
            raise WarehouseError("The warehouse is closed.", hint="Open it again.")
        cursor = self._cursor()
        statement = self._parsed(cursor, sql)
        limit = self._row_limit if row_limit is None else row_limit
        patience = self._timeout_s if timeout_s is None else timeout_s
        ran_at, began = SystemClock().now(), time.perf_counter()
        asking = told_span(
            "warehouse query", outside=True, db__system__name="duckdb", sophia__snapshot=self.snapshot.snapshot_id
        )
        with asking as span, self._watched(cursor, patience) as timed_out:
            try:
                frame = _fetch(cursor, statement, params, limit)
                if span is not None:
                    span.set_attribute("db.response.returned_rows", frame.height)
            except duckdb.InterruptException as error:
                reason = f"took longer than {patience:g} s" if timed_out.is_set() else "was interrupted"
                raise QueryLimit(f"The query {reason}.", hint="Ask for fewer rows or a shorter period.") from error
            except (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException) as error:
                raise QueryRefused(str(error).splitlines()[0], hint="Check the names in the query.") from error
            except duckdb.PermissionException as error:
                raise QueryRefused(str(error).splitlines()[0], hint="The warehouse reads its snapshot only.") from error
            except duckdb.Error as error:
                raise WarehouseError(str(error).splitlines()[0]) from error
        held = dict(params) if isinstance(params, Mapping) else tuple(params or ())
        provenance = QueryProvenance(
            sql=sql,
            params=held,
            engine="duckdb",
            query_id=None,
            snapshot_id=self.snapshot.snapshot_id,
            known_at=self.snapshot.known_at,
            ran_at=ran_at,
            elapsed_s=time.perf_counter() - began,
            demo=self.demo,
        )
        return QueryResult(frame, provenance)

    def freshness(self) -> dict[str, TableFreshness]:
        """When each raw table was last loaded completely, by table name."""
        frame = self.query(
            "SELECT table_name, source_system, last_success_at, freshness_hours, row_count, failed_at, reason "
            "FROM meta.freshness LEFT JOIN meta.behind USING (table_name)"
        ).frame
        return {
            name: TableFreshness(name, system, _utc(at), hours, rows, _utc(failed), reason)
            for name, system, at, hours, rows, failed, reason in frame.iter_rows()
        }

    def rows_digest(self) -> str:
        """SHA-256 (hex) over the snapshot's rows; see `sophia_kit.warehouse.rows_digest`."""
        return rows_digest(self._cursor(), catalog=CATALOG)

    def interrupt(self) -> None:
        """Stop every query that is running; each raises QueryLimit where it was called."""
        with self._guard:
            for cursor in self._running:
                cursor.interrupt()

    def close(self) -> None:
        """Stop what runs and let go of the snapshot."""
        self._closed = True
        self.interrupt()
        self._connection.close()

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            with self._guard:
                cursor = self._connection.cursor()
            self._local.cursor, self._local.statements = cursor, {}
        return cursor

    def _parsed(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
        """The statement, parsed once for each cursor.

        Raises:
            QueryRefused: it isn't a single SELECT.
        """
        known: dict[str, duckdb.Statement] = self._local.statements
        found = known.get(sql)
        if found is None:
            found = require_select(cursor, sql)
            if len(known) >= _KEPT_STATEMENTS:
                known.clear()
            known[sql] = found
        return found

    @contextmanager
    def _watched(self, cursor: duckdb.DuckDBPyConnection, patience: float) -> Iterator[threading.Event]:
        timed_out = threading.Event()

        def stop() -> None:
            timed_out.set()
            cursor.interrupt()

        with self._guard:
            self._running.add(cursor)
        try:
            with _deadlines.within(patience, stop):
                yield timed_out
        finally:
            with self._guard:
                self._running.discard(cursor)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _fetch(cursor: duckdb.DuckDBPyConnection, statement: duckdb.Statement, params: Params, limit: int) -> pl.DataFrame:
    import polars as pl
    import pyarrow as pa

    reader = cursor.sql(statement, alias=_ALIAS, params=params).to_arrow_reader(min(limit + 1, 100_000))
    batches, count = [], 0
    for batch in reader:
        batches.append(batch)
        count += batch.num_rows
        if count > limit:
            raise QueryLimit(f"The query returns more than {limit:,} rows.", hint="Aggregate or filter it.")
    frame = pl.from_arrow(pa.Table.from_batches(batches, schema=reader.schema))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _define_views(connection: duckdb.DuckDBPyConnection) -> None:
    names = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() "
        "WHERE database_name = ? AND schema_name IN ('raw', 'meta')",
        [CATALOG],
    ).fetchall()
    connection.execute("CREATE SCHEMA raw; CREATE SCHEMA meta")
    for schema, table in names:
        connection.execute(f'CREATE VIEW {schema}."{table}" AS FROM {CATALOG}.{schema}."{table}"')
    create_missing(connection, {table for schema, table in names if schema == "meta"})
    raw = {f"raw.{table}" for schema, table in names if schema == "raw"}
    for name, sql in models().items():
        lacking = {table for table in model_references().get(name, ()) if table.startswith("raw.")} - raw
        connection.execute(f'CREATE VIEW "{name}" AS {_without_rows(name) if lacking else sql}')


def _without_rows(view: str) -> str:
    """A canonical view without rows, for a snapshot that an earlier version wrote: a raw table was added since.

    So it is with tables that no source has delivered yet: empty, and never loaded by what is said of their freshness.
    """
    # The parser takes half a second to import, and is needed until the next load alone.
    from sophia_kit.warehouse.lineage import view_columns

    return f"SELECT {', '.join(f'NULL AS {column}' for column in view_columns(view))} WHERE false"
