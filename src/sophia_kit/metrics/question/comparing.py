"""Comparisons in words: `vs plan`, `year over year`, `Q3 vs Q2`, `than last quarter`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sophia_kit.metrics.question.board import Board, phrase
from sophia_kit.metrics.question.periods import Problem, When
from sophia_kit.metrics.question.points import POINT, UNIT, Now, Span, grain_of, point
from sophia_kit.metrics.value import ComparisonKind

__all__ = ["Compared", "direction", "read_comparison", "with_base"]

_TARGET = (
    r"(?:(?:the|its|our|my|their|annual|yearly|quarterly|monthly) )*"
    r"(?:plan|planned|target|targeted|budget|budgeted|objective|goal|key result)s?"
)
_TO = (
    r"(?:versus|v|compared (?:to|with|against)|compare (?:to|with|against)|in comparison (?:to|with)|against|"
    r"relative to|than|and versus|and against)"
)
_BASE = rf"(?:in |at |on |for )?(?:the )?(?:value |level |one |that |figure )?(?:in |of )?(?P<base>{POINT})"
_SAME = (
    rf"(?:the )?same (?:{UNIT}|period|time|point|week|day)"
    r"(?: (?:of |in )?(?:the )?(?:last|prior|previous) year| a year (?:ago|before|earlier))"
)
_YEAR = phrase(
    rf"(?:{_TO} |over )?{_SAME}|yoy|year over year|year on year|y o y|annual growth|yearly growth"
    rf"|(?:{_TO} (?:the )?last|(?:{_TO}|over|from) (?:the )?(?:prior|previous|preceding)) year"
    rf"|{_TO} (?:the )?year (?:before|earlier|prior)|{_TO} (?:a|1) year (?:ago|before|earlier)"
    r"|(?:prior|previous) year comparison"
)
_PERIOD = phrase(
    rf"(?P<short>mom|qoq|wow|dod)|(?P<u>{UNIT}) (?:over|on) (?P=u)"
    rf"|{_TO} (?:the )?(?:prior|previous|preceding) period|{_TO} (?:the )?(?:period|1) before"
    rf"|{_TO} (?:the )?(?P<before>day|week|month|quarter)s? (?:before|earlier|prior)"
    rf"|{_TO} (?:the )?same (?:point|time|days?|part|stage) (?:of |in )?(?:the )?(?:last|prior|previous)"
    r" (?P<same>day|week|month|quarter)"
)
_PLAN = phrase(
    rf"(?:{_TO}|to|from|on|above|below|behind|ahead of|under|over|of|versus the|miss|beat|hit|meet|and) {_TARGET}"
    rf"|targets?|budget|objective|goal|{_TARGET} (?:attainment|achievement|gap|comparison)|actuals? versus {_TARGET}"
)
_ON_BASE = phrase(rf"{_TO} {_BASE}")
_COMPARE_TO = phrase(rf"compare (?:.* )?(?P<main>{POINT}) (?:to|with|and|against|versus) (?:the )?(?P<base>{POINT})")
_BETWEEN = phrase(
    rf"(?:difference|delta|gap|change) (?:\S+ ){{0,3}}?between (?:{POINT}) and (?:the )?(?P<base>{POINT})"
)
_USUAL = phrase(
    rf"{_TO} (?:the |its |our )?(?:usual|normal|trailing average|average|typical)|above average|below average"
)
_GROWTH = phrase(
    r"gr[oe]w|grown|growing|growth rate|growth|increased?|increasing|decreased?|changed?|changing|rise|rose|risen"
    r"|rising|fall|fell|fallen|falling|drop|dropped|dropping|up(?! to\b)|down|higher|lower|better|worse|ahead|behind"
    r"|moved|delta|difference|shift"
)
_UP = re.compile(r"gr[oe]w|grow(?:n|ing|th)|increas(?:e|ed|ing)|rise|rose|risen|rising|up|higher|above|ahead|beat")
_DOWN = re.compile(r"decreased?|fall|fell|fallen|falling|drop|dropped|dropping|down|lower|below|behind|miss")
_TAKEN_APART = frozenset({"break", "broken", "breaking", "split"})
_SHORT = {"m": "month", "q": "quarter", "w": "week", "d": "day"}


Related = tuple[When, tuple[ComparisonKind, ...], str | None]


@dataclass(frozen=True, slots=True)
class Compared:
    """What a question compares with.

    Attributes:
        kinds: the comparisons that are named as such.
        base: a period it is compared with, which still has to be related to the one asked about.
        grain: the grain that the comparison implies, as in `month over month`; empty when none.
        growth: whether it asks for a change, with or without saying since when.
    """

    kinds: tuple[ComparisonKind, ...] = ()
    base: Span | None = None
    grain: str = ""
    growth: bool = False


def read_comparison(board: Board, now: Now) -> Compared:
    """Take every comparison off the board; the period asked about stays."""
    kinds: list[ComparisonKind] = []
    grain = ""
    if board.take_first(_YEAR):
        kinds.append("prior_year")
    found = board.take_first(_PERIOD)
    if found is not None:
        kinds.append("prior_period")
        named = found["u"] or found["before"]
        grain = grain_of(named) if named else grain_of(_SHORT[found["short"][0]]) if found["short"] else ""
        if found["before"]:
            grain = ""
    if board.take_first(_PLAN):
        kinds.append("target")
    if board.take_first(_USUAL):
        kinds.append("trailing_average")
    base = _base(board, now)
    growth = False
    while board.take_first(_GROWTH):
        growth = True
    return Compared(tuple(kinds), base, grain, growth)


def _base(board: Board, now: Now) -> Span | None:
    """Take the period that is compared with off the board; of `compare Q3 to Q2` and the like the second alone."""
    for pattern in (_COMPARE_TO, _BETWEEN, _ON_BASE):
        for positions, match in board.find(pattern):
            base = point(match["base"], now)
            if base is not None:
                words = len(match["base"].split()) + 1
                board.take(positions if pattern is _ON_BASE else range(positions.stop - words, positions.stop))
                board.take(index for index in positions if board.tokens[index].word == "between")
                return base
    return None


def direction(words: Iterable[str]) -> int:
    """Which way a question takes a change to have gone: 1 up, -1 down, 0 when it doesn't say, or says both."""
    said = [word for word in words if word in _TAKEN_APART or _UP.fullmatch(word) or _DOWN.fullmatch(word)]
    if _TAKEN_APART.intersection(said):  # `broken down by segment`
        return 0
    return any(map(_UP.fullmatch, said)) - any(map(_DOWN.fullmatch, said))


