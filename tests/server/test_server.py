"""The server over real HTTP: the apps and the API of one workspace, traced, watched, and ended under load."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.larkfield import PROFILE

import sophia_kit as sk
from sophia_kit.core.errors import InputError
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.server import require_safe_bind

DAY = date(2025, 12, 31)
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass(slots=True)
class Collector:
    """An OpenTelemetry collector that keeps what it is sent."""

    received: list[bytes] = field(default_factory=list)

    def spans(self, trace: str, *, named: str, patience_s: float = 15) -> dict[str, Span]:
        """By name, the spans of a trace, once one of that name has come."""
        ends = time.monotonic() + patience_s
        while time.monotonic() < ends:
            found = {span.name: span for span in self._spans() if span.trace_id.hex() == trace}
            if named in found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no span {named} among {[span.name for span in self._spans()]}")

    def _spans(self) -> Iterator[Span]:
        for body in list(self.received):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    process: subprocess.Popen[str]
    collector: Collector

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[str, Collector]]:
    """A collector on a free port, and its address."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            kept.received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", kept
        server.shutdown()


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """The address of vendors that answer."""
    with SandboxServer(Company.load(PROFILE, scale=0.02)) as server:
        yield server.base_url


def start(project: Any, collector: tuple[str, Collector], vendor: str) -> Served:
    """`sophia serve --demo` on a free port, once it says where."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "serve", "--demo", "--port", "0"],
        cwd=project.root,
        env=project.environment
        | {
            "PYTHONUNBUFFERED": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector[0],
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "SOPHIA_SLACK__BASE_URL": vendor,
            "SOPHIA_SLACK__TOKEN": "sandbox",
            "SOPHIA_SERVER__REQUESTS_PER_MINUTE": "1000000",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    patience = threading.Timer(60, process.kill)
    patience.start()
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            patience.cancel()
            assert "DEMO DATA" in "".join(said)
            return Served(found[0], process, collector[1])
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def served(demo: Any, collector: tuple[str, Collector], vendor: str) -> Iterator[Served]:
    running = start(demo, collector, vendor)
    yield running
    running.process.kill()
    running.process.wait()


def test_it_is_alive_and_claims_no_more(served: Served) -> None:
    answer = httpx.get(served.url + "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_it_is_ready_and_tells_of_each_part(served: Served) -> None:
    answer = httpx.get(served.url + "/readyz", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert (answer.status_code, answer.json()["status"], answer.json()["demo"]) == (200, "ready", True)
    parts = {part["part"]: part for part in answer.json()["parts"]}
    states = {name: part["state"] for name, part in parts.items()}
    assert states.pop("landing") in ("unconfigured", "reachable")
    assert states == {
        "state": "reachable",
        "warehouse": "reachable",
        "slack": "reachable",
        **dict.fromkeys(("salesforce", "gong", "notion", "github", "n8n", "snowflake"), "unconfigured"),
    }
    again = httpx.get(served.url + "/readyz").json()["parts"]
    assert next(part for part in again if part["part"] == "slack") == parts["slack"], "vendors are not asked each time"


def test_a_call_to_a_vendor_is_part_of_the_request_s_trace(served: Served) -> None:
    spans = served.collector.spans(TRACE, named="GET /readyz")
    vendor = next(span for name, span in spans.items() if "auth.test" in name)
    assert vendor.parent_span_id == spans["GET /readyz"].span_id
    assert spans["GET /readyz"].parent_span_id.hex() == PARENT


def test_one_trace_leads_from_the_request_to_the_warehouse(served: Served) -> None:
    trace = TRACE[::-1]
    answer = httpx.get(
        served.url + "/v1/metrics/arr?day=2025-12-31&by=segment&where=segment=Enterprise",
        headers={"traceparent": f"00-{trace}-{PARENT}-01"},
    )
    assert (answer.status_code, answer.headers["x-trace-id"]) == (200, trace)
    spans = served.collector.spans(trace, named="GET /v1/metrics/{name}")
    request, metric, query = (spans[name] for name in ("GET /v1/metrics/{name}", "metric", "warehouse query"))
    assert request.parent_span_id.hex() == PARENT
    assert metric.parent_span_id == request.span_id
    by_id = {span.span_id: span for span in spans.values()}
    above = query
    while above.span_id != request.span_id:
        above = by_id[above.parent_span_id]
    told = {each.key: each.value.string_value for each in metric.attributes}
    assert told["sophia.metric"] == "arr"
    # Which members somebody asked for is theirs.
    assert not any(b"Enterprise" in body for body in served.collector.received)


def test_the_index_names_the_apps_and_that_they_are_demo(served: Served) -> None:
    page = httpx.get(served.url + "/").text
    assert 'href="/daily-bi/"' in page
    assert "How did the business do" in page
    assert page.count("DEMO DATA") >= 3


def test_another_name_or_origin_is_refused(served: Served) -> None:
    assert httpx.get(served.url + "/", headers={"Host": "evil.example"}).status_code == 400
    assert httpx.get(served.url + "/", headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.get(served.url + "/", headers={"Origin": served.url}).status_code == 200


def test_a_websocket_of_another_origin_is_refused(served: Served) -> None:
    lines = [
        "GET /daily-bi/ws?session_id=x HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        "Origin: http://evil.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    with socket.create_connection(("127.0.0.1", int(served.port)), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 403")


def test_an_app_s_own_files_are_kept_by_browsers_and_what_it_shows_is_not(served: Served) -> None:
    page = httpx.get(served.url + "/daily-bi/")
    asset = re.search(r'src="\./(assets/[^"]+\.js)"', page.text)
    assert asset is not None
    kept = httpx.get(f"{served.url}/daily-bi/{asset[1]}")
    assert (kept.status_code, kept.headers["cache-control"]) == (200, "private, max-age=86400")
    assert page.headers["cache-control"] == "private, no-cache", "marimo's own: its page is the frame, without a number"
    assert "'unsafe-eval'" in page.headers["content-security-policy"]
    missing = httpx.get(served.url + "/daily-bi/assets/none.js")
    assert (missing.status_code, missing.json()["code"]) == (404, "path-unknown")
    assert missing.headers["cache-control"] == "no-store"
    routes = {route["route"] for route in httpx.get(served.url + "/slo").json()["routes"]}
    assert "GET /daily-bi/*" in routes
    assert not any("assets" in route for route in routes)


@pytest.mark.browser
def test_the_app_shows_what_the_metric_layer_answers(
    served: Served, demo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).is_file():
        pytest.skip("no Chromium: install it, or name it with CHROMIUM; the app is not looked at here")
    monkeypatch.chdir(demo.root)
    monkeypatch.setenv("SOPHIA_WORKSPACE", "demo")
    monkeypatch.setenv("SOPHIA_FROZEN_AT", "2026-01-01T05:59:59Z")
    monkeypatch.setenv("SOPHIA_COMPANY__TIME_ZONE", "America/Chicago")
    names = ("arr", "revenue", "payment_success_rate", "win_rate")
    answers = {name: sk.metric(name, day=DAY, filters={"segment": "Enterprise"}).value for name in names}
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*quiet, "--disable-component-update"])
        page = browser.new_page()
        asked: list[str] = []
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served.url}/daily-bi/?segment=Enterprise&day={DAY.isoformat()}")
        page.get_by_role("heading", name="Key figures").wait_for(timeout=60_000)
        assert page.get_by_text("DEMO DATA").first.is_visible()
        shown = page.inner_text("body")
        assert "Segment Enterprise" in shown
        for value in answers.values():
            assert re.search(rf"{re.escape(value.label)}\s+{re.escape(value.period.label)}", shown), value.label
            assert value.display in shown
        assert {url.split("/")[2] for url in asked if url.startswith("http")} == {f"127.0.0.1:{served.port}"}
        assert [text for text in complaints if "Content Security Policy" in text] == []
        page.locator("select").first.select_option("Small Business")
        page.locator("p", has_text="Segment Small Business. As known at").wait_for(timeout=60_000)
        page.goto(f"{served.url}/daily-bi/?segment=%3Cb%3EEnterprize")
        page.get_by_text("No segment is called '<b>Enterprize'.").wait_for(timeout=60_000)
        browser.close()


def test_with_nothing_loaded_it_refuses(project: Any) -> None:
    done = project.here("serve", "--port", "0")
    assert done.returncode == 6
    assert "No snapshot" in done.stderr
    assert "DEMO" not in done.stdout


def test_a_taken_port_is_named(demo: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = demo.sophia("serve", "--demo", "--port", str(port))
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def bound(tmp_path: Path, host: str, authentication: str = "off") -> Settings:
    (tmp_path / "sophia.toml").touch()
    return load_settings(tmp_path, server={"host": host, "authentication": authentication})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org", ""])
def test_without_sign_in_other_machines_are_not_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="nobody would have to sign in"):
        require_safe_bind(bound(tmp_path, host))


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_with_tokens_and_none_that_is_valid_nobody_could_ask(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="no valid one"):
        require_safe_bind(bound(tmp_path, host, "tokens"))


@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
def test_this_machine_is(tmp_path: Path, host: str, address: str) -> None:
    assert require_safe_bind(bound(tmp_path, host)) == address


def test_the_command_refuses_another_host(project: Any) -> None:
    done = project.here("serve", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "nobody would have to sign in" in done.stderr
    assert "SOPHIA_SERVER__AUTHENTICATION=tokens" in done.stderr


def test_told_to_end_under_load_it_loses_no_request(served: Served) -> None:
    answered: list[int] = []
    lost: list[BaseException] = []
    ending = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while True:
                try:
                    answered.append(client.get(served.url + "/v1/metrics/arr?day=2025-12-31").status_code)
                except httpx.ConnectError:
                    # Nothing was sent: the server takes no connection any more.
                    return
                except httpx.HTTPError as error:
                    lost.append(error)
                    return
                if len(answered) > 50:
                    ending.set()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert ending.wait(30)
    served.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    said, _ = served.process.communicate(timeout=20)
    assert (lost, set(answered)) == ([], {200})
    assert served.process.returncode == 0
    assert "Traceback" not in said
