"""What `sophia ingest` says: names that can be copied, one clear error for a mistake, nothing of what isn't there."""

from __future__ import annotations

import pytest
from tests.conftest import Project


@pytest.mark.parametrize("command", [["status"], ["quarantine", "list", "--table", "salesforce_opportunities"]])
def test_a_narrow_window_cuts_no_name_off(demo: Project, command: list[str]) -> None:
    done = demo.here("ingest", *command, "--demo", env={"COLUMNS": "60"})
    assert done.returncode == 0, done.stderr
    assert "…" not in done.stdout
    assert any(" salesforce_opportunities " in line for line in done.stdout.splitlines())


def test_before_the_first_load_there_is_no_empty_table(project: Project) -> None:
    project.here("doctor")
    done = project.here("ingest", "status")
    assert done.stdout == "Nothing has been published yet.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "garbage"], "'garbage' is no day"),
        (["--since", "0001-01-01"], "year 1"),
        (["--since", "9999-12-31T23:59:59-12:00"], "year 9999"),
        (["--since", "2101-01-01"], "begins on 2101-01-01, which has not come yet"),
        (["--until", "2025-01-01"], "has no start"),
        (["--since", "2025-02-01", "--until", "2025-01-01"], "ends before it starts"),
        (["--since", "2025-02-01", "--full"], "together with everything"),
    ],
)
def test_a_range_that_is_none_is_refused_before_anything_is_read(
    project: Project, arguments: list[str], said: str
) -> None:
    done = project.here("ingest", "run", *arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Hint: " in done.stderr
