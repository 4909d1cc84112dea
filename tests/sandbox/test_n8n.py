"""n8n's public API, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.sandbox.conftest import PROFILE

from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.automations import CANARY, KEPT_DAYS, executions_at, iso
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.n8n import N8N_API_KEY


@pytest.fixture(scope="module")
def n8n(company: Company) -> Iterator[httpx.Client]:
    """Signed in."""
    with (
        SandboxServer(company) as server,
        httpx.Client(base_url=server.base_url, headers={"X-N8N-API-KEY": N8N_API_KEY}, trust_env=False) as client,
    ):
        yield client


def read_all(client: httpx.Client, name: str, **params: str) -> list[dict[str, Any]]:
    page = client.get(f"/api/v1/{name}", params=params).json()
    records: list[dict[str, Any]] = list(page["data"])
    while page["nextCursor"] is not None:
        page = client.get(f"/api/v1/{name}", params=params | {"cursor": page["nextCursor"]}).json()
        records += page["data"]
    return records


def test_executions_come_by_falling_id_page_by_page(n8n: httpx.Client) -> None:
    found = read_all(n8n, "executions")
    assert found == read_all(n8n, "executions", limit="7")
    ids = [int(execution["id"]) for execution in found]
    assert ids == sorted(set(ids), reverse=True)
    assert {"success", "error", "waiting", "running", "new"} <= {execution["status"] for execution in found}


def test_times_fit_the_status(n8n: httpx.Client) -> None:
    for execution in read_all(n8n, "executions"):
        status, ends = execution["status"], execution["stoppedAt"]
        assert (execution["startedAt"] is None) == (status == "new")
        assert (execution["waitTill"] is not None) == (status == "waiting")
        if status in ("new", "running"):
            assert ends is None
        elif execution["startedAt"] != "yesterday":
            assert ends >= execution["startedAt"]


def test_filters(n8n: httpx.Client) -> None:
    workflows = read_all(n8n, "workflows")
    waiting = read_all(n8n, "executions", status="waiting")
    assert {execution["status"] for execution in waiting} == {"waiting"}
    one = waiting[0]["workflowId"]
    assert {execution["workflowId"] for execution in read_all(n8n, "executions", workflowId=one)} == {one}
    assert one in {workflow["id"] for workflow in workflows}
    active = read_all(n8n, "workflows", active="true")
    assert 0 < len(active) < len(workflows)
    tagged = read_all(n8n, "workflows", tags="Payments,Alerts")
    assert {workflow["name"] for workflow in tagged} == {"Failed payments watch", "Processor outage alert"}
    assert len(read_all(n8n, "workflows", limit="5")) == len(workflows) >= 12


def test_a_workflow_comes_with_all_that_people_leave_in_it(n8n: httpx.Client) -> None:
    whole = n8n.get("/api/v1/workflows").json()["data"][0]
    assert CANARY in str(whole["nodes"])
    assert CANARY in str(whole["staticData"])
    assert CANARY in str(whole["pinData"])
    lean = n8n.get("/api/v1/workflows", params={"excludePinnedData": "true"}).json()["data"][0]
    assert set(whole) - set(lean) == {"pinData"}


@pytest.mark.parametrize(
    ("method", "target", "status", "said"),
    [
        ("GET", "/api/v1/executions?limit=251", 400, "limit must be <= 250"),
        ("GET", "/api/v1/executions?limit=all", 400, "limit must be number"),
        ("GET", "/api/v1/executions?cursor=nonsense", 400, "invalid cursor"),
        ("GET", "/api/v1/executions?status=lost", 400, "allowed values"),
        ("GET", "/api/v1/workflows?since=1", 400, "Unknown query parameter 'since'"),
        ("GET", "/api/v1/secrets", 404, "not found"),
        ("POST", "/api/v1/workflows", 405, "POST method not allowed"),
    ],
)
def test_what_is_asked_wrongly_is_refused(n8n: httpx.Client, method: str, target: str, status: int, said: str) -> None:
    answer = n8n.request(method, target)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True)


def test_without_the_key_there_is_no_answer(n8n: httpx.Client) -> None:
    for headers, said in (({}, "'X-N8N-API-KEY' header required"), ({"X-N8N-API-KEY": "guess"}, "unauthorized")):
        answer = httpx.get(n8n.base_url.join("/api/v1/workflows"), headers=headers, trust_env=False)
        assert (answer.status_code, answer.json()) == (401, {"message": said})


def test_old_executions_are_pruned_and_workflows_come_and_go(company: Company) -> None:
    with (
        SandboxServer(company) as server,
        httpx.Client(base_url=server.base_url, headers={"X-N8N-API-KEY": N8N_API_KEY}, trust_env=False) as client,
    ):
        before = read_all(client, "executions")
        named = {workflow["name"] for workflow in read_all(client, "workflows")}
        server.advance(5)
        after = read_all(client, "executions")
        later = {workflow["name"] for workflow in read_all(client, "workflows")}
    assert int(after[-1]["id"]) > int(before[-1]["id"])
    assert int(after[0]["id"]) > int(before[0]["id"])
    days = {int(execution["id"]) // 1000 for execution in before}
    assert max(days) - min(days) <= KEPT_DAYS
    assert (later - named, named - later) == ({"Onboarding checklist"}, {"Release notes draft"})


def test_the_outage_shows() -> None:
    """While a processor is down, the hourly watch of failed payments fails each time."""
    whole = Company.load(PROFILE)
    at, outage = whole.profile.calendar.at, number(whole.profile.stories.outage_day)
    begins, ends = iso(at(outage, 8 * 3600)), iso(at(outage, 20 * 3600))
    assert begins is not None
    assert ends is not None
    watched = [one for one in executions_at(whole.profile, whole.moment) if one["workflowId"] == "sbWorkflow000001"]
    during = [one for one in watched if begins <= one["startedAt"] < ends and one["mode"] == "trigger"]
    others = [one for one in watched if not begins <= one["startedAt"] < ends]
    assert len(during) >= 12
    assert {one["status"] for one in during} <= {"error", "crashed", "canceled"}
    assert sum(one["status"] == "success" for one in others) > 0.9 * len(others)
    assert 3000 <= len(executions_at(whole.profile, whole.moment)) <= 5000
