"""The metric lab: a definition being written, as a notebook, as a script, and in a program."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.notebooks.conftest import DEMO

import sophia_kit as sk
from sophia_kit.reports import LabParameters, sql_of

DAY = date(2025, 12, 31)
EXAMPLE = LabParameters().text


@pytest.fixture(scope="module")
def notebook(demo: Any) -> ModuleType:
    spec = importlib.util.spec_from_file_location("metric_lab_under_test", demo.root / "notebooks/metric_lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(notebook: ModuleType, **params: Any) -> tuple[str, Mapping[str, Any]]:
    """What it shows, as text, and what it defines."""
    outputs, defs = notebook.app.run(defs={"params": LabParameters(**params)})
    return "".join(output.text for output in outputs if hasattr(output, "text")), defs


def test_a_definition_is_linted_answered_rendered_and_its_change_explained(notebook: ModuleType, in_demo: Path) -> None:
    shown, defs = run(notebook, day=DAY)
    answer = defs["answer"].result
    count = "SELECT count(*) FILTER (method = 'card') / count(*) AS share FROM payments "
    count += "WHERE status = 'succeeded' AND attempted_day BETWEEN DATE '2025-12-01' AND DATE '2025-12-31'"
    (share,) = _query(count)
    assert float(answer.values[-1].value) == pytest.approx(share)
    assert defs["draft"].findings == ()
    assert defs["elsewhere"].reason == "The demo company is on DuckDB alone."
    parts = defs["why"].explanation
    assert parts.value.value == answer.values[-1].value
    for text in ("DEMO DATA", "No mistake", "Card share", "On Snowflake", "Why did it change?"):
        assert text in shown, text
    sql = sql_of(defs["draft"], "card_share")
    assert "FILTER" in sql["duckdb"]
    assert "FILTER" not in sql["snowflake"]


def test_a_mistake_is_shown_at_its_line_and_nothing_else_is_tried(notebook: ModuleType, in_demo: Path) -> None:
    shown, defs = run(notebook, text=EXAMPLE.replace("base: payments", "base: paymants"))
    (found,) = defs["draft"].findings
    assert (found.line, found.message) == (8, "unknown view 'paymants'")
    assert "Line 8: mistake." in shown
    assert "payments" in shown
    assert "answer" not in defs


def test_a_remark_is_shown_beside_the_answer(notebook: ModuleType, in_demo: Path) -> None:
    shown, defs = run(notebook, text=EXAMPLE.replace("Payments team, agreed in January 2026", "ours"), day=DAY)
    assert "Line 5: vague-source." in shown
    assert defs["answer"].result is not None


def test_a_change_of_the_text_is_a_change_of_the_number(notebook: ModuleType, in_demo: Path) -> None:
    first, second = (
        run(notebook, text=EXAMPLE.replace("'card'", f"'{method}'"), day=DAY)[1]["answer"].result.values[-1]
        for method in ("card", "debit")
    )
    assert first.value != second.value
    assert first.provenance.definition_digest != second.provenance.definition_digest
    assert first.provenance.own_definitions == ("card_share (the editor:2)",)


def test_as_a_script_it_prints_the_values_of_a_file_or_its_mistakes(demo: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(EXAMPLE.replace("kind: ratio", "kind: ration"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "notebooks/metric_lab.py", "--file", str(file)],
        cwd=demo.root,
        env=demo.environment | DEMO,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert re.search(r"line 7: mistake: unknown kind 'ration'\. Did you mean ratio", done.stdout)
    assert "Traceback" not in done.stdout + done.stderr


def _query(sql: str) -> tuple[float, ...]:
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    settings = sk.load_settings()
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        row: tuple[float, ...] = warehouse.query(sql).frame.row(0)
    return row
