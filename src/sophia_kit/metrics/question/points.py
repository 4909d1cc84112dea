"""A single period in words: `Q3`, `March 2025`, `last month`, `2 December`, `a year ago`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.value import Grain, Period

__all__ = ["MONTH", "POINT", "UNIT", "Now", "Span", "grain_of", "point"]

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
UNIT = r"(?:day|week|month|quarter|year)"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 4}
_OF_YEAR = (
    r"(?: (?:of |in )?(?:the )?"
    r"(?:(?:fy ?|fiscal year |fiscal )?(?P<y>20\d\d)|(?P<rel>last|previous|this|current) year))"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = rf"(?:\d{{4}}-\d{{2}}-\d{{2}}|{_DAY} (?:of )?{MONTH}(?: 20\d\d)?|{MONTH} (?:the )?{_DAY}(?: 20\d\d)?)"


@dataclass(frozen=True, slots=True)
class Now:
    """When a question is asked: the company's calendar, the day, and whether that day is over."""

    calendar: Calendar
    day: date
    over: bool

    def is_over(self, period: Period) -> bool:
        return period.end_inclusive < self.day or (period.end_inclusive == self.day and self.over)

    def current(self, grain: Grain) -> Period:
        return self.calendar.period(grain, self.day)

    def last_closed(self, grain: Grain) -> Period:
        current = self.current(grain)
        return current if self.is_over(current) else self.calendar.shift(current, -1)


@dataclass(frozen=True, slots=True)
class Span:
    """Periods of one grain, first to last, as a phrase names them.

    Attributes:
        relative: `this` for the running period, `last` for the one before, `ago` for one so long ago, else `named`.
        yearless: whether the year was left out; then it is the latest that has begun.
        years_back: for `a year ago`: how many; the grain is then the metric's own.
    """

    first: Period
    last: Period
    text: str
    relative: str = "named"
    yearless: bool = False
    years_back: int = 0

    @property
    def grain(self) -> Grain:
        return self.first.grain


def grain_of(text: str) -> Grain:
    """The grain that a unit or an adverb names."""
    known: dict[str, Grain] = {"dai": "day", "day": "day", "wee": "week", "mon": "month", "qua": "quarter"}
    return known.get(text[:3], "year")


Builder = Callable[[re.Match[str], Now, int | None], "Span | None"]


def _month_number(text: str) -> int:
    return _MONTHS.index(text[:3]) + 1


def _year(match: re.Match[str], now: Now, assumed: int | None) -> int | None:
    """The year that is said, or assumed; None when it has to be found."""
    groups = match.groupdict()
    said = groups.get("y") or groups.get("y2")
    if said:
        number = int(said)
        return number if number > 99 else 2000 + number
    if groups.get("rel"):
        this = _fiscal_year(now.current("year"))
        return this - 1 if groups["rel"] in ("last", "previous") else this
    return assumed


def _fiscal_year(period: Period) -> int:
    """A fiscal year is called by the calendar year in which it ends."""
    return period.end_inclusive.year


def _one(period: Period, match: re.Match[str], relative: str = "named", *, yearless: bool = False) -> Span:
    return Span(period, period, match[0], relative, yearless)


