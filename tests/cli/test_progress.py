"""The progress of a load: a line a source on a terminal, nothing elsewhere."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from sophia_kit.cli.progress import LoadProgress, RunProgress
from sophia_kit.ingest import ProgressEvent

EVENTS = (
    ProgressEvent("reading", "slack", "slack_users", 0, None, 0, 3, 0, 2),
    ProgressEvent("reading", "landing", "payments", 40_960, 100_000, 0, 3, 0, 1),
    ProgressEvent("complete", "slack", "slack_users", 102, 102, 1, 3, 1, 2),
    ProgressEvent("failed", "slack", "slack_messages", 0, 0, 2, 3, 2, 2),
    ProgressEvent("complete", "landing", "payments", 100_000, 100_000, 3, 3, 1, 1),
    ProgressEvent("published", "", "", 100_102, 100_102, 3, 3),
)


def shown(progress: LoadProgress | RunProgress, written: StringIO) -> list[str]:
    """The lines that stand at the end."""
    with progress:
        if isinstance(progress, RunProgress):
            progress.stage("load")
        for event in EVENTS:
            progress.load(event) if isinstance(progress, RunProgress) else progress.show(event)
    return [line.strip() for line in written.getvalue().replace("\r", "\n").splitlines() if line.strip()]


@pytest.mark.parametrize("kind", [LoadProgress, RunProgress])
def test_a_terminal_shows_a_line_for_each_source(kind: type[LoadProgress | RunProgress]) -> None:
    written = StringIO()
    lines = shown(kind(Console(file=written, force_terminal=True, width=160, color_system=None)), written)
    ended = [line[line.index("✓") :] for line in lines if "✓" in line]
    assert any("slack" in line and "102 rows in 2 tables, 1 failed" in line for line in ended)
    assert any("landing" in line and "100,000 rows in 1 table " in line for line in ended)


def test_elsewhere_a_load_shows_nothing_and_a_run_a_line_a_stage() -> None:
    written = StringIO()
    assert shown(LoadProgress(Console(file=written)), written) == []
    lines = shown(RunProgress(Console(file=written, width=160)), written)
    assert len(lines) == 1
    assert "100,102 rows in 3 tables" in lines[0]
