"""One conformance suite for both databases: what the kit remembers survives its process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sophia_kit.core.errors import ConfigError, SophiaError, StorageError
from sophia_kit.state import SeenCheckpoint, State

OpenState = Callable[[], State]
NOON = datetime(2025, 12, 31, 12, tzinfo=UTC)


def begin(state: State, attempt_id: str, table: str = "payments", at: datetime = NOON) -> None:
    state.start_attempt(
        attempt_id=attempt_id, source="landing", resource=table, table_name=table, mode="full", started_at=at
    )


def test_what_was_written_is_there_for_the_next_process(open_state: OpenState) -> None:
    first = open_state()
    begin(first, "a1")
    first.finish_attempt("a1", status="complete", ended_at=NOON, rows_read=5, rows_merged=4, rows_quarantined=1)
    (attempt,) = open_state().attempts()
    assert (attempt.status, attempt.rows_read, attempt.rows_merged, attempt.rows_quarantined) == ("complete", 5, 4, 1)
    assert attempt.started_at == NOON


def test_attempts_come_newest_first_and_by_table(open_state: OpenState) -> None:
    state = open_state()
    for number in range(3):
        begin(state, f"a{number}", "payments" if number else "tickets", NOON + timedelta(minutes=number))
    assert [attempt.attempt_id for attempt in state.attempts()] == ["a2", "a1", "a0"]
    assert [attempt.attempt_id for attempt in state.attempts(table_name="tickets")] == ["a0"]
    assert [attempt.attempt_id for attempt in state.attempts(limit=1)] == ["a2"]


def test_attempts_left_running_by_a_dead_process_become_abandoned(open_state: OpenState) -> None:
    begin(open_state(), "left")
    state = open_state()
    assert state.abandon_attempts(NOON) == 1
    assert state.attempts()[0].status == "abandoned"
    assert state.abandon_attempts(NOON) == 0


def test_a_cursor_belongs_to_its_snapshot(open_state: OpenState) -> None:
    state = open_state()
    state.save_cursor("salesforce", "Account", "s1", "2025-01-01", saved_at=NOON)
    state.save_cursor("salesforce", "Account", "s2", "2025-02-01", saved_at=NOON)
    assert state.cursor("salesforce", "Account", "s1") == "2025-01-01"
    assert state.cursor("salesforce", "Account", "s2") == "2025-02-01"
    assert state.cursor("salesforce", "Account", "s3") is None
    state.save_cursor("salesforce", "Account", "s2", "2025-03-01", saved_at=NOON)
    assert state.cursor("salesforce", "Account", "s2") == "2025-03-01"
    state.forget_cursors(["s2"])
    assert state.cursor("salesforce", "Account", "s1") is None
    assert state.cursor("salesforce", "Account", "s2") == "2025-03-01"


def test_a_run_that_never_finished_is_an_orphan_of_its_job(open_state: OpenState) -> None:
    state = open_state()
    for run_id, job in (("r1", "daily_bi"), ("r2", "daily_bi"), ("r3", "weekly")):
        state.start_run(run_id=run_id, job=job, origin="local", parameters="{}", pid=1, started_at=NOON)
    state.finish_run("r2", outcome="succeeded", ended_at=NOON, proof="proofs/local/daily_bi/x.json")
    assert [run.run_id for run in state.orphans("daily_bi")] == ["r1"]
    finished = next(run for run in state.runs() if run.run_id == "r2")
    assert (finished.outcome, finished.proof) == ("succeeded", "proofs/local/daily_bi/x.json")


def test_a_seen_checkpoint_never_shrinks(open_state: OpenState) -> None:
    state = open_state()
    assert state.checkpoint("demo") is None
    state.remember_checkpoint("demo", 7, "aa", seen_at=NOON)
    state.remember_checkpoint("demo", 5, "bb", seen_at=NOON)
    assert state.checkpoint("demo") == SeenCheckpoint(7, "aa")
    state.remember_checkpoint("demo", 9, "cc", seen_at=NOON)
    assert state.checkpoint("demo") == SeenCheckpoint(9, "cc")


def test_a_transaction_takes_effect_whole_or_not_at_all(open_state: OpenState) -> None:
    state = open_state()
    with pytest.raises(RuntimeError), state.transaction():
        state.save_cursor("s", "r", "one", "1", saved_at=NOON)
        raise RuntimeError
    assert state.cursor("s", "r", "one") is None


def test_threads_and_processes_write_at_once_and_nothing_is_lost(open_state: OpenState) -> None:
    states = [open_state() for _ in range(4)]

    def write(number: int) -> None:
        for turn in range(20):
            begin(states[number % 4], f"{number}-{turn}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(states[0].attempts()) == 160


def test_opening_at_once_migrates_once(location: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        for state in pool.map(lambda _: State.open(location), range(6)):
            state.close()


def test_a_state_from_a_newer_version_is_refused(open_state: OpenState) -> None:
    open_state()._engine.execute("INSERT INTO schema_version (version) VALUES (9999)")
    with pytest.raises(ConfigError) as caught:
        open_state()
    assert "Upgrade" in (caught.value.hint or "")


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite"
    file.write_bytes(b"this is not a database, whatever its name says" * 50)
    with pytest.raises(StorageError) as caught:
        State.open(str(file))
    assert "move it away" in (caught.value.hint or "")


def test_a_file_that_is_replaced_or_removed_while_in_use_is_an_error(tmp_path: Path) -> None:
    """Who goes on with the old file sees nothing of what others write, and loses what it writes itself."""
    file, other = tmp_path / "state.sqlite", tmp_path / "other.sqlite"
    State.open(str(other)).close()
    with State.open(str(file)) as state:
        begin(state, "a1")
        other.replace(file)
        for ask in (state.attempts, lambda: begin(state, "a2")):
            with pytest.raises(StorageError, match="removed or replaced"):
                ask()
        file.unlink()
        with pytest.raises(StorageError, match="removed or replaced"):
            state.attempts()


def test_on_a_disk_that_is_mounted_read_only_it_can_be_read(small_disk: Path) -> None:
    file = small_disk / "state.sqlite"
    with State.open(str(file)) as state:
        begin(state, "a1")
        assert not state.read_only
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with State.open(str(file)) as state:
        assert state.read_only
        assert [attempt.attempt_id for attempt in state.attempts()] == ["a1"]
        with pytest.raises(StorageError, match="readonly"):
            begin(state, "a2")


def test_an_unreachable_server_is_an_error_that_keeps_its_password() -> None:
    with pytest.raises(SophiaError) as caught:
        State.open("postgresql://user:canary-password@127.0.0.1:1/none")
    assert "canary-password" not in caught.value.message + str(caught.value.hint) + repr(caught.value)


def test_a_killed_writer_leaves_a_readable_state(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    writer = (
        "import sys, itertools\n"
        "from datetime import UTC, datetime\n"
        "from sophia_kit.state import State\n"
        "state = State.open(sys.argv[1])\n"
        "for n in itertools.count():\n"
        "    state.start_attempt(attempt_id=f'{sys.argv[2]}-{n}', source='s', resource='r', table_name='t',\n"
        "                        mode='full', started_at=datetime.now(UTC))\n"
        "    print(n, flush=True)\n"
    )
    expected = 0
    for turn in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, str(path), str(turn)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        seen += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        expected += len(seen)
    with State.open(str(path)) as state:
        assert len(state.attempts()) >= expected
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("location", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_server_that_was_restarted_is_connected_to_anew(open_state: OpenState, postgres_url: str) -> None:
    import psycopg

    def cut() -> None:
        # This state's connection alone: other tests may use the server meanwhile.
        pid = state._engine._connection.info.backend_pid  # type: ignore[attr-defined]
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    state = open_state()
    begin(state, "a1")
    cut()
    assert [attempt.attempt_id for attempt in state.attempts()] == ["a1"], "what only reads is asked again"
    cut()
    with state.transaction():
        begin(state, "a2")
    cut()
    with pytest.raises(SophiaError, match="PostgreSQL fails"):
        begin(state, "a3")
    begin(state, "a4")
    with pytest.raises(SophiaError, match="PostgreSQL fails"), state.transaction():
        begin(state, "a5")
        cut()
        begin(state, "a6")
    assert {attempt.attempt_id for attempt in state.attempts()} == {"a1", "a2", "a4"}


def test_an_address_that_is_none_is_said_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        State.open("postgresql://u:canary@[h/db")
    assert "SOPHIA_STATE_URL" in (caught.value.hint or "")
    assert "canary" not in f"{caught.value} {caught.value.hint}"
