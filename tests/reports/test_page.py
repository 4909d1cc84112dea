"""The brief as a page: self-contained, escaped, and with no number that doesn't explain itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from sophia_kit.metrics.value import QualityMark
from sophia_kit.reports import DailyBrief, render
from sophia_kit.reports.facts import anchor
from sophia_kit.reports.result import result_of
from sophia_kit.reports.views import tiles_markup

Apart = Callable[[str], Any]


@pytest.fixture(scope="module")
def html(brief: DailyBrief) -> str:
    return render(brief)


@pytest.fixture(scope="module")
def page(html: str, take_apart: Apart) -> Any:
    return take_apart(html)


def test_every_number_is_a_link_to_where_it_is_explained(page: Any, brief: DailyBrief) -> None:
    ids = set(page.ids)
    displays = {fact.display for fact in brief.facts.numbers.values()}
    explained = 0
    for text in page.texts:
        if not text.within("main") or text.attribute("section", "class") == "explanations":
            continue
        # Dates, names and texts from data, and identifiers are marked as what they are; anything else is prose.
        # The steps of a chart are names, which may have digits, too.
        if any("role-axis-label" in (attributes.get("class") or "") for _, attributes in text.around):
            continue
        if not re.search(r"\d", text.content) or text.within("time") or text.within("bdi") or text.within("code"):
            continue
        assert text.within("a"), f"{text.content!r} is a number outside a link"
        target = (text.attribute("a", "href") or "").removeprefix("#")
        assert target in ids, f"{text.content!r} links to {target!r}, which isn't there"
        if text.within("title") or text.within("desc") or re.fullmatch(r"[A-Z][a-z]{2} \d{4}", text.content):
            continue
        assert text.content in displays, f"{text.content!r} is no fact"
        explained += 1
    assert explained > 100


def test_a_link_leads_to_the_explanation_of_the_same_number(page: Any, brief: DailyBrief) -> None:
    by_anchor = {anchor(name): fact for name, fact in brief.facts.numbers.items()}
    links = [text for text in page.texts if "num" in (text.attribute("a", "class") or "").split()]
    assert len(links) > 100
    for text in links:
        assert by_anchor[text.attribute("a", "href")[1:]].display == text.content


def test_an_explanation_says_how_the_number_was_made(page: Any, brief: DailyBrief) -> None:
    for explanation in brief.explanations:
        inside = " ".join(
            text.content
            for text in page.texts
            if any(attributes.get("id") == anchor(explanation.key) for _, attributes in text.around)
        )
        for said in (explanation.description, explanation.formula, *explanation.source_systems):
            assert said in inside
        assert (explanation.snapshot_id or "none") in inside
        for sql, params in explanation.statements:
            assert sql in inside
            for name, bound in params:
                assert name in inside
                assert str(bound) in inside
        for line in explanation.lines:
            if line.fact.value is not None:
                assert line.fact.display in inside


def test_ids_are_unique_and_links_lead_somewhere(page: Any) -> None:
    ids = page.ids
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        if tag == "a":
            assert attributes["href"].startswith("#")
            assert attributes["href"][1:] in ids, attributes


def test_nothing_is_loaded_from_anywhere(html: str, page: Any) -> None:
    assert "//" not in re.sub(r"<code>.*?</code>|<pre>.*?</pre>", "", html, flags=re.DOTALL)
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}, tag
        assert not {"src", "srcset", "action", "ping", "poster", "data"} & attributes.keys(), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in html
    assert "@import" not in html


def test_what_comes_from_data_is_escaped(html: str, page: Any) -> None:
    assert "<script" not in html
    text = page.text()
    assert "<script>alert('Oak & Elm')</script> 7" in text
    assert "Lattice & Larch <Rentals>" in text


def test_unknown_is_said_in_words_with_its_reason(page: Any) -> None:
    card = [text for text in page.texts if text.attribute("article", "id") == "kpi-pipeline_coverage"]
    words = " ".join(text.content for text in card)
    assert "unknown" in words
    assert "No ledger entry in Dec 2025 for 1 < 2." in words
    assert not re.search(r"\b0(\.0)?x", words)


def test_stale_is_said_in_words_at_the_top_and_at_the_number(page: Any) -> None:
    gate = " ".join(text.content for text in page.texts if "gate" in (text.attribute("div", "class") or ""))
    assert "Not fresh." in gate
    assert "subscriptions" in gate
    card = " ".join(text.content for text in page.texts if text.attribute("article", "id") == "kpi-arr")
    assert "Stale: stands on subscriptions" in card


def test_a_failed_check_is_said_at_the_number_on_every_surface(brief: DailyBrief, take_apart: Apart) -> None:
    first, *others = brief.kpis
    marks = (QualityMark("payments.a<b", "payments", "3 rows"), QualityMark("", "", "No checks ran.", "unknown"))
    marked = replace(brief, kpis=(replace(first, value=replace(first.value, quality=marks)), *others))
    page = take_apart(render(marked))
    card = " ".join(text.content for text in page.texts if text.attribute("article", "id") == f"kpi-{first.fact}")
    assert re.search(r"Failed check\s*:\s*payments\.a<b", card)
    assert "none ran" in card
    tiles = tiles_markup(marked, marked.kpis)
    assert "Failed check: payments.a&lt;b" in tiles
    assert "Check unknown: none ran" in tiles
    assert result_of(marked)["metrics"][0]["failed_checks"] == ["payments.a<b", "No checks ran."]


def test_it_names_its_run_its_snapshot_and_how_to_check_it(page: Any, brief: DailyBrief) -> None:
    text = page.text()
    assert text.count(brief.header.run_id) >= 2
    assert brief.header.snapshot_id in text
    assert "sophia proofs verify" in text
    assert "Written by rules" in text


def test_demo_data_is_named_on_screen_on_paper_and_in_the_title(html: str, page: Any) -> None:
    assert page.text("title").startswith("DEMO DATA")
    assert page.text("body").count("DEMO DATA") >= 3
    assert '@top-left{content:"DEMO DATA' in html


def test_live_data_is_not_called_demo(build_brief: Callable[..., DailyBrief]) -> None:
    assert "DEMO" not in render(build_brief(demo=False)).replace("demo", "")


@pytest.mark.parametrize(("failed", "said"), [(Decimal(0), "No payment failed in"), (None, "there is no breakdown")])
def test_no_failures_and_unknown_failures_are_told_apart(
    brief: DailyBrief, take_apart: Apart, failed: Decimal | None, said: str
) -> None:
    kpi = brief.kpi("failed_payments")
    assert kpi is not None
    now = replace(kpi, value=replace(kpi.value, value=failed))
    kpis = tuple(now if item.name == kpi.name else item for item in brief.kpis)
    page = take_apart(render(replace(brief, kpis=kpis, failures=None)))
    assert said in page.text("main")


def test_a_run_id_can_not_break_out_of_the_style_sheet(brief: DailyBrief) -> None:
    hostile = replace(brief, header=replace(brief.header, run_id='x"}</style><script>alert(1)</script>'))
    html = render(hostile)
    assert "<script" not in html
    assert html.count("</style>") == 1


def test_tables_have_headers_and_names(page: Any) -> None:
    tables = [attributes for tag, attributes in page.elements if tag == "table"]
    captions = [tag for tag, _ in page.elements if tag == "caption"]
    assert len(tables) == len(captions) >= 5
    for tag, attributes in page.elements:
        if tag == "th":
            assert attributes.get("scope") in {"col", "row"}


def test_headings_leave_out_no_level(page: Any) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    for before, after in pairwise(levels):
        assert after <= before + 1


def test_charts_have_a_name_and_a_description(page: Any) -> None:
    drawings = [attributes for tag, attributes in page.elements if tag == "svg" and attributes.get("role") == "img"]
    assert len(drawings) >= 6
    for attributes in drawings:
        for name in (attributes["aria-labelledby"] or "").split():
            assert name in page.ids
