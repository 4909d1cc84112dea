"""What the state hands out: one frozen record a row. Times are UTC, with their zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["AttemptStatus", "LoadAttempt", "Run", "RunOutcome", "SeenCheckpoint"]

AttemptStatus = Literal["running", "complete", "empty", "failed", "abandoned"]
RunOutcome = Literal["running", "succeeded", "failed", "interrupted", "abandoned"]


@dataclass(frozen=True, slots=True)
class LoadAttempt:
    """One attempt to load one table. `new_columns` is a comma-separated list; counts are None while it runs."""

    attempt_id: str
    run_id: str | None
    source: str
    resource: str
    table_name: str
    mode: str
    started_at: datetime
    ended_at: datetime | None
    status: AttemptStatus
    rows_read: int | None
    rows_merged: int | None
    rows_deleted: int | None
    rows_quarantined: int | None
    new_columns: str | None
    error: str | None
    cursor_from: str | None
    cursor_to: str | None
    snapshot_id: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job. `parameters` is JSON text; `proof` the path of its evidence once sealed."""

    run_id: str
    job: str
    origin: str
    parameters: str
    host: str
    pid: int
    started_at: datetime
    ended_at: datetime | None
    outcome: RunOutcome
    proof: str | None


@dataclass(frozen=True, slots=True)
class SeenCheckpoint:
    """The last checkpoint of a trail that was verified here: its size in entries and its root (hex)."""

    size: int
    root: str
