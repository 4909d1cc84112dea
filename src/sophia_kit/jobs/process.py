"""A notebook as a process: its environment, its time limit, its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from sophia_kit.connectors import CONNECTORS
from sophia_kit.core.errors import JobFailed
from sophia_kit.core.files import make_folder, storage_errors
from sophia_kit.core.settings import Settings
from sophia_kit.jobs import starter

__all__ = ["NotebookProcess", "ProcessEnd"]

_GRACE_S = 5.0
_ERROR_LINES = 12


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a process ended: its exit code, seconds it took, and the last lines it wrote to stderr."""

    exit_code: int
    elapsed_s: float
    last_words: str


class NotebookProcess:
    """A notebook as a script in a process of its own; its output goes to `output.log` in `run_dir`.

    `start` starts the process, which imports what the notebook needs and waits for `run`. Leaving the context ends the
    process and its children, whatever they are at.

    Raises:
        StorageError: the run's folder can't be written.
    """

    def __init__(
        self, settings: Settings, notebook: Path, arguments: Sequence[str], *, run_dir: Path, run_id: str
    ) -> None:
        self._notebook = notebook
        self._log = run_dir / "output.log"
        self._command = [sys.executable, starter.__file__, str(notebook), *arguments]
        self._root = settings.root
        self._environment = _environment(settings, run_dir, run_id)
        self._began = False
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NotebookProcess:
        make_folder(self._log.parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            _end(self._process)
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if not self._began:
            with suppress(OSError):
                self._log.unlink()
                self._log.parent.rmdir()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, unless that was done before."""
        if self._process is None:
            with storage_errors(self._log), self._log.open("wb") as output:
                self._process = (
                    subprocess.Popen(  # the arguments are ours: an interpreter, a notebook of the project, options
                        self._command,
                        cwd=self._root,
                        env=self._environment,
                        stdin=subprocess.PIPE,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
        return self._process

    def run(self, time_limit_s: float) -> ProcessEnd:
        """Let the notebook run to its end. Its time begins now.

        Raises:
            JobFailed: it took longer than `time_limit_s`.
        """
        self._began = True
        began = time.monotonic()
        process = self.start()
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(starter.GO)
            process.stdin.flush()
        try:
            code = process.wait(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            raise JobFailed(
                f"{self._notebook.name} took longer than its limit of {time_limit_s:g} s and was ended.",
                hint="Raise time_limit_s of the job in sophia.toml, or ask for less.",
            ) from None
        return ProcessEnd(code, time.monotonic() - began, _tail(self._log))


def _environment(settings: Settings, run_dir: Path, run_id: str) -> dict[str, str]:
    """The child's environment: ours, without secrets it has no use for, with the settings it must share."""
    sections = (*CONNECTORS, "privacy", "snowflake", "llm__keys", "llm__redis_url")
    secret = ("SOPHIA_PROOF_KEY", "SOPHIA_STATE_URL", *(f"SOPHIA_{section.upper()}" for section in sections))
    child = {name: value for name, value in os.environ.items() if not _is_secret(name.upper(), secret)}
    return (
        child
        | settings.environment()
        | _analysis_secrets(settings)
        | {
            "SOPHIA_RUN_DIR": str(run_dir),
            "SOPHIA_RUN_ID": run_id,
            "PYTHONUNBUFFERED": "1",
            # Its output is read as this, whatever the terminal of ours takes.
            "PYTHONIOENCODING": "utf-8",
        }
    )


def _is_secret(name: str, secret: Sequence[str]) -> bool:
    """Whether it is one of these variables, or one below it; a section as a whole (`SOPHIA_LLM`) may hold secrets."""
    return name == "SOPHIA_LLM" or any(name == one or name.startswith(f"{one}__") for one in secret)


def _analysis_secrets(settings: Settings) -> dict[str, str]:
    """What the notebook needs to have a model write: the keys of that model's deployments and of its fallbacks', and
    where its calls are booked and cached. Nothing when no model is to write."""
    llm = settings.llm
    if llm.analysis_model is None:
        return {}
    models = {llm.analysis_model, *llm.fallbacks.get(llm.analysis_model, ())}
    owners: set[str] = set()
    for name, deployment in llm.deployments.items():
        if deployment.name in models:
            owners |= {name, deployment.provider, deployment.upstream or name}
            owners |= set(_PLACEHOLDER.findall(deployment.config or ""))
    plain = {owner.lower().replace("-", "_") for owner in owners}
    found = {
        f"SOPHIA_LLM__KEYS__{name.upper().replace('-', '_')}": key.get_secret_value()
        for name, key in llm.keys.items()
        if name.lower().replace("-", "_") in plain
    }
    if llm.redis_url is not None:
        found["SOPHIA_LLM__REDIS_URL"] = llm.redis_url.get_secret_value()
    if settings.state_url is not None:
        found["SOPHIA_STATE_URL"] = settings.state_url.get_secret_value()
    return found


_PLACEHOLDER: Final = re.compile(r"\$\{([^{}]+)\}")
"""A key in the config of a Portkey deployment."""


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
