"""The progress of a run, a line a stage, and of its load, a line a source: live on a terminal, plain elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.ingest import ProgressEvent

__all__ = ["LoadProgress", "RunProgress"]

_STAGES = {
    "company": "Company   generating its data, serving its vendors on loopback",
    "load": "Load      vendor pages and deliveries into a new snapshot",
    "notebook": "Notebook  metrics, brief and digest of the snapshot's rows",
    "seal": "Proof     signing and logging what came out",
}


class _Sources:
    """A line for each source of a load, below the others of `progress`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._rows: dict[tuple[str, str], int] = {}
        self._failed: dict[str, int] = {}

    def show(self, event: ProgressEvent) -> None:
        """A step of one of them."""
        if event.source not in self._tasks:
            self._tasks[event.source] = self._progress.add_task(f"  {event.source}", total=None, detail="")
        task = self._tasks[event.source]
        self._rows[event.source, event.table] = event.rows
        if event.stage == "failed":
            self._failed[event.source] = self._failed.get(event.source, 0) + 1
        over = event.stage != "reading" and event.source_done == event.source_tables
        detail = self._whole(event) if over else self._part(event)
        self._progress.update(task, completed=event.source_done, total=event.source_tables, detail=detail)
        if over:
            self._progress.stop_task(task)

    def _part(self, event: ProgressEvent) -> str:
        of = f" of {event.total:,}" if event.total else ""
        return f"{event.table} {event.rows:,}{of} rows" if event.stage == "reading" else f"{event.table} {event.stage}"

    def _whole(self, event: ProgressEvent) -> str:
        rows = sum(count for (source, _), count in self._rows.items() if source == event.source)
        failed = self._failed.get(event.source, 0)
        told = f"{rows:,} rows in {event.source_tables} table{'' if event.source_tables == 1 else 's'}"
        return f"[red]{told}, {failed} failed[/]" if failed else told


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=18),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


class LoadProgress:
    """Shows a load by itself: a line a source; nothing where the output is no terminal. A context manager."""

    def __init__(self, console: Console) -> None:
        self._progress = _bars(console)
        self._sources = _Sources(self._progress)

    def __enter__(self) -> LoadProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: ProgressEvent) -> None:
        """A step of the load."""
        if event.table:
            self._sources.show(event)


class RunProgress:
    """Shows each stage as it begins, how far it is, and how long it took. A context manager."""

    def __init__(self, console: Console) -> None:
        self._live = console.is_terminal
        self._console = console
        self._began = 0.0
        self._current = ""
        self._rows = ""
        self._progress = _bars(console)
        self._sources = _Sources(self._progress)
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
            if self._live:
                self._sources.show(event)
        else:
            self._rows = f"{event.rows:,} rows in {event.tables} tables"
        if self._task is not None:
            self._progress.update(self._task, completed=event.tables_done, total=event.tables, detail=self._rows)

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
