"""Notion's connector: what only Notion does. What all vendors do is in test_conformance."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.notion_reading import records

from sophia_kit.connectors.notion import API_VERSION, OVERLAP, Notion
from sophia_kit.core.errors import MalformedAnswer, RequestRejected, Unconfigured
from sophia_kit.core.settings import HttpSettings, Settings
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.notion_workspace import notion_id

PROFILE = Path(__file__).parents[2] / "data" / "company.toml"
HTTP = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)
KEY = "ded8723f-5b64-40b7-bc1b-d8b66541833c"
DOCS = Path(__file__).parents[2] / "docs" / "notion.md"


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


# Going on where the last load ended


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


# Odd answers


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


# What docs/notion.md says


def test_docs_name_the_version_and_the_overlap() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert f"Version `{API_VERSION}` of the API" in page
    assert OVERLAP.total_seconds() == 600
    assert "beginning ten minutes before" in page


async def test_docs_name_every_property_that_the_contracts_read(notion: Notion) -> None:
    page = DOCS.read_text(encoding="utf-8")
    named = set(re.findall(r"`([^`]+)`", page[: page.index("## What to set here")])) | {"markdown"}
    for contract in load_contracts().values():
        if contract.source == "notion" and contract.resource != "users":
            read = {name.removesuffix(".end") for name in contract.fields}
            assert {name for name in read - named if not name.islower()} == set(), contract.table
            assert set(contract.fields) <= set(await notion.fields(contract.resource)), contract.table
