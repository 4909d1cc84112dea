"""`sophia sandbox`: as processes, the way the demo and a curious reader start it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.conftest import Project
from tests.sandbox.conftest import credentials


@contextmanager
def _serving(project: Project, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the line it prints when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "sandbox", "serve", *arguments],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_it_is_told_to_stop(project: Project, number: signal.Signals) -> None:
    with _serving(project, "--scale", "0.02", "--day", "2026-01-05") as (process, line):
        assert "Larkfield Payments (DEMO DATA) on 2026-01-05" in line
        url = line.split()[-1]
        answer = httpx.post(f"{url}/services/oauth2/token", data=credentials(), trust_env=False)
        assert answer.status_code == 200
        process.send_signal(number)
        out, error = process.communicate(timeout=10)
        assert (process.returncode, out, error) == (0, "", "")


def test_it_ends_with_the_process_that_started_it_also_where_that_is_killed(project: Project) -> None:
    starts = (
        "import os, subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-m', 'sophia_kit', 'sandbox', 'serve', '--scale', '0.02', "
        "'--parent', str(os.getpid())]).wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", starts], cwd=project.root, env=project.environment, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().split()[-1]
    assert httpx.get(url, trust_env=False).status_code == 404
    parent.kill()
    # Its output ends when the last process lets go of it.
    assert parent.communicate(timeout=30)[0] == ""
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_serves_with_faults(project: Project) -> None:
    with _serving(project, "--scale", "0.02", "--fault", "server_error=1") as (_, line):
        answer = httpx.post(f"{line.split()[-1]}/services/oauth2/token", data=credentials(), trust_env=False)
        assert answer.status_code == 500


def test_a_taken_port_is_said(project: Project) -> None:
    with _serving(project, "--scale", "0.02") as (_, line):
        port = line.strip().rpartition(":")[2]
        done = project.here("sandbox", "serve", "--scale", "0.02", "--port", port)
    assert done.returncode == 9
    assert f"Port {port} can't be taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_delivers_and_then_only_what_is_new(project: Project) -> None:
    first = project.here("sandbox", "deliver", "--scale", "0.02")
    assert first.returncode == 0, first.stderr
    assert "82 files" in first.stdout
    assert "DEMO DATA" in first.stdout
    landing = project.root / "data" / "demo" / "landing"
    assert (landing / "payments" / "2025-12-31.parquet").exists()
    second = project.here("sandbox", "deliver", "--scale", "0.02", "--day", "2026-01-02", "--to", str(landing))
    assert "24 files" in second.stdout
    assert "82 there already" in second.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("serve", "--fault", "server_eror=0.5"), 2, "Did you mean server_error?"),
        (("serve", "--fault", "slow=often"), 2, "KIND=SHARE"),
        (("serve", "--fault", "slow=0.9", "--fault", "drop=0.9"), 2, "at most 1"),
        (("serve", "--day", "2031-01-01"), 2, "2023-01-01 to 2026-03-03"),
        (("deliver", "--day", "yesterday"), 2, "--day"),
        (("deliver", "--company", "nowhere.toml"), 3, "nowhere.toml can't be read"),
    ],
)
def test_wrong_input_is_explained(project: Project, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = project.here("sandbox", *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
