"""Charts, the same in the brief and in the notebook: Altair, with the texts that the metric layer displays.

No chart has an axis of numbers: the marks carry the displayed values themselves, so a chart shows no number
that isn't a fact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import altair as alt

from sophia_kit.metrics.value import MetricValue
from sophia_kit.reports.model import Breakdown, DailyBrief, Kpi
from sophia_kit.reports.theme import COLOURS, chart_config

__all__ = [
    "Drawing",
    "breakdown_chart",
    "layered",
    "movements_chart",
    "sparkline",
    "svg",
    "trend_chart",
    "trend_charts",
]

WIDTH: Final = 330
HEIGHT: Final = 120
_MONTH: Final = "%b %Y"


TRENDS: Final = ("arr", "revenue", "nrr", "payment_volume", "payment_success_rate")
MOVEMENTS: Final = (("mrr_new", 1), ("mrr_expansion", 1), ("mrr_contraction", -1), ("mrr_churned", -1))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart, what it is called, what it says to those who don't see it, and a metric that it draws."""

    title: str
    kpi: Kpi
    chart: alt.LayerChart
    description: str


def trend_charts(brief: DailyBrief) -> tuple[Drawing, ...]:
    """The trends of a brief, in the order they are read."""
    found: list[Drawing] = []
    for name in TRENDS:
        kpi = brief.kpi(name)
        if kpi is None:
            continue
        first, last = kpi.trend[0], kpi.trend[-1]
        text = f"{first.period.label}: {first.display}. {last.period.label}: {last.display}."
        found.append(Drawing(kpi.value.label, kpi, trend_chart(kpi), text))
        parts = [(part, sign) for item, sign in MOVEMENTS if (part := brief.kpi(item)) is not None]
        if name == "arr" and parts:
            text = "Gains stand above the line, losses below it; the table of movements has the numbers."
            found.append(Drawing("What moved MRR", parts[0][0], movements_chart(parts), text))
    return tuple(found)


def trend_chart(kpi: Kpi, *, width: int = WIDTH, height: int = HEIGHT) -> alt.LayerChart:
    """A metric over its periods: bars from zero for what adds up over time, else a line on its own scale.

    The first and the last known value are written out; an unknown period is a gap with a question mark.
    """
    rows = _rows(kpi.trend)
    known = [row for row in rows if row["value"] is not None]
    bars = kpi.value.format in {"money", "count"} and kpi.name in _FLOWS
    start = 0 if bars else _floor([row["value"] for row in known])
    x = _time_axis(rows)
    base = _chart(rows)
    domain = alt.Scale(zero=bars, nice=False, domain=[start, _ceiling([row["value"] for row in known], start)])
    y = alt.Y("value:Q", axis=None, scale=domain)
    shown = base.transform_filter("isValid(datum.value)")
    if bars:
        size = max(3, int(width / max(len(rows), 1) * 0.62))
        colour = alt.condition("datum.last", alt.value(COLOURS["accent"]), alt.value(COLOURS["accent-soft"]))
        marks = [shown.mark_bar(size=size).encode(x=x, y=y, color=colour)]
    else:
        marks = [
            base.mark_line().encode(x=x, y=y),
            shown.transform_filter("datum.last")
            .mark_point(filled=True, size=50, color=COLOURS["accent"], opacity=1)
            .encode(x=x, y=y),
        ]
    numbers = [row["value"] for row in known]
    for end in ("first", "last"):
        below = not bars and _slopes_over(end, numbers)
        text = shown.transform_filter(f"datum.{end}").mark_text(
            align="left" if end == "first" else "right",
            dx=-8 if end == "first" else 8,
            dy=16 if below else -10,
            fontWeight="normal" if end == "first" else "bold",
        )
        marks.append(text.encode(x=x, y=y, text="display:N"))
    if len(known) < len(rows):
        gap = base.transform_filter("!isValid(datum.value)")
        mark = gap.mark_text(text="?", color=COLOURS["warn"], fontWeight="bold")
        marks.append(mark.encode(x=x, y=alt.value(height - 8)))
    return layered(marks, width, height)


def movements_chart(parts: Sequence[tuple[Kpi, int]], *, width: int = WIDTH, height: int = HEIGHT) -> alt.LayerChart:
    """Gains above and losses below the line, month by month. `parts` pairs a metric with +1 (gain) or -1 (loss)."""
    rows: list[dict[str, Any]] = []
    for kpi, sign in parts:
        part = _short(kpi.value.label)
        rows += [
            row | {"part": part, "value": abs(row["value"]) * sign}
            for row in _rows(kpi.trend)
            if row["value"] is not None
        ]
    gains = [_short(kpi.value.label) for kpi, sign in parts if sign > 0]
    losses = [_short(kpi.value.label) for kpi, sign in parts if sign < 0]
    shades = [*(COLOURS["accent"], COLOURS["accent-soft"])[: len(gains)], *("#d98f7f", COLOURS["bad"])[: len(losses)]]
    colour = alt.Color("part:N", sort=None, scale=alt.Scale(domain=gains + losses, range=shades))
    base = _chart(rows)
    bars = base.mark_bar(size=max(3, int(width / 13 * 0.62))).encode(
        x=_time_axis(rows), y=alt.Y("value:Q", axis=None, stack="zero"), color=colour
    )
    zero = _chart([{"zero": 0}]).mark_rule(color=COLOURS["faint"]).encode(y="zero:Q")
    # The legend takes what the plot gives up, so that charts in a row end at one height.
    return layered([bars, zero], width, height - 22)


