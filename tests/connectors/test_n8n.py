"""The n8n connector: what it asks, what never leaves it, and how it follows executions that change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors import Batch
from sophia_kit.connectors.n8n import N8n
from sophia_kit.core.errors import AuthFailed, MalformedAnswer, ProviderError, RequestRejected
from sophia_kit.core.settings import HttpSettings, load_settings
from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.automations import CANARY

COMPANY = Path(__file__).parents[2] / "data" / "company.toml"
FIELDS = ("id", "status", "startedAt", "stoppedAt")
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC)


class Instance:
    """A scripted instance on the wire: its pages, by resource."""

    def __init__(self) -> None:
        self.pages: dict[str, list[list[dict[str, Any]]]] = {"workflows": [[]], "executions": [[]]}
        self.override: Reply | None = None
        self.server: WireServer

    def __call__(self, request: Request) -> Reply:
        if self.override is not None:
            return self.override
        pages = self.pages[request.path.rpartition("/")[2]]
        number = int(request.query.get("cursor", 0))
        following = str(number + 1) if number + 1 < len(pages) else None
        return Reply(body={"data": pages[number], "nextCursor": following})

    def asked(self) -> list[dict[str, str]]:
        return [request.query for request in self.server.requests]


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    found = Instance()
    async with WireServer(found) as server:
        found.server = server
        yield found


@pytest.fixture
async def n8n(instance: Instance, tmp_path: Path) -> AsyncIterator[N8n]:
    settings = load_settings(
        tmp_path,
        n8n={"base_url": instance.server.url, "api_key": "canary-key", "requests_per_second": 1000, "repull_days": 2},
        http=HttpSettings(attempts=2, backoff_initial_s=0.01, backoff_max_s=0.02),
    )
    async with N8n(settings) as connector:
        yield connector


def execution(number: int, started: datetime | None, *, lasted_s: float | None = 60, **changed: Any) -> dict[str, Any]:
    ended = None if started is None or lasted_s is None else started + timedelta(seconds=lasted_s)
    times = {"startedAt": started and started.isoformat(), "stoppedAt": ended and ended.isoformat()}
    return {"id": str(number), "workflowId": "w", "status": "success", "mode": "trigger", **times, **changed}


def days(*numbers: int) -> list[dict[str, Any]]:
    """An execution for each number, that many days before noon; newest first."""
    return [execution(1000 - number, NOON - timedelta(days=number)) for number in numbers]


async def read(n8n: N8n, resource: str = "executions", since: str | None = None, **options: Any) -> list[Batch]:
    fields = FIELDS if resource == "executions" else await n8n.fields(resource)
    return [batch async for batch in n8n.read(resource, since, fields, **options)]


def ids(batches: list[Batch]) -> list[str]:
    return [record["id"] for batch in batches for record in batch.records]


async def test_executions_are_asked_for_without_their_data_in_large_pages(instance: Instance, n8n: N8n) -> None:
    instance.pages["executions"] = [days(0, 1), days(2)]
    (batch,) = await read(n8n)
    assert instance.asked() == [{"limit": "250"}, {"limit": "250", "cursor": "1"}]
    assert instance.server.requests[0].headers["x-n8n-api-key"] == "canary-key"
    assert (ids([batch]), batch.cursor_high) == (["1000", "999", "998"], "2025-06-30T12:01:00.000Z")
    assert batch.records[0] == {
        "id": "1000",
        "status": "success",
        "startedAt": "2025-06-30T12:00:00+00:00",
        "stoppedAt": "2025-06-30T12:01:00+00:00",
        "changedAt": "2025-06-30T12:01:00.000Z",
    }
    assert batch.image_since is None, "what an instance pruned was not deleted"


async def test_ids_that_are_numbers_as_the_reference_has_them_are_texts_like_those_that_instances_send(
    instance: Instance, n8n: N8n
) -> None:
    numbers = {"id": 1001, "workflowId": 7, "retryOf": 998, "retrySuccessId": None}
    instance.pages["executions"] = [[execution(1001, NOON, **numbers)]]
    (batch,) = [batch async for batch in n8n.read("executions", None, tuple(numbers))]
    assert batch.records == [
        {
            "id": "1001",
            "workflowId": "7",
            "retryOf": "998",
            "retrySuccessId": None,
            "changedAt": "2025-06-30T12:01:00.000Z",
        }
    ]


async def test_reading_goes_back_as_far_as_executions_may_still_change_and_no_further(
    instance: Instance, n8n: N8n
) -> None:
    instance.pages["executions"] = [days(0, 1), days(2, 3), days(4), days(5)]
    assert ids(await read(n8n, since="2025-06-30T12:01:00Z")) == ["1000", "999", "998"]
    assert [query.get("cursor") for query in instance.asked()] == [None, "1", "2"]


async def test_an_execution_that_ended_long_after_its_start_is_read_by_its_end(instance: Instance, n8n: N8n) -> None:
    late = execution(996, NOON - timedelta(days=4), lasted_s=3.5 * 86_400)
    instance.pages["executions"] = [[*days(0, 3), late]]
    assert ids(await read(n8n, since="2025-06-30T12:01:00Z")) == ["1000", "996"]


async def test_what_stands_in_the_queue_is_read_once_it_has_started(instance: Instance, n8n: N8n) -> None:
    instance.pages["executions"] = [[execution(1001, None, status="new"), *days(0)]]
    assert ids(await read(n8n)) == ["1000"]
    instance.pages["executions"] = [[execution(1001, NOON, lasted_s=None, status="running"), *days(0)]]
    (batch,) = await read(n8n, since="2025-06-30T12:01:00Z")
    assert [(one["id"], one["changedAt"]) for one in batch.records] == [
        ("1001", "2025-06-30T12:00:00.000Z"),
        ("1000", "2025-06-30T12:01:00.000Z"),
    ]


async def test_an_unreadable_time_is_handed_on_with_its_neighbours_and_moves_no_cursor(
    instance: Instance, n8n: N8n
) -> None:
    odd = execution(999, None, startedAt="yesterday", stoppedAt=7)
    instance.pages["executions"] = [[*days(0), odd], [*days(9), odd | {"id": "990"}]]
    (batch,) = await read(n8n, since="2025-06-30T12:01:00Z")
    assert (ids([batch]), batch.cursor_high) == (["1000", "999"], "2025-06-30T12:01:00.000Z")
    assert batch.records[1]["changedAt"] is None


async def test_a_backfill_ends_where_it_is_told_to(instance: Instance, n8n: N8n) -> None:
    instance.pages["executions"] = [days(0, 1, 2, 3, 9)]
    found = await read(n8n, since="2025-06-29T12:00:00Z", until=NOON - timedelta(days=1))
    assert ids(found) == ["998", "997"], "from two days before noon of the 29th on, and before it"


def workflow(key: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": key,
        "name": "Nightly",
        "active": True,
        "createdAt": "2025-01-01T00:00:00.000Z",
        "updatedAt": "2025-06-01T00:00:00.000Z",
        "nodes": [{"name": "HTTP", "parameters": {"token": "canary"}, "credentials": {"x": {"name": "canary"}}}],
        "connections": {"canary": {}},
        "settings": {"errorWorkflow": "canary"},
        "staticData": "canary",
        "pinData": {"HTTP": [{"json": {"password": "canary"}}]},
        "activeVersion": {"nodes": [{"parameters": "canary"}]},
        "description": "canary",
        "tags": [{"id": "2", "name": "Sales"}, {"id": "1", "name": "Alerts"}],
        **changed,
    }


async def test_nothing_that_may_hold_a_secret_leaves_the_connector(instance: Instance, n8n: N8n) -> None:
    instance.pages["workflows"] = [[workflow("a", nodeSecrets={"key": "canary"})]]
    (batch,) = await read(n8n, "workflows")
    assert instance.asked() == [{"limit": "250", "excludePinnedData": "true"}]
    assert "canary" not in json.dumps(batch.records)
    assert batch.records == [
        {
            "id": "a",
            "name": "Nightly",
            "active": True,
            "activeVersionId": None,
            "isArchived": None,
            "triggerCount": None,
            "versionId": None,
            "createdAt": "2025-01-01T00:00:00.000Z",
            "updatedAt": "2025-06-01T00:00:00.000Z",
            "nodes.count": 1,
            "tags.name": "Alerts, Sales",
            "nodeSecrets": None,
        }
    ]


async def test_contents_can_t_be_asked_for(instance: Instance, n8n: N8n) -> None:
    instance.pages["workflows"], instance.pages["executions"] = [[workflow("a")]], [[execution(1, NOON, data={"x": 1})]]
    assert not {"nodes", "pinData", "staticData", "settings"} & set(await n8n.fields("workflows"))
    (found,) = [batch async for batch in n8n.read("workflows", None, ("id", "nodes", "pinData"))]
    assert (found.absent_fields, set(found.records[0])) == (("nodes", "pinData"), {"id", "updatedAt"})
    (found,) = [batch async for batch in n8n.read("executions", None, ("id", "data", "customData"))]
    assert (found.absent_fields, set(found.records[0])) == (("data", "customData"), {"id", "changedAt"})


async def test_a_list_of_workflows_on_one_page_shows_what_was_deleted(instance: Instance, n8n: N8n) -> None:
    instance.pages["workflows"] = [[workflow("a"), workflow("b", updatedAt="2020-01-01T00:00:00.000Z")]]
    (batch,) = await read(n8n, "workflows", since="2025-06-01T00:00:00Z")
    assert (ids([batch]), batch.image_since) == (["a", "b"], datetime(1970, 1, 1, tzinfo=UTC))
    instance.pages["workflows"] = [[workflow("a")], [workflow("b")]]
    (batch,) = await read(n8n, "workflows")
    assert (ids([batch]), batch.image_since) == (["a", "b"], None), "one deleted between two pages hides another"
    (batch,) = await read(n8n, "workflows", until=datetime(2025, 1, 1, tzinfo=UTC))
    assert (ids([batch]), batch.image_since) == ([], None)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"nextCursor": None},
        {"data": {}, "nextCursor": None},
        {"data": ["x"], "nextCursor": None},
        {"data": []},
        {"data": [], "nextCursor": 7},
    ],
    ids=str,
)
async def test_an_answer_of_another_shape_is_never_taken_for_complete(body: Any, instance: Instance, n8n: N8n) -> None:
    instance.override = Reply(body=body)
    with pytest.raises(MalformedAnswer):
        await read(n8n)


async def test_pages_that_lead_in_a_circle_are_an_error(instance: Instance, n8n: N8n) -> None:
    instance.override = Reply(body={"data": [], "nextCursor": "again"})
    with pytest.raises(MalformedAnswer, match="circle"):
        await read(n8n)


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (401, AuthFailed, "SOPHIA_N8N__API_KEY"),
        (403, AuthFailed, "execution:list"),
        (404, RequestRejected, "public API"),
    ],
)
async def test_a_refusal_says_what_to_look_at(
    status: int, kind: type[ProviderError], hint: str, instance: Instance, n8n: N8n
) -> None:
    instance.override = Reply(status, body={"message": "no:\n canary-key"})
    with pytest.raises(kind, match=f"n8n answered {status}: no: ") as caught:
        await read(n8n)
    assert hint in (caught.value.hint or "")
    assert "canary" not in str(caught.value.problem())
    health = await n8n.health()
    assert (health.state, hint in (health.hint or "")) == ("failing", True)


async def test_the_sandbox_s_executions_end_from_one_day_to_the_next(tmp_path: Path) -> None:
    company = Company.load(COMPANY, scale=0.02)
    with SandboxServer(company) as sandbox:
        async with N8n(connected(load_settings(tmp_path), sandbox.base_url)) as connector:
            assert (await connector.health()).state == "reachable"
            first = await read(connector)
            before = {record["id"]: record["status"] for record in first[0].records}
            workflows = set(ids(await read(connector, "workflows")))
            sandbox.advance(4)
            later = await read(connector, since=first[0].cursor_high)
            after = {record["id"]: record["status"] for record in later[0].records}
            shown = await read(connector, "workflows")
    unfinished = {key for key, status in before.items() if status in ("running", "waiting")}
    assert {before[key] for key in unfinished} == {"running", "waiting"}
    assert {after[key] for key in unfinished} <= {"success", "error"}
    assert set(after) - set(before)
    assert (len(workflows - set(ids(shown))), len(set(ids(shown)) - workflows)) == (1, 1)
    assert CANARY not in json.dumps([batch.records for batch in (*first, *later, *shown)])
