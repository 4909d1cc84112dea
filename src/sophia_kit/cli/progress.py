"""The progress of a run: a line a stage, live on a terminal, plain elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.ingest import ProgressEvent

__all__ = ["RunProgress"]

_STAGES = {
    "company": "Company   generating its data, serving its vendor on loopback",
    "load": "Load      vendor pages and deliveries into a new snapshot",
    "notebook": "Notebook  metrics, brief and digest of the snapshot's rows",
    "seal": "Proof     signing and logging what came out",
}


class RunProgress:
    """Shows each stage as it begins, how far it is, and how long it took. A context manager."""

    def __init__(self, console: Console) -> None:
        self._live = console.is_terminal
        self._console = console
        self._began = 0.0
        self._current = ""
        self._rows = ""
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=18),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not self._live,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._progress.stop()

    def stage(self, name: str) -> None:
        """A stage begins; the one before has ended."""
        self._finish()
        self._current, self._rows, self._began = name, "", time.monotonic()
        if self._live:
            self._task = self._progress.add_task(_STAGES.get(name, name), total=None, detail="")

    def load(self, event: ProgressEvent) -> None:
        """A step of the load."""
        if event.table:
            self._rows = f"{event.tables_done} of {event.tables} tables"
            detail = f"{event.table} {event.rows:,}" if event.stage == "reading" else event.table
        else:
            detail = self._rows = f"{event.rows:,} rows in {event.tables} tables"
        if self._task is not None:
            self._progress.update(self._task, completed=event.tables_done, total=event.tables, detail=detail)

    def _finish(self) -> None:
        if not self._current:
            return
        if self._task is not None:
            self._progress.update(self._task, completed=1, total=1, detail=self._rows)
            self._progress.stop_task(self._task)
        else:
            took = time.monotonic() - self._began
            said = f", {self._rows}" if self._rows else ""
            self._console.print(f"✓ {_STAGES.get(self._current, self._current)} ({took:.1f} s{said})", soft_wrap=True)
        self._current, self._task = "", None
