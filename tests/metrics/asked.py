"""The questions of tests/metrics/questions, and when an answer is the one expected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from sophia_kit.metrics import Calendar, Catalogue, MetricQuery
from sophia_kit.metrics.question import Answer, Top
from sophia_kit.metrics.question.members import Members
from sophia_kit.metrics.value import NOT_SET

FOLDER = Path(__file__).parent / "questions"
DAY = date(2025, 12, 31)


@dataclass(frozen=True)
class Question:
    """A question and what is expected of it, as the file says it."""

    text: str
    expected: dict[str, Any]

    @property
    def declined(self) -> bool:
        return "decline" in self.expected


@cache
def questions(part: str) -> tuple[Question, ...]:
    """The questions of a part: `tuned` or `aside`."""
    rows = yaml.safe_load((FOLDER / f"{part}.yaml").read_text(encoding="utf-8"))
    return tuple(Question(row["q"], {key: value for key, value in row.items() if key != "q"}) for row in rows)


def kept_aside(every: Iterable[Question]) -> set[str]:
    """The third of these questions that the rule of tuned.yaml keeps aside."""
    found: set[str] = set()
    for declined in (True, False):
        kind = [q.text for q in every if (q.declined or "written" in q.expected) is declined]
        ranked = sorted(kind, key=lambda text: hashlib.sha256(f"aside:{text}".encode()).hexdigest())
        found.update(ranked[: len(ranked) // 3])
    return found


def outcome(question: Question, answer: Answer, catalogue: Catalogue, members: Members) -> str:
    """`right`; `wrong`: answered, but not this; `silent`: not answered though it should have been."""
    if answer.query is None:
        return "right" if question.declined else "silent"
    if question.declined:
        return "wrong"
    ways = [question.expected, *([question.expected["or"]] if "or" in question.expected else [])]
    meant = _meaning(answer.query, answer.top, catalogue)
    return "right" if meant in [_expected(way, catalogue, members) for way in ways] else "wrong"


def _expected(given: dict[str, Any], catalogue: Catalogue, members: Members) -> object:
    definition = catalogue.get(given["metric"])
    filters = {name: tuple(chosen) for name, chosen in given.get("where", {}).items()}
    for name, excluded in given.get("where_not", {}).items():
        every = (*members.of(definition, name).values, NOT_SET)
        filters[name] = tuple(member for member in every if member not in excluded)
    top = None
    if "top" in given or "bottom" in given:
        top = Top(given.get("top") or given["bottom"], largest="top" in given)
    query = MetricQuery(
        definition.name,
        given.get("day", DAY),
        given.get("grain"),
        tuple(given.get("by", ())),
        tuple(given.get("compare", ())),
        tuple(filters.items()),
        given.get("unfinished", False),
        given.get("periods", 1),
    )
    return _meaning(query, top, catalogue)


def _meaning(query: MetricQuery, top: Top | None, catalogue: Catalogue) -> object:
    """What tells queries apart: other ways to write the same one are equal."""
    calendar = Calendar()
    grain = query.grain or catalogue.get(query.metric).grains[0]
    last = calendar.period(grain, query.day)
    over = last.end_inclusive <= DAY
    if not over and not query.include_unfinished:
        last = calendar.shift(last, -1)
    kinds = {"prior_year" if grain == "year" and kind == "prior_period" else kind for kind in query.compare}
    filters = {(name, frozenset(chosen)) for name, chosen in query.filters}
    return (
        query.metric,
        grain,
        last.start,
        query.periods,
        frozenset(query.by),
        frozenset(kinds),
        frozenset(filters),
        top,
    )
