"""The load audit: every attempt is recorded before it begins, and how it ended afterwards.

The state keeps the attempts; the snapshot carries a copy of all up to its publishing. An attempt counts as complete
only once its snapshot is published, so it is finished in the state after that; a process that dies in between is
put right by the next load, which finds the attempt's end in the snapshot.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import polars as pl

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import StorageError
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.cursors import cursor_text
from sophia_kit.ingest.report import TableReport
from sophia_kit.state import AttemptStatus, LoadAttempt, State

__all__ = ["Attempts"]

_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "attempt_id": pl.String,
    "run_id": pl.String,
    "source": pl.String,
    "resource": pl.String,
    "table_name": pl.String,
    "mode": pl.String,
    "started_at": pl.Datetime("us"),
    "ended_at": pl.Datetime("us"),
    "status": pl.String,
    "rows_read": pl.Int64,
    "rows_merged": pl.Int64,
    "rows_deleted": pl.Int64,
    "rows_quarantined": pl.Int64,
    "new_columns": pl.String,
    "error": pl.String,
    "cursor_from": pl.String,
    "cursor_to": pl.String,
    "snapshot_id": pl.String,
}


class Attempts:
    """The attempts of one load."""

    def __init__(self, state: State, clock: Clock, *, run_id: str, snapshot_id: str) -> None:
        self._state = state
        self._clock = clock
        self._run_id = run_id
        self._snapshot_id = snapshot_id
        # The real time in the draft's name: attempts sort in their order also where the clock stands still.
        self._begun = snapshot_id.rpartition("-")[2]
        self._running: dict[str, LoadAttempt] = {}
        self._ended: dict[str, LoadAttempt] = {}

    def recover(self, connection: duckdb.DuckDBPyConnection, parent_id: str | None) -> None:
        """Settle what processes that died left behind. `connection` is on a copy of the snapshot `parent_id`.

        The caller holds the loader's lock, so nothing is running.
        """
        published = {
            str(row[0]): row[1:]
            for row in connection.execute(
                "SELECT attempt_id, status, rows_read, rows_merged, rows_deleted, rows_quarantined, new_columns, "
                "error, cursor_to, ended_at FROM meta.load_audit WHERE snapshot_id = ?",
                [parent_id],
            ).fetchall()
        }
        for attempt in self._state.attempts():
            if attempt.status == "running" and attempt.attempt_id in published:
                status, read, merged, deleted, refused, new, error, cursor, ended = published[attempt.attempt_id]
                self._state.finish_attempt(
                    attempt.attempt_id,
                    status=status,
                    ended_at=ended.replace(tzinfo=UTC),
                    rows_read=read,
                    rows_merged=merged,
                    rows_deleted=deleted,
                    rows_quarantined=refused,
                    new_columns=new,
                    error=error,
                    cursor_to=cursor,
                )
        self._state.abandon_attempts(self._clock.now())

    def start(self, contract: Contract, *, mode: str, cursor: str | None) -> str:
        """Record that a table's load begins; the attempt's id."""
        shown = cursor_text(cursor)
        attempt = LoadAttempt(
            attempt_id=f"{self._begun}-{len(self._running) + len(self._ended) + 1:03d}",
            run_id=self._run_id,
            source=contract.source,
            resource=contract.resource,
            table_name=contract.table,
            mode=mode,
            started_at=self._clock.now(),
            ended_at=None,
            status="running",
            rows_read=None,
            rows_merged=None,
            rows_deleted=None,
            rows_quarantined=None,
            new_columns=None,
            error=None,
            cursor_from=shown,
            cursor_to=None,
            snapshot_id=self._snapshot_id,
        )
        self._state.start_attempt(
            attempt_id=attempt.attempt_id,
            source=attempt.source,
            resource=attempt.resource,
            table_name=attempt.table_name,
            mode=attempt.mode,
            started_at=attempt.started_at,
            run_id=attempt.run_id,
            cursor_from=shown,
            snapshot_id=self._snapshot_id,
        )
        self._running[attempt.attempt_id] = attempt
        return attempt.attempt_id

    def end(self, attempt_id: str, report: TableReport, *, cursor: str | None = None) -> None:
        """Note how a table's load ended; a failure is recorded at once, a success when it is published."""
        assert report.status != "off"
        ended = replace(
            self._running.pop(attempt_id),
            ended_at=self._clock.now(),
            status=report.status,
            rows_read=report.rows_read,
            rows_merged=report.rows_merged,
            rows_deleted=report.rows_deleted,
            rows_quarantined=report.rows_quarantined,
            new_columns=", ".join(report.new_columns) or None,
            error=report.note,
            cursor_to=cursor_text(cursor),
        )
        self._ended[attempt_id] = ended
        if report.status == "failed":
            self._record(ended)

    def copy_to(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write all attempts ever made into `meta.load_audit`, those of this load as they ended."""
        known = {attempt.attempt_id: attempt for attempt in self._state.attempts()} | self._ended
        rows = [
            [
                _naive(value) if isinstance(value, datetime) else value
                for value in map(attempt.__getattribute__, _SCHEMA)
            ]
            for attempt in sorted(known.values(), key=lambda one: (one.started_at, one.attempt_id))
        ]
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        connection.register("incoming", frame)
        connection.execute("DELETE FROM meta.load_audit")
        connection.execute(f"INSERT INTO meta.load_audit ({', '.join(_SCHEMA)}) SELECT * FROM incoming")  # noqa: S608
        connection.unregister("incoming")

    def published(self) -> None:
        """Record in the state how this load's attempts ended; their snapshot is what readers see."""
        with self._state.transaction():
            for attempt in self._ended.values():
                if attempt.status != "failed":
                    self._record(attempt)

    def not_published(self, reason: str) -> None:
        """Nothing of this load was published: whatever did not fail by itself failed for `reason`."""
        with suppress(StorageError), self._state.transaction():
            for attempt in [*self._running.values(), *self._ended.values()]:
                if attempt.status in ("running", "complete"):
                    self._record(replace(attempt, status="failed", error=reason, ended_at=self._clock.now()))
                elif attempt.status == "empty":
                    self._record(attempt)

    def _record(self, attempt: LoadAttempt) -> None:
        status: AttemptStatus = attempt.status
        self._state.finish_attempt(
            attempt.attempt_id,
            status=status,
            ended_at=attempt.ended_at or self._clock.now(),
            rows_read=attempt.rows_read or 0,
            rows_merged=attempt.rows_merged or 0,
            rows_deleted=attempt.rows_deleted or 0,
            rows_quarantined=attempt.rows_quarantined or 0,
            new_columns=attempt.new_columns,
            error=attempt.error,
            cursor_to=attempt.cursor_to,
        )


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
