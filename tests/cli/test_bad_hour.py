"""The command line where the machine is unkind: a narrow window, a full disk, damaged files, a user without a home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from tests.conftest import Project


def to(project: Project, out: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `sophia` with its output going to this file."""
    with Path(out).open("w") as file:
        return subprocess.run(
            [sys.executable, "-m", "sophia_kit", *arguments],
            cwd=project.root,
            env=project.environment | environment,
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )


@pytest.mark.parametrize("arguments", [["metric", "arr", "--demo"], ["metric", "arr", "--demo", "--format", "csv"]])
def test_output_that_has_no_room_is_one_error(demo: Project, arguments: list[str]) -> None:
    done = to(demo, "/dev/full", *arguments)
    assert done.returncode == 7
    assert "could not be written: No space left on device." in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_a_terminal_that_lacks_characters_shows_the_others(demo: Project) -> None:
    done = demo.sophia("why", "arr", "--demo", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Expansion MRR ? 12" in done.stdout


@pytest.mark.parametrize("columns", ["0", "20"])
@pytest.mark.parametrize("arguments", [["metric", "arr", "--by", "segment"], ["why", "arr"]])
def test_a_narrow_window_cuts_no_number_off(demo: Project, columns: str, arguments: list[str]) -> None:
    wide = demo.here(*arguments, "--demo")
    done = demo.here(*arguments, "--demo", env={"COLUMNS": columns})
    assert done.returncode == 0
    assert "\N{HORIZONTAL ELLIPSIS}" not in done.stdout
    assert {word for word in wide.stdout.split() if "$" in word} <= set(done.stdout.split())


def test_the_brief_s_table_cuts_no_number_off_either(demo: Project, tmp_path: Path) -> None:
    project = demo.copy(tmp_path / "project")
    frozen = {"SOPHIA_WORKSPACE": "demo", "SOPHIA_FROZEN_AT": "2026-01-01T05:59:59Z", "COLUMNS": "30"}
    done = subprocess.run(
        [sys.executable, "notebooks/daily_bi.py"],
        cwd=project.root,
        env=project.environment | frozen,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    wide = (project.root / "demo-output.txt").read_text(encoding="utf-8")
    assert "\N{HORIZONTAL ELLIPSIS}" not in done.stdout
    assert {word for word in wide.split() if "$" in word} <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("[[", "can't be used"),
        ('name = "x"', "'first_day' is missing"),
        ('first_day = 2022-01-01\nlast_day = "x"', "are days"),
        ('first_day = 2022-01-01\nlast_day = 2025-01-01\nname = "x"\ncurrency = "USD"\ntime_zone = "Mars"', "Mars"),
    ],
)
def test_a_wrong_profile_of_the_demo_company_is_one_error(project: Project, told: str, said: str) -> None:
    (project.root / "data" / "company.toml").write_text(told)
    done = project.here("metric", "arr", "--demo")
    assert done.returncode == 3
    assert said in done.stderr


def test_a_day_that_no_calendar_has_room_for_is_refused(project: Project) -> None:
    done = project.here("demo", "--day", "9999-12-31")
    assert done.returncode == 2
    assert "long after the demo company's last day" in done.stderr


def test_a_file_in_the_place_of_a_folder_is_named(project: Project) -> None:
    (project.root / "data" / "live").write_text("in the way")
    done = project.here("tokens", "list")
    assert done.returncode == 7
    assert "a file is in its place" in done.stderr
    assert str(project.root / "data" / "live") in done.stderr


def test_a_user_without_a_name_or_a_home_can_make_a_token_and_is_told_where_keys_may_lie(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs as a number."""

    def unknown(number: int) -> NoReturn:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    names = {"HOME", "XDG_CONFIG_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"}
    nobody = Project(project.root, {name: value for name, value in project.environment.items() if name not in names})
    made = nobody.here("tokens", "create", "Ada", "--scope", "ask")
    assert (made.returncode, made.stderr) == (0, "")
    (log,) = (project.root / "data" / "live" / "audit").iterdir()
    assert f'"by": "user {os.getuid()}"' in log.read_text()
    told = nobody.here("run", "daily_bi", "--no-load")
    assert told.returncode == 3, told.stderr
    assert "Set HOME, or name a folder as SOPHIA_KEYS_DIR" in told.stderr


def test_when_the_current_snapshot_is_gone_the_others_are_listed_and_doctor_says_so(
    demo: Project, tmp_path: Path
) -> None:
    hurt = demo.copy(tmp_path / "hurt")
    for file in (hurt.root / "data" / "demo" / "snapshots").glob("*.duckdb"):
        file.rename(file.with_name(f"20200101T000000000000Z-20200101T000000000000Z{file.suffix}"))
    listed = hurt.here("snapshots", "list", "--demo")
    assert listed.returncode == 6
    assert "20200101T000000000000Z-20200101T000000000000Z" in listed.stdout
    assert "isn't there" in listed.stderr
    doctor = hurt.here("doctor", "--demo")
    assert doctor.returncode == 1
    assert "failing" in doctor.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_library_is_imported_takes_effect_when_that_is_done(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A library may swallow what interrupts it, or abort."""
    (tmp_path / "swallows.py").write_text(
        f"import os, time\ntry:\n    os.kill(os.getpid(), {number.value})\n    time.sleep(0.2)\n"
        "except BaseException:\n    print('swallowed')\nprint('whole')\n"
    )
    (tmp_path / "runs.py").write_text(
        "import typer\nfrom sophia_kit.cli import main as command\nfrom sophia_kit.cli.main import app\n"
        "@app.command()\ndef swallow() -> None:\n    import swallows\n    print('went on')\ncommand()\n"
    )
    done = subprocess.run([sys.executable, "runs.py", "swallow"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "whole\n"
    assert done.returncode == 130
    assert "Interrupted" in done.stderr


def test_a_notebook_that_is_none_is_one_error_of_the_server(demo: Project, tmp_path: Path) -> None:
    hurt = demo.copy(tmp_path / "hurt")
    (hurt.root / "notebooks" / "daily_bi.py").write_text("import marimo\nraise SystemExit('boom')\n")
    done = hurt.sophia("serve", "--demo", "--port", "0")
    assert done.returncode == 3
    assert "An app's notebook can't be loaded" in done.stderr
    assert "marimo check notebooks/daily_bi.py" in done.stderr
    assert "Serving" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_mcp_server_that_waits_for_input_ends_when_it_is_told_to(demo: Project, number: signal.Signals) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "mcp", "metrics", "--demo"],
        cwd=demo.root,
        env=demo.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write('{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        running.stdin.flush()
        assert running.stdout.readline()
        running.send_signal(number)
        assert running.wait(timeout=10) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize(("redirected", "code"), [("<&-", 2), (">&-", 2), (">/dev/full", 1)])
def test_an_mcp_server_that_nobody_can_speak_with_is_no_page_of_python(
    demo: Project, redirected: str, code: int
) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m sophia_kit mcp metrics --demo {redirected}"],
        cwd=demo.root,
        env=demo.environment,
        input='{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n',
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
