"""Notion's connector: what only Notion does. What all vendors do is in test_conformance."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors.notion import API_VERSION, Notion
from sophia_kit.core.errors import AuthFailed, MalformedAnswer, ProviderFailing, RequestRejected, Unconfigured
from sophia_kit.core.settings import HttpSettings, NotionSettings, Settings
from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.notion_workspace import notion_id

PROFILE = Path(__file__).parents[2] / "data" / "company.toml"
HTTP = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)
KEY = "ded8723f-5b64-40b7-bc1b-d8b66541833c"
Record = dict[str, Any]


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.load(PROFILE, scale=0.02)


@pytest.fixture(scope="module")
def shared(company: Company) -> Iterator[SandboxServer]:
    """Not to be changed."""
    with SandboxServer(company) as server:
        yield server


@pytest.fixture
def sandbox(company: Company) -> Iterator[SandboxServer]:
    """One of the test's own."""
    with SandboxServer(company) as server:
        yield server


def settings_for(url: str, root: Path, **given: Any) -> Settings:
    settings = connected(Settings(root=root, workspace="demo", http=HTTP), url)
    return settings.model_copy(update={"notion": settings.notion.model_copy(update=given)})


@pytest.fixture
async def notion(shared: SandboxServer, tmp_path: Path) -> AsyncIterator[Notion]:
    async with Notion(settings_for(shared.base_url, tmp_path)) as found:
        yield found


async def records(notion: Notion, resource: str, *fields: str, since: str | None = None, **more: Any) -> list[Record]:
    found = [record async for batch in notion.read(resource, since, fields, **more) for record in batch.records]
    assert all({"id"} <= record.keys() for record in found)
    return found


def asked_of(sandbox: SandboxServer, part: str) -> int:
    return sum(part in request.target for request in sandbox.requests)


# What is read


async def test_a_page_is_a_record_of_its_properties(notion: Notion, company: Company) -> None:
    found = {
        record["id"]: record for record in await records(notion, "key_results", *await notion.fields("key_results"))
    }
    seed = company.profile.seed
    record = found[notion_id(seed, "page", "kr_2025_1_1")]
    assert record["title"] == record["Name"] == "Revenue per employee of at least 1,000,000 USD"
    assert record["Objective"] == notion_id(seed, "page", "obj_2025_1")
    assert (record["Metric"], record["Unit"], record["Higher is better"]) == ("rpe", "USD", True)
    assert record["Objective period"] == "2025-01-01/2025-12-31"
    assert record["Last checked"].startswith("2025-12-31T")
    assert len(record["Check-ins"].split(", ")) == 12
    assert record["url"].endswith(record["id"].replace("-", ""))


async def test_fields_are_those_of_the_data_source_and_what_is_not_there_is_absent(notion: Notion) -> None:
    assert {"title", "Period", "Period.end", "Times checked", "markdown"} <= set(await notion.fields("objectives"))
    batches = [batch async for batch in notion.read("objectives", None, ("Owner", "Budget", "Budget.end"))]
    assert {batch.absent_fields for batch in batches} == {("Budget", "Budget.end")}
    assert set(batches[0].records[0]) == {"id", "last_edited_time", "in_trash", "Owner"}


