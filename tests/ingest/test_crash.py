"""A load that is killed, interrupted or disturbed: readers keep the old snapshot, the next load is whole."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import Project
from tests.ingest.conftest import PROFILE, NewWorkplace, Workplace

from sophia_kit.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Company, SandboxServer, deliver
from sophia_kit.warehouse import SnapshotStore

KILLS = 32
"""`make bench` kills fifty, with all tables."""

TABLES = ("payments", "subscriptions", "usage_daily")
"""What a load costs here is its tables, not their rows: beside Salesforce's these will do."""


class KillServer:
    """See `kill_server.py`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, seconds: float) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def kill_server(work: Workplace, base_url: str, landing: Path, company: Company) -> Iterator[KillServer]:
    arguments = [
        str(work.settings.root),
        str(landing),
        base_url,
        company.now.isoformat(),
        company.time_zone,
        CLIENT_ID,
        CLIENT_SECRET,
        REFRESH_TOKEN,
    ]
    script = Path(__file__).with_name("kill_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield KillServer(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


def deliver_few(company: Company, folder: Path) -> None:
    deliver(company, folder)
    for table in folder.iterdir():
        if table.is_dir() and table.name not in TABLES:
            shutil.rmtree(table)


@pytest.mark.slow
def test_a_load_killed_at_any_moment_leaves_readers_on_the_old_snapshot_and_the_next_load_whole(
    new_workplace: NewWorkplace, tmp_path: Path
) -> None:
    company = Company.load(PROFILE, scale=0.005)
    folder, root, base = tmp_path / "landing", tmp_path / "work", tmp_path / "base"
    later = company.at(company.day + timedelta(2))
    with SandboxServer(company) as server:
        deliver_few(company, folder)
        first = new_workplace(base_url=server.base_url, landing=folder, root=root)
        first.load()
        old, old_payments = first.store.current(), first.rows("SELECT count(*) FROM raw.payments")
        first.state.close()
        shutil.copytree(root, base)
        server.advance(2)
        deliver_few(later, folder)
        undisturbed = new_workplace(base_url=server.base_url, landing=folder).on(later)
        undisturbed.load()
        whole = undisturbed.digest()

        moments = random.Random(20251231)
        killed = completed = 0
        left_running = False
        store = SnapshotStore(first.settings.snapshots_dir)
        with kill_server(first, server.base_url, folder, later) as loads:
            took = 120.0
            while killed < KILLS and completed < KILLS:
                if store.current() != old:
                    shutil.rmtree(root)
                    shutil.copytree(base, root)
                answer = loads.run(moments.uniform(0, took) if completed else took)
                if answer != "killed":
                    status, _, seconds = answer.partition(" ")
                    assert status == "0"
                    # The first ones take longer; what is killed later than a load takes is killed in vain.
                    took = min(took, float(seconds))
                    completed += 1
                    continue
                killed += 1
                reader = new_workplace(base_url=server.base_url, landing=folder, root=root)
                if store.current() == old:
                    assert reader.rows("SELECT count(*) FROM raw.payments") == old_payments, f"after kill {killed}"
                else:
                    assert reader.digest() == whole, f"after kill {killed}"
                left_running = left_running or "running" in {one.status for one in reader.state.attempts()}
                reader.state.close()
        assert killed == KILLS
        after = new_workplace(base_url=server.base_url, landing=folder, root=root).on(later)
        after.load()
        assert after.digest() == whole
        assert after.leftovers() == []
        assert left_running
        assert "running" not in {attempt.status for attempt in after.state.attempts()}


@pytest.fixture
def loader(project: Project, company: Company, landing: Path) -> Project:
    """A project whose settings name the small company's deliveries."""
    environment = {
        "SOPHIA_WORKSPACE": "demo",
        "SOPHIA_FROZEN_AT": company.now.isoformat(),
        "SOPHIA_LANDING__PATH": str(landing),
        "PYTHONUNBUFFERED": "1",
    }
    return Project(project.root, project.environment | environment)


@contextmanager
def load_at_work(loader: Project) -> Iterator[subprocess.Popen[str]]:
    """`sophia ingest run`, from the moment on at which it has begun to write."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "ingest", "run"],
        cwd=loader.root,
        env=loader.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        drafts = loader.root / "data" / "demo" / "snapshots" / "drafts"
        deadline = time.monotonic() + 60
        while not list(drafts.glob("*.duckdb")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_load_cleanly(loader: Project, number: signal.Signals) -> None:
    with load_at_work(loader) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Interrupted" in err
    assert "Hint:" in err
    assert "Traceback" not in err
    assert not list((loader.root / "data/demo/snapshots").rglob("*.duckdb*"))
    shown = loader.here("ingest", "status")
    assert "interrupted" in shown.stdout
    assert loader.here("ingest", "run").returncode == 0


def test_of_two_loads_at_once_the_second_is_refused(loader: Project) -> None:
    with load_at_work(loader) as process:
        process.send_signal(signal.SIGSTOP)
        second = loader.here("ingest", "run")
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert second.returncode == 9, second.stdout + second.stderr
    assert "held by process" in second.stderr


def test_the_commands_say_what_was_loaded_and_refused(loader: Project) -> None:
    done = loader.here("ingest", "run")
    assert done.returncode == 0, done.stderr
    assert "DEMO DATA" in done.stdout
    assert "payments" in done.stdout
    status = loader.here("ingest", "status", "--limit", "3")
    assert "slack_users: never loaded" in status.stdout
    assert "DEMO DATA" in status.stdout
    listed = loader.here("ingest", "quarantine", "list", "--table", "payments", "--format", "json")
    assert '"source_id is required and empty"' in listed.stdout
    assert loader.here("ingest", "quarantine", "list", "--table", "paymnts").returncode == 2
    again = loader.here("ingest", "run", "--since", "2025-02-01", "--until", "2025-03-01")
    assert again.returncode == 0, again.stderr
    replayed = loader.here("ingest", "quarantine", "replay", "--table", "payments")
    assert "0 records pass now, 9 are still refused." in replayed.stdout
    audit = loader.here("ingest", "status", "--limit", "20").stdout
    assert "backfill" in audit
    assert "replay" in audit
    for wrong in (["--until", "2025-01-01"], ["--since", "January"], ["--since", "2025-02-01", "--full"]):
        assert loader.here("ingest", "run", *wrong).returncode == 2
