"""Two callers who may see different rows, 25 sessions at once: neither is ever shown a row of the other's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import websockets
from tests.http_load import Answered, Plan, drive, request
from tests.server.serving import Serving, serving

from sophia_kit.core.settings import CompanySettings, ServerSettings, Settings, load_settings
from sophia_kit.metrics import metric
from sophia_kit.server.published import APPS, App
from sophia_kit.warehouse import SnapshotStore, Warehouse

SESSIONS: Final = 25
SEGMENTS: Final = {"ann": "Enterprise", "max": "Small Business"}

# Reads as the daily brief does, and shows little: what it costs is what sessions of marimo's cost.
NOTEBOOK: Final = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    import sophia_kit as sk
    from sophia_kit import reports

    surface = reports.Surface(None, mo)
    principal = surface.attempt(surface.principal)
    return mo, principal, sk, surface


@app.cell
def _(mo, principal, sk, surface):
    found = surface.attempt(lambda: sk.metric("arr", by="account", principal=principal))
    mo.md(" / ".join(f"{value.members[0][1]}: {value.display}" for value in found.values))
    return


@app.cell
def _(principal, sk, surface):
    surface.attempt(lambda: sk.metric("headcount", principal=principal))
    return


if __name__ == "__main__":
    app.run()
"""


@dataclass(frozen=True, slots=True)
class World:
    """A server, the tokens of two callers, and the customers that only one of them may see."""

    served: Serving
    tokens: dict[str, str]
    names: dict[str, set[str]]

    def check(self, who: str, text: str) -> None:
        """`text` holds rows, and the caller's own alone."""
        assert any(name in text for name in self.names[who]), text[:500]
        (other,) = SEGMENTS.keys() - {who}
        assert not [name for name in self.names[other] if name in text]


@pytest.fixture(scope="module")
def world(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    project = demo.copy(tmp_path_factory.mktemp("isolation") / "project")
    (project.root / "notebooks" / "small.py").write_text(NOTEBOOK)
    settings = load_settings(
        project.root,
        workspace="demo",
        frozen_at=datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC),
        company=CompanySettings(name="Larkfield Payments", time_zone="America/Chicago"),
        server=ServerSettings(authentication="tokens", requests_per_minute=100_000),
    )
    small = App("/small", "notebooks/small.py", "Small", "What its reader may see.")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.environment().items():
            patch.setenv(name, value)
        with serving(settings, (*APPS, small)) as served:
            tokens = {who: served.token(who, (("segment", (segment,)),)) for who, segment in SEGMENTS.items()}
            yield World(served, tokens, _customers(settings))


def _customers(settings: Settings) -> dict[str, set[str]]:
    """Whose name no other's holds, by who may see them."""
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        rows = warehouse.query("SELECT name, segment FROM accounts").frame.rows()
    every = {name for name, _ in rows}
    plain = {name for name in every if not any(name in other for other in every - {name})}
    return {
        who: {name for name, segment in rows if segment == mine and name in plain} for who, mine in SEGMENTS.items()
    }


def _rest(world: World, who: str) -> list[str]:
    paths = ["/v1/metrics/arr?by=account", "/salesforce/accounts?limit=200", "/salesforce/opportunities?limit=200"]
    return [request("GET", path, world.served.headers(world.tokens[who])) for path in paths]


def _mcp(world: World, who: str) -> list[str]:
    calls = [("metrics", "query_metric", {"metric": "arr", "by": ["account"]}), ("salesforce", "find_accounts", {})]
    headers = world.served.headers(world.tokens[who])
    headers |= {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return [
        request("POST", f"/mcp/{server}", headers, json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        ))
        for server, tool, arguments in calls
    ]  # fmt: skip


@pytest.mark.parametrize("surface", [_rest, _mcp], ids=["REST", "MCP"])
def test_by_program_nobody_gets_a_row_of_another(world: World, surface: Any) -> None:
    asked = [(who, text) for one in zip(*(surface(world, who) for who in SEGMENTS), strict=True)
             for who, text in zip(SEGMENTS, one, strict=True)]  # fmt: skip
    seen: list[str] = []

    def check(answered: Answered) -> None:
        who = asked[answered.number][0]
        world.check(who, answered.body.decode())
        seen.append(who)

    plan = Plan("127.0.0.1", world.served.port, [text for _, text in asked], 2 * SESSIONS, SESSIONS)
    outcome = asyncio.run(drive(plan, check))
    assert (outcome.errors, outcome.told) == (0, [])
    assert len(seen) == 2 * SESSIONS
    assert set(seen) == set(SEGMENTS)


async def _visit(world: World, app: str, who: str, session: str) -> str:
    """All that an app tells a browser until its notebook has run."""
    url = f"ws://127.0.0.1:{world.served.port}{app}/ws?session_id={session}"
    told = []
    headers = {"Authorization": f"Bearer {world.tokens[who]}"}
    async with websockets.connect(url, additional_headers=headers, max_size=None, open_timeout=60) as socket:
        async for message in socket:
            told.append(str(message))
            if json.loads(message)["op"] == "completed-run":
                return "".join(told)
    raise AssertionError(told[-1] if told else "nothing was told")


def test_by_browser_nobody_gets_a_row_of_another(world: World) -> None:
    """Every name of a session is used by both at once: a name is no key to a session."""

    async def all_at_once() -> list[tuple[str, str]]:
        asked = [
            (who, f"s_{number // 2}") for number, who in zip(range(SESSIONS), list(SEGMENTS) * SESSIONS, strict=False)
        ]
        found = await asyncio.gather(*(_visit(world, "/small", who, session) for who, session in asked))
        return [(who, text) for (who, _), text in zip(asked, found, strict=True)]

    for who, text in asyncio.run(all_at_once()):
        world.check(who, text)
        assert f"{who} may see some of segment only, and headcount can" in text


def test_the_daily_brief_is_its_reader_s(world: World) -> None:
    async def both() -> list[str]:
        return await asyncio.gather(*(_visit(world, "/daily-bi", who, "s_same") for who in SEGMENTS))

    for who, text in zip(SEGMENTS, asyncio.run(both()), strict=True):
        (other,) = SEGMENTS.keys() - {who}
        assert f"Only what you may see: segment {SEGMENTS[who]}" in text
        assert "Not shown to you." in text
        assert SEGMENTS[other] not in text
        assert not [name for name in world.names[other] if name in text]
        whole, own = (_arr(world, segments) for segments in ({}, {"segment": SEGMENTS[who]}))
        assert f">{own}<" in text
        assert whole not in text


def _arr(world: World, filters: dict[str, str]) -> str:
    return metric("arr", filters=filters, settings=world.served.services.settings).value.display
