"""Snapshots are published while the server is asked: no request fails, and none is answered from two of them.

In each snapshot every customer's name ends with that snapshot's own mark; all were known at the same moment, as
loads of a demo company are, so that nothing but its id tells one from another.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import websockets
from tests.server.serving import Serving, serving

from sophia_kit.core.settings import CompanySettings, ServerSettings, Settings, WarehouseSettings, load_settings
from sophia_kit.server.published import App
from sophia_kit.warehouse import SnapshotStore

SWAPS: Final = 3
KEPT: Final = 2
"""So that a snapshot's file is removed while requests still read it."""

NOTEBOOK: Final = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    import sophia_kit as sk

    found = sk.metric("arr", by="account")
    names = ", ".join(value.members[0][1] for value in found.values)
    mo.md(f"Snapshot `{found.provenance.snapshot_id}`: {names}")
    return


if __name__ == "__main__":
    app.run()
"""

_MARK: Final = re.compile(r" ·(\d+)\b")


@dataclass(slots=True)
class Swapping:
    """A workspace whose snapshots are replaced, the server on it, and what its answers were made from.

    Attributes:
        ids: snapshot id to mark.
        answers: by surface and mark, how many answers; `gone` where paging had to begin again.
    """

    settings: Settings
    served: Serving
    token: str
    ids: dict[str, str] = field(default_factory=dict)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def publish(self, number: int) -> None:
        """Replace the current snapshot by one of which every customer's name is marked with the number."""
        store = SnapshotStore(self.settings.snapshots_dir, keep=KEPT)
        now = store.current()
        with store.draft(now.known_at) as draft:
            draft.connection.execute(
                "UPDATE raw.salesforce_accounts SET name = regexp_replace(name, ' ·.*', '') || ?", [f" ·{number}"]
            )
            # Known before it is current: whoever is answered from it finds it here.
            self.ids[draft.snapshot_id] = str(number)
            draft.publish(demo=True, time_zone="America/Chicago", currency="USD")

    def current(self) -> str:
        return SnapshotStore(self.settings.snapshots_dir).current().snapshot_id

    def check(self, surface: str, snapshot_id: str, text: str) -> None:
        """Rows of one snapshot, and of the one that the answer says."""
        marks = set(_MARK.findall(text))
        assert marks == {self.ids[snapshot_id]}, (surface, snapshot_id, marks)
        self.answers[surface, self.ids[snapshot_id]] += 1


@pytest.fixture(scope="module")
def swapping(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swapping]:
    project = demo.copy(tmp_path_factory.mktemp("swap") / "project")
    (project.root / "notebooks" / "small.py").write_text(NOTEBOOK)
    settings = load_settings(
        project.root,
        workspace="demo",
        frozen_at=datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC),
        company=CompanySettings(name="Larkfield Payments", time_zone="America/Chicago"),
        server=ServerSettings(authentication="tokens", requests_per_minute=100_000),
        warehouse=WarehouseSettings(keep_snapshots=KEPT),
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.environment().items():
            patch.setenv(name, value)
        with serving(settings, [App("/small", "notebooks/small.py", "Small", "All customers.")]) as served:
            made = Swapping(settings, served, served.token("all"))
            made.publish(0)
            yield made


async def _rest_values(world: Swapping, client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/metrics/arr", params={"by": "account"})
    assert answer.status_code == 200, answer.text
    world.check("REST values", answer.json()["stands_on"]["snapshot_id"], answer.text)


async def _rest_pages(world: Swapping, client: httpx.AsyncClient) -> None:
    await _walk(world, "REST pages", lambda after: _rest_page(client, after))


async def _rest_page(client: httpx.AsyncClient, after: str | None) -> tuple[str, str, str | None] | None:
    answer = await client.get("/salesforce/accounts", params={"limit": 60} | ({"after": after} if after else {}))
    if answer.status_code == 410:
        return None
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return page["stands_on"]["snapshot_id"], answer.text, page["next"]


async def _mcp_pages(world: Swapping, client: httpx.AsyncClient) -> None:
    await _walk(world, "MCP pages", lambda after: _mcp_page(client, after))


async def _mcp_page(client: httpx.AsyncClient, after: str | None) -> tuple[str, str, str | None] | None:
    arguments = {"metric": "arr", "by": ["account"], "limit": 40} | ({"after": after} if after else {})
    call = {"name": "query_metric", "arguments": arguments}
    answer = await client.post(
        "/mcp/metrics",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call},
        headers={"Accept": "application/json, text/event-stream"},
    )
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    if result.get("isError"):
        assert "kept" in answer.text, answer.text
        return None
    page = result["structuredContent"]
    return page["provenance"]["snapshot_id"], json.dumps(page, ensure_ascii=False), page["next"]


