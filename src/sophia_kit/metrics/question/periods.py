"""Time phrases: from `since March`, `last 8 quarters`, `by week` to the periods of a query."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.question.board import Board, phrase
from sophia_kit.metrics.question.points import POINT, UNIT, Now, Span, grain_of, point
from sophia_kit.metrics.value import Grain, Period

__all__ = ["Asked", "Problem", "When", "read_when", "resolve"]

_TREND: dict[Grain, int] = {"day": 30, "week": 13, "month": 12, "quarter": 4, "year": 3}
"""How many periods a trend without a beginning has."""
_MONTHS: dict[Grain, int] = {"month": 1, "quarter": 3, "year": 12}

_FROM = phrase(rf"(?:from|between) ({POINT}) (?:to|until|till|through|thru|up to|and) ({POINT})")
_TO = phrase(rf"({POINT}) (?:to|until|till|through|thru) ({POINT})")
_SINCE_START = phrase(rf"since (?:the )?(?:beginning|start) of (?:the )?(?:this |current )?(?P<u>{UNIT})")
_SINCE = phrase(
    rf"since ({POINT})|from ({POINT}) (?:on|onward|onwards|to date|(?:to|until|till|through|up to) (?:now|today))"
)
_LAST = phrase(rf"(?:the )?(?:last|past|previous|prior|most recent|recent) (?P<n>\d+) (?:full |whole )?(?P<u>{UNIT})s?")
_TO_DATE = phrase(
    rf"(?P<u>{UNIT}) to date|(?P<a>[ywqm])td|so far(?: (?:this|in the|the) (?P<v>{UNIT}))?|to date|until now"
)
_POINT = phrase(POINT)
_EVERY = phrase(
    rf"(?P<w>{UNIT}) (?:by|over|after) (?P=w)|(?:by|per|each|every|for each|for every|in each) (?P<u>{UNIT})"
    r"|(?P<adverb>daily|weekly|monthly|quarterly|annual|annually|yearly)"
)
_TREND_WORDS = phrase(r"over time|trends?|trending|trended|history|historical|historically|time series|evolution")
_FUTURE = phrase(rf"(?:the )?(?:next|coming|following|upcoming) (?:\d+ )?{UNIT}s?|tomorrow")
_UNTIL = phrase(rf"(?:until|till|through|thru|up to|to) {POINT}")
_BEFORE_MODAL = frozenset({"how", "what", "which", "who", "it", "that", "this"})
_AFTER_MODAL = frozenset({"i", "we", "you", "one", "it", "be", "have", "also", "not"})
"""Words beside `may` where it is no month."""


@dataclass(frozen=True, slots=True)
class When:
    """What a question says about time; all of it may be absent.

    Attributes:
        span: the periods that are named.
        count: for `last 8 quarters`: how many, of `unit`.
        every: for `by month`: the grain asked for.
        trend: whether a course over time is asked for without a grain.
        to_date: whether the running period is asked for as far as it goes.
        since: whether the span goes on to the latest period.
        future: a phrase that names time to come.
        twice: whether two periods are named that nothing connects.
        open: a phrase that says where the time ends, and not where it begins.
    """

    span: Span | None = None
    count: int | None = None
    unit: Grain | None = None
    every: Grain | None = None
    trend: bool = False
    to_date: bool = False
    since: bool = False
    future: bool = False
    twice: bool = False
    open: str = ""

    @property
    def silent(self) -> bool:
        """Whether the question says nothing about time."""
        return self == When()


@dataclass(frozen=True, slots=True)
class Asked:
    """The periods of a query: `count` of `grain`, the last of which is `last`; None: the metric's latest."""

    grain: Grain | None
    last: Period | None
    count: int = 1
    include_unfinished: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the time asked about can't be answered, and what could be instead."""

    reason: str
    instead: tuple[Asked, ...] = ()
    future: bool = False


