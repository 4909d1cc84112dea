"""Workflow runs: more than a search shows, those that still change, and those that are gone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.github.reading import (
    PAYMENTS,
    Opened,
    asked,
    moment,
    read,
    records,
    settings_of,
)
from tests.connectors.vendors import Gateway
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors.github import REPULL, GitHub
from sophia_kit.core.errors import (
    MalformedAnswer,
)
from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.engineering import make_engineering


async def test_more_runs_than_a_search_shows_are_read_by_ranges_of_time(
    opened: Opened, wire: WireServer, company: Company
) -> None:
    found = await records(opened(PAYMENTS), "workflow_runs")
    work = make_engineering(company.profile, company.world.employees)
    there = [run.id for run in work.runs[PAYMENTS] if run.created <= company.moment]
    assert len(there) > 1000
    assert sorted(record["id"] for record in found) == there
    ranges = {request.query.get("created") for request in asked(wire, "/actions/runs")}
    assert len(ranges) == 3
    assert {record["conclusion"] for record in found} == {"success", "failure", "cancelled", None}
    assert {record["status"] for record in found} == {"completed", "in_progress"}


async def test_runs_are_read_again_for_as_long_as_they_can_change_and_what_is_gone_shows(
    opened: Opened, wire: WireServer, company: Company
) -> None:
    (batch,) = await read(opened(PAYMENTS), "workflow_runs", "2025-12-31T12:00:00Z")
    start = moment("2025-12-31T12:00:00Z") - REPULL
    assert asked(wire, "/actions/runs")[0].query["created"] == f">={start:%Y-%m-%dT%H:%M:%SZ}"
    assert batch.image_since == start
    assert min(record["created_at"] for record in batch.records) < "2025-11-01"
    later = company.at(company.day + timedelta(2))
    with SandboxServer(later) as server:
        settings = settings_of(server.base_url, Path("/"), repositories=(PAYMENTS,), token="sandbox")
        async with GitHub(settings) as github:
            (after,) = await read(github, "workflow_runs", batch.cursor_high)
    before, now = ({record["id"]: record for record in one.records} for one in (batch, after))
    assert after.image_since is not None
    gone = [r for r in before.values() if moment(r["created_at"]) >= after.image_since and r["id"] not in now]
    assert [record["event"] for record in gone] == ["workflow_dispatch"]
    nightly = next(record for record in before.values() if record["status"] == "in_progress")
    assert (now[nightly["id"]]["status"], nightly["conclusion"]) == ("completed", None)
    assert now[nightly["id"]]["updated_at"] > nightly["updated_at"]


async def test_a_full_reading_says_nothing_of_runs_that_it_lacks(opened: Opened) -> None:
    (batch,) = await read(opened(), "workflow_runs")
    assert batch.image_since is None, "which runs it should have"
    assert GitHub.resources["workflow_runs"].pruned, "what is older than 400 days was not deleted by anybody"


async def test_nothing_is_concluded_of_what_is_gone_when_fewer_runs_come_than_announced(
    opened: Opened, gateway: Gateway
) -> None:
    def lose(request: Request, reply: Reply) -> Reply:
        body = json.loads(reply.content)
        if request.path.endswith("/actions/runs"):
            del body["workflow_runs"][-1:]
        return replace(reply, body=body)

    gateway.after = lose
    (batch,) = await read(opened(), "workflow_runs", "2025-12-31T12:00:00Z")
    assert batch.records
    assert batch.image_since is None


async def test_more_runs_within_a_second_than_github_shows_are_not_passed_over(
    opened: Opened, gateway: Gateway
) -> None:
    def crowd(request: Request, reply: Reply) -> Reply:
        body = json.loads(reply.content)
        if request.path.endswith("/actions/runs"):
            body["total_count"] = 5000
        return replace(reply, body=body)

    gateway.after = crowd
    with pytest.raises(MalformedAnswer, match="1,000 workflow runs of one second"):
        await read(opened(), "workflow_runs", "2025-12-01T00:00:00Z")


@pytest.mark.parametrize("total", [None, "7", True])
async def test_a_page_of_runs_that_announces_no_number_is_refused(total: Any, opened: Opened, gateway: Gateway) -> None:
    def change(request: Request, reply: Reply) -> Reply:
        return replace(reply, body=json.loads(reply.content) | {"total_count": total})

    gateway.after = change
    with pytest.raises(MalformedAnswer, match="how many"):
        await read(opened(), "workflow_runs")
