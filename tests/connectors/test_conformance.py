"""What every connector does, on good days and bad ones: the same tests for each vendor, against the sandbox.

The answers are the sandbox's, over HTTP; the faults happen on the way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
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
from sophia_kit.connectors.api import moment_of
from sophia_kit.core.errors import (
    AuthFailed,
    MalformedAnswer,
    PolicyRefused,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    Unconfigured,
    Unreachable,
)
from sophia_kit.core.http import HttpClient
from sophia_kit.core.policy import READS
from sophia_kit.core.settings import HttpSettings, Settings, load_settings
from sophia_kit.sandbox import Company, FaultKind, Faults, SandboxServer, connected

PATIENT = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)
HASTY = PATIENT.model_copy(update={"read_timeout_s": 0.5})
PAGE_LIMIT = 50
COMPANY = Path(__file__).parents[2] / "data" / "company.toml"

Digest = list[tuple[str, str]]


@pytest.fixture(scope="module")
def company() -> Company:
    return Company.load(COMPANY, scale=0.02)


@pytest.fixture(scope="module")
def sandbox(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company, page_limit=PAGE_LIMIT) as server:
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


def settings_of(url: str, root: Path, http: HttpSettings = PATIENT) -> Settings:
    return connected(load_settings(root, http=http), url)


@pytest.fixture
def http(request: pytest.FixtureRequest) -> HttpSettings:
    """Waits long, so that a busy machine is no fault, but not for an answer that is meant to be slow."""
    called = getattr(request.node, "callspec", None)
    return HASTY if called is not None and called.params.get("fault") == "slow" else PATIENT


@pytest.fixture
async def connector(vendor: Vendor, wire: WireServer, http: HttpSettings, tmp_path: Path) -> AsyncIterator[Connector]:
    async with connect(vendor.provider, settings_of(wire.url, tmp_path, http)) as found:
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
        settings = settings_of(sandbox.base_url, tmp_path_factory.mktemp("truth"))
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


def tries(vendor: Vendor, wire: WireServer) -> int:
    """How often the page that was asked for most often was asked for."""
    return Counter((request.target, request.body) for request in pages(vendor, wire)).most_common(1)[0][1]


def logins(vendor: Vendor, wire: WireServer) -> int:
    return 0 if vendor.is_login is None else sum(map(vendor.is_login, wire.requests))


def moment(cursor: str) -> datetime:
    """The newest moment that a cursor names."""
    found = re.findall(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})", cursor)
    return max(map(datetime.fromisoformat, found))


SIGN_IN = [vendor for vendor in VENDORS if vendor.is_login is not None]
ANNOUNCE = [vendor for vendor in VENDORS if vendor.announces]


async def test_pages_are_read_to_the_end(
    vendor: Vendor, wire: WireServer, connector: Connector, company: Company
) -> None:
    batches = await read(vendor, connector)
    assert len(pages(vendor, wire)) > 1
    assert {key for key, _ in digest(vendor, batches)} >= vendor.keys(company)
    read_fields = {name for batch in batches for record in batch.records for name in record}
    assert read_fields >= set(vendor.fields) - {name for batch in batches for name in batch.absent_fields}


async def test_an_api_below_a_path_is_read_as_well(
    vendor: Vendor, wire: WireServer, gateway: Gateway, tmp_path: Path, truth: Digest
) -> None:
    gateway.below = "/gate/api"
    gateway.url = f"{wire.url}{gateway.below}"
    async with connect(vendor.provider, settings_of(f"{gateway.url}/", tmp_path)) as connector:
        batches = await read(vendor, connector)
        assert (await connector.health()).state == "reachable"
    found = json.loads(json.dumps(digest(vendor, batches)).replace(gateway.url, gateway.upstream))
    assert [tuple(each) for each in found] == truth


async def test_what_the_sandbox_serves_is_demo(vendor: Vendor, connector: Connector) -> None:
    assert {batch.demo for batch in await read(vendor, connector)} == {True}


async def test_nothing_new_is_one_empty_batch(vendor: Vendor, connector: Connector) -> None:
    (batch,) = await read(vendor, connector, since="2090-01-01T00:00:00Z")
    assert (batch.resource, batch.records, batch.cursor_high) == (vendor.resource, [], None)


async def test_a_list_of_one_is_one_record(
    vendor: Vendor, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    lists: list[int] = []

    def only_one(request: Request, reply: Reply) -> Reply:
        if not vendor.is_page(request):
            return reply
        body = json.loads(reply.content)
        vendor.cut_to_one(body)
        lists.append(len(vendor.records(body)))
        headers = {name: value for name, value in reply.headers.items() if name.lower() != "link"}
        return replace(reply, body=body, headers=headers)

    gateway.after = only_one
    found = digest(vendor, await read(vendor, connector))
    assert set(found) <= set(truth)
    assert len(found) == sum(lists)
    assert set(lists) == {1}


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
    stamp = connector.resources[vendor.resource].incremental_field
    oldest = min(stamps(again, stamp))
    newer = [r for _, r in truth if (at := moment_of(json.loads(r)[stamp])) is not None and at >= oldest]
    assert set(newer) <= {r for _, r in digest(vendor, again)}


def stamps(batches: list[Batch], field: str) -> list[datetime]:
    """The moments of the records, without those whose moment can't be read."""
    return [found for batch in batches for record in batch.records if (found := moment_of(record.get(field)))]


