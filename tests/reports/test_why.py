"""Why key figures moved: which ones the brief explains, and that what it says of them adds up."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from sophia_kit.core.settings import CompanySettings, Settings, load_settings
from sophia_kit.reports import DailyBrief, daily_brief, render, waterfall_chart, why_heading, why_rows
from sophia_kit.reports.model import Kpi, Why
from sophia_kit.reports.result import result_of
from sophia_kit.reports.waterfall import waterfall_text
from sophia_kit.reports.why import movers_of
from sophia_kit.warehouse import SnapshotStore, Warehouse


def trend(kpi: Kpi, *numbers: str) -> Kpi:
    """The same figure with another past, the last known to differ from a year before."""
    values = [replace(kpi.value, value=Decimal(text) if text else None) for text in numbers]
    return replace(kpi, value=values[-1], trend=tuple(values))


def test_the_headline_s_figure_is_explained_against_a_year_earlier(brief: DailyBrief) -> None:
    arr = brief.kpi("arr")
    assert arr is not None
    assert movers_of([arr])[0] == (arr, "prior_year")


def test_the_figure_that_moved_most_beside_its_usual_moves_is_explained(brief: DailyBrief) -> None:
    nrr, revenue = brief.kpi("nrr"), brief.kpi("revenue")
    assert nrr is not None
    assert revenue is not None
    steady = trend(revenue, *(str(100 + place) for place in range(12)), "113")
    jumps = trend(nrr, "1", "1.01", "1", "1.01", "1", "1.01", "1", "1.01", "1.05")
    assert [(kpi.name, kind) for kpi, kind in movers_of([steady, jumps])] == [
        ("revenue", "prior_year"),
        ("nrr", "prior_period"),
    ]


@pytest.mark.parametrize(
    "numbers",
    [
        ("1", "1.01", "1", "1.01", "1", "1.01", "1", "1.01", "1.02"),  # as usual
        ("1", "1.01", "5"),  # too short a past to say what is usual
        ("1", "1.01", "1", "1.01", "1", "1.01", "1", "1.01", ""),  # unknown
        ("1", "1.01", "1", "1.01", "1", "1.01", "1", "", "5"),  # what it moved from is
    ],
)
def test_a_usual_or_unknown_move_is_not_explained(brief: DailyBrief, numbers: tuple[str, ...]) -> None:
    nrr = brief.kpi("nrr")
    assert nrr is not None
    assert movers_of([trend(nrr, *numbers)]) == []


def test_every_part_shown_is_a_fact_and_they_sum_to_the_change(brief: DailyBrief) -> None:
    numbers = brief.facts.numbers
    assert [why.fact for why in brief.whys] == ["why.1", "why.2"]
    for why in brief.whys:
        for table in why.tables:
            names = [*table.facts, *([] if table.others is None else [table.others_fact])]
            told = [numbers[name].display for name in names]
            assert sum(map(digits, told)) == digits(numbers[f"{why.fact}.change"].display)


def digits(text: str) -> Decimal:
    return Decimal(re.sub(r"[^-.\d]", "", text))


def test_the_page_says_why_and_marks_who_stands_out(brief: DailyBrief, take_apart: Callable[[str], Any]) -> None:
    page = take_apart(render(brief))
    assert "Mid-Market stands out" in " ".join(page.text("caption").split())
    marked = [piece.content for piece in page.texts if piece.attribute("tr", "class") == "stands-out"]
    assert marked[0] == "Mid-Market"
    assert "No parts of 2 countries <here>." in page.text()
    charts = [attributes for tag, attributes in page.elements if tag == "svg" and attributes.get("role") == "img"]
    named = {attributes.get("aria-labelledby") for attributes in charts}
    assert {"chart-why-1-title chart-why-1-desc", "chart-why-2-title chart-why-2-desc"} <= named


def bars(why: Why) -> list[dict[str, Any]]:
    """What the waterfall draws, from top to bottom."""
    chart = waterfall_chart(why, why.tables[0]).to_dict(validate=False)
    rows: list[dict[str, Any]] = chart["datasets"][chart["layer"][1]["data"]["name"]]
    return rows


def test_a_waterfall_goes_from_before_over_its_parts_to_now(brief: DailyBrief) -> None:
    why = brief.whys[0]
    rows = bars(why)
    assert [row["step"] for row in rows] == [
        "Dec 2024", "New MRR × 12", "Expansion MRR × 12", "Churned MRR × 12", "Dec 2025"
    ]  # fmt: skip
    assert [row["tone"] for row in rows] == ["whole", "good", "good", "bad", "whole"]
    assert rows[-2]["at"] == pytest.approx(rows[-1]["at"])
    assert [row["display"] for row in rows] == ["$11.8M", "+$1.9M", "+$0.7M", "-$0.3M", "$14.1M"]
    assert waterfall_text(why, why.tables[0]).startswith("Dec 2024: $11.8M. New MRR × 12: +$1.9M.")


def test_small_parts_beside_a_large_whole_get_a_scale_that_shows_them(brief: DailyBrief) -> None:
    why = brief.whys[1]
    rows = bars(why)
    assert 0.9 < rows[0]["from"] < rows[0]["to"]
    assert [row["step"] for row in rows[1:-1]] == ["northpay", "(not set) (new)"]


def test_a_notebook_gets_the_same_parts_as_rows(brief: DailyBrief) -> None:
    why = brief.whys[0]
    assert why_heading(why) == "ARR: +$2.3M against Dec 2024"
    row = why_rows(brief, why.tables[1])[0]
    assert row == {
        "By": "segment", "Part": "Mid-Market (stands out)", "Before": "$3.0M", "Now": "$4.8M",
        "Part of the change": "▲ +$1.8M better",
    }  # fmt: skip


def test_other_programs_get_the_parts_as_fractions_that_sum_to_the_change(brief: DailyBrief) -> None:
    changes = result_of(brief)["changes"]
    assert [(item["metric"], item["versus"]) for item in changes] == [
        ("arr", "prior_year"),
        ("payment_success_rate", "prior_period"),
    ]
    for item in changes:
        for table in item["breakdowns"]:
            assert sum(Fraction(part["exact"]) for part in table["parts"]) == Fraction(item["exact"])


@pytest.fixture(scope="module")
def settings(demo: Any) -> Settings:
    return load_settings(
        demo.root,
        workspace="demo",
        frozen_at=datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC),
        company=CompanySettings(name="Larkfield Payments", time_zone="America/Chicago"),
    )


def test_the_demo_company_s_brief_finds_the_outage(settings: Settings) -> None:
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        brief = daily_brief(settings, day=date(2025, 12, 31), warehouse=warehouse)
    headline, unusual = brief.whys
    assert headline.change.value.metric == "arr"
    assert unusual.change.value.metric in {"payment_success_rate", "failed_payments"}
    assert unusual.tables[0].item.named[0] in {"Northgate", "processor_unavailable"}


def test_of_one_segment_the_change_is_explained_by_other_dimensions(settings: Settings) -> None:
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        brief = daily_brief(settings, day=date(2025, 12, 31), segment="Enterprise", warehouse=warehouse)
    arr = brief.whys[0].change
    assert arr.value.value == brief.kpi("arr").value.value  # type: ignore[union-attr]
    assert "segment" not in [item.by for item in arr.dimensions]