def with_base(when: When, compared: Compared, now: Now) -> Related | Problem:
    """The period asked about, the comparisons that set it against the base, and a note where something was assumed."""
    kinds, base = list(compared.kinds), compared.base
    if compared.grain and when.every is None and when.span is None and when.count is None:
        current = now.last_closed(grain_of(compared.grain))
        when = replace(when, span=Span(current, current, compared.grain))
    if base is None:
        if compared.growth and not kinds:
            kinds.append(_since(when))
            return when, tuple(kinds), f"the change is taken from {_SINCE_WORDS[kinds[0]]}"
        return when, _distinct(kinds), None
    if base.years_back or (base.grain == "year" and base.relative == "last" and (when.span is None or when.count)):
        return when, _distinct([*kinds, "prior_year"]), None
    if when.count is not None or when.since or (when.span is not None and when.span.first != when.span.last):
        return Problem("Several periods can be compared with the year before or with a plan only.")
    main = when.span
    if main is None:
        current = now.last_closed(base.grain)
        main = Span(current, current, f"this {base.grain}")
    elif main.yearless and not base.yearless and base.relative == "named" and base.grain != "year":
        main = point(main.text, now, base.first.end_inclusive.year) or main
    elif base.yearless and not main.yearless and main.relative == "named":
        base = point(base.text, now, main.first.end_inclusive.year) or base
    if base.grain == "year" and main.grain != "year":
        if base.first == now.calendar.prior_year(now.calendar.period("year", main.first.start)):
            return replace(when, span=main), _distinct([*kinds, "prior_year"]), None
        return Problem("A part of a year can't be compared with a whole one.")
    if base.grain != main.grain:
        return Problem(f"A {main.grain} can't be compared with a {base.grain}.")
    return _related(replace(when, span=main), main, base, kinds, now)


def _related(when: When, main: Span, base: Span, kinds: list[ComparisonKind], now: Now) -> Related | Problem:
    calendar = now.calendar
    if base.first.start > main.first.start:
        earlier = calendar.prior_year(base.first)
        if base.yearless and earlier == calendar.shift(main.first, -1):
            base = replace(base, first=earlier, last=earlier)
        else:
            main, base = base, main
            when = replace(when, span=main)
    if base.first == main.first:
        return Problem("It compares a period with itself.")
    kind: ComparisonKind
    if base.first == calendar.prior_year(main.first):
        kind = "prior_year"
    elif base.first == calendar.shift(main.first, -1):
        kind = "prior_period"
    else:
        run = Span(base.first, main.last, f"{base.text} to {main.text}")
        return replace(when, span=run), _distinct(kinds), "both periods are shown, with those between"
    return when, _distinct([*kinds, kind]), None


_SINCE_WORDS = {"prior_period": "the period before", "prior_year": "the year before"}


def _since(when: When) -> ComparisonKind:
    span = when.span
    return "prior_period" if span is not None and span.grain != "year" and not span.years_back else "prior_year"


def _distinct(kinds: list[ComparisonKind]) -> tuple[ComparisonKind, ...]:
    return tuple(dict.fromkeys(kinds))
