"""What a question gets: a number, a question back, or a reason why there is none."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Literal

from sophia_kit.metrics.question.ranking import Top

if TYPE_CHECKING:
    from sophia_kit.metrics.change import ChangeExplanation
    from sophia_kit.metrics.query import MetricQuery
    from sophia_kit.metrics.value import MetricResult, MetricValue

__all__ = ["Answer", "Option"]

Status = Literal["answered", "asks", "declined"]


@dataclass(frozen=True, slots=True)
class Option:
    """A query that a question may have meant.

    Attributes:
        understood: the query in words.
        top: how many rows are kept of a ranking; None when all are.
    """

    understood: str
    query: MetricQuery
    top: Top | None = None

    @property
    def command(self) -> str:
        """The query as `sophia metric` takes it; a ranking is cut by who reads it."""
        return command_of(self.query)

    @property
    def call(self) -> str:
        """The query as `sophia_kit.metric` takes it, with the sorting of a ranking."""
        return call_of(self.query, self.top)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was understood of a question, and what answers it.

    Attributes:
        status: `answered`: `result` holds the number, or why it is unknown; `asks`: one of `options` may be meant;
            `declined`: the catalogue doesn't answer it.
        understood: the query in words; empty when nothing was.
        confidence: 0 to 1: how much of the question is accounted for, and how surely.
        query: the metric query that was made; None unless answered.
        top: how many rows `result` keeps of a ranking; None when all.
        result: the values; of a ranking in its order, cut, unknown ones last.
        total: of a ranking, the value over all rows, computed anew; None otherwise.
        reason: why it asks or declines; None when answered.
        options: up to three queries that may be meant; empty when answered.
        notes: what was assumed, or read for a misspelt word.
        why: whether an explanation of the change is asked for.
        change: that explanation; None when none is asked for.
    """

    question: str
    status: Status
    understood: str
    confidence: float
    query: MetricQuery | None = None
    top: Top | None = None
    result: MetricResult | None = None
    total: MetricValue | None = None
    reason: str | None = None
    options: tuple[Option, ...] = ()
    notes: tuple[str, ...] = ()
    why: bool = False
    change: ChangeExplanation | None = None

    @property
    def command(self) -> str | None:
        """The query as `sophia metric` takes it, to be edited and run; None unless answered."""
        return None if self.query is None else command_of(self.query)

    @property
    def call(self) -> str | None:
        """The query as `sophia_kit.metric` takes it, to be edited and run; None unless answered."""
        return None if self.query is None else call_of(self.query, self.top)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        if self.status != "answered":
            listed = "".join(
                f"<li>{escape(option.understood)}<br><code>{escape(option.call)}</code></li>" for option in self.options
            )
            return f"<p><b>{escape(self.reason or '')}</b></p>" + (f"<ul>{listed}</ul>" if listed else "")
        assert self.result is not None
        shown = self.result if self.change is None else self.change
        said = [f"Understood: {self.understood}", *self.notes]
        total = f"<p>All together: {escape(self.total.display)}</p>" if self.total is not None else ""
        head = "".join(f"<p>{escape(text)}</p>" for text in said)
        return f"{head}{shown._repr_html_()}{total}<p><code>{escape(self.call or '')}</code></p>"


def command_of(query: MetricQuery) -> str:
    """The query as `sophia metric` takes it; a ranking isn't part of it."""
    words = ["sophia", "metric", query.metric]
    for name in query.by:
        words += ["--by", name]
    for name, members in query.filters:
        for member in members:
            words += ["--where", f"{name}={member}"]
    if query.grain is not None:
        words += ["--grain", query.grain]
    words += ["--day", query.day.isoformat()]
    if query.periods > 1:
        words += ["--periods", str(query.periods)]
    for kind in query.compare:
        words += ["--compare", kind]
    if query.include_unfinished:
        words.append("--include-unfinished")
    return shlex.join(words)


def call_of(query: MetricQuery, top: Top | None = None) -> str:
    """The query as `sophia_kit.metric` takes it; a ranking as the sorting of its frame."""
    given = [repr(query.metric)]
    if query.by:
        given.append(f"by={list(query.by)!r}")
    if query.filters:
        given.append(f"filters={ {name: list(members) for name, members in query.filters}!r}")
    if query.grain is not None:
        given.append(f"grain={query.grain!r}")
    given.append(f"day={_day(query.day)}")
    if query.periods > 1:
        given.append(f"periods={query.periods}")
    if query.compare:
        given.append(f"compare={list(query.compare)!r}")
    if query.include_unfinished:
        given.append("include_unfinished=True")
    call = f"sk.metric({', '.join(given)})"
    if top is not None:
        call += f'.frame().sort("value", descending={top.largest}, nulls_last=True).head({top.count})'
    return call


def _day(day: date) -> str:
    return f"date({day.year}, {day.month}, {day.day})"