def breakdown_chart(breakdown: Breakdown, *, width: int = WIDTH, bar: int = 26) -> alt.LayerChart:
    """Members as bars, the period before as a thin mark on each."""
    rows: list[dict[str, Any]] = []
    for value in breakdown.values:
        change = value.comparison("prior_period")
        rows.append(
            {
                "member": value.members[0][1].replace("_", " "),
                "value": _number(value.value),
                "before": _number(change.base) if change else None,
                "display": value.display,
            }
        )
    order = [row["member"] for row in rows]
    base = _chart(rows)
    y = alt.Y("member:N", sort=order, axis=alt.Axis(labelLimit=150, domain=False, ticks=False))
    x = alt.X("value:Q", axis=None, scale=alt.Scale(zero=True))
    bars = base.mark_bar(size=bar - 12).encode(x=x, y=y)
    text = base.mark_text(align="left", dx=5).encode(x=x, y=y, text="display:N")
    before = base.transform_filter("isValid(datum.before)").mark_tick(color=COLOURS["ink"], thickness=2, size=bar - 6)
    return layered([bars, before.encode(x="before:Q", y=y), text], width - 150, bar * max(len(rows), 1))


def sparkline(kpi: Kpi, *, width: int = 120, height: int = 28) -> str:
    """The trend as a bare line in SVG, decoration beside a number that is written out; gaps where unknown."""
    numbers = [_number(value.value) for value in kpi.trend]
    known = [number for number in numbers if number is not None]
    if len(known) < 2:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (width - 6) / (len(numbers) - 1)
    path, pen = [], "M"
    for index, number in enumerate(numbers):
        if number is None:
            pen = "M"
            continue
        x, y = 3 + index * step, height - 3 - (number - low) / span * (height - 6)
        path.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{COLOURS["accent"]}"/>' if numbers[-1] is not None else ""
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true" '
        f'focusable="false"><path d="{"".join(path)}" fill="none" stroke="{COLOURS["accent"]}" '
        f'stroke-width="1.5" stroke-linejoin="round"/>{dot}</svg>'
    )


def svg(chart: alt.LayerChart, *, name: str, title: str, description: str) -> str:
    """The chart as an inline SVG with an accessible name; `name` is unique in the page."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(chart.to_dict(validate=False))
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', drawn)
    assert size is not None
    head = (
        f'<svg viewBox="0 0 {size[1]} {size[2]}" width="{size[1]}" '
        f'height="{size[2]}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    )
    # Vega describes every mark to assistive technology; the name and description above stand for the whole.
    body = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", drawn[drawn.index(">") + 1 :])
    return head + body


_FLOWS: Final = frozenset({"payment_volume", "failed_payments", "revenue"})


def _slopes_over(end: str, numbers: Sequence[float]) -> bool:
    """Whether the line next to that end runs above it, where its label would stand."""
    if len(numbers) < 2:
        return False
    return numbers[1] > numbers[0] if end == "first" else numbers[-2] > numbers[-1]


def _rows(values: Sequence[MetricValue]) -> list[dict[str, Any]]:
    known = [index for index, value in enumerate(values) if value.value is not None]
    return [
        {
            "at": value.period.start.isoformat(),
            "value": _number(value.value),
            "display": value.display,
            "first": bool(known) and index == known[0] and len(known) > 1,
            "last": bool(known) and index == known[-1],
        }
        for index, value in enumerate(values)
    ]


def _time_axis(rows: Sequence[dict[str, Any]]) -> alt.X:
    days = sorted({row["at"] for row in rows})
    if not days:
        return alt.X("utcyearmonthdate(at):T", axis=None)
    shown = [days[0], days[-1]] if len(days) > 1 else days
    monthly = all(day.endswith("-01") for day in days)
    pattern = _MONTH if monthly else "%-d %b"
    axis = alt.Axis(
        values=[_utc(day) for day in shown],
        format=pattern,
        grid=False,
        labelFlush=True,
        ticks=False,
        labelPadding=6,
        domain=False,
    )
    return alt.X("utcyearmonthdate(at):T", axis=axis, scale=alt.Scale(type="utc", padding=12))


def _utc(day: str) -> dict[str, Any]:
    year, month, date = (int(part) for part in day.split("-"))
    return {"year": year, "month": month, "date": date, "utc": True}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _floor(numbers: Sequence[float]) -> float:
    if not numbers:
        return 0.0
    low, high = min(numbers), max(numbers)
    margin = (high - low or abs(high) or 1.0) * 0.35
    return low - margin


def _ceiling(numbers: Sequence[float], start: float) -> float:
    high = max(numbers, default=1.0)
    return high + ((high - start) or 1.0) * 0.22


def _short(label: str) -> str:
    return re.sub(r"\s*MRR\s*", " ", label).strip().capitalize() or label


def _chart(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    return alt.Chart({"values": list(rows)})


def layered(marks: Sequence[alt.Chart], width: int, height: int) -> alt.LayerChart:
    chart = alt.LayerChart(layer=list(marks), width=width, height=height)
    chart.config = alt.Config(**chart_config())
    return chart
