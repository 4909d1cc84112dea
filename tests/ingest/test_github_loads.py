"""GitHub from its API to the raw tables: what changed, what is gone, who is named, and that nothing is doubled."""

from __future__ import annotations

import pytest
from tests.ingest.conftest import NewWorkplace, Workplace

from sophia_kit.connectors import connect
from sophia_kit.ingest import IngestReport
from sophia_kit.sandbox import SandboxServer, connected

TABLES = ("github_files", "github_issues", "github_pull_requests", "github_workflow_runs")
RUNS = "SELECT source_id, status, conclusion, is_deleted FROM raw.github_workflow_runs"


def load(work: Workplace, *, full: bool = False) -> IngestReport:
    return work.load(connectors=[connect("github", work.settings)], only=["github"], full=full)


@pytest.fixture
def work(server: SandboxServer, new_workplace: NewWorkplace) -> Workplace:
    found = new_workplace()
    found.settings = connected(found.settings, server.base_url)
    return found


def test_later_loads_bring_what_changed_and_mark_what_is_gone(work: Workplace, server: SandboxServer) -> None:
    first = load(work)
    assert {t.table: t.status for t in first.tables if t.source == "github"} == dict.fromkeys(TABLES, "complete")
    before = {row[0]: row[1:] for row in work.rows(RUNS)}
    running = {key for key, (status, _, _) in before.items() if status == "in_progress"}
    assert len(running) == 1

    server.advance(9)
    later = work.on(server.company)
    load(later)
    after = {row[0]: row[1:] for row in later.rows(RUNS)}
    assert {after[key][0] for key in running} == {"completed"}
    gone = {key for key, (*_, deleted) in after.items() if deleted}
    assert len(gone) == 1
    assert gone < set(before)
    assert len(after) > len(before)

    counts = {table: later.rows(f"SELECT count(*), count(DISTINCT source_id) FROM raw.{table}") for table in TABLES}
    assert all(rows == distinct for ((rows, distinct),) in counts.values())
    kept = {table: set(later.rows(f"SELECT * EXCLUDE (load_id, loaded_at) FROM raw.{table}")) for table in TABLES}
    load(later, full=True)
    assert kept == {
        table: set(later.rows(f"SELECT * EXCLUDE (load_id, loaded_at) FROM raw.{table}")) for table in TABLES
    }


def test_people_are_hashed_and_spoilt_records_kept_aside(work: Workplace) -> None:
    load(work)
    people = work.rows(
        "SELECT author FROM raw.github_issues UNION SELECT author FROM raw.github_pull_requests "
        "UNION SELECT actor FROM raw.github_workflow_runs"
    )
    assert len(people) > 10
    assert all(str(name).startswith("hmac-sha256:") for (name,) in people)
    refused = work.rows("SELECT table_name, reason FROM meta.quarantine ORDER BY table_name, reason")
    assert {(table, reason.split()[0]) for table, reason in refused} == {
        ("github_issues", "title"),
        ("github_pull_requests", "title"),
        ("github_workflow_runs", "run_number"),
    }
