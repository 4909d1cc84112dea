"""`sophia metric` and `sophia explain`, as typed."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pytest
from tests.conftest import Project

from sophia_kit.core.settings import Settings
from sophia_kit.metrics import metric


def test_a_table_shows_the_number_its_period_its_age_and_that_it_is_demo(
    shell: Project, demo_settings: Settings
) -> None:
    done = shell.here("metric", "arr", "--demo", "--by", "segment", "--compare", "prior_year", "--compare", "target")
    assert done.returncode == 0, done.stderr
    for value in metric("arr", settings=demo_settings, by="segment").values:
        assert value.display in done.stdout
        assert value.members[0][1] in done.stdout
    for text in ("ARR", "DEMO DATA", "Dec 2025", "day 2025-12-31", "known at 2026-01-01 05:59 UTC", "fresh as of"):
        assert text in done.stdout
    assert "target unknown: Targets are set for the whole company" in " ".join(done.stdout.split())


def test_json_carries_value_reason_provenance_and_demo(shell: Project, demo_settings: Settings) -> None:
    done = shell.here(
        "metric", "payment_volume", "--demo", "--format", "json", "--grain", "quarter", "--day", "2025-12-31",
        "--where", "segment=Enterprise", "--where", "segment=Mid-Market", "--periods", "12",
        "--compare", "prior_period",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)["values"]
    expected = metric(
        "payment_volume",
        settings=demo_settings,
        grain="quarter",
        filters={"segment": ["Enterprise", "Mid-Market"]},
        periods=12,
    ).values
    assert [None if v["value"] is None else Decimal(v["value"]) for v in values] == [v.value for v in expected]
    unknown = [v["unknown"]["code"] for v in values if v["value"] is None]
    assert unknown == ["missing_rate"]
    last = values[-1]
    assert last["demo"] is True
    assert last["period"]["label"] == "Oct-Dec 2025"
    assert "SELECT" in last["provenance"]["sql"]
    assert last["provenance"]["params"]["filter_0"] == ["Enterprise", "Mid-Market"]
    assert last["provenance"]["source_systems"]
    assert last["comparisons"][0]["kind"] == "prior_period"
    assert last["freshness"]["status"] == "fresh"


def test_csv_has_a_line_a_value(shell: Project, demo_settings: Settings) -> None:
    done = shell.here("metric", "headcount", "--demo", "--format", "csv", "--by", "department", "--periods", "2")
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    expected = metric("headcount", settings=demo_settings, by="department", periods=2).values
    assert [Decimal(line["value"]) for line in lines] == [value.value for value in expected]
    assert {line["demo"] for line in lines} == {"true"}


def test_unknown_is_shown_with_its_reason(shell: Project) -> None:
    done = shell.here("metric", "arr", "--demo", "--known-at", "2020-01-01T00:00:00Z")
    assert done.returncode == 0
    assert "unknown: No snapshot is kept from 2020-01-01 00:00 UTC or before." in done.stdout


def test_an_explanation_is_read_or_processed(shell: Project) -> None:
    done = shell.here("explain", "rpe", "--demo")
    assert done.returncode == 0, done.stderr
    for text in (
        "Revenue per employee (rpe)",
        "DEMO DATA",
        "ISO 30414",
        "SQL of revenue",
        "SQL of headcount",
        "erp",
        "fresh",
    ):
        assert text in done.stdout
    as_json = json.loads(shell.here("explain", "rpe", "--demo", "--format", "json").stdout)
    assert as_json["owner"] == "Finance"
    assert set(as_json["sql"]) == {"revenue", "headcount"}


@pytest.mark.parametrize(
    ("arguments", "status", "message", "hint"),
    [
        (["metric", "arrr", "--demo"], 2, "No metric is called 'arrr'", "Did you mean"),
        (["metric", "arr", "--demo", "--by", "sgment"], 2, "No dimension of arr is called 'sgment'", "segment"),
        (["metric", "arr", "--demo", "--where", "segment"], 2, "--where 'segment' can't be read", "dimension=member"),
        (["metric", "arr", "--demo", "--where", "segment=Enterprize"], 2, "No segment is called", "Enterprise"),
        (["metric", "arr", "--demo", "--known-at", "yesterday"], 2, "neither a day nor a time", "2025-12-31T06:00:00Z"),
        (["metric", "revenue", "--demo", "--day", "2019-01-01"], 2, "has no data on 2019-01-01", "Ask for a day from"),
        (["metric", "arr"], 6, "No snapshot", "sophia"),
        (["explain", "zzz", "--demo"], 2, "No metric is called 'zzz'", "Known: active_properties"),
    ],
)
def test_a_mistake_gives_one_clear_error(
    shell: Project, arguments: list[str], status: int, message: str, hint: str
) -> None:
    done = shell.here(*arguments)
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
