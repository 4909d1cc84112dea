"""The frame that every request passes: one error shape, limits, headers, names, and how the server is watched."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from sophia_kit.core.errors import AccessRefused, RateLimited, TooManyRequests, UnknownName
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.server import Services, create_app

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "code",
    "hint",
    "provider",
    "retryable",
    "instance",
    "trace_id",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("frame")
    (root / "sophia.toml").write_text(
        "[server]\nmax_request_bytes = 2048\nnames = ['kit.example']\nrequests_per_minute = 100000\n"
    )
    return load_settings(root)


@pytest.fixture(scope="module")
def app(settings: Settings) -> Iterator[FastAPI]:
    with Services.open(settings) as services:
        server = create_app(services, apps=())
        _add_routes(server)
        yield server


def _add_routes(server: FastAPI) -> None:
    """What only a test wants to be served."""

    @server.get("/try/boom")
    def boom() -> None:
        raise RuntimeError("canary of the inside")

    @server.get("/try/unknown")
    def unknown() -> None:
        raise UnknownName("metric", "reveneu", ["revenue"])

    @server.get("/try/refused")
    def refused() -> None:
        raise AccessRefused("Not you.")

    @server.get("/try/often")
    def often() -> None:
        raise TooManyRequests("Too often.", retry_after=6.6)

    @server.get("/try/vendor")
    def vendor() -> None:
        raise RateLimited("Slack is tired.", provider="slack")

    @server.get("/try/teapot")
    def teapot() -> None:
        raise HTTPException(418)

    @server.get("/try/number")
    def a_number(of: Annotated[int, Query(le=9)]) -> int:
        return of

    @server.post("/try/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @server.get("/try/slow")
    async def slow() -> None:
        await asyncio.sleep(30)

    @server.get("/try/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for part in range(4):
                yield str(part).encode()
                await asyncio.sleep(0.12)

        return StreamingResponse(parts(), media_type="text/event-stream")

    @server.get("/try/broken")
    async def broken() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError

        return StreamingResponse(parts())


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8765") as one:
        yield one


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "retryable"),
    [
        ("GET", "/nothing", 404, "path-unknown", False),
        ("DELETE", "/healthz", 405, "method-refused", False),
        ("GET", "/try/number", 422, "invalid-request", False),
        ("GET", "/try/number?of=ten", 422, "invalid-request", False),
        ("GET", "/try/unknown", 404, "unknown-name", False),
        ("GET", "/try/refused", 403, "access-refused", False),
        ("GET", "/try/often", 429, "too-many-requests", True),
        ("GET", "/try/vendor", 503, "rate-limited", True),
        ("GET", "/try/teapot", 418, "request-refused", False),
        ("GET", "/try/boom", 500, "internal", False),
        ("GET", "http://evil.example/healthz", 400, "foreign-host", False),
    ],
)
async def test_every_error_has_one_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str, retryable: bool
) -> None:
    answer = await client.request(method, path, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() >= MEMBERS
    assert (problem["status"], problem["code"], problem["retryable"]) == (status, code, retryable)
    assert problem["type"] == f"urn:sophia-kit:error:{code}"
    assert problem["instance"] == httpx.URL(path).path
    assert problem["trace_id"] == answer.headers["x-trace-id"] == TRACE
    assert problem["detail"]


async def test_a_mistake_of_the_form_says_where_and_repeats_nothing(client: httpx.AsyncClient) -> None:
    problem = (await client.get("/try/number?of=canary-8731")).json()
    assert [error["where"] for error in problem["errors"]] == ["query.of"]
    assert "query.of" in problem["detail"]
    assert "canary" not in str(problem)


async def test_an_unforeseen_error_tells_the_log_and_not_the_caller(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        problem = (await client.get("/try/boom")).json()
    assert "canary" not in str(problem)
    assert "canary of the inside" in caplog.text
    assert problem["trace_id"] in caplog.text


async def test_where_something_lies_on_this_machine_is_told_to_the_log_and_not_to_the_caller(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sophia.toml").touch()
    settings = load_settings(tmp_path, landing={"path": str(tmp_path / "nowhere")})
    snapshots = settings.snapshots_dir
    snapshot = "20260101T055959000000Z-20260102T031502118240Z"
    told = []
    with Services.open(settings) as services:
        app = create_app(services, apps=())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as one:
            for prepare, code in (
                (lambda: None, "no-snapshot"),
                (lambda: (snapshots / "current").write_text(f"{snapshot}\n"), "snapshot-damaged"),
                (lambda: (snapshots / f"{snapshot}.duckdb").write_bytes(b"no database"), "snapshot-damaged"),
            ):
                snapshots.mkdir(parents=True, exist_ok=True)
                prepare()
                answer = await one.get("/v1/metrics/arr")
                assert answer.json()["code"] == code
                told += [answer.text, (await one.get("/readyz")).text]
    assert not [text for text in told if str(tmp_path) in text]
    assert f"({snapshots})" in caplog.text
    assert f"({snapshots / 'current'})" in caplog.text
    assert f"({snapshots / f'{snapshot}.duckdb'})" in caplog.text


async def test_an_answer_that_breaks_off_is_not_made_whole(client: httpx.AsyncClient) -> None:
    with pytest.raises(RuntimeError):
        await client.get("/try/broken")


async def test_who_asks_too_often_is_told_how_long_to_wait(client: httpx.AsyncClient) -> None:
    assert (await client.get("/try/often")).headers["retry-after"] == "7"


async def test_without_a_trace_of_the_caller_s_each_request_begins_one(client: httpx.AsyncClient) -> None:
    ids = {(await client.get(path)).headers["x-trace-id"] for path in ("/", "/", "/healthz", "/nothing")}
    assert len(ids) == 4
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)


@pytest.mark.parametrize("said", [True, False], ids=["declared", "streamed"])
async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient, said: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1024

    answer = await client.post("/try/body", content=b"x" * 2049 if said else parts())
    assert (answer.status_code, answer.json()["code"]) == (413, "request-too-large")
    assert (await client.post("/try/body", content=b"x" * 2048)).json() == 2048


async def test_a_length_that_is_no_number_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"Content-Length": "-5"})).status_code == 400


async def test_what_takes_too_long_is_given_up_and_a_stream_that_has_begun_is_not(settings: Settings) -> None:
    impatient = settings.model_copy(update={"server": settings.server.model_copy(update={"request_timeout_s": 0.3})})
    with Services.open(impatient) as services:
        app = create_app(services, apps=())
        _add_routes(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as one:
            late = await one.get("/try/slow")
            stream = await one.get("/try/stream")
    assert (late.status_code, late.json()["code"], late.json()["retryable"]) == (504, "request-timeout", True)
    assert (stream.status_code, stream.text) == (200, "0123")


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/try/boom", "http://evil.example/"])
async def test_every_answer_keeps_browsers_in_bounds(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "script-src" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:1", 200),
        ("[::1]:8765", 200),
        ("kit.example", 200),
        ("KIT.example:443", 200),
        ("10.1.2.3", 200),
        ("evil.example", 400),
        ("kit.example.evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("", 400),
    ],
)
async def test_it_answers_to_its_names(client: httpx.AsyncClient, host: str, status: int) -> None:
    assert (await client.get("/healthz", headers={"Host": host})).status_code == status


async def test_of_two_names_none_is_believed(client: httpx.AsyncClient) -> None:
    refused = await client.get("/healthz", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert (refused.status_code, refused.json()["code"]) == (400, "foreign-host")


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1:8765", 200), ("http://evil.example", 403), ("null", 403), ("http://[", 403)],
)
async def test_another_site_s_page_is_refused(client: httpx.AsyncClient, origin: str, status: int) -> None:
    assert (await client.get("/healthz", headers={"Origin": origin})).status_code == status


async def test_alive_it_says_no_more(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "alive"}


async def test_with_nothing_loaded_it_is_not_ready_and_what_nobody_configured_is_not_healthy(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/readyz")
    level = answer.json()
    assert (answer.status_code, level["status"]) == (503, "not ready")
    parts = {part.pop("part"): part for part in level["parts"]}
    required = {name: part["state"] for name, part in parts.items() if part["required"]}
    assert required == {"state": "reachable", "warehouse": "unconfigured"}
    assert parts["state"]["latency_ms"] > 0
    assert parts["state"]["last_success_at"] == parts["state"]["checked_at"]
    vendors = {"salesforce", "slack", "gong", "notion", "github", "n8n", "snowflake", "landing"}
    assert vendors == parts.keys() - required.keys()
    for vendor in vendors:
        assert parts[vendor]["state"] == "unconfigured"
        assert parts[vendor]["latency_ms"] is None
        assert parts[vendor]["last_success_at"] is None
        assert parts[vendor]["hint"]


async def test_without_requests_the_service_level_is_unknown(settings: Settings) -> None:
    with Services.open(settings) as services:
        app = create_app(services, apps=())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as one:
            await one.get("/readyz")
            level = (await one.get("/slo")).json()
    assert level["requests"] == 0
    assert level["objective"] == "unknown"
    for figure in ("error_rate", "p50_ms", "p95_ms", "p99_ms"):
        assert level[figure] == {"value": None, "unknown": "Nobody asked anything in the last 60 minutes."}


async def test_the_service_level_counts_what_failed(settings: Settings) -> None:
    with Services.open(settings) as services:
        app = create_app(services, apps=())
        _add_routes(app)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as one:
            for path in ("/", "/", "/try/unknown", "/try/boom", "/never"):
                await one.get(path)
            level = (await one.get("/slo")).json()
    assert (level["window_requests"], level["window_failed"], level["objective"]) == (4, 1, "missed"), (
        "a path that isn't served"
    )
    assert level["error_rate"] == {"value": 0.25, "unknown": None}
    routes = {route["route"]: (route["requests"], route["failed"]) for route in level["routes"]}
    assert routes == {"GET /": (2, 0), "GET /try/unknown": (1, 0), "GET /try/boom": (1, 1)}


async def test_metrics_are_labelled_by_templates_alone(settings: Settings) -> None:
    with Services.open(settings) as services:
        app = create_app(services, apps=())

        @app.get("/try/{name}/item")
        def item(name: str) -> str:
            return name

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as one:
            for number in range(5):
                await one.get(f"/try/{number}/item")
                await one.get(f"/never/{number}")
                await one.request(f"ODD{number}", "/never")
                await one.get("/mcp/metrics")
            await one.get("/readyz")
            text = (await one.get("/metrics")).text
    counts = dict(re.findall(r"^sophia_server_requests_total\{(.+)\} (\S+)$", text, re.M))
    assert counts == {
        'method="GET",route="/try/{name}/item",status="200"': "5.0",
        'method="GET",route="none",status="404"': "5.0",
        'method="GET",route="/readyz",status="503"': "1.0",
        'method="GET",route="/mcp/metrics",status="405"': "5.0",
        'method="other",route="none",status="404"': "5.0",
    }
    assert "sophia_server_requests_running 1.0" in text
    assert 'sophia_server_part_reachable{part="state",required="true"} 1.0' in text
    assert 'part="slack"' not in text, "nobody configured it"
    assert "# TYPE sophia_http_requests_total counter" in text
    assert "python_gc" not in text


def test_the_service_level_forgets_after_an_hour_and_ranks_exactly() -> None:
    from sophia_kit.server.slo import ServiceRecord

    now = 0.0
    record = ServiceRecord(0.01, now=lambda: now)
    for milliseconds in range(1, 101):
        record.add("GET /a", failed=False, seconds=milliseconds / 1000)
    level = record.level()
    for figure, exact in ((level.p50_ms, 50), (level.p95_ms, 95), (level.p99_ms, 99)):
        assert figure.value is not None
        assert exact <= figure.value <= exact * 1.02
    now = 3599.0
    assert record.level().window_requests == 100
    now = 3600.0
    assert (record.level().window_requests, record.level().requests) == (0, 100)
    assert record.level().objective == "unknown"


async def test_the_api_is_described_without_anything_from_elsewhere(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert {"/healthz", "/readyz", "/metrics", "/slo"} <= described["paths"].keys()
    assert "Problem" in described["components"]["schemas"]
    page = (await client.get("/docs")).text
    assert set(re.findall(r"<h3>[A-Z]+ (\S+)</h3>", page)) == described["paths"].keys()
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=[\"'](?!/)", page) == []
