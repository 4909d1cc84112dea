"""The waterfall of a change: from what it was, over its parts, to what it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import altair as alt

from sophia_kit.metrics.change.words import plain, readable
from sophia_kit.reports.charts import layered
from sophia_kit.reports.model import Why, WhyTable
from sophia_kit.reports.theme import COLOURS

__all__ = ["waterfall_chart", "waterfall_text"]

WIDE: Final = 430
BAR: Final = 30
LABELS: Final = 150
_ROOM: Final = 0.34
"""Room beside the bars for the numbers written at their ends, as a share of the whole scale."""


def waterfall_chart(why: Why, table: WhyTable, *, width: int = WIDE, bar: int = BAR) -> alt.LayerChart:
    """A bar from nothing to the value before, a floating one for each part, and one to the value now.

    Where the parts are small beside the whole, the scale begins near them, and the whole bars show as cut off.
    """
    rows = _rows(why, table)
    low, high = _bounds(rows)
    for row in rows:
        row["from"] = max(row["from"], low)
    span = (high - low) or 1.0
    scale = alt.Scale(domain=[low, high + span * _ROOM], nice=False, zero=False)
    order = [row["step"] for row in rows]
    axis = alt.Axis(labelLimit=LABELS, labelFontSize=13, domain=False, ticks=False, labelPadding=6)
    y = alt.Y("step:N", sort=order, axis=axis)
    colours = {"whole": COLOURS["accent"], "good": COLOURS["good"], "bad": COLOURS["bad"], "plain": COLOURS["faint"]}
    fill = alt.Color("tone:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None)
    base = alt.Chart({"values": rows})
    bars = base.mark_bar(size=bar - 12).encode(x=alt.X("from:Q", axis=None, scale=scale), x2="to:Q", y=y, color=fill)
    texts = base.mark_text(align="left", dx=5, fontSize=13).encode(
        x=alt.X("end:Q", scale=scale, axis=None), y=y, text="display:N"
    )
    links = alt.Chart({"values": _links(rows)}).mark_rule(color=COLOURS["faint"], strokeDash=[2, 2])
    joined = links.encode(x=alt.X("at:Q", scale=scale, axis=None), y=alt.Y("step:N", sort=order), y2="next:N")
    # Two gaps in a bar that doesn't begin at nothing.
    cut = [
        {"step": row["step"], "at": low + span * at} for row in (rows[0], rows[-1]) if low > 0 for at in (0.03, 0.05)
    ]
    gaps = alt.Chart({"values": cut}).mark_tick(color=COLOURS["paper"], thickness=3, size=bar - 8, opacity=1)
    cuts = [gaps.encode(x=alt.X("at:Q", scale=scale, axis=None), y=y)] if cut else []
    return layered([joined, bars, *cuts, texts], width - LABELS, bar * len(rows))


def waterfall_text(why: Why, table: WhyTable) -> str:
    """The same for those who don't see it."""
    steps = [f"{row['step']}: {row['display']}" for row in _rows(why, table)]
    return ". ".join(steps) + "."


def _rows(why: Why, table: WhyTable) -> list[dict[str, Any]]:
    change = why.change
    before, now = float(change.base.value or 0), float(change.value.value or 0)
    first = "target" if change.versus == "target" else change.base.period.label
    rows = [_row(first, 0.0, before, change.base.display, "whole")]
    at = before
    for part in [*table.shown, *([] if table.others is None else [table.others])]:
        end = at + float(part.exact or 0)
        better = change.higher_is_better
        tone = "plain" if better is None or not part.exact else "good" if (part.exact > 0) == better else "bad"
        rows.append(_row(readable(part), at, end, part.display, tone))
        at = end
    rows.append(_row(change.value.period.label, 0.0, now, change.value.display, "whole"))
    return rows


def _row(step: str, start: float, end: float, display: str, tone: str) -> dict[str, Any]:
    return {
        "step": plain(step),
        "from": min(start, end),
        "to": max(start, end),
        "end": max(start, end),
        "at": end,
        "display": display,
        "tone": tone,
    }


def _links(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"at": row["at"], "step": row["step"], "next": after["step"]} for row, after in pairwise(rows)]


def _bounds(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """From nothing where the parts can be seen beside the whole, else from a little below the lowest of them."""
    parts = rows[1:-1]
    low, high = min(row["from"] for row in parts), max(row["to"] for row in rows)
    span = high - low
    if low <= 0 or span > high / 3:
        return min(0.0, low), high
    return low - span * 0.3, high
