"""`sophia demo`, as a newcomer sees it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

from tests.conftest import Project

from sophia_kit.connectors import CONNECTORS


def test_it_says_what_it_is_when_it_is_and_where_things_lie(demo: Project) -> None:
    said = (demo.root / "demo-output.txt").read_text(encoding="utf-8")
    assert said.startswith("DEMO DATA. ")
    assert "The clock stands at 2026-01-01 05:59:59 UTC" in said
    assert "ARR" in said
    brief = re.search(r"^Brief\s+(\S+brief\.html)", said, re.M)
    proof = re.search(r"^Proof\s+(\S+\.json)", said, re.M)
    assert brief is not None
    assert proof is not None
    assert (demo.root / brief[1]).is_file()
    assert (demo.root / proof[1]).is_file()
    assert "leaked" not in said
    assert str(demo.root) not in said, "paths are as a user would type them"


def test_its_data_came_over_http_and_from_deliveries(demo: Project) -> None:
    done = demo.here("ingest", "status", "--demo", "--format", "json")
    assert done.returncode == 0, done.stderr
    sources = {attempt["source"] for attempt in json.loads(done.stdout)}
    assert sources == {"landing", *CONNECTORS}


def test_doctor_never_says_reachable_of_what_is_not_there(demo: Project) -> None:
    """The demo company's vendor is served only while the demo runs."""
    done = demo.here("doctor", "--demo", "--format", "json")
    parts = {part["part"]: part["state"] for part in json.loads(done.stdout)}
    assert parts["salesforce"] == "unconfigured"
    assert parts["landing"] == "unconfigured"
    assert parts["snapshots"] == "reachable"
    assert parts["state"] == "reachable"


def test_doctor_says_failing_of_a_vendor_that_does_not_answer(project: Project) -> None:
    env = {
        "SOPHIA_SALESFORCE__BASE_URL": "http://127.0.0.1:9",
        "SOPHIA_SALESFORCE__CLIENT_ID": "id",
        "SOPHIA_SALESFORCE__CLIENT_SECRET": "canary-secret",
        "SOPHIA_SALESFORCE__REFRESH_TOKEN": "canary-token",
        "SOPHIA_HTTP__ATTEMPTS": "1",
    }
    done = project.here("doctor", "--format", "json", env=env)
    assert done.returncode == 1
    parts = {part["part"]: part for part in json.loads(done.stdout)}
    assert parts["salesforce"]["state"] == "failing"
    assert parts["salesforce"]["hint"]
    assert "canary" not in done.stdout + done.stderr


def test_ctrl_c_while_the_company_is_made_says_so_and_leaves_nothing_running(project: Project) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "demo", "--scale", "0.5"],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline().startswith("DEMO DATA")
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)  # ends only when its children have let go of the pipes
    assert running.returncode == 130
    assert said.count("Interrupted") >= 1
    assert "Traceback" not in said
    assert not (project.root / "data" / "demo" / "snapshots" / "current").exists()


def test_a_delivery_that_fails_is_one_error_and_publishes_nothing(project: Project) -> None:
    (project.root / "data" / "demo").mkdir(parents=True)
    (project.root / "data" / "demo" / "landing").write_text("in the way")
    done = project.here("demo", "--scale", "0.005")
    assert done.returncode == 10, done.stderr
    assert "could not be delivered" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.root / "data" / "demo" / "snapshots" / "current").exists()
