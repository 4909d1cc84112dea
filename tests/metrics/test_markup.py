"""What a notebook shows of an answer: the number and its marks, and nothing of it as markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.metrics.asking import Asking

from sophia_kit.core.settings import Settings
from sophia_kit.metrics import Freshness, MetricResult, explain
from sophia_kit.metrics.value import QualityMark

DECEMBER = date(2025, 12, 31)


class Page(HTMLParser):
    """Text and tags of a piece of markup; refuses a tag that isn't closed where it should be."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text.append(data)

    def says(self, text: str) -> bool:
        return text in " ".join(" ".join(self.text).split())


def shown(result: MetricResult) -> Page:
    return Page(result._repr_html_())


def test_one_number_is_large_with_its_comparisons_and_how_it_was_made(larkfield: Asking) -> None:
    result = larkfield.result("arr", DECEMBER, compare=("prior_year",))
    value, page = result.value, shown(result)
    assert value._repr_html_() == result._repr_html_()
    for text in ("ARR", "DEMO DATA", value.display, "vs Dec 2024", "good", "Fresh as of 2026-01-01 05:59 UTC"):
        assert page.says(text), text
    provenance = value.provenance
    for text in (provenance.snapshot_id or "", provenance.definition_digest, "billing", "SUM", "$currency"):
        assert page.says(text), text
    assert f"title='{value.value:,f} USD'" in result._repr_html_()


def test_several_are_a_table_and_a_trend_has_a_line(larkfield: Asking) -> None:
    by_segment = shown(larkfield.result("arr", DECEMBER, by=("segment",), compare=("prior_period",)))
    assert by_segment.tags.count("tr") == 4
    trend = shown(larkfield.result("revenue", DECEMBER, periods=13))
    assert "polyline" in trend.tags
    assert trend.tags.count("tr") == 14
    crossed = shown(larkfield.result("arr", DECEMBER, by=("segment",), periods=6))
    assert crossed.tags.count("tr") == 7
    assert crossed.tags.count("th") == 4 + 6
    long = shown(larkfield.result("payment_volume", DECEMBER, grain="day", periods=100))
    assert long.tags.count("tr") == 61
    assert long.says("40 earlier rows are in .frame()")


def test_unknown_and_stale_and_a_failed_check_are_marked_with_their_reasons(larkfield: Asking) -> None:
    early = shown(larkfield.result("payment_volume", date(2024, 8, 31), by=("segment",)))
    assert early.says("unknown: No exchange rate for CAD")
    result = larkfield.result("arr", DECEMBER, compare=("target",), filters={"segment": "Enterprise"})
    assert shown(result).says("unknown vs target")
    aged = Freshness("stale", result.value.freshness.as_of, ("subscriptions",))
    marked = replace(result.value, freshness=aged, quality=(QualityMark("mrr_positive", "subscriptions", "3 rows"),))
    page = Page(marked._repr_html_())
    assert page.says("Stale as of 2026-01-01 05:59 UTC: subscriptions")
    assert page.says("Check mrr_positive failed: 3 rows")


def test_an_explanation_shows_what_the_command_line_shows(demo_settings: Settings, tmp_path: Path) -> None:
    item = explain("rpe", settings=demo_settings)
    page = Page(item._repr_html_())
    told = (*(text for _, text in item.facts), item.description, "DEMO DATA", "ledger_entries", "erp", "fresh")
    assert [text for text in told if not page.says(" ".join(text.split()))] == []
    assert page.tags.count("pre") == len(item.sql)
    absent = Page(explain("rpe", settings=Settings(root=tmp_path))._repr_html_())
    assert absent.says("Nothing was loaded yet")
    evil = Page(replace(item, description="<script>", owner="<b>")._repr_html_())
    assert not {"script", "b"} & set(evil.tags)


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", "' onmouseover='alert(1)", "a & b"])
def test_what_vendors_and_authors_write_is_shown_and_not_run(larkfield: Asking, evil: str) -> None:
    result = larkfield.result("arr", DECEMBER, by=("segment",))
    value = replace(result.values[0], members=(("segment", evil),), label=evil, unit=evil)
    for markup in (value._repr_html_(), replace(result, values=(value, value))._repr_html_()):
        page = Page(markup)
        assert "script" not in page.tags
        assert page.says(evil)
        assert evil not in markup
