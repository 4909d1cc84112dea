"""What the metric lab shows of two warehouses and of a text with mistakes, without a notebook around it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.metrics import Freshness, MetricQuery, MetricResult, MetricValue, Period, Provenance
from sophia_kit.reports.lab import (
    Answer,
    LabParameters,
    answer_on_snowflake,
    ask_draft,
    chosen_metric,
    draft_definition,
    lab_parameters,
)
from sophia_kit.reports.lab_views import answer_rows, findings_markup, result_chart

DAY = date(2025, 12, 31)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def answer(*numbers: str) -> Answer:
    values = tuple(
        MetricValue(
            metric="m",
            label="M",
            value=Decimal(number),
            unknown=None,
            unit="count",
            format="count",
            period=Period("month", date(2025, month, 1), date(2025, month, 28)),
            day=DAY,
            known_at=None,
            freshness=Freshness("fresh", None),
            members=(),
            demo=False,
            provenance=Provenance("", (), None, (), (), ""),
            comparisons=(),
            display=number,
        )
        for month, number in enumerate(numbers, start=1)
    )
    return Answer(MetricResult(MetricQuery("m", DAY, periods=len(values)), values), None)


def test_both_warehouses_are_set_side_by_side_and_a_difference_is_loud() -> None:
    rows = answer_rows(answer("1", "2", "3"), answer("1.0000000001", "2.01"))
    assert [(row["DuckDB"], row["Snowflake"], row["Same"]) for row in rows] == [
        ("1", "1.0000000001", "yes"),
        ("2", "2.01", "NO"),
        ("3", "no such row", "NO"),
    ]
    assert answer_rows(answer("1"), Answer(None, "Not configured.")) == []


def test_without_snowflake_or_a_snapshot_it_says_what_is_missing(settings: Settings) -> None:
    draft = draft_definition(LabParameters().text, settings)
    absent = answer_on_snowflake(draft, "card_share", settings, day=DAY)
    assert absent.result is None
    assert "Not configured" in (absent.reason or "")
    assert "nowflake" in (absent.reason or "")
    empty = ask_draft(draft, "card_share", settings, day=DAY)
    assert "No snapshot" in (empty.reason or "")


def test_mistakes_are_shown_with_their_line_and_not_run_as_markup(settings: Settings) -> None:
    text = LabParameters().text.replace("owner: Payments", "owner: Payments\n    evil: <script>")
    draft = draft_definition(text, settings)
    assert draft.names == ()
    assert draft.catalogue is None
    markup = findings_markup(draft)
    assert "Line 7: mistake." in markup
    assert "<code>evil: &lt;script&gt;</code>" in markup
    assert "<script>" not in markup


def test_the_metric_that_is_tried_is_one_of_the_text(settings: Settings) -> None:
    draft = draft_definition(LabParameters().text, settings)
    assert chosen_metric(draft, None) == chosen_metric(draft, "card_share") == "card_share"
    with pytest.raises(UnknownName, match="'arr'"):
        chosen_metric(draft, "arr")


def test_parameters_name_a_file_and_a_day(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("metrics: {}", encoding="utf-8")
    found = lab_parameters({"file": str(tmp_path / "mine.yaml"), "day": "2025-12-31", "metric": ""})
    assert found == LabParameters("metrics: {}", None, DAY)
    for wrong in ({"file": str(tmp_path / "absent.yaml")}, {"day": "yesterday"}):
        with pytest.raises(InputError):
            lab_parameters(wrong)


def test_a_trend_is_drawn_when_there_is_one() -> None:
    known = answer("1", "2")
    assert known.result is not None
    assert result_chart(known.result) is not None
    nothing = replace(known.result, values=tuple(replace(value, value=None) for value in known.result.values))
    assert result_chart(nothing) is None
