"""An explained change as HTML for a notebook; everything escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from sophia_kit.metrics.change.model import Breakdown, Part
from sophia_kit.metrics.change.words import against, plain, readable
from sophia_kit.metrics.markup import footer, framed, grid, head

if TYPE_CHECKING:
    from sophia_kit.metrics.change.model import ChangeExplanation

__all__ = ["as_html"]

_SHOWN: Final = 8
_OPEN: Final = 2
"""How many dimensions are unfolded: those that explain most."""


def as_html(explanation: ChangeExplanation) -> str:
    """The change, its drivers, and each dimension as a table that unfolds."""
    value = explanation.value
    colour = {True: "good", False: "bad", None: ""}[explanation.good]
    told = [
        head(value),
        f"<div class='small'>{escape(value.period.label)} against {escape(against(explanation))}: "
        f"{escape(value.display)} after {escape(explanation.base.display)}</div>",
        f"<div class='big {colour}'>{escape(explanation.display)} "
        f"<span class='small'>{escape(explanation.relative)}</span></div>",
    ]
    if explanation.unknown is not None:
        told.append(f"<div class='warn'>{escape(explanation.unknown.reason)}</div>")
    unfolded = [*explanation.drivers, *explanation.dimensions[:_OPEN]]
    told += [_breakdown(item, unfolded=item in unfolded) for item in explanation.breakdowns]
    return framed([*told, footer(value)])


def _breakdown(item: Breakdown, *, unfolded: bool) -> str:
    named = f", told by {', '.join(plain(name) for name in item.named)}" if item.named else ""
    summary = f"<summary><strong>By {escape(plain(item.by))}</strong>{escape(named)}</summary>"
    why = f"<div class='warn'>{escape(item.unknown.reason)}</div>" if item.unknown else ""
    return f"<details{' open' if unfolded else ''}>{summary}{why}{_table(item)}</details>"


def _table(item: Breakdown) -> str:
    if not item.parts:
        return ""
    heads = ["<th scope='col'>Part</th>"]
    heads += [f"<th scope='col' class='n'>{name}</th>" for name in ("Before", "Now", "Part of the change")]
    heads += [f"<th scope='col' class='n'>{effect.kind.capitalize()}</th>" for effect in item.effects]
    rows = [_row(part, len(item.effects), strong=part.name in item.named) for part in item.parts[:_SHOWN]]
    if item.rest is not None:
        rows.append(_row(item.rest, len(item.effects), strong=False))
    left_out = len(item.parts) - _SHOWN
    more = f"<div class='small'>{left_out:,} smaller parts are in .frame()</div>" if left_out > 0 else ""
    return f"{grid(heads, rows)}{more}"


def _row(part: Part, effects: int, *, strong: bool) -> str:
    name = f"<strong>{escape(readable(part))}</strong>" if strong else escape(readable(part))
    told = f" title='{escape(part.unknown.reason)}'" if part.unknown else ""
    cells = [f"<th scope='row'{told}>{name}</th>"]
    shown = [part.base_display, part.value_display, part.display]
    shown += [effect.display for effect in part.effects] or [""] * effects
    cells += [f"<td class='n'>{escape(text)}</td>" for text in shown]
    return f"<tr>{''.join(cells)}</tr>"
