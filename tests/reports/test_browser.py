"""The page in a real browser: offline, on a phone, on paper."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_kit.reports import DailyBrief, render

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_file(brief: DailyBrief, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "brief.html"
    file.write_text(render(brief), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).is_file():
        pytest.skip("no Chromium: install it, or name it with CHROMIUM; the page is not looked at here")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=[*quiet, "--disable-component-update", "--disable-sync"]
        )
        yield running
        running.close()


def open_page(browser: Any, file: Path, width: int, height: int) -> tuple[Any, list[str], list[str]]:
    """The page without a network, what it asked for, and what it complained of."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    return page, asked, complaints


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)], ids=["desktop", "phone"])
def test_it_opens_offline_asks_for_nothing_and_fits(browser: Any, page_file: Path, width: int, height: int) -> None:
    page, asked, complaints = open_page(browser, page_file, width, height)
    assert asked == [page_file.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".demo-bar").is_visible()
    page.mouse.wheel(0, 4000)
    assert page.locator(".demo-bar").is_visible()
    assert page.locator("#kpi-arr .value").inner_text() == "$14.1M"


def test_a_number_leads_to_its_explanation_and_back(browser: Any, page_file: Path) -> None:
    page, _, _ = open_page(browser, page_file, 1280, 900)
    page.locator("#kpi-arr .value a").click()
    line = page.locator(".line:target")
    assert line.is_visible()
    assert "14,085,004 USD" in line.inner_text()
    article = page.locator("article.why", has=page.locator(":target"))
    article.locator("summary").first.click()
    assert "SELECT sum(amount)" in article.locator("pre").first.inner_text()
    article.locator(".back a").click()
    assert page.locator("#kpi-arr").is_visible()
    assert page.evaluate("location.hash") == "#kpi-arr"


def test_text_stands_out_from_its_ground(browser: Any, page_file: Path) -> None:
    """Contrast of at least 4.5 : 1 (WCAG 2.2, 1.4.3) for every text on the page."""
    page, _, _ = open_page(browser, page_file, 1280, 900)
    assert page.evaluate(_FAINT_TEXTS) == []


_FAINT_TEXTS = """() => {
  const parse = text => { const parts = text.match(/[\\d.]+/g).map(Number); return [...parts, 1].slice(0, 4) };
  const channel = v => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const faint = new Set(), walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walk.nextNode();) {
    const element = node.parentElement, text = node.data.trim();
    if (!text || !element.checkVisibility() || element.closest('.watermark, title, desc')) continue;
    const style = getComputedStyle(element);
    const a = light(parse(element.closest('svg') ? style.fill : style.color)), b = light(ground(element));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return [...faint];
}"""


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_every_printed_sheet_says_demo_and_names_the_run(
    browser: Any, page_file: Path, brief: DailyBrief, tmp_path: Path, paper: str
) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext (poppler-utils): the printed sheets are not read here")
    page, _, _ = open_page(browser, page_file, 1280, 900)
    printed = tmp_path / "brief.pdf"
    page.pdf(path=str(printed), format=paper, print_background=True)
    text = subprocess.run(["pdftotext", str(printed), "-"], check=True, capture_output=True, text=True).stdout
    sheets = text.split("\f")[:-1]
    assert len(sheets) >= 5
    for number, sheet in enumerate(sheets, start=1):
        assert "DEMO DATA: a fictional company" in sheet, number
        assert f"Run {brief.header.run_id}" in sheet, number
        assert f"Page {number} of {len(sheets)}" in sheet, number
        assert "SELECT sum" not in sheet
