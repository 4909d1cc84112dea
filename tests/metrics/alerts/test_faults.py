"""A run that is killed, and two at once: every period is judged once, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.metrics.alerts.judge_when_told import RULES, SALES
from tests.metrics.alerts.till import JUNE_1, judge, till, words

from sophia_kit.state import AlertEvent, State

Start = Callable[[str], "subprocess.Popen[str]"]
HAPPENED = ["2 firing", "3 recovered", "4 firing", "5 recovered"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts a process that judges when it gets a line."""
    running: list[subprocess.Popen[str]] = []

    def _start(run_id: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.metrics.alerts.judge_when_told", str(path), run_id],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield _start
    for process in running:
        process.kill()
        process.communicate()


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def history(path: Path) -> dict[str, list[AlertEvent]]:
    """What happened, by rule, oldest first."""
    with State.open(str(path)) as state:
        events = state.alerts.events()[::-1]
    return {rule: [event for event in events if event.rule == rule] for rule in sorted({e.rule for e in events})}


def judge_the_rest(path: Path) -> int:
    with State.open(str(path)) as state:
        return judge(till(SALES), RULES, state, 5, run_id="after", since=JUNE_1).periods


def used_cpu(process: subprocess.Popen[str]) -> int:
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="whether a process waits is read from Linux's /proc")
def test_killed_between_judging_and_writing_it_leaves_nothing_and_the_next_run_judges_it_all(
    path: Path, start: Start
) -> None:
    process = start("killed")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with sqlite3.connect(path, isolation_level=None) as held:
        held.execute("BEGIN IMMEDIATE")
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        # It has judged its first rule once it does nothing but wait for the lock that is held here.
        began = before = used_cpu(process)
        still = 0
        while still < 6:
            time.sleep(0.05)
            now = used_cpu(process)
            before, still = now, (still + 1 if now == before > began else 0)
        assert process.poll() is None
        kill(process)
        held.execute("ROLLBACK")
    assert history(path) == {}
    assert judge_the_rest(path) == 24 * 5
    assert {rule: words(events) for rule, events in history(path).items()} == {
        rule.name: HAPPENED for rule in RULES.get("takings").alerts
    }


def test_killed_on_the_way_it_leaves_whole_rules_and_the_next_run_judges_the_others(path: Path, start: Start) -> None:
    process = start("killed")
    begin(process)
    with sqlite3.connect(path) as watching:
        while watching.execute("SELECT count(*) FROM alert_events").fetchone()[0] < 8:
            assert process.poll() is None, "it was done before it could be killed"
    kill(process)
    left = history(path)
    assert 0 < len(left) < 24, "it was done before it could be killed"
    assert {tuple(words(events)) for events in left.values()} == {tuple(HAPPENED)}
    assert judge_the_rest(path) == 5 * (24 - len(left))
    after = history(path)
    assert {rule: after[rule] for rule in left} == left
    assert {rule: words(events) for rule, events in after.items()} == {
        rule.name: HAPPENED for rule in RULES.get("takings").alerts
    }


def test_two_at_once_judge_every_period_once(path: Path, start: Start) -> None:
    other = start("other")
    begin(other)
    with State.open(str(path)) as state:
        judge(till(SALES), RULES, state, 5, run_id="this", since=JUNE_1)
    assert other.wait(timeout=60) == 0
    every = history(path)
    assert {rule: words(events) for rule, events in every.items()} == {
        rule.name: HAPPENED for rule in RULES.get("takings").alerts
    }
    for events in every.values():
        assert len({event.run_id for event in events}) == 1, "a rule's periods are judged by one run"
    sequence = [event.sequence for events in every.values() for event in events]
    assert sorted(sequence) == list(range(1, len(sequence) + 1))
