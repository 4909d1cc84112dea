"""A user's mistake gets one clear error with a hint, an exit code that isn't zero, and no traceback."""

from __future__ import annotations

import json

import pytest
from tests.conftest import Project


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["metric", "arr"], 6, "sophia ingest run", id="no snapshot yet"),
        pytest.param(["explain", "ar"], 2, "Did you mean arr", id="explain an unknown metric"),
        pytest.param(["ingest", "run"], 3, "SOPHIA_SALESFORCE__BASE_URL", id="nothing to load from"),
        pytest.param(["proofs", "verify"], 11, "proofs", id="no evidence is an error"),
        pytest.param(["snapshots", "list"], 6, "sophia ingest run", id="no snapshots to list"),
        pytest.param(["metrik", "arr"], 2, "metrik", id="unknown command"),
        pytest.param(["demo", "--day", "2019-01-01"], 2, "begins on", id="a demo before its first day"),
        pytest.param(["demo", "--day", "yesterday"], 2, "--day", id="a day that is none"),
        pytest.param(["demo", "--scale", "99"], 2, "--scale", id="a company too large"),
    ],
)
def test_in_a_project_where_nothing_is_loaded(project: Project, arguments: list[str], code: int, said: str) -> None:
    done = project.here(*arguments)
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["revenu"], 2, "Did you mean revenue", id="unknown metric"),
        pytest.param(["ARR"], 2, "Did you mean arr", id="a metric in capitals"),
        pytest.param(["arr", "--where", "segment=ENTERPRISE"], 2, "Did you mean Enterprise", id="a member in capitals"),
        pytest.param(["arr", "--by", "segmnt"], 2, "Did you mean segment", id="unknown dimension"),
        pytest.param(["arr", "--grain", "fortnight"], 2, "grain", id="unknown grain"),
        pytest.param(["arr", "--compare", "last_year"], 2, "prior_year", id="unknown comparison"),
        pytest.param(["arr", "--day", "2019-01-01"], 2, "begins on", id="a day before the data begins"),
        pytest.param(["arr", "--day", "2031-01-01"], 2, "not come yet", id="a day to come"),
        pytest.param(["arr", "--day", "31.12.2025"], 2, "--day", id="a day in another form"),
        pytest.param(["arr", "--where", "segment"], 2, "=", id="a filter without a member"),
        pytest.param(["arr", "--where", "segment=Enterprize"], 2, "Enterprise", id="a filter on an unknown member"),
        pytest.param(["arr", "--periods", "0"], 2, "periods", id="no periods"),
    ],
)
def test_on_the_demo_company(demo: Project, arguments: list[str], code: int, said: str) -> None:
    done = demo.here("metric", *arguments, "--demo")
    assert done.returncode == code, done.stderr
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_known_at_before_the_oldest_snapshot_is_unknown_not_an_older_guess(demo: Project) -> None:
    done = demo.here("metric", "arr", "--demo", "--known-at", "2024-01-01", "--format", "json")
    (value,) = json.loads(done.stdout)["values"]
    assert value["value"] is None
    assert value["unknown"]["code"] == "no_snapshot_at"


def test_outside_of_a_project_the_error_says_how_to_start_one(
    demo: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = Project(tmp_path_factory.mktemp("elsewhere"), demo.environment)
    done = elsewhere.here("metric", "arr")
    assert done.returncode == 3
    assert "sophia.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_a_problem_object_where_json_was_asked_for(demo: Project) -> None:
    done = demo.here("metric", "revenu", "--demo", "--format", "json")
    problem = json.loads(done.stderr)
    assert problem["code"] == "unknown-name"
    assert problem["detail"]
    assert problem["retryable"] is False


def test_a_broken_settings_file_is_named(project: Project) -> None:
    (project.root / "sophia.toml").write_text("[company\n")
    done = project.here("doctor")
    assert done.returncode == 3
    assert "sophia.toml" in done.stderr
