"""Gong as the sandbox serves it: the company's calls in Gong's own shapes, pages and errors, with all that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pytest

from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.gong_calls import gong_id

ALL = {
    "context": "Basic",
    "exposedFields": {
        "parties": True,
        "content": {"topics": True, "trackers": True},
        "interaction": {"speakers": True, "personInteractionStats": True, "questions": True},
    },
}
CALLS, TRANSCRIPTS = "/v2/calls/extensive", "/v2/calls/transcript"


@pytest.fixture
def server(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company, page_limit=60) as running:
        yield running


@pytest.fixture
def gong(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, auth=("sandbox", "sandbox"), trust_env=False) as client:
        yield client


def read_all(gong: httpx.Client, path: str, name: str, **body: Any) -> list[dict[str, Any]]:
    """Every page. Each says its size, its number and how many records there are in all."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    pages = 0
    while True:
        answer = gong.post(path, json={"filter": {}, **body, **cursor})
        assert answer.status_code == 200, answer.text
        content = answer.json()
        records = content["records"]
        assert (records["currentPageSize"], records["currentPageNumber"]) == (len(content[name]), pages)
        found += content[name]
        pages += 1
        if "cursor" not in records:
            assert records["totalRecords"] == len(found)
            return found
        cursor = {"cursor": records["cursor"]}


def calls_of(company: Company) -> dict[str, dict[str, Any]]:
    """What the company says of its calls, by Gong's ids."""
    rows = company.table("calls").iter_rows(named=True)
    return {gong_id("call", int(row["source_id"].removeprefix("call_"))): row for row in rows}


def stat(call: dict[str, Any], name: str) -> Any:
    return {one["name"]: one["value"] for one in call["interaction"]["interactionStats"]}.get(name)


def test_a_call_has_what_the_company_knows_of_it(company: Company, gong: httpx.Client) -> None:
    served = {call["metaData"]["id"]: call for call in read_all(gong, CALLS, "calls", contentSelector=ALL)}
    people = company.table("call_participants").group_by("call_id").len()
    counts = dict(people.iter_rows())
    live = {key: row for key, row in calls_of(company).items() if not row["is_deleted"]}
    assert len(live) > 300
    for key, row in live.items():
        call = served[key]
        meta, content, interaction = call["metaData"], call["content"], call["interaction"]
        assert (meta["clientUniqueId"], meta["duration"]) == (row["source_id"], row["duration_s"])
        assert datetime.fromisoformat(meta["started"]) == row["started_at"]
        links = {one["objectType"]: one["objectId"] for one in call["context"][0]["objects"]}
        assert (links.get("Account"), links.get("Opportunity")) == (row["account_id"], row["opportunity_id"])
        assert "|".join(topic["name"] for topic in content["topics"]) == row["topics"]
        counted = {tracker["name"]: tracker["count"] for tracker in content["trackers"]}
        assert counted["Competitors"] == row["competitor_mentions"]
        assert stat(call, "Talk Ratio") == (None if row["talk_ratio"] is None else float(row["talk_ratio"]))
        assert stat(call, "Longest Monologue") == row["longest_monologue_s"]
        assert stat(call, "Interactivity") == float(row["interactivity"])
        assert interaction["questions"]["companyCount"] == row["questions_asked"]
        said = None if meta["customData"] is None else json.loads(meta["customData"])["sentiment"]
        assert said == (None if row["sentiment"] is None else float(row["sentiment"]))
        assert len(call["parties"]) == len(interaction["speakers"]) == counts[row["source_id"]]
        host = next(party for party in call["parties"] if party["affiliation"] == "Internal")
        assert host["userId"] == meta["primaryUserId"]
        assert all(party["userId"] is None for party in call["parties"] if party["affiliation"] == "External")


def test_a_selector_exposes_what_it_names_and_nothing_else(gong: httpx.Client) -> None:
    def keys(selector: dict[str, Any] | None) -> set[str]:
        body: dict[str, Any] = {"filter": {}} | ({} if selector is None else {"contentSelector": selector})
        call = gong.post(CALLS, json=body).json()["calls"][0]
        return {*call, *(f"{part}.{name}" for part in ("content", "interaction") for name in call.get(part, ()))}

    assert keys(None) == keys({}) == {"metaData"}
    assert keys({"exposedFields": {"parties": True}}) == {"metaData", "parties"}
    assert keys({"context": "Basic", "exposedFields": {"interaction": {"questions": True}}}) == {
        "metaData",
        "context",
        "interaction",
        "interaction.questions",
    }


def test_what_was_said_is_sentences_in_milliseconds_that_make_the_turn(company: Company, gong: httpx.Client) -> None:
    served = {call["metaData"]["id"]: call for call in read_all(gong, CALLS, "calls", contentSelector=ALL)}
    spoken = {one["callId"]: one["transcript"] for one in read_all(gong, TRANSCRIPTS, "callTranscripts")}
    turns = company.table("call_turns").sort("source_id").partition_by("call_id", as_dict=True)
    live = [key for key, row in calls_of(company).items() if not row["is_deleted"]]
    assert set(spoken) == set(live)
    known = calls_of(company)
    for key in live[:40]:
        row = known[key]
        expected = turns[(row["source_id"],)]
        names = {party["speakerId"]: party["name"] for party in served[key]["parties"]}
        assert len(spoken[key]) == len(expected)
        for said, turn in zip(spoken[key], expected.iter_rows(named=True), strict=True):
            sentences = said["sentences"]
            assert " ".join(one["text"] for one in sentences) == turn["text"]
            assert (sentences[0]["start"], sentences[-1]["end"]) == (turn["started_s"] * 1000, turn["ended_s"] * 1000)
            assert all(one["start"] <= one["end"] for one in sentences)
            assert said["speakerId"] in names


