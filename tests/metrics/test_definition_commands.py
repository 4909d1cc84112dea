"""`sophia metrics list|show|lint|test`, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.conftest import Project
from tests.metrics.test_lint import ROWS, SHARED
from typer.testing import CliRunner, Result

from sophia_kit.cli.main import app
from sophia_kit.core.errors import NoSnapshot, UnknownName
from sophia_kit.metrics import Catalogue

Metrics = Callable[..., Result]


@pytest.fixture
def metrics(shell: Project, monkeypatch: pytest.MonkeyPatch) -> Metrics:
    """Runs `sophia metrics ...` in the demo project, within this process."""
    monkeypatch.chdir(shell.root)

    def _run(*arguments: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, ["metrics", *arguments], env={"COLUMNS": "120", **(env or {})})

    return _run


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """The environment of a project with a metric of its own, that has one right test and one wrong one."""
    tests = [{"day": "2025-12-31", "expect": value, "demo": True} for value in ("unknown", 0)]
    fields = SHARED | ROWS | {"tests": tests, "filter": "amount < 0"}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"metrics": {"negatives": fields}}), encoding="utf-8")
    return {"SOPHIA_METRICS_DIR": str(tmp_path)}


def test_list_finds_by_text_owner_and_kind(metrics: Metrics, own: dict[str, str]) -> None:
    every = json.loads(metrics("list", "--format", "json", env=own).stdout)
    assert [item["name"] for item in every] == sorted([*(item.name for item in Catalogue.load()), "negatives"])
    (mine,) = json.loads(metrics("list", "--own", "--format", "json", env=own).stdout)
    assert (mine["name"], mine["own"], mine["file"].split("/")[1]) == ("negatives", True, "mine.yaml:2")
    found = metrics("list", "payment", "--owner", "payments", "--kind", "ratio")
    assert "payment_success_rate" in found.stdout
    assert "payment_volume" not in found.stdout
    assert f"of {len(Catalogue.load())} metrics" in found.stdout
    unknown = metrics("list", "--kind", "ratoi")
    assert isinstance(unknown.exception, UnknownName)
    assert "No kind is called 'ratoi'" in unknown.exception.message


def test_show_has_the_file_the_definition_and_the_sql_of_both_warehouses(metrics: Metrics) -> None:
    done = metrics("show", "pipeline_coverage")
    for text in ("# catalogue/sales.yaml:", "kind: derived", "-- quota on DuckDB", "-- open_pipeline on Snowflake"):
        assert text in done.stdout
    shown = json.loads(metrics("show", "win_rate", "--format", "json").stdout)
    assert shown["definition"]["numerator"] == {"expression": "count(*)", "filter": "is_won"}
    assert "FILTER" in shown["sql"]["duckdb"]["win_rate"]
    assert "FILTER" not in shown["sql"]["snowflake"]["win_rate"]
    assert shown["digest"] == Catalogue.load().get("win_rate").digest


def test_lint_ends_with_1_when_there_is_something_to_remark(metrics: Metrics, tmp_path: Path) -> None:
    assert metrics("lint").stdout == "Nothing to remark.\n"
    text = yaml.safe_dump({"metrics": {"negatives": SHARED | ROWS | {"tests": []}}})
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    env = {"SOPHIA_METRICS_DIR": str(tmp_path)}
    done = metrics("lint", env=env)
    assert done.exit_code == 1
    assert f"{tmp_path.name}/mine.yaml:2: untested: negatives: no value of it" in done.stdout
    (found,) = json.loads(metrics("lint", "--format", "json", env=env).stdout)
    assert (found["rule"], found["line"]) == ("untested", 2)
    assert metrics("lint", "--ignore", "untested", env=env).exit_code == 0


def test_test_ends_with_1_and_says_which_value_is_another(metrics: Metrics, own: dict[str, str]) -> None:
    done = metrics("test", "--own", "--demo", env=own)
    assert done.exit_code == 1, done.output
    assert "DEMO DATA" in done.stdout
    assert "negatives" in done.stdout
    assert "FAILED" in done.stdout
    assert "2025-12-31 month: expected unknown, found 0" in done.stdout
    assert "1 tried, 1 failed" in done.stdout
    (trial,) = json.loads(metrics("test", "arr", "--demo", "--format", "json").stdout)
    assert (trial["metric"], trial["demo"], trial["compiled"]["status"]) == ("arr", True, "passed")
    assert [check["subject"] for check in trial["values"]] == list(Catalogue.load().get("arr").grains)


def test_nothing_loaded_is_told(metrics: Metrics) -> None:
    assert isinstance(metrics("test").exception, NoSnapshot)


def test_views_say_what_a_metric_can_be_based_on(metrics: Metrics) -> None:
    every = json.loads(metrics("views", "--format", "json").stdout)
    assert {item["view"] for item in every} >= {"accounts", "payments", "subscriptions"}
    assert all(item["rows"] and item["columns"] for item in every)
    done = metrics("views", "payments").stdout
    for text in ("attempted_day", "accounts (by account_id)"):
        assert text in done
    assert isinstance(metrics("views", "paymants").exception, UnknownName)
