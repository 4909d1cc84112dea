"""The `Engine` that is Snowflake: only aggregates leave it, by sessions that only read."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import QueryLimit, WarehouseError
from sophia_kit.core.spans import told_span
from sophia_kit.warehouse.engine import Dialect, QueryProvenance, QueryResult, TableFreshness
from sophia_kit.warehouse.snowflake.errors import may_pass, translated
from sophia_kit.warehouse.snowflake.guard import require_aggregates
from sophia_kit.warehouse.snowflake.login import log_in, login_parameters
from sophia_kit.warehouse.snowflake.sessions import Sessions
from sophia_kit.warehouse.snowflake.values import normalised, positioned

if TYPE_CHECKING:
    import pyarrow as pa

    from sophia_kit.core.settings import Settings, SnowflakeSettings

__all__ = ["SnowflakeWarehouse"]

# stamina logs each retry as a warning, which lands on stderr where nobody configured logging.
logging.getLogger("stamina").addHandler(logging.NullHandler())

_DESCRIBED = "SELECT known_at, demo, company_time_zone, currency FROM meta.snapshot"
_FRESHNESS = "SELECT table_name, source_system, last_success_at, freshness_hours, row_count FROM meta.freshness"
_ATTEMPTS = 3
_HELD_S = 60.0
"""How long what the platform says of its tables is believed: it loads nightly."""


@dataclass(frozen=True, slots=True)
class _Described:
    known_at: datetime
    demo: bool
    time_zone: str
    currency: str
    freshness: dict[str, TableFreshness]
    read_at: float


class SnowflakeWarehouse:
    """Snowflake, as a role that reads. Safe to share between threads: each query has a session of its own.

    It keeps no snapshots: it answers from what the tables hold when it is asked, and `known_at` is the time that the
    platform last said they are as of.
    """

    snapshot = None
    dialect: Dialect = "snowflake"

    def __init__(self, settings: SnowflakeSettings) -> None:
        self._row_limit = settings.row_limit
        self._timeout_s = float(settings.statement_timeout_s)
        self._sessions = Sessions(lambda: log_in(settings), settings.sessions)
        self._guard = threading.Lock()
        self._described: _Described | None = None

    @classmethod
    def open(cls, settings: Settings) -> SnowflakeWarehouse:
        """Log in and ask what the platform says of its tables.

        Raises:
            Unconfigured: settings are missing; lists them.
            AuthFailed: the credential was refused.
            Unreachable: no connection.
            WarehouseError: the tables of `meta` are missing or don't say what they should.
        """
        login_parameters(settings.snowflake)
        warehouse = cls(settings.snowflake)
        try:
            warehouse._describe()
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    @property
    def known_at(self) -> datetime:
        """The time that the platform last said its tables are as of; UTC."""
        return self._describe().known_at

    @property
    def demo(self) -> bool:
        """Whether the platform says that these are the fictional company's rows."""
        return self._describe().demo

    @property
    def time_zone(self) -> str:
        """The company's time zone, as the platform cut its days."""
        return self._describe().time_zone

    @property
    def currency(self) -> str:
        """The company's reporting currency."""
        return self._describe().currency

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
    ) -> QueryResult:
        """Run one SELECT of aggregates with its named parameters (`$name`), each of them a single value.

        Raises:
            QueryRefused: it isn't a single SELECT of aggregates, or it names what isn't there or isn't granted.
            QueryLimit: more rows than `row_limit`, longer than `timeout_s` or the statement timeout.
            AuthFailed, Unreachable, ProviderFailing: of the connection.
            WarehouseError: it failed while running.
        """
        require_aggregates(sql)
        with told_span("warehouse query", outside=True, db__system__name="snowflake"):
            result = self._run(sql, params or {}, row_limit, timeout_s)
        described = self._describe()
        provenance = QueryProvenance(
            sql=sql,
            params=dict(params or {}),
            engine="snowflake",
            query_id=result.query_id,
            snapshot_id=None,
            known_at=described.known_at,
            ran_at=result.ran_at,
            elapsed_s=result.elapsed_s,
            demo=described.demo,
        )
        return QueryResult(normalised(result.table), provenance)

    def freshness(self) -> dict[str, TableFreshness]:
        """When each raw table was last loaded completely, by table name, as the platform says."""
        return self._describe().freshness

    def close(self) -> None:
        """End all sessions; what still runs in them is aborted."""
        self._sessions.close()

    def __enter__(self) -> SnowflakeWarehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _describe(self) -> _Described:
        with self._guard:
            held = self._described
            if held is not None and time.monotonic() - held.read_at < _HELD_S:
                return held
            rows = normalised(self._run(_DESCRIBED, {}, None, None).table).rows()
            if len(rows) != 1:
                raise WarehouseError(
                    f"META.SNAPSHOT has {len(rows)} rows, not one.",
                    hint="The platform that loads the tables has to say what they are; see docs/snowflake.md.",
                    provider="snowflake",
                )
            ((known_at, demo, time_zone, currency),) = rows
            tables = normalised(self._run(_FRESHNESS, {}, None, None).table)
            freshness = {
                name: TableFreshness(name, system, None if at is None else at.replace(tzinfo=UTC), float(hours), count)
                for name, system, at, hours, count in tables.iter_rows()
            }
            known = known_at.replace(tzinfo=UTC)
            self._described = _Described(known, demo, time_zone, currency, freshness, time.monotonic())
            return self._described

    def _run(self, sql: str, params: Mapping[str, Any], row_limit: int | None, timeout_s: float | None) -> _Answer:
        import stamina
        from snowflake.connector.errors import Error

        statement, values = positioned(sql, params)
        limit = self._row_limit if row_limit is None else row_limit
        patience = self._timeout_s if timeout_s is None else timeout_s
        try:
            for attempt in stamina.retry_context(
                on=may_pass, attempts=_ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=2.0
            ):
                with attempt:
                    return self._once(statement, values, limit, patience)
        except Error as error:
            raise translated(error) from None
        raise AssertionError("the last attempt returns or raises")

    def _once(self, statement: str, values: list[Any], limit: int, patience: float) -> _Answer:
        with self._sessions.lent() as session, session.cursor() as cursor:
            ran_at, began = SystemClock().now(), time.perf_counter()
            cursor.execute(statement, values or None, timeout=math.ceil(patience), _no_retry=True)
            if (cursor.rowcount or 0) > limit:
                raise QueryLimit(
                    f"The query returns more than {limit:,} rows.", hint="Aggregate or filter it.", provider="snowflake"
                )
            table = cursor.fetch_arrow_all(force_return_table=True)
            return _Answer(table, cursor.sfqid, ran_at, time.perf_counter() - began)


@dataclass(frozen=True, slots=True)
class _Answer:
    table: pa.Table
    query_id: str | None
    ran_at: datetime
    elapsed_s: float
