"""A notebook as a process: its environment, its time limit, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sophia_kit.core.errors import JobFailed
from sophia_kit.core.files import make_folder, storage_errors
from sophia_kit.core.settings import Settings

__all__ = ["ProcessEnd", "run_notebook"]

_GRACE_S = 5.0
_ERROR_LINES = 12


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a process ended: its exit code, seconds it took, and the last lines it wrote to stderr."""

    exit_code: int
    elapsed_s: float
    last_words: str


def run_notebook(
    settings: Settings, notebook: Path, arguments: Sequence[str], *, run_dir: Path, run_id: str, time_limit_s: float
) -> ProcessEnd:
    """Run `notebook` as a script in a process of its own; its output goes to `output.log` in `run_dir`.

    When this process is interrupted, or the time limit passes, the notebook and its children are terminated.

    Raises:
        JobFailed: it took longer than `time_limit_s`.
        StorageError: the run's folder can't be written.
    """
    make_folder(run_dir)
    log = run_dir / "output.log"
    began = time.monotonic()
    with storage_errors(log), log.open("wb") as output:
        process = subprocess.Popen(  # the arguments are ours: an interpreter, a notebook of the project, options
            [sys.executable, str(notebook), *arguments],
            cwd=settings.root,
            env=_environment(settings, run_dir, run_id),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            raise JobFailed(
                f"{notebook.name} took longer than its limit of {time_limit_s:g} s and was ended.",
                hint="Raise time_limit_s of the job in sophia.toml, or ask for less.",
            ) from None
        finally:
            _end(process)
    return ProcessEnd(code, time.monotonic() - began, _tail(log))


def _environment(settings: Settings, run_dir: Path, run_id: str) -> dict[str, str]:
    """The child's environment: ours, without secrets it has no use for, with the settings it must share."""
    secret = ("SOPHIA_PROOF_KEY", "SOPHIA_SALESFORCE__", "SOPHIA_STATE_URL")
    child = {name: value for name, value in os.environ.items() if not name.upper().startswith(secret)}
    return (
        child
        | settings.environment()
        | {
            "SOPHIA_RUN_DIR": str(run_dir),
            "SOPHIA_RUN_ID": run_id,
            "PYTHONUNBUFFERED": "1",
        }
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate what is left of the process group, kindly first."""
    for sign, patience in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, _GRACE_S)):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-_ERROR_LINES:])
