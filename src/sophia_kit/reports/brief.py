"""The brief as one HTML file: opens offline, prints, and explains every number it shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from sophia_kit.metrics.change.words import plain, readable
from sophia_kit.reports.charts import MOVEMENTS, Drawing, breakdown_chart, sparkline, svg, trend_charts
from sophia_kit.reports.facts import Explanation, Line, anchor
from sophia_kit.reports.model import DailyBrief, Kpi, Why
from sophia_kit.reports.theme import COLOURS, FONTS, css_variables
from sophia_kit.reports.views import author_line, change_fact
from sophia_kit.reports.waterfall import waterfall_chart, waterfall_text

__all__ = ["page_template", "render"]

CARDS: Final = (
    "arr",
    "mrr",
    "nrr",
    "revenue",
    "rpe",
    "headcount",
    "open_pipeline",
    "pipeline_coverage",
    "win_rate",
    "payment_volume",
    "payment_success_rate",
    "failed_payments",
)

REASONS_SHOWN: Final = 6
"""How many reasons of quarantine stand in the page's own table; their explanation lists all."""


def render(brief: DailyBrief) -> str:
    """The whole page. All text from data is escaped; the page loads nothing and runs no script."""
    zone = ZoneInfo(brief.header.time_zone)
    return page_template().render(
        brief=brief,
        head=brief.header,
        facts=brief.facts.numbers,
        anchor=anchor,
        author_line=author_line,
        change=lambda kpi, kind: change_fact(brief, kpi, kind),
        reasons_shown=REASONS_SHOWN,
        cards=[kpi for name in CARDS if (kpi := brief.kpi(name)) is not None],
        movements=[kpi for name, _ in MOVEMENTS if (kpi := brief.kpi(name)) is not None],
        charts=[_figure(item, f"chart-{place}") for place, item in enumerate(trend_charts(brief))],
        failures_chart=_failures_chart(brief),
        waterfall=_waterfall,
        plain=plain,
        readable=readable,
        none_failed=_none_failed(brief),
        sparkline=lambda kpi: Markup(sparkline(kpi)),  # noqa: S704
        css=Markup(_css(brief)),  # noqa: S704
        exact=_exact,
        grouped_lines=_grouped_lines,
        shown=lambda line: line.fact.value is not None or line.part in {"value", "change"},
        local=lambda moment: moment.astimezone(zone),
        utc=lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        long_day=f"{brief.header.day:%A}, {brief.header.day.day} {brief.header.day:%B %Y}",
        moment=lambda at: _moment(at, zone),
    )


@cache
def page_template() -> Template:
    """The page's template, compiled once in a process."""
    return Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("brief.html.j2")


def _source(name: str) -> str:
    return (files("sophia_kit.reports") / "templates" / name).read_text(encoding="utf-8")


def _css(brief: DailyBrief) -> str:
    run = re.sub(r"[^A-Za-z0-9_.:-]", "", brief.header.run_id)
    boxes = [
        f'@bottom-left{{content:"Run {run}"}}',
        '@bottom-right{content:"Page " counter(page) " of " counter(pages)}',
    ]
    if brief.header.demo:
        boxes.append(f'@top-left{{content:"{_DEMO_ON_PAPER}";font-weight:bold}}')
    letters = f"font:8pt {FONTS};color:{COLOURS['muted']}"
    page = f"@page{{size:auto;margin:17mm 13mm 16mm;{letters};{''.join(boxes)}}}"
    return f":root{{{css_variables()}}}{_source('brief.css')}{page}"


_DEMO_ON_PAPER: Final = "DEMO DATA: a fictional company"


def _figure(drawing: Drawing, name: str) -> dict[str, Any]:
    drawn = svg(drawing.chart, name=name, title=drawing.title, description=drawing.description)
    return {"title": drawing.title, "why": anchor(f"metric.{drawing.kpi.fact}"), "svg": Markup(drawn)}  # noqa: S704


def _failures_chart(brief: DailyBrief) -> Markup | None:
    failures = brief.failures
    if failures is None:
        return None
    text = "; ".join(f"{value.members[0][1].replace('_', ' ')}: {value.display}" for value in failures.values)
    title = "Failed payments by reason; the thin mark is the month before"
    return Markup(svg(breakdown_chart(failures), name="chart-failures", title=title, description=text))  # noqa: S704


def _waterfall(why: Why) -> Markup:
    table = why.tables[0]
    title = f"From {why.change.base.period.label} to {why.change.value.period.label}, by {plain(table.item.by)}"
    name = f"chart-{why.fact.replace('.', '-')}"
    chart, text = waterfall_chart(why, table), waterfall_text(why, table)
    return Markup(svg(chart, name=name, title=title, description=text))  # noqa: S704


def _none_failed(brief: DailyBrief) -> Kpi | None:
    """The figure of failed payments when it is known and nought: having no reasons is then no gap."""
    kpi = brief.kpi("failed_payments")
    return kpi if kpi is not None and kpi.value.value == 0 else None


def _grouped_lines(explanation: Explanation) -> list[tuple[str, list[Line]]]:
    return [(label, list(lines)) for label, lines in groupby(explanation.lines, key=lambda line: line.label)]


def _exact(value: Decimal) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"
