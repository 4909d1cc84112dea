"""Pull requests and issues: what is asked for, how all of it is found, and what is never handed on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.connectors.github.reading import (
    PAYMENTS,
    PORTAL,
    Opened,
    asked,
    moment,
    read,
    records,
)
from tests.connectors.vendors import Gateway
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors.github import OVERLAP, GitHub
from sophia_kit.connectors.github_records import SHAPES
from sophia_kit.core.errors import InputError
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.ingest.convert import Converter


async def test_pull_requests_come_flat_by_the_names_of_the_reference(opened: Opened) -> None:
    found = await records(opened(), "pull_requests")
    assert len(found) > 100
    assert {tuple(sorted(record)) for record in found} == {SHAPES["pull_requests"].fields}
    states = {(record["state"], record["merged_at"] is not None, record["draft"]) for record in found}
    assert states >= {("closed", True, False), ("closed", False, False), ("open", False, False)}
    one = next(record for record in found if record["labels.name"])
    assert (one["repository"], one["base.ref"], one["labels.name"]) == (PORTAL, "main", "dependencies")
    assert one["user.login"] == "dependabot[bot]"


async def test_pull_requests_among_the_issues_are_left_out(opened: Opened, wire: WireServer) -> None:
    found = await records(opened(), "issues")
    sent = await records(opened(), "pull_requests")
    assert found
    assert not {record["node_id"] for record in found} & {record["node_id"] for record in sent}
    assert {record["html_url"].split("/")[-2] for record in found} == {"issues"}
    assert {request.query["state"] for request in asked(wire, "/issues")} == {"all"}


@pytest.mark.parametrize("resource", ["pull_requests", "issues", "workflow_runs"])
async def test_what_people_wrote_is_not_handed_on(resource: str, opened: Opened) -> None:
    found = await records(opened(), resource)
    assert found
    assert not {name for record in found for name in record} & {"body", "head_commit", "reactions"}
    github = opened()
    (batch,) = [batch async for batch in github.read(resource, None, ("node_id", "body"))]
    assert batch.absent_fields == ("body",)
    assert not any("body" in record for record in batch.records)


async def test_a_first_reading_asks_for_all_and_a_later_one_stops_where_nothing_is_new(
    opened: Opened, wire: WireServer
) -> None:
    (batch,) = await read(opened(PAYMENTS), "pull_requests")
    first = len(asked(wire, "/pulls"))
    wire.requests.clear()
    since = moment(json.loads(batch.cursor_high or "")["at"]) - timedelta(days=20)
    again = await records(opened(PAYMENTS), "pull_requests", since.isoformat())
    recent = {r["node_id"] for r in batch.records if moment(r["updated_at"]) >= since - OVERLAP}
    assert {record["node_id"] for record in again} == recent
    assert 0 < len(recent) < 30
    assert (first, len(asked(wire, "/pulls"))) == (3, 2)
    assert {(r.query["sort"], r.query["direction"]) for r in asked(wire, "/pulls")} == {("updated", "desc")}


async def test_an_old_issue_that_changed_comes_with_the_new_ones(opened: Opened, wire: WireServer) -> None:
    found = await records(opened(PAYMENTS), "issues", "2025-12-31T23:00:00Z")
    old = [record for record in found if record["created_at"] < "2024"]
    assert old
    assert asked(wire, "/issues")[0].query["since"] == "2025-12-31T22:00:00Z"
    assert len(found) < 15


@pytest.mark.parametrize("resource", ["pull_requests", "issues"])
async def test_a_range_holds_what_changed_within_it(resource: str, opened: Opened) -> None:
    everything = await records(opened(), resource)
    start, end = moment("2025-03-01T00:00:00Z"), moment("2025-06-01T00:00:00Z")
    found = await records(opened(), resource, start.isoformat(), until=end)
    within = [r for r in everything if start - OVERLAP <= moment(r["updated_at"]) < end]
    assert sorted(r["node_id"] for r in found) == sorted(r["node_id"] for r in within)
    assert 0 < len(found) < len(everything)


async def test_a_new_field_is_handed_on_and_labels_may_be_texts(opened: Opened, gateway: Gateway) -> None:
    def change(request: Request, reply: Reply) -> Reply:
        if not request.path.endswith("/issues"):
            return reply
        body = json.loads(reply.content)
        body[0] |= {"labels": ["bug", {"name": "security"}], "sub": {"deep": 1}, "user": None}
        body[0]["pull_request"] = {"url": None, "html_url": None}
        return replace(reply, body=body)

    gateway.after = change
    found = (await records(opened(), "issues"))[0]
    assert (found["labels.name"], found["sub"], found["user.login"]) == ("bug, security", {"deep": 1}, None)


async def test_a_field_that_github_had_to_send_is_left_out_when_it_did_not(opened: Opened, gateway: Gateway) -> None:
    def change(request: Request, reply: Reply) -> Reply:
        body = json.loads(reply.content)
        if request.path.endswith("/pulls"):
            for record in body:
                del record["state"], record["draft"]
        return replace(reply, body=body)

    gateway.after = change
    found = await records(opened(), "pull_requests")
    assert {("state" in record, record["draft"]) for record in found} == {(False, None)}


@pytest.mark.parametrize(
    ("resource", "refused"), [("files", 0), ("pull_requests", 1), ("issues", 1), ("workflow_runs", 1)]
)
async def test_all_but_the_spoilt_records_keep_their_contract(resource: str, refused: int, opened: Opened) -> None:
    contract = load_contracts()[GitHub.resources[resource].table]
    assert set(contract.asked) <= set(SHAPES[resource].fields)
    found = await records(opened(PAYMENTS), resource)
    converted = Converter(contract, "America/Chicago").records(found)
    assert len(converted.refused) == refused
    assert converted.frame.height == len(found) - refused > 100
    assert not converted.new_columns


@pytest.mark.parametrize("resource", ["pull_requests", "issues", "workflow_runs"])
async def test_a_repository_that_is_added_later_is_read_from_its_beginning(resource: str, opened: Opened) -> None:
    (before,) = await read(opened(PORTAL), resource)
    (after,) = await read(opened(PORTAL, PAYMENTS), resource, before.cursor_high)
    found = {record["node_id"] for record in after.records if record["repository"] == PAYMENTS}
    assert found == {record["node_id"] for record in await records(opened(PAYMENTS), resource)}
    assert sum(record["repository"] == PORTAL for record in after.records) < len(before.records)
    again = await records(opened(PORTAL, PAYMENTS), resource, after.cursor_high)
    assert 0 < sum(record["repository"] == PAYMENTS for record in again) < len(found)


async def test_a_text_that_is_no_cursor_is_refused(opened: Opened) -> None:
    for text in ("yesterday", "{", '{"at": 7}', '{"at": "2025-06-01T00:00:00Z", "repositories": 7}'):
        with pytest.raises(InputError):
            await read(opened(), "issues", text)


@pytest.mark.parametrize("resource", ["pull_requests", "issues"])
async def test_what_changes_during_a_full_reading_is_in_it(resource: str, opened: Opened, gateway: Gateway) -> None:
    """A full load takes what a reading lacks for deleted."""
    held: list[dict[str, Any]] = [
        {"node_id": f"n{n}", "number": n, "created_at": stamp(n), "updated_at": stamp(n), "pull_request": None}
        for n in range(250)
    ]

    def before(request: Request) -> Reply | None:
        if not request.path.endswith(("/pulls", "/issues")):
            return None
        page, size = int(request.query.get("page", 1)), int(request.query["per_page"])
        if page == 2:
            for changed in (held[0], held[249]):
                changed["updated_at"] = stamp(500)
        by = f"{request.query['sort']}_at"
        found = sorted(held, key=lambda record: (record[by], record["number"]))
        found = found[::-1] if request.query["direction"] == "desc" else found
        path = f"{request.path}?{urlencode(request.query | {'page': page + 1})}"
        more = {"Link": f'<{gateway.url}{path}>; rel="next"'} if page * size < len(found) else {}
        return Reply(body=found[(page - 1) * size : page * size], headers=more)

    gateway.before = before
    assert {record["node_id"] for record in await records(opened(), resource)} == {f"n{n}" for n in range(250)}


def stamp(minute: int) -> str:
    return f"2025-06-01T{minute // 60:02d}:{minute % 60:02d}:00Z"