FAULTS: dict[str, tuple[Reply, type[ProviderError]]] = {
    "429": (Reply(429), RateLimited),
    "429 with Retry-After": (Reply(429, headers={"Retry-After": "0"}), RateLimited),
    "500": (Reply(500), ProviderFailing),
    "502 in HTML": (Reply(502, body=b"<html>Bad gateway</html>"), ProviderFailing),
    "503 with Retry-After": (Reply(503, headers={"Retry-After": "0"}), ProviderFailing),
    "slow": (Reply(delay_s=1.5), ProviderTimeout),
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
    assert tries(vendor, wire) == PATIENT.attempts


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
    assert tries(vendor, wire) == 1


async def test_a_401_signs_in_again_once(
    vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    gateway.before = on_page(vendor, 2, lambda: vendor.refused)
    assert digest(vendor, await read(vendor, connector)) == truth
    assert logins(vendor, wire) == (2 if vendor.is_login else 0)


@pytest.mark.parametrize("vendor", SIGN_IN, ids=str, indirect=True)
async def test_readings_that_lose_their_login_together_sign_in_again_once(
    vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector, truth: Digest
) -> None:
    await read(vendor, connector)
    lost = {request.headers["authorization"] for request in pages(vendor, wire)}
    gateway.before = lambda request: vendor.refused if request.headers.get("authorization") in lost else None
    found = await asyncio.gather(*(read(vendor, connector) for _ in range(4)))
    assert [digest(vendor, batches) == truth for batches in found] == [True] * 4
    assert logins(vendor, wire) == 2


async def test_a_second_401_is_final(vendor: Vendor, wire: WireServer, gateway: Gateway, connector: Connector) -> None:
    gateway.before = lambda request: vendor.refused if vendor.is_page(request) else None
    with pytest.raises(AuthFailed) as caught:
        await read(vendor, connector)
    assert (caught.value.http_status, tries(vendor, wire)) == (401, 2)


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


@pytest.mark.parametrize("vendor", ANNOUNCE, ids=str, indirect=True)
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
        for record in vendor.records(body)[:1]:
            vendor.spoil(record, odd)
        return replace(reply, body=body)

    gateway.after = spoil
    records = [record for batch in await read(vendor, connector) for record in batch.records]
    assert (odd, odd) in [(record.get(vendor.spoilt), record.get(vendor.new, ...)) for record in records]


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
    assert moment(cursor) <= theirs


async def cancelled(
    vendor: Vendor, wire: WireServer, gateway: Gateway, root: Path, where: Callable[[Request], bool]
) -> None:
    """Reading that is cancelled while an answer is awaited."""
    stalled = asyncio.Event()

    def stall(request: Request) -> Reply | None:
        if not where(request):
            return None
        stalled.set()
        return Reply(delay_s=60)

    gateway.before = stall
    async with connect(vendor.provider, settings_of(wire.url, root)) as connector:
        reading = asyncio.create_task(read(vendor, connector))
        await stalled.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_cancelling_leaves_nothing_open(
    vendor: Vendor, wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    await cancelled(vendor, wire, gateway, tmp_path, vendor.is_page)
    assert await wire.all_closed()


@pytest.mark.parametrize("vendor", SIGN_IN, ids=str, indirect=True)
async def test_cancelling_a_login_leaves_nothing_open(
    vendor: Vendor, wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    assert vendor.is_login is not None
    await cancelled(vendor, wire, gateway, tmp_path, vendor.is_login)
    assert await wire.all_closed()


async def test_stopping_in_the_middle_leaves_nothing_open(vendor: Vendor, wire: WireServer, tmp_path: Path) -> None:
    async with connect(vendor.provider, settings_of(wire.url, tmp_path)) as connector:
        await anext(connector.read(vendor.resource, None, vendor.fields))
    assert await wire.all_closed()


async def test_resources_can_be_read_at_once_with_one_login(
    vendor: Vendor, wire: WireServer, connector: Connector, truth: Digest
) -> None:
    found = await asyncio.gather(*(read(vendor, connector) for _ in range(4)))
    assert [digest(vendor, batches) == truth for batches in found] == [True] * 4
    assert logins(vendor, wire) == (1 if vendor.is_login else 0)


@pytest.mark.parametrize("seed", range(3))
async def test_with_a_mix_of_all_faults_the_same_records_arrive(
    seed: int, vendor: Vendor, company: Company, truth: Digest, tmp_path: Path
) -> None:
    shares: dict[FaultKind, float] = dict.fromkeys(("too_many_requests", "server_error", "slow", "drop"), 0.05)
    shares |= {"cut_body": 0.03, "truncated_json": 0.03, "malformed_json": 0.04, "expired_token": 0.05}
    faults = Faults(shares=shares, seed=seed, retry_after_s=0, slow_s=0.8)
    tenacious = HASTY.model_copy(update={"attempts": 12})
    with SandboxServer(company, faults=faults, page_limit=PAGE_LIMIT) as sandbox:
        async with connect(vendor.provider, settings_of(sandbox.base_url, tmp_path, tenacious)) as connector:
            for _ in range(2):
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


_AS_GET = ("HEAD", "OPTIONS")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "QUERY", "CONNECT", "TRACE")
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method")


async def test_a_write_is_refused_before_connecting(vendor: Vendor, wire: WireServer) -> None:
    reads = [rule for rule in READS if rule.provider == vendor.provider]
    paths = {re.sub(r"\{\w+\}", "x", rule.path): rule for rule in reads}
    permitted = {(rule.method, path) for path, rule in paths.items()}
    permitted |= {
        (method, path) for path, rule in paths.items() if rule.method == "GET" for method in ("HEAD", "OPTIONS")
    }
    asked = [(method, path) for path in paths for method in METHODS if (method, path) not in permitted]
    requests: list[tuple[str, str, dict[str, Any]]] = [(method, path, {}) for method, path in [*asked, *vendor.writes]]
    for path, rule in paths.items():
        for name, by in itertools.product(OVERRIDES, ("headers", "params", "form", "json")):
            requests += [(rule.method, path, {by: {name: "DELETE"}})]
        requests += [(rule.method, f"{path}?{name}=DELETE", {}) for name in OVERRIDES]
        requests += [(rule.method, f"{path}/../x", {}), (rule.method, f"{path}%2f..%2fx", {})]
        requests += [(rule.method, path, {"json": {"id": "x"}})] if rule.method == "GET" else []
    async with HttpClient(vendor.provider, wire.url, PATIENT) as client:
        for method, path, more in requests:
            with pytest.raises(PolicyRefused):
                await client.request(method, path, **more)
    assert (len(requests) > 40, wire.accepted) == (True, 0)
