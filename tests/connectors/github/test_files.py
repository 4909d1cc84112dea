"""Files: the whole tree each time, however large, and the content of one on demand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.connectors.github.reading import (
    HANDBOOK,
    PAYMENTS,
    PORTAL,
    Opened,
    asked,
    read,
    records,
)
from tests.connectors.vendors import Gateway
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors.github import GitHub
from sophia_kit.core.errors import (
    InputError,
    MalformedAnswer,
    UnknownName,
)
from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.engineering import make_engineering
from sophia_kit.sandbox.git_tree import make_tree


async def test_files_are_the_whole_tree_each_time(opened: Opened, company: Company, wire: WireServer) -> None:
    (batch,) = await read(opened(PAYMENTS, PORTAL), "files", "2025-12-31T00:00:00Z")
    work = make_engineering(company.profile, company.world.employees)
    there = set()
    for repository in work.repositories[:2]:
        tree = make_tree(repository, work.items[repository.full_name], company.moment)
        assert tree is not None
        there |= {(f"{repository.full_name}:{e.path}", e.sha) for e in tree.below(tree.root) if e.kind != "tree"}
    assert {(record["id"], record["sha"]) for record in batch.records} == there
    assert len(there) == len(batch.records)
    assert batch.image_since == datetime(1970, 1, 1, tzinfo=UTC)
    assert {record["type"] for record in batch.records} == {"blob", "commit"}
    assert f"{PORTAL}:docs/日本語/手順.md" in {record["id"] for record in batch.records}
    assert len(asked(wire, "recursive=1")) == 0
    assert sum("recursive" in request.query for request in wire.requests) == 2


async def test_a_tree_too_large_for_an_answer_is_walked_folder_by_folder(
    opened: Opened, sandbox: SandboxServer, wire: WireServer
) -> None:
    whole = await records(opened(), "files")
    wire.requests.clear()
    sandbox.github.tree_limit = 30
    try:
        walked = await records(opened(), "files")
    finally:
        sandbox.github.tree_limit = 100_000
    assert sorted(record["id"] for record in walked) == sorted(record["id"] for record in whole)
    assert {record["id"]: record["sha"] for record in walked} == {record["id"]: record["sha"] for record in whole}
    assert len([request for request in wire.requests if "/git/trees/" in request.path]) > 5


async def test_a_folder_that_is_not_shown_whole_is_refused(opened: Opened, gateway: Gateway) -> None:
    def cut(request: Request, reply: Reply) -> Reply:
        body = json.loads(reply.content)
        return replace(reply, body=body | {"truncated": True} if "/git/trees/" in request.path else body)

    gateway.after = cut
    with pytest.raises(MalformedAnswer, match="does not show all of the folder /"):
        await read(opened(), "files")


async def test_a_repository_without_a_commit_has_nothing_and_is_no_error(opened: Opened) -> None:
    for resource in GitHub.resources:
        (batch,) = await read(opened(HANDBOOK), resource)
        assert (batch.records, batch.cursor_high) == ([], None)


async def test_a_commit_without_files_has_none(opened: Opened, gateway: Gateway, wire: WireServer) -> None:
    tree = {"sha": "4b825dc642cb6eb9a060e54bf8d69288fbee4904"}
    body = [{"sha": "a" * 40, "commit": {"tree": tree}}]
    gateway.before = lambda request: Reply(body=body) if request.path.endswith("/commits") else None
    assert await records(opened(), "files") == []
    assert not [request for request in wire.requests if "/git/trees/" in request.path]


async def test_a_renamed_repository_is_found_and_keeps_its_configured_name(opened: Opened) -> None:
    found = await records(opened("larkfield/rentals"), "files")
    assert {record["repository"] for record in found} == {"larkfield/rentals"}
    pulls = await records(opened("larkfield/rentals"), "pull_requests")
    assert len(pulls) == len(await records(opened(PAYMENTS), "pull_requests"))


async def test_a_file_is_fetched_on_demand(opened: Opened, wire: WireServer) -> None:
    github = opened()
    found = await github.file(PORTAL, "docs/übersicht.md")
    assert (found.path, len(found.sha)) == ("docs/übersicht.md", 40)
    assert (found.text or "").startswith("# docs/übersicht.md of larkfield/portal: Zoë")
    assert found.text is not None
    assert found.text.encode() == found.content
    assert not any("recursive" in request.query for request in wire.requests)


async def test_a_binary_file_says_so(opened: Opened) -> None:
    found = await opened().file(PORTAL, "docs/logo.png")
    assert found.text is None
    assert found.content.startswith(b"\x89PNG\r\n")


async def test_a_large_file_is_refused_before_it_is_fetched(opened: Opened, wire: WireServer) -> None:
    with pytest.raises(InputError, match="1,200,007 bytes, more than 1,000,000"):
        await opened().file(PORTAL, "fixtures/large.csv")
    assert not [request for request in wire.requests if "/git/blobs/" in request.path]
    assert len((await opened().file(PORTAL, "fixtures/large.csv", at_most=2_000_000)).content) == 1_200_007


async def test_a_file_that_is_not_there_is_named_with_those_near_it(opened: Opened) -> None:
    with pytest.raises(UnknownName) as caught:
        await opened().file(PORTAL, "docs/logo.pn")
    assert caught.value.suggestions[0] == "docs/logo.png"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("docs", InputError),
        ("vendor/contracts", InputError),
        ("docs/none.md", UnknownName),
        ("docs/logo.png/deeper", UnknownName),
        ("/docs/logo.png", UnknownName),
        ("../docs", UnknownName),
        ("", UnknownName),
    ],
)
async def test_what_is_no_file_is_refused(path: str, kind: type[InputError], opened: Opened) -> None:
    with pytest.raises(kind) as caught:
        await opened().file(PORTAL, path)
    assert type(caught.value) is kind
    assert caught.value.hint


async def test_a_repository_that_is_not_configured_is_not_asked(opened: Opened, wire: WireServer) -> None:
    with pytest.raises(UnknownName):
        await opened(PORTAL).file(PAYMENTS, "README.md")
    assert wire.accepted == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"encoding": "utf-8", "content": "x"},
        {"encoding": "base64", "content": "%%"},
        {"encoding": "base64", "content": "eA=="},
    ],
)
async def test_a_blob_of_another_shape_or_size_is_refused(body: Any, opened: Opened, gateway: Gateway) -> None:
    gateway.before = lambda request: Reply(body=body) if "/git/blobs/" in request.path else None
    with pytest.raises(MalformedAnswer):
        await opened().file(PORTAL, "README.md")
