"""What every connector does, on good days and bad ones: the same tests for each vendor, against the sandbox.

The answers are the sandbox's, over HTTP; the faults happen on the way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.vendors import VENDORS, Gateway, Vendor
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors import Batch, Connector, connect, missing_settings
from sophia_kit.core.errors import (
    AuthFailed,
    MalformedAnswer,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    Unconfigured,
    Unreachable,
)
from sophia_kit.core.settings import HttpSettings, Settings, load_settings
from sophia_kit.sandbox import Company, FaultKind, Faults, SandboxServer

PATIENT = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)
HASTY = PATIENT.model_copy(update={"read_timeout_s": 1.0})
COMPANY = Path(__file__).parents[2] / "data" / "company.toml"

Digest = list[tuple[str, str]]


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.load(COMPANY, scale=0.3)


@pytest.fixture(scope="module")
def sandbox(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company) as server:
        yield server


@pytest.fixture(scope="module", params=VENDORS, ids=str)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    found: Vendor = request.param
    return found


@pytest.fixture
async def wire(sandbox: SandboxServer) -> AsyncIterator[WireServer]:
    gateway = Gateway(sandbox.base_url)
    async with WireServer(gateway) as server:
        gateway.url = server.url
        yield server


@pytest.fixture
def gateway(wire: WireServer) -> Gateway:
    assert isinstance(wire.answer, Gateway)
    return wire.answer


def settings_of(vendor: Vendor, url: str, root: Path, http: HttpSettings = PATIENT) -> Settings:
    section = {**vendor.settings, "base_url": url, "requests_per_second": 1000}
    return load_settings(root, http=http, **{vendor.provider: section})


@pytest.fixture
def http(request: pytest.FixtureRequest) -> HttpSettings:
    """Waits long, so that a busy machine is no fault, but not for an answer that is meant to be slow."""
    called = getattr(request.node, "callspec", None)
    return HASTY if called is not None and called.params.get("fault") == "slow" else PATIENT


@pytest.fixture
async def connector(vendor: Vendor, wire: WireServer, http: HttpSettings, tmp_path: Path) -> AsyncIterator[Connector]:
    async with connect(vendor.provider, settings_of(vendor, wire.url, tmp_path, http)) as found:
        yield found


async def read(vendor: Vendor, connector: Connector, since: str | None = None) -> list[Batch]:
    return [batch async for batch in connector.read(vendor.resource, since, vendor.fields)]


def digest(vendor: Vendor, batches: list[Batch]) -> Digest:
    """The records, sorted, so that two readings can be compared."""
    return sorted((str(r[vendor.key]), json.dumps(r, sort_keys=True)) for batch in batches for r in batch.records)


@pytest.fixture(scope="module")
def truth(vendor: Vendor, sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Digest:
    """What is read when nothing goes wrong."""

    async def read_all() -> Digest:
        settings = settings_of(vendor, sandbox.base_url, tmp_path_factory.mktemp("truth"))
        async with connect(vendor.provider, settings) as connector:
            return digest(vendor, await read(vendor, connector))

    return asyncio.run(read_all())


def on_page(vendor: Vendor, number: int, act: Callable[[], Reply]) -> Callable[[Request], Reply | None]:
    """`act` in the place of the answer to the page request of that number (the first is 1)."""
    count = 0

    def before(request: Request) -> Reply | None:
        nonlocal count
        count += vendor.is_page(request)
        return act() if vendor.is_page(request) and count == number else None

    return before


def pages(vendor: Vendor, wire: WireServer) -> list[Request]:
    return [request for request in wire.requests if vendor.is_page(request)]


async def test_pages_are_read_to_the_end(
    vendor: Vendor, wire: WireServer, connector: Connector, company: Company
) -> None:
    batches = await read(vendor, connector)
    assert len(pages(vendor, wire)) > 1
    assert {key for key, _ in digest(vendor, batches)} >= set(company.table(vendor.table)[vendor.key])
    assert {set(record) == set(batches[0].records[0]) for batch in batches for record in batch.records} == {True}
    assert set(vendor.fields) - {name for batch in batches for name in batch.absent_fields} <= set(
        batches[0].records[0]
    )


async def test_what_the_sandbox_serves_is_demo(vendor: Vendor, connector: Connector) -> None:
    assert {batch.demo for batch in await read(vendor, connector)} == {True}


async def test_nothing_new_is_one_empty_batch(vendor: Vendor, connector: Connector) -> None:
    (batch,) = await read(vendor, connector, since="2090-01-01T00:00:00Z")
    assert (batch.resource, batch.records, batch.cursor_high) == (vendor.resource, [], None)


async def test_from_the_cursor_on_the_newest_records_come_again_and_none_is_skipped(
    vendor: Vendor, connector: Connector, truth: Digest
) -> None:
    everything = await read(vendor, connector)
    cursor = everything[-1].cursor_high
    assert cursor is not None
    again = await read(vendor, connector, since=cursor)
    assert again[-1].cursor_high == cursor
    assert 1 <= len(digest(vendor, again)) < len(truth)
    assert set(digest(vendor, again)) < set(truth)
    oldest = min(str(record[connector.resources[vendor.resource].incremental_field]) for record in again[0].records)
    newer = [r for _, r in truth if json.loads(r)[connector.resources[vendor.resource].incremental_field] >= oldest]
    assert sorted(newer) == sorted(r for _, r in digest(vendor, again))


FAULTS: dict[str, tuple[Reply, type[ProviderError]]] = {
    "429": (Reply(429), RateLimited),
    "429 with Retry-After": (Reply(429, headers={"Retry-After": "0"}), RateLimited),
    "500": (Reply(500), ProviderFailing),
    "502 in HTML": (Reply(502, body=b"<html>Bad gateway</html>"), ProviderFailing),
    "503 with Retry-After": (Reply(503, headers={"Retry-After": "0"}), ProviderFailing),
    "slow": (Reply(delay_s=3), ProviderTimeout),
    "dropped": (Reply(drop=True), Unreachable),
    "cut in the middle of the body": (Reply(body={"records": []}, cut_at=4), MalformedAnswer),
    "truncated JSON": (Reply(body=b'{"records": ['), MalformedAnswer),
    "malformed JSON": (Reply(body=b"<html>"), MalformedAnswer),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [1, 2], ids=["first page", "second page"])
async def test_a_passing_fault_costs_no_record(
    fault: str, at: int, vendor: Vendor, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    gateway.before = on_page(vendor, at, lambda: FAULTS[fault][0])
    assert digest(vendor, await read(vendor, connector)) == truth


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lasting_fault_ends_in_its_error(
    fault: str, vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector
) -> None:
    reply, kind = FAULTS[fault]
    gateway.before = lambda request: reply if vendor.is_page(request) else None
    with pytest.raises(ProviderError) as caught:
        await read(vendor, connector)
    assert type(caught.value) is kind
    assert (caught.value.retryable, caught.value.provider) == (True, vendor.provider)
    assert caught.value.hint
    assert len(pages(vendor, wire)) == PATIENT.attempts


@pytest.mark.parametrize(("status", "kind"), [(403, AuthFailed), (404, RequestRejected), (400, RequestRejected)])
async def test_a_refusal_is_final(
    status: int,
    kind: type[ProviderError],
    vendor: Vendor,
    wire: WireServer,
    gateway: Gateway,
    connector: Connector,
) -> None:
    gateway.before = lambda request: Reply(status) if vendor.is_page(request) else None
    with pytest.raises(kind) as caught:
        await read(vendor, connector)
    assert (caught.value.http_status, caught.value.retryable) == (status, False)
    assert len(pages(vendor, wire)) == 1


async def test_a_401_signs_in_again_once(
    vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    gateway.before = on_page(vendor, 2, lambda: vendor.refused)
    assert digest(vendor, await read(vendor, connector)) == truth
    assert sum(map(vendor.is_login, wire.requests)) == 2


async def test_readings_that_lose_their_login_together_sign_in_again_once(
    vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    await read(vendor, connector)
    lost = {request.headers["authorization"] for request in pages(vendor, wire)}
    gateway.before = lambda request: vendor.refused if request.headers.get("authorization") in lost else None
    found = await asyncio.gather(*(read(vendor, connector) for _ in range(4)))
    assert [digest(vendor, batches) == truth for batches in found] == [True] * 4
    assert sum(map(vendor.is_login, wire.requests)) == 2


async def test_a_second_401_is_final(vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector) -> None:
    gateway.before = lambda request: vendor.refused if vendor.is_page(request) else None
    with pytest.raises(AuthFailed) as caught:
        await read(vendor, connector)
    assert (caught.value.http_status, len(pages(vendor, wire))) == (401, 2)


async def test_a_repeated_page_is_refused(vendor: Vendor, gateway: Gateway, connector: Connector) -> None:
    kept: list[Reply] = []

    def repeat(request: Request, reply: Reply) -> Reply:
        if not vendor.is_page(request):
            return reply
        kept.append(reply)
        return kept[0]

    gateway.after = repeat
    with pytest.raises(MalformedAnswer):
        await read(vendor, connector)


async def test_a_lost_record_is_noticed(vendor: Vendor, gateway: Gateway, connector: Connector) -> None:
    def lose(request: Request, reply: Reply) -> Reply:
        if not vendor.is_page(request):
            return reply
        body = json.loads(reply.content)
        del vendor.records(body)[-1]
        return replace(reply, body=body)

    gateway.after = lose
    with pytest.raises(MalformedAnswer):
        await read(vendor, connector)


@pytest.mark.parametrize(
    "odd",
    [
        "Zoë 株式会社 🏘️ \u202eltr \u0000",
        "x" * 2_000_000,
        None,
        -1,
        1e300,
        True,
        ["a", {"b": None}],
        {"deep": {"er": [1]}},
    ],
    ids=["unicode", "huge", "null", "negative", "large", "boolean", "list", "object"],
)
async def test_unexpected_values_and_new_fields_are_handed_on_unchanged(
    odd: Any, vendor: Vendor, gateway: Gateway, connector: Connector
) -> None:
    def spoil(request: Request, reply: Reply) -> Reply:
        if not vendor.is_page(request):
            return reply
        body = json.loads(reply.content)
        vendor.records(body)[0] |= {vendor.fields[2]: odd, "New__c": odd}
        return replace(reply, body=body)

    gateway.after = spoil
    first = (await read(vendor, connector))[0].records[0]
    assert (first[vendor.fields[2]], first["New__c"]) == (odd, odd)


@pytest.mark.parametrize("skew", [timedelta(days=-400), timedelta(days=400)], ids=["behind", "ahead"])
async def test_a_skewed_clock_costs_no_record_and_the_cursor_never_passes_it(
    skew: timedelta, vendor: Vendor, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    theirs = datetime.now(UTC) + skew

    def shift(_request: Request, reply: Reply) -> Reply:
        kept = {name: value for name, value in reply.headers.items() if name.lower() != "date"}
        return replace(reply, headers=kept | {"Date": format_datetime(theirs, usegmt=True)})

    gateway.after = shift
    batches = await read(vendor, connector)
    assert digest(vendor, batches) == truth
    cursor = batches[-1].cursor_high
    assert cursor is not None
    assert datetime.fromisoformat(cursor) <= theirs


@pytest.mark.parametrize("stage", ["login", "page"])
async def test_cancelling_leaves_nothing_open(
    stage: str, vendor: Vendor, wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    stalls = vendor.is_login if stage == "login" else vendor.is_page
    stalled = asyncio.Event()

    def stall(request: Request) -> Reply | None:
        if not stalls(request):
            return None
        stalled.set()
        return Reply(delay_s=60)

    gateway.before = stall
    async with connect(vendor.provider, settings_of(vendor, wire.url, tmp_path)) as connector:
        reading = asyncio.create_task(read(vendor, connector))
        await stalled.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert await wire.all_closed()


async def test_stopping_in_the_middle_leaves_nothing_open(vendor: Vendor, wire: WireServer, tmp_path: Path) -> None:
    async with connect(vendor.provider, settings_of(vendor, wire.url, tmp_path)) as connector:
        await anext(connector.read(vendor.resource, None, vendor.fields))
    assert await wire.all_closed()


async def test_resources_can_be_read_at_once_with_one_login(
    vendor: Vendor, wire: WireServer, connector: Connector, truth: Digest
) -> None:
    found = await asyncio.gather(*(read(vendor, connector) for _ in range(4)))
    assert [digest(vendor, batches) == truth for batches in found] == [True] * 4
    assert sum(map(vendor.is_login, wire.requests)) == 1


@pytest.mark.parametrize("seed", range(3))
async def test_with_a_mix_of_all_faults_the_same_records_arrive(
    seed: int, vendor: Vendor, company: Company, truth: Digest, tmp_path: Path
) -> None:
    shares: dict[FaultKind, float] = dict.fromkeys(("too_many_requests", "server_error", "slow", "drop"), 0.05)
    shares |= {"cut_body": 0.03, "truncated_json": 0.03, "malformed_json": 0.04}
    faults = Faults(shares=shares, seed=seed, retry_after_s=0, slow_s=1.5)
    tenacious = HASTY.model_copy(update={"attempts": 12})
    with SandboxServer(company, faults=faults) as sandbox:
        async with connect(vendor.provider, settings_of(vendor, sandbox.base_url, tmp_path, tenacious)) as connector:
            for _ in range(3):
                assert digest(vendor, await read(vendor, connector)) == truth
        assert any(request.fault for request in sandbox.requests)


async def test_unconfigured_sends_nothing_and_says_what_is_missing(vendor: Vendor, tmp_path: Path) -> None:
    (tmp_path / "sophia.toml").touch()
    settings = load_settings(tmp_path)
    async with connect(vendor.provider, settings) as connector:
        missing = missing_settings(settings)[vendor.provider]
        with pytest.raises(Unconfigured) as caught:
            await read(vendor, connector)
        health = await connector.health()
    assert missing == caught.value.missing
    assert missing
    assert all(name.startswith(f"SOPHIA_{vendor.provider.upper()}__") for name in missing)
    assert (health.state, health.latency_ms) == ("unconfigured", None)
    assert all(name in (health.hint or "") for name in missing)


async def test_health_is_reachable_after_talking_and_failing_when_nobody_answers(
    vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector
) -> None:
    health = await connector.health()
    assert (health.state, health.provider, health.hint) == ("reachable", vendor.provider, None)
    assert health.latency_ms is not None
    assert wire.requests
    gateway.before = lambda _request: Reply(drop=True)
    health = await connector.health()
    assert health.state == "failing"
    assert health.hint