def read_when(board: Board, now: Now) -> When:
    """Take every time phrase off the board."""
    when = When()
    if board.take_first(_FUTURE):
        when = replace(when, future=True)
    found = board.take_first(_SINCE_START)
    if found is not None:
        current = now.current(grain_of(found["u"]))
        return _grains(board, replace(when, span=Span(current, current, found[0], "this"), since=True))
    last = board.take_first(_LAST)
    if last is not None:
        when = replace(when, count=int(last["n"]), unit=grain_of(last["u"]))
    to_date = board.take_first(_TO_DATE)
    if to_date is not None:
        named = (
            to_date["u"]
            or to_date["v"]
            or {"y": "year", "q": "quarter", "m": "month", "w": "week"}.get(to_date["a"] or "")
        )
        running = now.current(grain_of(named)) if named else None
        span = Span(running, running, to_date[0], "this") if running else None
        when = replace(when, to_date=True, span=span)
    if when.span is None:
        when = _range(board, when, now)
    when = _grains(board, when)
    for positions, match in board.find(_UNTIL):
        if when.span is None and when.count is None:
            board.take(positions)
            return replace(when, open=match[0])
    for positions, match in list(board.find(_POINT)):
        if match[0] == "may" and _modal(board, positions.start):
            continue
        span = point(match[0], now)
        if span is None:
            continue
        board.take(positions)
        if when.span is not None and not (when.to_date and when.span.first == span.first):
            return replace(when, twice=True)
        when = replace(when, span=span)
    return when


def _modal(board: Board, may: int) -> bool:
    """Whether `may` is the verb: `may I see`, `how may`, `may be down`."""
    words = ["", *(token.word for token in board.tokens), ""]
    return words[may] in _BEFORE_MODAL or words[may + 2] in _AFTER_MODAL


def _range(board: Board, when: When, now: Now) -> When:
    """Take a range off the board; one whose ends don't go together stays, as two periods."""
    for positions, match in board.find(_SINCE):
        begin = point(match[1] or match[2], now)
        if begin is not None:
            board.take(positions)
            return replace(when, span=begin, since=True)
    for pattern in (_FROM, _TO):
        for positions, match in board.find(pattern):
            span = _between(match[1], match[2], match[0], now)
            if span is not None:
                board.take(positions)
                return replace(when, span=span)
    return when


def _grains(board: Board, when: When) -> When:
    every = board.take_first(_EVERY)
    if every is not None:
        when = replace(when, every=grain_of(every["w"] or every["u"] or every["adverb"]))
    return replace(when, trend=when.trend or board.take_first(_TREND_WORDS) is not None)


def _between(first: str, last: str, text: str, now: Now) -> Span | None:
    end = point(last, now)
    if end is None:
        return None
    begin = point(first, now, end.last.end_inclusive.year)
    if begin is not None and begin.first.start > end.last.start:
        begin = point(first, now, end.last.end_inclusive.year - 1)
    if begin is not None and end.yearless and not begin.yearless and begin.first.start.year < end.first.start.year:
        near = point(last, now, begin.first.start.year)
        end = near if near is not None and near.first.start > begin.first.start else end
    if begin is None or begin.grain != end.grain or begin.first.start > end.last.start:
        return None
    return Span(begin.first, end.last, text)


def resolve(when: When, grains: tuple[Grain, ...], now: Now, *, at_end: bool = True) -> Asked | Problem:
    """The periods of a metric that has `grains`, the first of them its own.

    Args:
        at_end: whether the metric stands at a period's end, as balances do: a day that ends a period means that one.
    """
    if when.future:
        return Problem("That time has not come yet.", future=True)
    if when.open:
        return Problem(f"It says {when.open!r}, not since when.")
    if when.twice:
        return Problem("It names two periods, and nothing says how they go together.")
    asked = _resolve(when, grains[0], now)
    if isinstance(asked, Asked) and asked.grain is not None and asked.grain not in grains:
        offered = ", ".join(grains)
        instead = _at_the_end(asked, grains, now)
        if instead is not None and at_end:
            return instead
        return Problem(f"It isn't offered by {asked.grain}; it is by {offered}.", (instead or Asked(None, None),))
    return asked


