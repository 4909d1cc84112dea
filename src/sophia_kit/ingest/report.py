"""What a load tells: its progress while it runs, and what it did when it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sophia_kit.warehouse import Snapshot
from sophia_kit.warehouse.checks import CheckResult

__all__ = ["IngestReport", "Progress", "ProgressEvent", "Stage", "TableReport", "TableStatus"]

TableStatus = Literal["complete", "empty", "failed", "off"]
Stage = Literal["reading", "complete", "empty", "failed", "off", "checking", "publishing", "published"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """A step of a load.

    Attributes:
        stage: `reading` while a table is read, then how it ended; `checking`, `publishing` and `published` for the
            snapshot.
        table: the table concerned; "" for the snapshot.
        rows: rows read of that table so far; of all tables for the snapshot.
        total: rows expected, or None when the source doesn't say.
        tables_done, tables: how far the whole load is.
        source_done, source_tables: how far its source is.
    """

    stage: Stage
    source: str
    table: str
    rows: int
    total: int | None
    tables_done: int
    tables: int
    source_done: int = 0
    source_tables: int = 0


Progress = Callable[[ProgressEvent], None]


@dataclass(frozen=True, slots=True)
class TableReport:
    """What became of one table.

    Attributes:
        status: `complete`; `empty` when a source had nothing to give where something was due; `failed`; `off` when
            the settings don't ask for it.
        rows_merged: rows inserted or changed. rows_deleted: rows newly marked deleted.
        new_columns: columns the contract doesn't know, added as text. Those that it has noted only are in `note`.
        note: why it failed or is empty, or what else should be known; None when there is nothing to say.
    """

    table: str
    source: str
    status: TableStatus
    rows_read: int
    rows_merged: int
    rows_deleted: int
    rows_quarantined: int
    new_columns: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class IngestReport:
    """A load that was published, if perhaps not of every source.

    Attributes:
        run_id: marks the load's attempts in the audit.
        snapshot: what readers now see.
        demo: whether the data is the fictional company's.
        checks: what the checks of the data found, in order of their ids.
    """

    run_id: str
    snapshot: Snapshot
    demo: bool
    tables: tuple[TableReport, ...]
    checks: tuple[CheckResult, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every table that a source should have delivered was loaded."""
        return all(table.status in ("complete", "off") for table in self.tables)

    @property
    def failed(self) -> tuple[TableReport, ...]:
        """The tables that could not be loaded; readers see them as they were before."""
        return tuple(table for table in self.tables if table.status == "failed")
