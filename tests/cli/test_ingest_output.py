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


def test_what_is_configured_in_part_is_told_of_every_vendor_at_once(project: Project) -> None:
    env = {"SOPHIA_GONG__ACCESS_KEY": "key", "SOPHIA_N8N__API_KEY": "canary"}
    done = project.here("ingest", "run", env=env)
    assert done.returncode == 3
    assert "Configured in part only: gong, n8n." in done.stderr
    assert "Set SOPHIA_GONG__ACCESS_KEY_SECRET, SOPHIA_N8N__BASE_URL, or remove" in done.stderr
    assert "canary" not in done.stderr


def test_one_source_that_is_asked_for_lacks_its_own_settings_only(project: Project) -> None:
    done = project.here("ingest", "run", "--only", "slack")
    assert done.returncode == 3
    assert "Hint: Set SOPHIA_SLACK__TOKEN. `sophia demo`" in done.stderr


def test_when_nothing_can_be_read_each_source_says_why_and_where_the_advice_is(project: Project) -> None:
    down = {"SLACK": {"TOKEN": "canary"}, "N8N": {"API_KEY": "canary"}}
    env = {f"SOPHIA_{name}__{key}": value for name, keys in down.items() for key, value in keys.items()}
    env |= {f"SOPHIA_{name}__BASE_URL": "http://127.0.0.1:9" for name in down} | {"SOPHIA_HTTP__ATTEMPTS": "1"}
    done = project.here("ingest", "run", env=env)
    assert done.returncode == 8
    said = done.stderr
    assert "slack: slack at 127.0.0.1 can't be reached" in said
    assert "n8n: n8n at 127.0.0.1 can't be reached" in said
    assert "PRIVACY__MESSAGES" not in said, "what isn't asked for is no reason"
    assert ".;" not in said
    assert "canary" not in said
    assert "Nothing has been published yet." in project.here("ingest", "status").stdout