def _resolve(when: When, own: Grain, now: Now) -> Asked | Problem:
    if when.count is not None and when.unit is not None:
        return _last_periods(when, when.unit, own, now)
    span = when.span
    if span is None:
        if when.to_date:
            return Asked(own, now.current(own), include_unfinished=not now.is_over(now.current(own)))
        if when.every is not None or when.trend:
            grain = when.every or own
            return Asked(grain, now.last_closed(grain), _TREND[grain])
        return Asked(None, None)
    if span.years_back and when.every is None:
        last = now.last_closed(own)
        for _ in range(span.years_back):
            last = now.calendar.prior_year(last)
        return Asked(own, last)
    if span.first.start > now.day:
        return Problem(f"{span.first.label} has not come yet.", future=True)
    last = now.last_closed(span.grain) if when.since else span.last
    grain = when.every or (_finer(own, span.grain) if when.trend else span.grain)
    if grain != span.grain:
        return _within(span.first, last, grain, when, now)
    if when.since or span.first != span.last:
        return _run(span.first, last, now)
    return _single(when, span, now)


def _single(when: When, span: Span, now: Now) -> Asked | Problem:
    period = span.last
    if now.is_over(period):
        return Asked(period.grain, period)
    if when.to_date:
        return Asked(period.grain, period, include_unfinished=True)
    closed = Asked(period.grain, now.calendar.shift(period, -1))
    if span.relative == "this":
        label = closed.last.label if closed.last else ""
        return replace(closed, note=f"{span.text} isn't over; {label} is. Add 'so far' for the part that there is.")
    return Problem(f"{period.label} isn't over.", (Asked(period.grain, period, include_unfinished=True), closed))


def _run(first: Period, last: Period, now: Now) -> Asked | Problem:
    """Periods of one grain; the running one is left out."""
    if last.end_inclusive > now.last_closed(last.grain).end_inclusive:
        last = now.last_closed(last.grain)
    count = _count(first, last, now.calendar)
    if count < 1:
        return Problem(f"{first.label} isn't over.", (Asked(first.grain, first, include_unfinished=True),))
    return Asked(first.grain, last, count)


def _within(first: Period, last: Period, grain: Grain, when: When, now: Now) -> Asked | Problem:
    """The periods of another grain between the first day and the last."""
    calendar = now.calendar
    begin, end = calendar.period(grain, first.start), calendar.period(grain, last.end_inclusive)
    if begin.start < first.start and not _longer(first.grain, grain):
        return Problem(f"{first.label} has no whole {grain}.")
    if when.to_date:
        return Asked(grain, now.current(grain), _count(begin, now.current(grain), calendar), include_unfinished=True)
    if grain == "week" and begin.start < first.start:
        begin = calendar.shift(begin, 1)
    return _run(begin, end, now)


def _last_periods(when: When, unit: Grain, own: Grain, now: Now) -> Asked | Problem:
    assert when.count is not None
    if not 1 <= when.count <= 400:
        return Problem(f"{when.count} periods can't be shown.")
    grain = when.every or (_finer(own, unit) if when.trend else unit)
    if grain == unit:
        return Asked(grain, now.last_closed(grain), when.count)
    if grain in _MONTHS and unit in _MONTHS:
        count, rest = divmod(when.count * _MONTHS[unit], _MONTHS[grain])
        if rest or not count:
            return Problem(f"{when.count} {unit}s are no whole number of {grain}s.")
        return Asked(grain, now.last_closed(grain), count)
    last = now.last_closed(unit)
    return _within(now.calendar.shift(last, 1 - when.count), last, grain, when, now)


def _at_the_end(asked: Asked, grains: tuple[Grain, ...], now: Now) -> Asked | None:
    """A single day that ends a period of the metric's own grain stands for that period."""
    if asked.grain != "day" or asked.last is None or asked.count != 1:
        return None
    period = now.calendar.period(grains[0], asked.last.start)
    return Asked(grains[0], period) if period.end_inclusive == asked.last.end_inclusive else None


def _count(first: Period, last: Period, calendar: Calendar) -> int:
    count = 0
    while first.start <= last.start and count <= 400:
        first, count = calendar.shift(first, 1), count + 1
    return count


_ORDER: tuple[Grain, ...] = ("day", "week", "month", "quarter", "year")


def _longer(one: Grain, other: Grain) -> bool:
    return _ORDER.index(one) > _ORDER.index(other)


def _finer(own: Grain, unit: Grain) -> Grain:
    """The grain of a course over `unit`s: the metric's own where that is finer."""
    return own if _longer(unit, own) else unit
