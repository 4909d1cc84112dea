"""n8n from its API to the raw tables: executions end, workflows go, history stays, contents never arrive."""

from __future__ import annotations

from tests.ingest.conftest import NewWorkplace

from sophia_kit.connectors import connect
from sophia_kit.sandbox import SandboxServer, connected
from sophia_kit.sandbox.automations import CANARY, KEPT_DAYS

WORKFLOWS = "SELECT name FROM raw.n8n_workflows WHERE {} ORDER BY name"


def test_what_becomes_of_executions_and_workflows(server: SandboxServer, new_workplace: NewWorkplace) -> None:
    work = new_workplace()
    work.settings = connected(work.settings, server.base_url)
    work.load(connectors=[connect("n8n", work.settings)], only=["n8n"])
    first = dict(work.rows("SELECT source_id, status FROM raw.n8n_executions"))
    unfinished = {key for key, status in first.items() if status in ("running", "waiting")}
    assert unfinished
    assert work.rows("SELECT count(*) FROM raw.n8n_executions WHERE is_deleted") == [(0,)]
    refused = work.rows("SELECT reason FROM meta.quarantine WHERE table_name = 'n8n_executions' ORDER BY reason")
    assert [reason.split()[0] for (reason,) in refused] == ["started_at", "status"]

    server.advance(KEPT_DAYS // 10)
    later = work.on(server.company)
    report = later.load(connectors=[connect("n8n", later.settings)], only=["n8n"])
    assert {table.status for table in report.tables if table.source == "n8n"} == {"complete"}
    after = dict(later.rows("SELECT source_id, status FROM raw.n8n_executions WHERE NOT is_deleted"))
    assert {after[key] for key in unfinished} <= {"success", "error"}
    assert set(first) < set(after), "what the instance pruned meanwhile stays, and is not deleted"
    assert later.rows(WORKFLOWS.format("is_deleted")) == [("Release notes draft",)]
    assert ("Onboarding checklist",) in later.rows(WORKFLOWS.format("NOT is_deleted"))
    for table in ("raw.n8n_workflows", "raw.n8n_executions", "meta.quarantine", "meta.load_audit"):
        assert CANARY not in str(later.rows(f"SELECT * FROM {table}"))