async def test_more_than_a_page_shows_of_a_relation_is_read_to_the_end_and_rollups_of_it_are_right(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        found = await records(notion, "objectives", "Check-ins", "Times checked")
    shown = [page["properties"] for page in sandbox.notion.workspace.pages.values() if "Period" in page["properties"]]
    assert {len(page["Check-ins"]["relation"]) for page in shown} == {24, 25}
    assert {page["Times checked"]["rollup"]["number"] for page in shown} == {24, 25}
    counts = [len(record["Check-ins"].split(", ")) for record in found]
    assert sorted(set(counts)) == [24, 36]
    assert [record["Times checked"] for record in found] == counts


async def test_only_what_is_asked_for_is_read_in_whole(sandbox: SandboxServer, tmp_path: Path) -> None:
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        await records(notion, "objectives", "title", "Owner")
    assert asked_of(sandbox, "/properties/") == asked_of(sandbox, "/markdown") == 0


async def test_knowledge_comes_with_its_content_and_a_request_for_each_page_that_was_edited(
    sandbox: SandboxServer, company: Company, tmp_path: Path
) -> None:
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        found = await records(notion, "knowledge", "title", "markdown", "Author")
        assert {(r["title"], r["markdown"], r["Author"]) for r in found} == set(
            company.table("knowledge_pages").select("title", "body", "author").iter_rows()
        )
        before = asked_of(sandbox, "/markdown")
        newest = max(record["last_edited_time"] for record in found)
        (one,) = await records(notion, "knowledge", "markdown", since=newest)
    assert one["markdown"].startswith("On 2025-12-02 attempts through Northgate failed")
    assert (before, asked_of(sandbox, "/markdown") - before) == (len(found), 1)


async def test_users_are_a_whole_image_each_time(notion: Notion, company: Company) -> None:
    (batch,) = [batch async for batch in notion.read("users", "2026-01-01T00:00:00Z", ("name", "person.email", "type"))]
    people = {record["name"]: record for record in batch.records}
    assert batch.image_since == datetime(1970, 1, 1, tzinfo=UTC)
    assert people["Ada Abara"]["person.email"] == "ada.abara@larkfield.example"
    assert (people["Sophia Kit"]["type"], people["Sophia Kit"]["person.email"]) == ("bot", None)
    assert {record["modified_at"] for record in batch.records} == {"1970-01-01T00:00:00.000Z"}
    assert len(people) > 60


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


async def test_a_page_in_the_trash_is_read_as_deleted_by_the_next_load(
    sandbox: SandboxServer, company: Company, tmp_path: Path
) -> None:
    gone = notion_id(company.profile.seed, "page", "ci_2023_1_1_01")
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        before = await records(notion, "check_ins")
        sandbox.notion.trash(gone)
        later = await records(notion, "check_ins", since="2026-06-01T00:00:00Z")
        whole = await records(notion, "check_ins")
    assert [(record["id"], record["in_trash"]) for record in later] == [(gone, True)]
    assert {record["id"] for record in before} - {record["id"] for record in whole} == {gone}


@pytest.mark.parametrize("resource", ["objectives", "key_results"])
async def test_objectives_and_key_results_are_a_whole_image_each_time_but_of_a_range(
    resource: str, notion: Notion
) -> None:
    fields = ("title", "Last checked", "Times checked")
    everything = [batch async for batch in notion.read(resource, None, fields)]
    again = [batch async for batch in notion.read(resource, everything[-1].cursor_high, fields)]
    assert [batch.records for batch in again] == [batch.records for batch in everything]
    assert {batch.image_since for batch in again} == {datetime(1970, 1, 1, tzinfo=UTC)}
    until = datetime(2024, 6, 1, tzinfo=UTC)
    (part,) = [batch async for batch in notion.read(resource, "2023-06-01T00:00:00Z", fields, until=until)]
    assert 0 < len(part.records) < len(everything[0].records)
    assert part.image_since is None


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


# More than one query gives


async def test_where_a_query_ends_early_the_next_one_goes_on(sandbox: SandboxServer, tmp_path: Path) -> None:
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        whole = await records(notion, "check_ins", "title")
        sandbox.notion.query_limit = 130
        parts = await records(notion, "check_ins", "title")
    assert parts == whole
    assert len(whole) > 2 * sandbox.notion.query_limit


async def test_more_pages_of_one_minute_than_a_query_gives_are_an_error(sandbox: SandboxServer, tmp_path: Path) -> None:
    sandbox.notion.query_limit = 3
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        with pytest.raises(MalformedAnswer, match="ends early"):
            await records(notion, "objectives", "title")


# Which data source


@pytest.mark.parametrize("form", ["id", "without dashes", "of the database", "title in other letters"])
async def test_a_data_source_is_found_by_title_or_id(form: str, shared: SandboxServer, tmp_path: Path) -> None:
    body = next(s for s in shared.notion.workspace.sources.values() if s.body["title"][0]["plain_text"] == "Objectives")
    given = {
        "id": body.body["id"],
        "without dashes": body.body["id"].replace("-", ""),
        "of the database": body.database,
        "title in other letters": "OBJECTIVES",
    }[form]
    async with Notion(settings_for(shared.base_url, tmp_path, objectives=given)) as notion:
        assert len(await records(notion, "objectives")) == 12


async def test_a_data_source_that_is_not_shared_is_named_with_what_to_do(shared: SandboxServer, tmp_path: Path) -> None:
    settings = settings_for(shared.base_url, tmp_path, objectives="Moonshots", knowledge=KEY)
    async with Notion(settings) as notion:
        with pytest.raises(RequestRejected, match="no data source with the title 'Moonshots'") as caught:
            await records(notion, "objectives")
        assert "Connections" in (caught.value.hint or "")
        assert "SOPHIA_NOTION__OBJECTIVES" in (caught.value.hint or "")
        with pytest.raises(RequestRejected, match="object_not_found") as caught:
            await records(notion, "knowledge")
        assert "Connections" in (caught.value.hint or "")
        health = await notion.health()
    assert (health.state, "Not found: objectives, knowledge." in health.detail) == ("reachable", True)


async def test_what_there_is_no_data_source_of_is_off(shared: SandboxServer, tmp_path: Path) -> None:
    async with Notion(settings_for(shared.base_url, tmp_path, check_ins=" ")) as notion:
        assert [notion.off(name) for name in notion.resources if notion.off(name)] == [
            "SOPHIA_NOTION__CHECK_INS is empty"
        ]
        with pytest.raises(Unconfigured, match="check_ins"):
            await records(notion, "check_ins")
        assert (await notion.health()).detail.endswith("answers.")


async def test_a_look_at_a_few_pages_reads_the_content_of_no_more(sandbox: SandboxServer, tmp_path: Path) -> None:
    async with Notion(settings_for(sandbox.base_url, tmp_path)) as notion:
        notion.batch_records = 1
        async for batch in notion.read("knowledge", None, ("markdown",)):
            if batch.records:
                break
    assert asked_of(sandbox, "/markdown") == 1


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


async def test_data_sources_are_listed_with_the_types_of_their_properties(notion: Notion) -> None:
    found = {source.title: source for source in await notion.data_sources()}
    assert set(found) == {"Check-ins", "Key results", "Knowledge", "Objectives"}
    assert found["Objectives"].kinds["Times checked"] == "rollup"
    assert (found["Objectives"].unknown, found["Objectives"].demo) == ((), True)


async def test_a_page_is_read_with_all_its_properties(notion: Notion, company: Company) -> None:
    page = await notion.page(notion_id(company.profile.seed, "page", "obj_2024_1"))
    assert (page.values["Period"], page.values["Period.end"]) == ("2024-01-01", "2024-12-31")
    assert (page.values["Times checked"], len(page.values["Check-ins"].split(", "))) == (36, 36)
    assert (page.unknown, page.demo) == ((), True)


async def test_blocks_come_in_the_order_of_reading_with_their_depth(notion: Notion, company: Company) -> None:
    key = notion_id(company.profile.seed, "page", "obj_2024_4")
    found = await notion.blocks(key)
    assert [block.depth for block in found.blocks] == [0, 1, 2, 1, 2, 1, 2] * 2
    assert (found.blocks[0].text, found.blocks[1].text) == ("NPS of 40", "October 2024")
    assert {block.kind for block in found.blocks if block.depth == 2} == {"paragraph"}
    written = (await notion.markdown(key)).text.splitlines()
    assert [line.lstrip("\t").removeprefix("- ") for line in written] == [block.text for block in found.blocks]


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


def part(text: str, *left: str) -> Record:
    return {"object": "page_markdown", "markdown": text, "truncated": bool(left), "unknown_block_ids": list(left)}


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


def test_the_sdk_is_imported_when_notion_is_read_and_its_absence_is_one_clear_error(tmp_path: Path) -> None:
    script = """
import asyncio, pathlib, sys
sys.modules["notion_client"] = None
from sophia_kit.connectors import connect, missing_settings
from sophia_kit.core.errors import ConfigError
from sophia_kit.core.settings import load_settings
settings = load_settings(pathlib.Path("."), notion={"token": "x", "base_url": "http://127.0.0.1:9"})
assert missing_settings(settings)["notion"] == ()
async def main():
    async with connect("notion", settings) as notion:
        print((await notion.health()).detail)
        try:
            await notion.fields("objectives")
        except ConfigError as error:
            print(error.hint)
asyncio.run(main())
"""
    (tmp_path / "sophia.toml").touch()
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "Reading Notion needs notion-client, which isn't installed.",
        "Install the extra: pip install 'sophia-kit[notion]'.",
    ], done.stderr


# A Notion of a test's own


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
