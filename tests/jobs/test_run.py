"""Runs of a job, as the nightly scheduler makes them: however one ends, it leaves evidence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.canaries import canaries, files_that_tell
from tests.conftest import Project

from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.core.settings import Settings
from sophia_kit.jobs.process import NotebookProcess

DEMO = {"SOPHIA_WORKSPACE": "demo", "SOPHIA_FROZEN_AT": "2025-12-31T23:59:59-06:00"}

PUBLISHING = """
import json, os, pathlib, sys
from sophia_kit.core.settings import load_settings
from sophia_kit.warehouse import SnapshotStore

folder = pathlib.Path(os.environ["SOPHIA_RUN_DIR"])
snapshot = SnapshotStore(load_settings().snapshots_dir).current()
(folder / "report.txt").write_text("seen")
(folder / "result.json").write_text(json.dumps(
    {"snapshot_id": snapshot.snapshot_id, "metrics": [], "freshness": [], "files": ["report.txt"]}
))
print("arguments", *sys.argv[1:])
"""


@pytest.fixture
def loaded(demo: Project, tmp_path: Path) -> Project:
    """A project of this test's own in which the demo company is loaded."""
    return demo.copy(tmp_path / "project")


@pytest.fixture
def add_job(loaded: Project) -> Callable[..., None]:
    """Adds a job with a notebook of the given text."""

    def _add(name: str, text: str, *, time_limit_s: float = 60) -> None:
        (loaded.root / "notebooks" / f"{name}.py").write_text(text)
        with (loaded.root / "sophia.toml").open("a") as file:
            file.write(f'\n[jobs.{name}]\nnotebook = "notebooks/{name}.py"\ntime_limit_s = {time_limit_s}\n')

    return _add


def proofs(project: Project, job: str, origin: str = "demo") -> list[dict[str, Any]]:
    """The predicates of a job's proofs, oldest first, read as anyone could: base64 and JSON."""
    import base64

    found = []
    for file in sorted((project.root / "proofs" / origin / job).glob("*.json")):
        envelope = json.loads(file.read_bytes())
        found.append(json.loads(base64.b64decode(envelope["payload"])))
    return found


def test_a_run_seals_its_files_its_rows_and_how_it_ended(loaded: Project, add_job: Callable[..., None]) -> None:
    add_job("small", PUBLISHING)
    done = loaded.here("run", "small", "--no-load", "--day", "2025-12-30", "--segment=Enterprise", env=DEMO)
    assert done.returncode == 0, done.stderr
    assert "arguments --day 2025-12-30 --segment Enterprise" in done.stdout
    (statement,) = proofs(loaded, "small")
    run = statement["predicate"]["run"]
    assert run["outcome"] == "succeeded"
    assert run["demo"] is True
    assert run["parameters"] == {"day": "2025-12-30", "segment": "Enterprise"}
    assert run["clock"] == {"time": "2026-01-01T05:59:59Z", "frozen": True}
    assert run["notebook"]["sha256"]
    assert run["lock"]["sha256"]
    names = [subject["name"] for subject in statement["subject"]]
    assert any(name.endswith("/report.txt") for name in names)
    assert f"snapshot:{run['snapshot_id']}" in names
    assert loaded.here("proofs", "verify").returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("raise SystemExit('no such luck')", "no such luck", id="it fails"),
        pytest.param("print('nothing made')", "left no result.json", id="it makes nothing"),
        pytest.param("import os; os.abort()", "ended with -6", id="it crashes"),
    ],
)
def test_a_failed_notebook_leaves_a_proof_that_says_failed(
    loaded: Project, add_job: Callable[..., None], text: str, said: str
) -> None:
    add_job("broken", text)
    done = loaded.here("run", "broken", "--no-load", env=DEMO)
    assert done.returncode == 10
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    (statement,) = proofs(loaded, "broken")
    assert statement["predicate"]["run"]["outcome"] == "failed"
    assert said in statement["predicate"]["run"]["errors"][0]["detail"]


def test_a_notebook_that_takes_too_long_is_ended_with_its_children(
    loaded: Project, add_job: Callable[..., None]
) -> None:
    marker = loaded.root / "child.pid"
    add_job(
        "endless",
        "import pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '300'])\n"
        f"pathlib.Path({str(marker)!r}).write_text(str(child.pid))\n"
        "time.sleep(300)\n",
        time_limit_s=2,
    )
    done = loaded.here("run", "endless", "--no-load", env=DEMO)
    assert done.returncode == 10
    assert "longer than its limit of 2 s" in done.stderr
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.kill(int(marker.read_text()), 0)
            time.sleep(0.1)
    assert proofs(loaded, "endless")[0]["predicate"]["run"]["outcome"] == "failed"