async def _walk(
    world: Swapping, surface: str, page: Callable[[str | None], Awaitable[tuple[str, str, str | None] | None]]
) -> None:
    """All pages of an answer: they are of one snapshot."""
    after, first = None, None
    while True:
        found = await page(after)
        if found is None:
            # Twice replaced since the first page, and removed.
            assert after is not None
            world.answers[surface, "gone"] += 1
            return
        snapshot_id, text, after = found
        assert first in (None, snapshot_id)
        first = snapshot_id
        world.check(surface, snapshot_id, text)
        if after is None:
            return


async def _app(world: Swapping, client: httpx.AsyncClient) -> None:
    url = f"ws://127.0.0.1:{world.served.port}/small/ws?session_id={uuid4()}"
    told = []
    headers = {"Authorization": f"Bearer {world.token}"}
    async with websockets.connect(url, additional_headers=headers, max_size=None) as socket:
        async for message in socket:
            told.append(json.dumps(json.loads(message), ensure_ascii=False))
            if json.loads(message)["op"] == "completed-run":
                break
    (snapshot_id,) = set(re.findall(r"\d{8}T\d{12}Z-\d{8}T\d{12}Z", "".join(told)))
    world.check("app", snapshot_id, "".join(told))


def test_no_answer_fails_or_mixes_while_snapshots_are_replaced(swapping: Swapping) -> None:
    surfaces = {"REST values": _rest_values, "REST pages": _rest_pages, "MCP pages": _mcp_pages, "app": _app}

    async def under_load() -> None:
        over, done = asyncio.Event(), asyncio.Queue[None]()

        async def again(surface: Callable[[Swapping, httpx.AsyncClient], Awaitable[None]]) -> None:
            while not over.is_set():
                await surface(swapping, client)
                done.put_nowait(None)

        async def replaced() -> None:
            try:
                for number in range(1, SWAPS + 1):
                    await asyncio.to_thread(swapping.publish, number)
                    while any((name, str(number)) not in swapping.answers for name in surfaces):
                        await done.get()
            finally:
                over.set()

        headers = {"Authorization": f"Bearer {swapping.token}"}
        base = f"http://127.0.0.1:{swapping.served.port}"
        async with (
            httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client,
            asyncio.timeout(120),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(replaced())
            for surface in surfaces.values():
                group.create_task(again(surface))

    asyncio.run(under_load())
    assert {name for name, mark in swapping.answers if mark == str(SWAPS)} == surfaces.keys()


@pytest.mark.parametrize("page", [_rest_page, _mcp_page], ids=["REST", "MCP"])
def test_pages_go_on_in_their_snapshot_and_end_when_it_is_removed(swapping: Swapping, page: Any) -> None:
    async def walk() -> None:
        headers = {"Authorization": f"Bearer {swapping.token}"}
        base = f"http://127.0.0.1:{swapping.served.port}"
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
            snapshot_id, _, after = await page(client, None)
            swapping.publish(SWAPS + 2)
            assert swapping.current() != snapshot_id
            again, text, _ = await page(client, after)
            assert again == snapshot_id
            swapping.check("going on", snapshot_id, text)
            swapping.publish(SWAPS + 3)
            assert await page(client, after) is None

    asyncio.run(walk())


def test_a_replaced_snapshot_is_closed_when_its_last_request_has_ended(swapping: Swapping) -> None:
    held = swapping.served.services.snapshots
    with held.current() as engine:
        assert engine.snapshot is not None
        before = engine.snapshot.snapshot_id
        swapping.publish(SWAPS + 1)
        with held.current() as newer:
            assert newer.snapshot is not None
            assert set(held.open_ids()) == {before, newer.snapshot.snapshot_id}
    assert held.open_ids() == (swapping.current(),)
