"""How each part is: asked side by side, and never for long."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.larkfield import PROFILE
from tests.wire import Reply, WireServer

from sophia_kit.connectors import CONNECTORS
from sophia_kit.core.clock import SystemClock
from sophia_kit.core.settings import HttpSettings, Settings, load_settings
from sophia_kit.jobs.health import check_part, check_parts
from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.state import AccessToken, State


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "sophia.toml").touch()
    return load_settings(tmp_path, keys_dir=tmp_path / "keys")


async def test_with_nothing_set_up_every_vendor_says_so_and_what_to_set(settings: Settings) -> None:
    parts = await check_parts(settings)
    assert [part.part for part in parts[-len(CONNECTORS) :]] == list(CONNECTORS)
    for part in parts[-len(CONNECTORS) :]:
        assert (part.state, part.latency_ms) == ("unconfigured", None)
        assert f"SOPHIA_{part.part.upper()}__" in (part.hint or "")
        assert f"docs/{part.part}.md" in (part.hint or "")


async def test_a_vendor_that_somebody_began_to_set_up_says_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    begun = load_settings(tmp_path, keys_dir=tmp_path / "keys", salesforce={"base_url": "https://x", "jwt_user": "u"})
    found = {part.part: part for part in await check_parts(begun)}["salesforce"]
    assert (found.state, "in part only" in found.detail) == ("failing", True)
    assert "SOPHIA_SALESFORCE__CLIENT_ID, SOPHIA_SALESFORCE__PRIVATE_KEY;" in (found.hint or "")


async def test_a_preference_is_no_beginning(settings: Settings, tmp_path: Path) -> None:
    preferred = load_settings(
        tmp_path,
        keys_dir=tmp_path / "keys",
        salesforce={"objects": ["Account"], "requests_per_second": 5},
        slack={"channels": ["general"]},
        github={"repositories": ["larkfield/portal"]},
        n8n={"repull_days": 3},
    )
    parts = {part.part: part for part in await check_parts(preferred)}
    assert {parts[name].detail for name in CONNECTORS} == {"No credentials are configured."}


async def test_every_vendor_of_the_sandbox_is_reachable(settings: Settings) -> None:
    with SandboxServer(Company.load(PROFILE, scale=0.02)) as server:
        parts = await check_parts(connected(settings, server.base_url))
    vendors = {part.part: part for part in parts[-len(CONNECTORS) :]}
    assert {part: found.state for part, found in vendors.items()} == dict.fromkeys(CONNECTORS, "reachable")
    assert all(found.detail and found.latency_ms for found in vendors.values())


async def test_no_vendor_waits_for_another(settings: Settings) -> None:
    """None of them gets an answer, and yet all were asked."""
    async with WireServer(lambda _: Reply(delay_s=60)) as server:
        asking = asyncio.create_task(check_parts(connected(settings, server.url)))
        everybody = await server.received(len(CONNECTORS), within_s=20)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert everybody
        assert await server.all_closed()


async def test_a_vendor_that_takes_too_long_is_failing(settings: Settings) -> None:
    hasty = settings.model_copy(update={"http": HttpSettings(attempts=1, deadline_s=1.0)})
    async with WireServer(lambda _: Reply(body={"data": [], "nextCursor": None}, delay_s=0.7)) as server:
        parts = {part.part: part for part in await check_parts(connected(hasty, server.url))}
        assert await server.all_closed()
    assert parts["n8n"].state == "failing"
    # Its second answer is awaited when the time is up; a busy machine may still be at the first.
    assert re.match("n8n (took longer than 1 s to say|did not complete .+ within)", parts["n8n"].detail)
    assert parts["n8n"].hint


async def test_authentication_that_is_off_is_unconfigured_and_never_healthy(settings: Settings, tmp_path: Path) -> None:
    off = await check_part("authentication", settings)
    assert (off.state, off.detail) == ("unconfigured", "off: the server answers this machine alone")
    exposed = await check_part("authentication", load_settings(tmp_path, server={"host": "0.0.0.0"}))
    assert exposed.state == "failing"


async def test_authentication_says_how_many_tokens_are_valid_and_which_end_soon(tmp_path: Path) -> None:
    tokens = load_settings(tmp_path, server={"authentication": "tokens"})
    assert (await check_part("authentication", tokens)).state == "failing"
    now = SystemClock().now()
    with State.open(tokens.state_location) as state:
        for name, days in (("Ada", 30), ("Bo", 3), ("Cy", -1)):
            record = AccessToken(name, name, "", ("ask",), (), now - timedelta(days=9), now + timedelta(days=days))
            state.access.add_token(record)
    part = await check_part("authentication", tokens)
    assert (part.state, part.detail) == ("reachable", "2 tokens are valid, 1 of them for less than 14 days")
    assert "those of Bo end" in (part.hint or "")
