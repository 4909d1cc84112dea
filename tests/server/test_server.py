"""The server over real HTTP: the apps of one workspace, for this machine alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

import sophia_kit as sk
from sophia_kit.core.errors import InputError
from sophia_kit.server import require_loopback

DAY = date(2025, 12, 31)


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]


def start(project: Any) -> Served:
    """`sophia serve --demo` on a free port, once it says where."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "serve", "--demo", "--port", "0"],
        cwd=project.root,
        env=project.environment | {"PYTHONUNBUFFERED": "1"},
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
            return Served(found[0], process)
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def served(demo: Any) -> Iterator[Served]:
    running = start(demo)
    yield running
    # Ctrl-C ends it, also while readers are connected.
    running.process.send_signal(signal.SIGINT)
    try:
        said, _ = running.process.communicate(timeout=20)
    finally:
        running.process.kill()
    assert running.process.returncode == 0
    assert "Traceback" not in said


def test_it_is_alive_and_claims_no_more(served: Served) -> None:
    answer = httpx.get(served.url + "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


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


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org", ""])
def test_other_machines_are_not_served(host: str) -> None:
    with pytest.raises(InputError, match="no sign-in"):
        require_loopback(host)


@pytest.mark.parametrize(("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
def test_this_machine_is(host: str, address: str) -> None:
    assert require_loopback(host) == address


def test_the_command_refuses_another_host(project: Any) -> None:
    done = project.here("serve", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "no sign-in" in done.stderr
