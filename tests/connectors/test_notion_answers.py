"""How Notion's connector takes answers that the sandbox never gives: each test says what its Notion answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.notion_reading import Record, records
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors.notion import API_VERSION, Notion
from sophia_kit.core.errors import AuthFailed, InputError, MalformedAnswer, ProviderFailing, RequestRejected
from sophia_kit.core.settings import HttpSettings, NotionSettings, Settings

HTTP = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)
KEY = "ded8723f-5b64-40b7-bc1b-d8b66541833c"


def listed(results: list[Any]) -> Record:
    return {"object": "list", "results": results, "has_more": False, "next_cursor": None}


def source(title: str) -> Record:
    return {"object": "data_source", "id": KEY, "title": [{"plain_text": title}], "in_trash": False, "properties": {}}


class Wired:
    """A connector, and the server it reads."""

    def __init__(self, notion: Notion, server: WireServer) -> None:
        self.notion = notion
        self.server = server


Answers = Mapping[str, Any | Reply | Callable[[Request], Reply]]
Wire = Callable[..., Awaitable[Wired]]


@pytest.fixture
async def wire_of(tmp_path: Path) -> AsyncIterator[Wire]:
    """Given answers by path, what reads them; any other path is not found."""
    answers: dict[str, Any] = {}

    def answer(request: Request) -> Reply:
        missing = {"object": "error", "status": 404, "code": "object_not_found", "message": "Could not find it."}
        found = answers.get(request.path, Reply(404, body=missing))
        if isinstance(found, Reply):
            return found
        return found(request) if callable(found) else Reply(body=found)

    async with WireServer(answer) as server, AsyncExitStack() as stack:

        async def given(found: Answers, **named: str) -> Wired:
            answers.update(found)
            about = {"base_url": server.url, "token": "canary-token", "requests_per_second": 100_000}
            section = NotionSettings.model_validate(about | named)
            settings = Settings(root=tmp_path, workspace="main", http=HTTP, notion=section)
            return Wired(await stack.enter_async_context(Notion(settings)), server)

        yield given


# What is read


async def test_every_request_names_the_version(wire_of: Wire) -> None:
    wire = await wire_of({"/v1/users": listed([])})
    await records(wire.notion, "users")
    assert [request.headers["notion-version"] for request in wire.server.requests] == [API_VERSION]


# Going on where the last load ended


async def test_what_was_edited_is_asked_for_by_a_filter_in_the_order_of_creation(wire_of: Wire) -> None:
    wire = await wire_of({"/v1/search": listed([source("Check-ins")]), f"/v1/data_sources/{KEY}/query": listed([])})
    until = datetime(2026, 2, 1, tzinfo=UTC)
    await records(wire.notion, "check_ins", since="2026-01-05T10:00:00Z")
    await records(wire.notion, "check_ins", since="2026-01-05T10:00:00Z", until=until)
    bodies = [json.loads(request.body) for request in wire.server.requests if request.path.endswith("/query")]
    oldest = [{"timestamp": "created_time", "direction": "ascending"}]
    begins = {"timestamp": "last_edited_time", "last_edited_time": {"on_or_after": "2026-01-05T09:50:00.000Z"}}
    ends = {"timestamp": "last_edited_time", "last_edited_time": {"before": "2026-02-01T00:00:00.000Z"}}
    common = {"sorts": oldest, "page_size": 100, "result_type": "page"}
    assert bodies == [
        common | {"filter": begins},
        common | {"in_trash": True},
        common | {"filter": {"and": [begins, ends]}},
    ]


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, None, 7])
async def test_an_id_that_is_none_is_handed_on_for_the_contract_to_refuse(odd: Any, wire_of: Wire) -> None:
    page = {"object": "page", "id": odd, "created_time": "2025-06-01T10:00:00.000Z", "properties": {}}
    query = f"/v1/data_sources/{KEY}/query"
    wire = await wire_of({f"/v1/data_sources/{KEY}": source("Wiki"), query: listed([page])}, knowledge=KEY)
    assert [record["id"] for record in await records(wire.notion, "knowledge", "title")] == [odd]


async def test_a_page_counts_as_deleted_only_where_it_says_so(wire_of: Wire) -> None:
    live = {
        "object": "page",
        "id": KEY,
        "last_edited_time": "2026-01-01T00:00:00.000Z",
        "in_trash": False,
        "properties": {},
    }

    def query(request: Request) -> Reply:
        return Reply(body=listed([live] if "in_trash" in json.loads(request.body) else []))

    wire = await wire_of({"/v1/search": listed([source("Check-ins")]), f"/v1/data_sources/{KEY}/query": query})
    assert await records(wire.notion, "check_ins", since="2026-01-05T10:00:00Z") == []


def part(text: str, *left: str) -> Record:
    return {"object": "page_markdown", "markdown": text, "truncated": bool(left), "unknown_block_ids": list(left)}


def page(key: str, **properties: Any) -> Record:
    """A page as a query lists it."""
    times = dict.fromkeys(("created_time", "last_edited_time"), "2025-06-01T10:00:00.000Z")
    return {"object": "page", "id": key, "in_trash": False, "properties": properties, **times}


CUT = {"id": "cut", "type": "relation", "relation": [{"id": "p"}] * 25, "has_more": True}


@pytest.mark.parametrize("fields", [("title", "markdown"), ("title", "Tasks")], ids=["content", "property"])
@pytest.mark.parametrize("left", [{}, {"/v1/pages/p2": page("p2") | {"in_trash": True}}], ids=["gone", "in the trash"])
async def test_a_page_that_goes_while_it_is_read_is_left_out_and_noted(
    left: Record, fields: tuple[str, ...], wire_of: Wire
) -> None:
    answers = {
        f"/v1/data_sources/{KEY}": source("Wiki"),
        f"/v1/data_sources/{KEY}/query": listed([page("p1"), page("p2", Tasks=CUT), page("p3")]),
        "/v1/pages/p1/markdown": part("One"),
        "/v1/pages/p3/markdown": part("Three"),
    }
    wire = await wire_of(answers | left, knowledge=KEY)
    (batch,) = [batch async for batch in wire.notion.read("knowledge", None, fields)]
    assert [record["id"] for record in batch.records] == ["p1", "p3"]
    assert batch.notes == ("1 left out that went while being read: p2",)


@pytest.mark.parametrize("status", [404, 403])
async def test_content_that_is_refused_of_a_page_that_is_there_is_an_error(status: int, wire_of: Wire) -> None:
    refusal = {"object": "error", "status": status, "code": "object_not_found", "message": "Could not find it."}
    answers = {
        f"/v1/data_sources/{KEY}": source("Wiki"),
        f"/v1/data_sources/{KEY}/query": listed([page("p1")]),
        "/v1/pages/p1": page("p1"),
        "/v1/pages/p1/markdown": Reply(status, body=refusal),
    }
    wire = await wire_of(answers, knowledge=KEY)
    with pytest.raises((RequestRejected, AuthFailed), match=f"{status} object_not_found"):
        await records(wire.notion, "knowledge", "markdown")


# Which data source


async def test_of_two_data_sources_with_one_title_none_is_guessed(wire_of: Wire) -> None:
    twins = [source("Check-ins"), source("check-ins") | {"id": KEY.replace("d", "e")}]
    wire = await wire_of({"/v1/search": listed(twins)})
    with pytest.raises(RequestRejected, match="2 data sources") as caught:
        await records(wire.notion, "check_ins")
    assert "Copy data source ID" in (caught.value.hint or "")


async def test_an_integration_that_is_shown_nothing_is_failing(wire_of: Wire) -> None:
    wire = await wire_of({"/v1/users/me": {"object": "user", "id": KEY, "name": "Kit"}, "/v1/search": listed([])})
    health = await wire.notion.health()
    assert health.state == "failing"
    assert "Connections" in (health.hint or "")


async def test_a_data_source_that_shows_no_title_is_read_by_its_id(wire_of: Wire) -> None:
    bare = {"object": "data_source", "id": KEY, "properties": {"Name": {"id": "title", "type": "title", "title": {}}}}
    wire = await wire_of({f"/v1/data_sources/{KEY}": bare, f"/v1/data_sources/{KEY}/query": listed([])}, check_ins=KEY)
    assert "Name" in await wire.notion.fields("check_ins")
    assert await records(wire.notion, "check_ins", "Name") == []


# Single things


async def test_blocks_are_read_to_any_depth(wire_of: Wire) -> None:
    def children(request: Request) -> Reply:
        depth = int(request.path.split("/")[3].removeprefix("b"))
        inner = {"rich_text": [{"plain_text": str(depth)}]}
        return Reply(
            body=listed([{"id": f"b{depth + 1}", "type": "toggle", "has_children": depth < 40, "toggle": inner}])
        )

    wire = await wire_of({f"/v1/blocks/b{depth}/children": children for depth in range(42)})
    found = (await wire.notion.blocks("b0")).blocks
    assert [(block.depth, block.text) for block in found] == [(depth, str(depth)) for depth in range(41)]


async def test_pages_inside_a_page_are_named_and_not_entered(wire_of: Wire) -> None:
    inside = {"id": KEY, "type": "child_page", "has_children": True, "child_page": {"title": "Minutes"}}
    wire = await wire_of({"/v1/blocks/b0/children": listed([inside])})
    (block,) = (await wire.notion.blocks("b0")).blocks
    assert (block.kind, block.text) == ("child_page", "Minutes")


async def test_a_block_that_holds_itself_is_refused(wire_of: Wire) -> None:
    itself = {"id": "b0", "type": "toggle", "has_children": True, "toggle": {}}
    wire = await wire_of({"/v1/blocks/b0/children": listed([itself])})
    with pytest.raises(MalformedAnswer, match="holds itself"):
        await wire.notion.blocks("b0")


async def test_what_is_left_out_of_a_long_page_is_read_by_itself(wire_of: Wire) -> None:
    wire = await wire_of(
        {
            "/v1/pages/p/markdown": part("One", "x", "y"),
            "/v1/pages/x/markdown": part("Two", "z"),
            "/v1/pages/y/markdown": part("Three"),
            "/v1/pages/z/markdown": part("Four"),
        }
    )
    found = await wire.notion.markdown("p")
    assert (found.text, found.complete) == ("One\n\nTwo\n\nThree\n\nFour", True)


@pytest.mark.parametrize("left", ["lost", "p"], ids=["not shared", "itself"])
async def test_content_that_can_t_be_read_is_incomplete_not_silent(left: str, wire_of: Wire) -> None:
    wire = await wire_of({"/v1/pages/p/markdown": part("One <unknown/>", left)})
    found = await wire.notion.markdown("p")
    assert (found.text, found.complete) == ("One <unknown/>", False)


# Odd answers


async def test_a_property_named_like_a_field_of_every_page_is_told_apart(wire_of: Wire) -> None:
    url = {"id": "x", "type": "url", "url": "https://example.com"}
    page = {
        "object": "page",
        "id": KEY,
        "in_trash": False,
        "url": "https://www.notion.so/x",
        "properties": {"url": url},
    }
    described = source("Check-ins") | {"properties": {"url": {"id": "x", "name": "url", "type": "url", "url": {}}}}
    wire = await wire_of({"/v1/search": listed([described]), f"/v1/data_sources/{KEY}/query": listed([page])})
    (record,) = await records(wire.notion, "check_ins", "url", "properties.url")
    assert (record["url"], record["properties.url"]) == ("https://www.notion.so/x", "https://example.com")


async def test_a_property_whose_id_can_t_be_asked_for_says_so(wire_of: Wire) -> None:
    cut = {"id": "a%3Fb", "type": "relation", "relation": [{"id": "p"}] * 25, "has_more": True}
    page = {"object": "page", "id": KEY, "in_trash": False, "properties": {"Tasks": cut}}
    wire = await wire_of({"/v1/search": listed([source("Check-ins")]), f"/v1/data_sources/{KEY}/query": listed([page])})
    with pytest.raises(RequestRejected, match="'Tasks'") as caught:
        await records(wire.notion, "check_ins", "Tasks")
    assert "Duplicate the property" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"results": None, "has_more": False, "next_cursor": None},
        {"results": [1], "has_more": False, "next_cursor": None},
        {"results": [], "has_more": True, "next_cursor": None},
        {"results": [], "has_more": False, "next_cursor": "more"},
        {"results": [], "next_cursor": None},
    ],
)
async def test_a_list_that_does_not_say_what_it_holds_is_refused(answer: Any, wire_of: Wire) -> None:
    wire = await wire_of({"/v1/users": answer})
    with pytest.raises(MalformedAnswer):
        await records(wire.notion, "users")


async def test_an_overloaded_notion_is_waited_for(wire_of: Wire) -> None:
    overload = {"object": "error", "status": 529, "code": "service_overload", "message": "Busy."}
    replies = [Reply(529, body=overload, headers={"Retry-After": "0"})] * 2 + [Reply(body=listed([]))]
    wire = await wire_of({"/v1/users": lambda _request: replies.pop(0)})
    assert await records(wire.notion, "users") == []
    replies += [Reply(529, body=overload)] * 3
    with pytest.raises(ProviderFailing):
        await records(wire.notion, "users")


@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (401, "unauthorized", AuthFailed, "SOPHIA_NOTION__TOKEN"),
        (403, "restricted_resource", AuthFailed, "capabilities"),
        (404, "object_not_found", RequestRejected, "Connections"),
        (400, "validation_error", RequestRejected, "status codes"),
    ],
)
async def test_notion_s_reason_is_told_without_the_token(
    status: int, code: str, kind: type[Exception], hint: str, wire_of: Wire
) -> None:
    said = {"object": "error", "status": status, "code": code, "message": "Not with canary-token."}
    wire = await wire_of({"/v1/users": Reply(status, body=said)})
    with pytest.raises(kind) as caught:
        await records(wire.notion, "users")
    assert isinstance(caught.value, RequestRejected | AuthFailed)
    assert caught.value.message == f"Notion answered {status} {code}: Not with [secret]."
    assert hint in (caught.value.hint or "")


async def test_another_data_source_in_the_place_of_one_is_read_whole(wire_of: Wire) -> None:
    other = KEY.replace("d", "e")

    def pages(number: int) -> Callable[[Request], Reply]:
        stamp = f"2025-06-{number:02d}T10:00:00.000Z"
        page = {
            "object": "page",
            "id": f"p{number}",
            "created_time": stamp,
            "last_edited_time": stamp,
            "properties": {},
        }
        return lambda request: Reply(body=listed([] if "filter" in json.loads(request.body) else [page]))

    answers: dict[str, Any] = {}
    for key, number in ((KEY, 20), (other, 5)):
        answers |= {f"/v1/data_sources/{key}": source("Wiki") | {"id": key}}
        answers |= {f"/v1/data_sources/{key}/query": pages(number)}
    before, after = await wire_of(answers, knowledge=KEY), await wire_of(answers, knowledge=other)
    (first,) = [batch async for batch in before.notion.read("knowledge", None, ("title",))]
    (same,) = [batch async for batch in before.notion.read("knowledge", first.cursor_high, ("title",))]
    (moved,) = [batch async for batch in after.notion.read("knowledge", first.cursor_high, ("title",))]
    assert (same.records, same.image_since) == ([], None)
    assert [record["id"] for record in moved.records] == ["p5"]
    assert moved.image_since == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "{", '{"at": 7}', '{"at": "2025-06-01T00:00:00Z"}', "[]"])
async def test_a_text_that_is_no_cursor_is_refused(text: str, wire_of: Wire) -> None:
    wire = await wire_of({f"/v1/data_sources/{KEY}": source("Wiki")}, knowledge=KEY)
    with pytest.raises(InputError):
        await records(wire.notion, "knowledge", "title", since=text)
