"""A notebook exported for Jupyter runs there, cell by cell, and shows the same number."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from tests.notebooks.conftest import DEMO

import sophia_kit as sk
from sophia_kit.reports import LabParameters, ask_draft, draft_definition

SUMMARY = "print(answer.result.values[-1].display, answer.result.values[-1].provenance.snapshot_id)"


def test_the_metric_lab_runs_in_jupyter(demo: Any, in_demo: Path, tmp_path: Path) -> None:
    file = tmp_path / "metric_lab.ipynb"
    exported = subprocess.run(
        [sys.executable, "-m", "marimo", "export", "ipynb", "notebooks/metric_lab.py", "--output", str(file)],
        cwd=demo.root,
        env=demo.environment | DEMO,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert exported.returncode == 0, exported.stderr
    _add_summary(file, _expected())
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider",
            "-c", "/dev/null", "--rootdir", str(tmp_path), str(file),
        ],
        cwd=demo.root,
        env=demo.environment | DEMO | {"SOPHIA_ROOT": str(demo.root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]


def _expected() -> str:
    """What the metric layer answers to the notebook's own question."""
    settings, params = sk.load_settings(), LabParameters()
    answer = ask_draft(draft_definition(params.text, settings), "card_share", settings, day=date(2025, 12, 31))
    assert answer.result is not None
    last = answer.result.values[-1]
    return f"{last.display} {last.provenance.snapshot_id}\n"


def _add_summary(file: Path, expected: str) -> None:
    """A last cell whose output nbval compares; marimo's export names no kernel and has no outputs."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    notebook["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook["cells"].append(
        {
            "cell_type": "code",
            "id": "summary",
            "execution_count": 1,
            "metadata": {"tags": ["nbval-check-output"]},
            "source": SUMMARY,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": expected}],
        }
    )
    file.write_text(json.dumps(notebook), encoding="utf-8")