def test_a_filter_is_from_a_moment_on_and_before_another(company: Company, gong: httpx.Client) -> None:
    begun = sorted(row["started_at"] for row in calls_of(company).values() if not row["is_deleted"])
    low, high = begun[100], begun[130]
    window = {"fromDateTime": low.isoformat(), "toDateTime": high.isoformat()}
    found = [call["metaData"] for call in read_all(gong, CALLS, "calls", filter=window)]
    assert [meta["started"] for meta in found if meta["started"]] == [
        f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in begun if low <= moment < high
    ]
    keys = [meta["id"] for meta in found[:3]]
    assert [call["metaData"]["id"] for call in read_all(gong, CALLS, "calls", filter={"callIds": keys})] == keys


@pytest.mark.parametrize("path", [CALLS, TRANSCRIPTS])
def test_no_call_is_told_as_gong_tells_it(path: str, gong: httpx.Client) -> None:
    answer = gong.post(path, json={"filter": {"fromDateTime": "2090-01-01T00:00:00Z"}})
    assert answer.status_code == 404
    assert answer.json()["errors"] == ["No calls found corresponding to the provided filters"]
    assert answer.json()["requestId"]


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda gong: gong.get("/v2/users", auth=("sandbox", "wrong")), 401),
        (lambda gong: gong.post(CALLS, content=b"{"), 400),
        (lambda gong: gong.post(CALLS, json={}), 400),
        (lambda gong: gong.post(CALLS, json={"filter": {"fromDateTime": "yesterday"}}), 400),
        (lambda gong: gong.post(CALLS, json={"filter": {}, "cursor": "x"}), 400),
        (lambda gong: gong.get("/v2/calls"), 404),
        (lambda gong: gong.delete("/v2/users"), 405),
    ],
)
def test_what_is_wrong_has_gongs_shape(
    ask: Callable[[httpx.Client], httpx.Response], status: int, gong: httpx.Client
) -> None:
    answer = ask(gong)
    assert (answer.status_code, set(answer.json())) == (status, {"requestId", "errors"})
    assert all(isinstance(error, str) for error in answer.json()["errors"])


def test_people_who_work_with_customers_use_gong(company: Company, gong: httpx.Client) -> None:
    content = gong.get("/v2/users").json()
    crm = {row["Email"]: row for row in company.table("salesforce_users").iter_rows(named=True)}
    assert {user["emailAddress"]: user["active"] for user in content["users"]} == {
        mail: row["IsActive"] for mail, row in crm.items()
    }
    assert content["records"]["totalRecords"] == len(crm)
    assert {f"{user['firstName']} {user['lastName']}" for user in content["users"]} == {
        row["Name"] for row in crm.values()
    }


def test_late_corrected_deleted_and_malformed_calls_are_those_of_the_truth(
    company: Company, server: SandboxServer, gong: httpx.Client
) -> None:
    known = calls_of(company)
    served = {call["metaData"]["clientUniqueId"]: call for call in read_all(gong, CALLS, "calls", contentSelector=ALL)}
    (deleted,) = company.truth.of("calls", "deleted")
    assert not set(deleted.ids) & set(served)
    (corrected,) = company.truth.of("calls", "corrected")
    still = [key for key in corrected.ids if key in served]
    assert still
    assert {
        one["count"] for key in still for one in served[key]["content"]["trackers"] if one["name"] == "Competitors"
    } == {0}
    broken = {wart.field: set(wart.ids) for wart in company.truth.of("calls", "malformed")}
    assert {key for key, call in served.items() if call["metaData"]["started"] is None} == broken["started_at"]
    assert {
        key
        for key, call in served.items()
        if call["metaData"]["customData"] and json.loads(call["metaData"]["customData"])["sentiment"] > 1
    } == broken["sentiment"]
    assert len(served) == len([row for row in known.values() if not row["is_deleted"]]) + sum(map(len, broken.values()))
    assert company.truth.of("calls", "doubled") == ()
    (late,) = company.truth.of("calls", "late")
    key = late.ids[-1]
    began = company.table("calls").filter(pl.col("source_id") == key)["started_at"].item()
    for after, there in ((2, False), (5, True)):
        with SandboxServer(company.at(began.date() + timedelta(after))) as then:
            asked = httpx.post(then.base_url + CALLS, json={"filter": {}}, auth=("sandbox", "sandbox"))
            assert (key in {call["metaData"]["clientUniqueId"] for call in asked.json()["calls"]}) is there


def test_another_day_is_served_once_the_sandbox_moves_on(server: SandboxServer, gong: httpx.Client) -> None:
    before = gong.post(CALLS, json={"filter": {}}).json()["records"]["totalRecords"]
    server.advance(20)
    assert server.company.day == date(2026, 1, 20)
    assert gong.post(CALLS, json={"filter": {}}).json()["records"]["totalRecords"] > before