def start(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", *arguments],
        cwd=project.root,
        env=project.environment | DEMO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never appeared"
        time.sleep(0.02)


WAITING = """
import pathlib, time
marker = pathlib.Path({marker!r})
marker.touch()
while not marker.with_name("go").exists():
    time.sleep(0.02)
"""


def test_a_second_run_of_the_job_is_refused_or_waits(loaded: Project, add_job: Callable[..., None]) -> None:
    marker = loaded.root / "started"
    add_job("slow", WAITING.format(marker=str(marker)) + PUBLISHING)
    first = start(loaded, "run", "slow", "--no-load")
    wait_for(marker)
    refused = loaded.here("run", "slow", "--no-load", env=DEMO)
    assert refused.returncode == 9
    assert "held by process" in refused.stderr
    assert "--wait" in refused.stderr
    queued = start(loaded, "run", "slow", "--no-load", "--wait", "60")
    (loaded.root / "go").touch()
    for run in (first, queued):
        _, said = run.communicate(timeout=60)
        assert run.returncode == 0, said
    assert [proof["predicate"]["run"]["outcome"] for proof in proofs(loaded, "slow")] == ["succeeded"] * 2


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_notebook_and_says_so(
    loaded: Project, add_job: Callable[..., None], sign: signal.Signals
) -> None:
    marker = loaded.root / "started"
    add_job("slow", WAITING.format(marker=str(marker)))
    running = start(loaded, "run", "slow", "--no-load")
    wait_for(marker)
    running.send_signal(sign)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert [proof["predicate"]["run"]["outcome"] for proof in proofs(loaded, "slow")] == ["interrupted"]


def test_a_killed_run_is_sealed_as_abandoned_by_the_next(loaded: Project, add_job: Callable[..., None]) -> None:
    marker = loaded.root / "started"
    add_job("slow", WAITING.format(marker=str(marker)) + PUBLISHING)
    running = start(loaded, "run", "slow", "--no-load")
    wait_for(marker)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert not proofs(loaded, "slow")
    (loaded.root / "go").touch()
    done = loaded.here("run", "slow", "--no-load", env=DEMO)
    assert done.returncode == 0, done.stderr
    assert "sealed as abandoned" in done.stdout
    outcomes = [proof["predicate"]["run"]["outcome"] for proof in proofs(loaded, "slow")]
    assert outcomes == ["abandoned", "succeeded"]
    assert loaded.here("proofs", "verify").returncode == 0


def test_a_run_sees_no_secret_it_has_no_use_for(loaded: Project, add_job: Callable[..., None]) -> None:
    watch = "import os\nprint('seen:', [n for n, v in os.environ.items() if 'canary' in v])\n"
    add_job("curious", watch + PUBLISHING)
    planted = canaries(without=("SOPHIA_STATE_URL", "SOPHIA_PROOF_KEY"))
    done = loaded.here("run", "curious", "--no-load", env=DEMO | planted | {"OTHER": "canary-of-others"})
    assert done.returncode == 0, done.stderr
    assert "canary" not in done.stdout + done.stderr
    logs = [log.read_text() for log in (loaded.root / "data" / "demo" / "reports").glob("*/output.log")]
    assert [line for log in logs for line in log.splitlines() if line.startswith("seen:")] == ["seen: ['OTHER']"]
    assert proofs(loaded, "curious")
    assert files_that_tell(loaded.root, planted.values()) == {}


@pytest.mark.parametrize("model", [None, "writer"])
def test_a_models_secrets_reach_the_notebook_only_when_a_model_is_to_write(tmp_path: Path, model: str | None) -> None:
    deployments = {
        "ours": {"provider": "openai", "model": "gpt-5-mini", "serves": "writer"},
        "spare": {"provider": "portkey", "model": "small", "upstream": "groq", "config": '{"api_key": "${vault}"}'},
        "other": {"provider": "openrouter", "model": "large"},
    }
    llm = {
        "deployments": deployments,
        "fallbacks": {"writer": ["small"]},
        "keys": {name: f"canary-{name}" for name in ("openai", "ours", "portkey", "groq", "vault", "openrouter")},
        "redis_url": "redis://canary",
        "analysis_model": model,
    }
    settings = Settings(root=tmp_path, llm=LlmSettings.model_validate(llm), state_url=SecretStr("postgresql://canary"))
    script = tmp_path / "seen.py"
    script.write_text("import os\nprint(*sorted(n for n, v in os.environ.items() if 'canary' in v))\n")
    run_dir = tmp_path / "run"
    with NotebookProcess(settings, script, [], run_dir=run_dir, run_id="one") as process:
        assert process.run(60).exit_code == 0
    keys = ("GROQ", "OPENAI", "OURS", "PORTKEY", "VAULT")
    handed = [*(f"SOPHIA_LLM__KEYS__{name}" for name in keys), "SOPHIA_LLM__REDIS_URL", "SOPHIA_STATE_URL"]
    assert (run_dir / "output.log").read_text().split() == (handed if model else [])


def test_with_nothing_configured_a_run_refuses_and_lists_what_is_missing(project: Project) -> None:
    done = project.here("run", "daily_bi")
    assert done.returncode == 3
    for name in ("SOPHIA_SALESFORCE__BASE_URL", "SOPHIA_SALESFORCE__CLIENT_ID", "SOPHIA_LANDING__PATH"):
        assert name in done.stderr
    assert "DEMO" not in done.stdout + done.stderr
    assert not (project.root / "data" / "demo").exists()
    (statement,) = proofs(project, "daily_bi", "local")
    assert statement["predicate"]["run"]["outcome"] == "failed"
    assert statement["predicate"]["run"]["demo"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "daily_by"], 2, "Did you mean daily_bi?"),
        (["run", "daily_bi", "--day"], 2, "not an option with a value"),
        (["run", "daily_bi", "stray"], 2, "not an option with a value"),
    ],
)
def test_bad_arguments_get_one_clear_error(project: Project, arguments: list[str], code: int, said: str) -> None:
    done = project.here(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
