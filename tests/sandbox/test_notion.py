"""Notion as the sandbox serves it: the company's OKRs and wiki in Notion's own shapes, pages and errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.notion_workspace import notion_id

Json = dict[str, Any]
HEADERS = {"Authorization": "Bearer sandbox", "Notion-Version": "2026-03-11"}
NEWEST = {"sorts": [{"timestamp": "last_edited_time", "direction": "descending"}]}


@pytest.fixture
def notion(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.base_url}/v1", headers=HEADERS, trust_env=False) as client:
        yield client


def source(notion: httpx.Client, title: str) -> Json:
    found = notion.post(
        "/search", json={"query": title, "filter": {"property": "object", "value": "data_source"}}
    ).json()
    (one,) = [one for one in found["results"] if one["title"][0]["plain_text"] == title]
    return dict(one)


def query(notion: httpx.Client, title: str, **body: Any) -> Json:
    answer = notion.post(f"/data_sources/{source(notion, title)['id']}/query", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def everything(notion: httpx.Client, title: str, **body: Any) -> list[Json]:
    found: list[Json] = []
    more: Json = {}
    while True:
        answer = query(notion, title, **body, **more)
        found += answer["results"]
        if not answer["has_more"]:
            return found
        more = {"start_cursor": answer["next_cursor"]}


def test_a_page_has_the_shape_of_the_reference(notion: httpx.Client, company: Company) -> None:
    page = next(iter(everything(notion, "Key results", **NEWEST)))
    assert page["object"] == "page"
    assert page["parent"]["data_source_id"] == source(notion, "Key results")["id"]
    assert {UUID(page["id"]).version, UUID(page["created_by"]["id"]).version} == {4}
    assert page["last_edited_time"].endswith(":00.000Z")
    assert page["in_trash"] is False
    assert "archived" not in page
    for name, value in page["properties"].items():
        schema = source(notion, "Key results")["properties"][name]
        assert (value["id"], value["type"]) == (schema["id"], schema["type"])
        assert value["type"] in value


def test_every_record_of_the_company_is_a_page_and_a_few_are_half_done(notion: httpx.Client, company: Company) -> None:
    for title, table in (("Check-ins", "key_result_checkins"), ("Knowledge", "knowledge_pages")):
        keys = {notion_id(company.profile.seed, "page", key) for key in company.table(table)["source_id"]}
        found = {page["id"] for page in everything(notion, title)}
        assert found >= keys
        begun = {key for wart in company.truth.of(table, "malformed") for key in wart.ids}
        assert found - keys == {notion_id(company.profile.seed, "page", key) for key in begun}
    assert [company.truth.count(table, "malformed") for table in ("key_result_checkins", "key_results")] == [2, 1]
    untitled = [page for page in everything(notion, "Check-ins") if not page["properties"]["Name"]["title"]]
    assert [page["properties"]["Key result"]["relation"] for page in untitled] == [[]]


def test_the_version_before_calls_the_trash_an_archive_too(notion: httpx.Client) -> None:
    before = {"Notion-Version": "2025-09-03"}
    key = everything(notion, "Knowledge")[0]["id"]
    assert notion.get(f"/pages/{key}", headers=before).json()["archived"] is False


def test_filters_and_sorts_go_by_time(notion: httpx.Client) -> None:
    def edited(how: str) -> Json:
        return {"timestamp": "last_edited_time", "last_edited_time": {how: "2025-06-30T22:00:00Z"}}

    whole = [page["last_edited_time"] for page in everything(notion, "Check-ins", **NEWEST)]
    assert whole == sorted(whole, reverse=True)
    late = everything(notion, "Check-ins", filter=edited("on_or_after"))
    early = everything(notion, "Check-ins", filter=edited("before"))
    assert (len(late) > 0, len(early) > 0, len(late) + len(early)) == (True, True, len(whole))
    assert everything(notion, "Check-ins", filter={"and": [edited("on_or_after"), edited("before")]}) == []
    assert len(everything(notion, "Check-ins", filter={"or": [edited("on_or_after"), edited("before")]})) == len(whole)


def test_a_query_gives_as_many_pages_as_it_may_and_says_when_there_are_more(
    notion: httpx.Client, server: SandboxServer
) -> None:
    assert query(notion, "Check-ins")["request_status"] == {"type": "complete"}
    server.notion.query_limit = 150
    assert len(everything(notion, "Check-ins")) == 150
    capped = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
    assert query(notion, "Check-ins")["request_status"] == capped


def test_the_trash_is_asked_for_by_itself(notion: httpx.Client, server: SandboxServer) -> None:
    key = everything(notion, "Objectives")[0]["id"]
    server.notion.trash(key)
    server.advance()
    assert key not in {page["id"] for page in everything(notion, "Objectives")}
    assert [(page["id"], page["in_trash"]) for page in everything(notion, "Objectives", in_trash=True)] == [(key, True)]


def test_a_page_shows_25_of_a_relation_and_the_property_item_all(notion: httpx.Client) -> None:
    page = everything(notion, "Objectives")[0]
    checked = page["properties"]["Check-ins"]
    assert (len(checked["relation"]), checked["has_more"]) == (25, True)
    found: list[Json] = []
    more: Json = {"page_size": 20}
    while True:
        answer = notion.get(f"/pages/{page['id']}/properties/{checked['id']}", params=more).json()
        assert (answer["object"], answer["property_item"]["type"]) == ("list", "relation")
        found += answer["results"]
        if not answer["has_more"]:
            break
        assert answer["property_item"]["next_url"].endswith(f"start_cursor={answer['next_cursor']}")
        more |= {"start_cursor": answer["next_cursor"]}
    assert (len(found), {item["type"] for item in found}) == (36, {"relation"})
    rollup = page["properties"]["Times checked"]
    whole = notion.get(f"/pages/{page['id']}/properties/{rollup['id']}").json()["property_item"]
    assert (rollup["rollup"]["number"], whole["rollup"]["number"]) == (25, 36)


def test_content_is_served_as_blocks_and_as_markdown(notion: httpx.Client, company: Company) -> None:
    key = notion_id(company.profile.seed, "page", "page_how_01")
    (block,) = notion.get(f"/blocks/{key}/children").json()["results"]
    (body,) = company.table("knowledge_pages").filter(source_id="page_how_01")["body"]
    assert block["paragraph"]["rich_text"][0]["plain_text"] == body
    assert notion.get(f"/pages/{key}/markdown").json()["markdown"] == body


def test_on_a_later_day_there_are_new_check_ins(notion: httpx.Client, server: SandboxServer, company: Company) -> None:
    before = {page["id"] for page in everything(notion, "Check-ins")}
    server.advance((date(2026, 2, 1) - company.day).days)
    assert {page["id"] for page in everything(notion, "Check-ins")} > before


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", "/users/me", None, {"Authorization": "Bearer other"}, 401, "unauthorized"),
        ("GET", "/users/me", None, {"Notion-Version": "2020-01-01"}, 400, "missing_version"),
        ("GET", "/pages/00000000-0000-4000-8000-000000000000", None, {}, 404, "object_not_found"),
        ("GET", "/pages/nothing", None, {}, 400, "validation_error"),
        ("GET", "/nothing", None, {}, 400, "invalid_request_url"),
        ("PATCH", "/pages/00000000-0000-4000-8000-000000000000", {"in_trash": True}, {}, 400, "invalid_request_url"),
        ("POST", "/search", {"sort_by": "title"}, {}, 400, "validation_error"),
        ("POST", "/search", {"page_size": 101}, {}, 400, "validation_error"),
        ("POST", "/search", {"start_cursor": "nowhere"}, {}, 400, "validation_error"),
    ],
)
def test_what_is_wrong_is_said_as_notion_says_it(
    method: str, path: str, body: Json | None, headers: Json, status: int, code: str, notion: httpx.Client
) -> None:
    answer = notion.request(method, path, json=body, headers=headers)
    found = answer.json()
    assert (answer.status_code, found["object"], found["status"], found["code"]) == (status, "error", status, code)
    assert found["message"]
