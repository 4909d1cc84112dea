"""One file, three lives: a script that writes the brief, an app, a notebook. All show what `sk.metric` answers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import sophia_kit as sk
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.reports import BriefParameters

Script = Callable[..., subprocess.CompletedProcess[str]]
DAY = date(2025, 12, 31)


def load(root: Path) -> ModuleType:
    """The notebook, imported like any module."""
    spec = importlib.util.spec_from_file_location("daily_bi_under_test", root / "notebooks/daily_bi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(demo: Any, script: Script, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the script printed, and the folder it wrote, as a job runs it."""
    folder = tmp_path_factory.mktemp("run") / "brief"
    done = script(demo, "--day", "2025-12-31", SOPHIA_RUN_DIR=str(folder), SOPHIA_RUN_ID="run-of-a-job")
    assert done.returncode == 0, done.stderr
    return done.stdout, folder


def test_as_a_script_it_writes_the_page_and_its_result(written: tuple[str, Path]) -> None:
    printed, folder = written
    page = (folder / "brief.html").read_text(encoding="utf-8")
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert content["run_id"] == "run-of-a-job"
    assert "run-of-a-job" in page
    assert "DEMO DATA" in page
    assert content["demo"] is True
    assert "DEMO DATA" in printed
    assert str(folder / "brief.html") in printed.replace("\n", "")


def test_the_script_says_what_the_metric_layer_says(written: tuple[str, Path], in_demo: Path) -> None:
    content = json.loads((written[1] / "result.json").read_text(encoding="utf-8"))
    totals = {(value["name"], value["grain"]): value for value in content["metrics"] if not value["members"]}
    assert len(totals) >= 15
    for (name, grain), said in totals.items():
        asked = sk.metric(name, grain=grain, day=DAY).value
        assert said["value"] == (None if asked.value is None else str(asked.value)), name
        assert (said["display"], said["unit"], said["period"]) == (asked.display, asked.unit, asked.period.label)


def test_the_page_shows_what_the_metric_layer_displays(written: tuple[str, Path], in_demo: Path) -> None:
    page = (written[1] / "brief.html").read_text(encoding="utf-8")
    for name in ("arr", "revenue", "rpe", "payment_volume", "payment_success_rate", "win_rate"):
        value = sk.metric(name, day=DAY).value
        assert f'<a class="num" href="#why-{name}">{value.display}</a>' in page


def test_run_in_a_program_it_takes_its_parameters_and_gives_its_brief(in_demo: Path) -> None:
    app = load(in_demo).app
    outputs, defs = app.run(defs={"params": BriefParameters(date(2025, 11, 30), "Enterprise")})
    brief = defs["brief"]
    assert (brief.header.day, brief.header.segment, brief.header.demo) == (date(2025, 11, 30), "Enterprise", True)
    asked = sk.metric("arr", day=date(2025, 11, 30), filters={"segment": "Enterprise"}).value
    assert brief.kpi("arr").value.value == asked.value
    headcount = brief.kpi("headcount")
    assert headcount.whole_company
    assert headcount.value.value == sk.metric("headcount", day=date(2025, 11, 30)).value.value
    assert defs["published"] is None
    shown = "".join(output.text for output in outputs if hasattr(output, "text"))
    for said in ("DEMO DATA", "Biggest movers", "Failed payments by reason", "Data quality", brief.header.snapshot_id):
        assert said in shown
    assert asked.display in shown


def test_without_parameters_it_is_about_today_and_the_whole_company(in_demo: Path) -> None:
    brief = load(in_demo).app.run()[1]["brief"]
    assert (brief.header.day, brief.header.segment) == (DAY, None)


def test_in_a_program_a_mistake_is_an_error_like_any_other(in_demo: Path) -> None:
    with pytest.raises(UnknownName, match="Enterprize"):
        load(in_demo).app.run(defs={"params": BriefParameters(DAY, "Enterprize")})


def test_the_movers_are_the_largest_changes_and_the_parts_sum_to_the_whole(in_demo: Path) -> None:
    brief = sk.daily_brief(day=DAY)
    by_segment = sk.metric("arr", by=["segment"], grain="month", day=DAY, compare=["prior_period"]).values
    largest = max(by_segment, key=lambda value: abs(value.comparisons[0].absolute or Decimal(0)))
    first = next(mover for mover in brief.movers if mover.dimension == "segment")
    assert (first.member, first.value.value) == (largest.members[0][1], largest.value)
    assert brief.failures is not None
    failed = brief.kpi("failed_payments")
    assert failed is not None
    assert sum(value.value or 0 for value in brief.failures.values) == failed.value.value


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["--day", "2019-01-01"], "2019-01-01", "from 20"),
        (["--segment", "Enterprize"], "Enterprize", "Enterprise"),
        (["2025-12-31"], "follows no option", "--day"),
    ],
    ids=["a day before the data", "no such segment", "no option"],
)
def test_a_mistake_ends_the_script_with_one_message(
    demo: Any, script: Script, tmp_path: Path, arguments: list[str], said: str, hint: str
) -> None:
    done = script(demo, *arguments, SOPHIA_RUN_DIR=str(tmp_path / "run"))
    assert done.returncode == 2
    assert said in done.stderr
    assert hint in done.stderr.split("Hint: ")[1]
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "run").exists()


def test_a_day_that_has_not_come_is_refused(in_demo: Path) -> None:
    with pytest.raises(InputError, match="has not come yet"):
        sk.daily_brief(day=date(2026, 2, 1))


def test_with_nothing_loaded_it_refuses_and_does_not_fall_back_to_the_demo(project: Any, script: Script) -> None:
    done = script(project, "--day", "2025-12-31", workspace={})
    assert done.returncode == 6
    assert "No snapshot" in done.stderr
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "DEMO" not in done.stdout