def _latest(make: Callable[[int], Period | None], now: Now, year: int | None, match: re.Match[str]) -> Span | None:
    """The period in the year that is said, or the latest one that has begun."""
    if year is not None:
        period = make(year)
        # `Q1 last year` names its year for itself alone: what it is compared with doesn't share it.
        relative = "last" if match.groupdict().get("rel") else "named"
        return _one(period, match, relative) if period else None
    for candidate in (now.day.year + 1, now.day.year, now.day.year - 1, now.day.year - 2):
        period = make(candidate)
        if period is not None and period.start <= now.day:
            return _one(period, match, yearless=True)
    return None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _day(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    month, number = _month_number(match["m"]), int(match["d"])

    def make(year: int) -> Period | None:
        found = _date(year, month, number)
        return now.calendar.period("day", found) if found else None

    return _latest(make, now, _year(match, now, assumed), match)


def _iso(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    parts = [int(part) for part in match["iso"].split("-")]
    found = _date(parts[0], parts[1], parts[2] if len(parts) > 2 else 1)
    return _one(now.calendar.period("day" if len(parts) > 2 else "month", found), match) if found else None


def _numeric(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    """`31/12/2024`. Where day and month could be swapped, it isn't read at all."""
    first, second, year = (int(part) for part in re.split(r"[/.]", match["num"]))
    if max(first, second) <= 12 and first != second:
        return None
    day, month = (first, second) if second <= 12 else (second, first)
    found = _date(year if year > 99 else 2000 + year, month, day)
    return _one(now.calendar.period("day", found), match) if found else None


def _month(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    month = _month_number(match["m"])
    year = _year(match, now, assumed)
    return _latest(lambda of: now.calendar.period("month", date(of, month, 1)), now, year, match)


def _quarter_of(now: Now, year: int, number: int) -> Period:
    start = now.calendar.fiscal_year_start_month
    index = (year - (start > 1)) * 12 + start - 1 + 3 * (number - 1)
    return now.calendar.period("quarter", date(index // 12, index % 12 + 1, 1))


def _quarter(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    groups = match.groupdict()
    said = groups.get("q") or groups.get("q2")
    number = int(said) if said else _ORDINALS[groups["ord"]]
    return _latest(lambda year: _quarter_of(now, year, number), now, _year(match, now, assumed), match)


def _half(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    number = int(match["h"]) if match["h"] else _ORDINALS[match["ord"]]
    span = _latest(lambda year: _quarter_of(now, year, 2 * number - 1), now, _year(match, now, assumed), match)
    return span and Span(span.first, now.calendar.shift(span.first, 1), match[0], "named", span.yearless)


def _whole_year(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    year = _year(match, now, assumed)
    assert year is not None
    return _one(now.calendar.period("year", _quarter_of(now, year, 1).start), match)


def _week_of(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    inner = point(match["date"], now, assumed)
    return _one(now.calendar.period("week", inner.first.start), match) if inner else None


def _shifted(match: re.Match[str], now: Now, grain: Grain, back: int, relative: str) -> Span:
    return _one(now.calendar.shift(now.current(grain), -back), match, relative)


def _ago(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    count = int(match["n"]) if match["n"].isdigit() else 1
    grain = grain_of(match["u"])
    if count > 400:
        return None
    span = _shifted(match, now, grain, count, "ago")
    return Span(span.first, span.last, span.text, "ago", years_back=count) if grain == "year" else span


def _weekday(match: re.Match[str], now: Now, assumed: int | None) -> Span | None:
    back = (now.day.weekday() - _DAYS.index(match["w"]) - 1) % 7 + 1
    return _one(now.calendar.period("day", now.day - timedelta(days=back)), match)


_PATTERNS: tuple[tuple[str, Builder], ...] = (
    (rf"(?:the )?week (?:of|beginning|starting|commencing|ending|from) (?:the )?(?P<date>{_DATE})", _week_of),
    (r"(?P<iso>\d{4}-\d{2}-\d{2})", _iso),
    (r"(?P<num>\d{1,2}[/.]\d{1,2}[/.]\d{2,4})", _numeric),
    (rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m>{MONTH})(?: (?P<y>20\d\d))?", _day),
    (rf"(?P<m>{MONTH}) (?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: (?P<y>20\d\d))?", _day),
    (r"(?P<iso>\d{4}-\d{2})", _iso),
    (rf"(?:the month of )?(?P<m>{MONTH}){_OF_YEAR}?", _month),
    (rf"(?:(?:fiscal )?q(?P<q>[1-4])|(?P<q2>[1-4])q){_OF_YEAR}?", _quarter),
    (r"(?P<y>20\d\d) ?q(?P<q>[1-4])", _quarter),
    (rf"(?:the )?(?P<ord>first|second|third|fourth|[1-4](?:st|nd|rd|th)) (?:fiscal )?quarter{_OF_YEAR}?", _quarter),
    (rf"(?:the )?(?P<ord>last) quarter{_OF_YEAR}", _quarter),
    (rf"(?:h(?P<h>[12])|(?:the )?(?P<ord>first|second) half){_OF_YEAR}?", _half),
    (r"(?:the )?(?:fy|fiscal year|financial year|fiscal|calendar year|year) ?(?P<y>20\d\d|\d\d)", _whole_year),
    (r"(?:the )?year end (?:of )?(?P<y>20\d\d)|(?P<y2>20\d\d) year end", _whole_year),
    (r"(?P<y>20\d\d)", _whole_year),
    (rf"(?:the )?(?P<u>{UNIT}) before last", lambda m, now, _: _shifted(m, now, grain_of(m["u"]), 2, "last")),
    (r"(?:the )?day before yesterday", lambda m, now, _: _shifted(m, now, "day", 2, "last")),
    (r"yesterday", lambda m, now, _: _shifted(m, now, "day", 1, "last")),
    (r"today", lambda m, now, _: _shifted(m, now, "day", 0, "this")),
    (
        rf"(?:the )?(?:last|previous|prior|past|preceding) (?:fiscal |calendar |full )?(?P<u>{UNIT})",
        lambda m, now, _: _shifted(m, now, grain_of(m["u"]), 1, "last"),
    ),
    (
        rf"(?:this|the current|current|the present) (?:fiscal |calendar )?(?P<u>{UNIT})",
        lambda m, now, _: _shifted(m, now, grain_of(m["u"]), 0, "this"),
    ),
    (rf"(?P<n>\d+|a|an) (?P<u>{UNIT})s? (?:ago|back|earlier)", _ago),
    (rf"(?:last )?(?P<w>{'|'.join(_DAYS)})", _weekday),
)
_END = r"(?:(?:at |by )?(?:the )?(?:end|close) of (?:the )?)?"
_COMPILED = tuple((re.compile(_END + text), build) for text, build in _PATTERNS)
POINT = rf"(?:{_END}(?:" + "|".join(re.sub(r"\(\?P<\w+>", "(?:", text) for text, _ in _PATTERNS) + "))"
"""A regular expression, without groups, for every phrase that `point` may read."""


def point(text: str, now: Now, year: int | None = None) -> Span | None:
    """The period that a phrase names; None when it names none.

    Args:
        year: what is assumed where the phrase leaves the year out.
    """
    for pattern, build in _COMPILED:
        match = pattern.fullmatch(text)
        if match is not None:
            return build(match, now, year)
    return None
