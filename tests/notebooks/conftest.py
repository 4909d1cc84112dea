"""The notebook in a project where `sophia demo` has run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Script = Callable[..., subprocess.CompletedProcess[str]]

DEMO = {
    "SOPHIA_WORKSPACE": "demo",
    "SOPHIA_FROZEN_AT": "2026-01-01T05:59:59Z",
    "SOPHIA_COMPANY__NAME": "Larkfield Payments",
    "SOPHIA_COMPANY__TIME_ZONE": "America/Chicago",
}


@pytest.fixture(scope="session")
def script() -> Script:
    """Runs the notebook of a project as a script, in a process of its own."""

    def _run(
        project: Any, *arguments: str, workspace: Mapping[str, str] = DEMO, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "notebooks/daily_bi.py", *arguments],
            cwd=project.root,
            env=project.environment | dict(workspace) | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return _run


@pytest.fixture
def in_demo(demo: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process works in the demo project: its root."""
    for name, value in DEMO.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(demo.root)
    root: Path = demo.root
    return root
