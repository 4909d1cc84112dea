"""A query in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sophia_kit.metrics.question.points import Now
from sophia_kit.metrics.question.ranking import Top
from sophia_kit.metrics.value import NOT_SET, Period

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.query import MetricQuery

__all__ = ["described"]

_COMPARED = {
    "prior_period": "compared with the period before",
    "prior_year": "compared with the year before",
    "target": "against its target",
    "trailing_average": "compared with its trailing average",
    "to_date": "compared with the same part of the period before",
    "prior_year_to_date": "compared with the same part of it a year before",
}
_MANY = 6


def described(definition: Definition, query: MetricQuery, top: Top | None, now: Now) -> str:
    """What the query asks, for a reader."""
    parts = [definition.label]
    if query.by:
        parts.append("by " + " and ".join(name.replace("_", " ") for name in query.by))
    for name, members in query.filters:
        parts.append(_filter(name.replace("_", " "), members))
    parts.append(_when(definition, query, now))
    parts += [_COMPARED[kind] for kind in query.compare]
    if top is not None:
        parts.append(f"the {top.count} {'largest' if top.largest else 'smallest'}" if top.count > 1 else _one(top))
    return ", ".join(parts)


def _one(top: Top) -> str:
    return "the largest" if top.largest else "the smallest"


def _filter(name: str, members: tuple[str, ...]) -> str:
    if NOT_SET in members or len(members) > _MANY:
        return f"{len(members)} members of {name}"
    return f"{name} {' or '.join(members)}"


def _when(definition: Definition, query: MetricQuery, now: Now) -> str:
    last = _last(definition, query, now)
    if query.periods == 1:
        return last.label + (" so far" if query.include_unfinished and not now.is_over(last) else "")
    first = now.calendar.shift(last, 1 - query.periods)
    return f"{query.periods} {last.grain}s from {first.label} to {last.label}"


def _last(definition: Definition, query: MetricQuery, now: Now) -> Period:
    last = now.calendar.period(query.grain or definition.grains[0], query.day)
    return last if query.include_unfinished or now.is_over(last) else now.calendar.shift(last, -1)
