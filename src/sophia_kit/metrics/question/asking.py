"""`ask`: a question in plain English, answered by a metric query, or by a question, or by a reason."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sophia_kit.core.clock import company_day
from sophia_kit.core.errors import InputError
from sophia_kit.metrics.calendar import Calendar, day_is_over, require_reckonable
from sophia_kit.metrics.catalogue import Catalogue
from sophia_kit.metrics.change import ChangeExplanation, explain_change
from sophia_kit.metrics.change.words import against
from sophia_kit.metrics.entry import current_engine, metric
from sophia_kit.metrics.question.answer import Answer, Option
from sophia_kit.metrics.question.board import Board
from sophia_kit.metrics.question.comparing import direction
from sophia_kit.metrics.question.describing import described
from sophia_kit.metrics.question.lexicon import lexicon
from sophia_kit.metrics.question.members import Members
from sophia_kit.metrics.question.names import Names
from sophia_kit.metrics.question.points import Now
from sophia_kit.metrics.question.reading import Reader, Reading
from sophia_kit.metrics.question.spelling import Spelling
from sophia_kit.metrics.question.tokens import tokenize

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.metrics.principal import Principal
    from sophia_kit.metrics.query import MetricQuery
    from sophia_kit.metrics.question.ranking import Top
    from sophia_kit.metrics.value import MetricResult, MetricValue, Period
    from sophia_kit.warehouse import Engine

__all__ = ["Interpreter", "ask"]

_LONGEST = 400
_OPTIONS = 3
_NOTHING = "It names no metric of the catalogue; `sophia metrics list` shows what there is."


@dataclass(frozen=True, slots=True)
class _Known:
    """What a catalogue's questions are read with."""

    names: Names
    spelling: Spelling


_known: WeakKeyDictionary[Catalogue, WeakKeyDictionary[Engine, _Known]] = WeakKeyDictionary()
_known_guard = threading.Lock()


class Interpreter:
    """Reads questions; evaluates nothing.

    Args:
        day: the company day that questions are asked on.
        over: whether that day has passed.
        principal: who asks; None may see every member.
    """

    def __init__(
        self,
        engine: Engine,
        catalogue: Catalogue,
        calendar: Calendar,
        day: date,
        *,
        over: bool,
        principal: Principal | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._now = Now(calendar, day, over)
        self._members = Members(engine, catalogue, principal)
        with _known_guard:
            engines = _known.setdefault(catalogue, WeakKeyDictionary())
            known = engines.get(engine)
            if known is None:
                names = Names(catalogue)
                known = engines[engine] = _Known(names, _spelling(names, Members(engine, catalogue)))
        # A misspelt word isn't set right to a member that the principal doesn't know of.
        self._spelling = known.spelling if principal is None else _spelling(known.names, self._members)
        self._reader = Reader(catalogue, known.names, self._members, self._now)

    def interpret(self, question: str) -> Answer:
        """What is understood of a question. An answer that is `answered` has its query, and no result yet.

        Raises:
            InputError: the question is empty, or too long.
        """
        if not question.strip() or len(question) > _LONGEST:
            raise InputError(f"A question has 1 to {_LONGEST} characters.", hint="Ask one thing at a time.")
        tokens, corrected = self._spelling.corrected(tokenize(question, lexicon().spellings))
        board = Board(tokens)
        notes = tuple(f"{typed!r} is read as {word!r}" for typed, word in corrected)
        readings = self._reader.readings(board)
        if not readings:
            return self._nothing(question, board)
        factor = lexicon().confidence["corrected"] ** len(corrected)
        readings = [replace(item, confidence=item.confidence * factor) for item in readings]
        return self._decide(question, readings, notes)

    def _nothing(self, question: str, board: Board) -> Answer:
        refusal = self._reader.refusal(board)
        options = () if refusal else self._options(self._reader.by_description(board))
        return Answer(question, "declined", "", 0.0, reason=refusal or _NOTHING, options=options)

    def _decide(self, question: str, readings: list[Reading], notes: tuple[str, ...]) -> Answer:
        bars = lexicon().confidence
        first = readings[0]
        near = [item for item in readings if item.confidence >= first.confidence - bars["margin"]]
        rivals = [item for item in near if item.named >= first.named]
        meant = lexicon().ambiguous.get(first.phrase, ()) if first.confidence >= bars["answer"] else ()
        if meant:
            readings = [replace(first, query=first.query and replace(first.query, metric=name)) for name in meant]
            readings = [item for item in readings if item.query and item.query.metric in self._catalogue]
            return self._asks(question, readings, "It may mean several metrics.", notes)
        if first.refusal is not None:
            return Answer(question, "declined", "", first.confidence, reason=first.refusal, notes=notes)
        if first.unexplained or first.confidence < bars["answer"]:
            return self._asks(question, readings, _unsure(first, rivals), notes)
        if first.problem is not None:
            if first.problem.future:
                return Answer(question, "declined", "", first.confidence, reason=first.problem.reason, notes=notes)
            return self._asks(question, [first], first.problem.reason, notes)
        if len(rivals) > 1:
            return self._asks(question, rivals, "It may mean several metrics.", notes)
        assert first.query is not None
        return Answer(
            question,
            "answered",
            self._described(first.query, first.top),
            first.confidence,
            query=first.query,
            top=first.top,
            notes=(*notes, *first.notes),
            why=first.why,
        )

    def _asks(self, question: str, readings: list[Reading], reason: str, notes: tuple[str, ...]) -> Answer:
        options = self._options(readings)
        return Answer(question, "asks", "", readings[0].confidence, reason=reason, options=options, notes=notes)

    def _options(self, readings: list[Reading]) -> tuple[Option, ...]:
        found: dict[tuple[MetricQuery, Top | None], Option] = {}
        for reading in readings:
            for query in (reading.query, *reading.instead):
                if query is not None:
                    found.setdefault(
                        (query, reading.top), Option(self._described(query, reading.top), query, reading.top)
                    )
        return tuple(found.values())[:_OPTIONS]

    def _described(self, query: MetricQuery, top: Top | None) -> str:
        return described(self._catalogue.get(query.metric), query, top, self._now)


def _spelling(names: Names, members: Members) -> Spelling:
    return Spelling({*lexicon().words(), *names.vocabulary, *members.words()})


def _unsure(reading: Reading, rivals: list[Reading]) -> str:
    if not reading.unexplained:
        return "It can be read in several ways."
    words = ", ".join(repr(word) for word in reading.unexplained)
    if len(rivals) > 1 and all(item.unexplained for item in rivals):
        return f"It isn't clear what is meant by {words}; one metric is answered at a time."
    return f"It isn't clear what is meant by {words}."


def ask(
    question: str,
    *,
    day: date | None = None,
    known_at: datetime | None = None,
    principal: Principal | None = None,
    settings: Settings | None = None,
    warehouse: Engine | None = None,
    catalogue: Catalogue | None = None,
) -> Answer:
    """Ask a question in plain English.

    It is read as a metric query, by the names and synonyms of the catalogue, the members of its dimensions and the
    company's calendar; no language model takes part. What isn't surely understood is asked back or declined.

    Args:
        day: the company day it is asked on: what `last month` counts from; default: today by the settings' clock.
        known_at: answer from the snapshot that was current at this moment; default: the current one.
        principal: who asks; default: the owner of the process, who may see everything.
        settings: default: those of the project around the working directory.
        warehouse: an open warehouse to ask, instead of opening a snapshot of the settings.
        catalogue: default: the package's metrics and the project's own.

    Raises:
        InputError: the question is empty or too long, or the day lies in the future.
        AccessRefused: the principal may not see what is asked for.
        NoSnapshot: nothing was loaded yet.
    """
    if settings is None:
        from sophia_kit.core.settings import load_settings

        settings = load_settings()
    catalogue = catalogue or Catalogue.load(settings.metrics_folder)
    engine = warehouse or current_engine(settings)
    clock, calendar = settings.clock(), Calendar.of(settings.company)
    on = day or company_day(clock.now(), settings.company.time_zone)
    require_reckonable(on)
    over = day_is_over(on, clock.now(), settings.company.time_zone)
    if on > company_day(clock.now(), settings.company.time_zone):
        raise InputError(f"{on} has not come yet.", hint="Ask on a day up to today.")
    restricted = principal if principal is not None and principal.attributes else None
    answer = Interpreter(engine, catalogue, calendar, on, over=over, principal=restricted).interpret(question)
    if answer.query is None:
        return answer
    if answer.why and restricted is not None:
        return _declined(answer, "A change isn't explained to those who may see a part of it only.")
    try:
        result = _evaluated(answer.query, known_at, principal, settings, warehouse, catalogue)
        if answer.why:
            period = result.values[0].period
            change = _explained(answer.query, period, known_at, settings, warehouse, catalogue)
            return replace(answer, result=result, change=change, notes=(*answer.notes, *_otherwise(question, change)))
        if answer.top is None:
            return replace(answer, result=result)
        whole = replace(answer.query, by=())
        total = _evaluated(whole, known_at, principal, settings, warehouse, catalogue).value
    except InputError as error:
        # What was understood is a query that the data can't answer: before it begins, or of members without rows.
        return _declined(answer, f"{error.message} {error.hint or ''}".strip())
    return replace(answer, result=_cut(result, answer.top), total=total)


def _otherwise(question: str, change: ChangeExplanation) -> tuple[str, ...]:
    """That the change went the other way than the question takes for granted; nothing when it didn't."""
    taken = direction(token.word for token in tokenize(question, lexicon().spellings))
    if not taken or change.change is None or change.change * taken > 0:
        return ()
    way = "not up" if taken > 0 else "not down"
    return (f"against {against(change)} it is {way}: the change is {change.display}",)


def _declined(answer: Answer, reason: str) -> Answer:
    return replace(answer, status="declined", query=None, top=None, why=False, reason=reason)


def _explained(
    query: MetricQuery,
    period: Period,
    known_at: datetime | None,
    settings: Settings,
    warehouse: Engine | None,
    catalogue: Catalogue,
) -> ChangeExplanation:
    return explain_change(
        query.metric,
        period,
        query.compare[0],
        dimensions=query.by or None,
        filters=dict(query.filters),
        known_at=known_at,
        settings=settings,
        warehouse=warehouse,
        catalogue=catalogue,
    )


def _evaluated(
    query: MetricQuery,
    known_at: datetime | None,
    principal: Principal | None,
    settings: Settings,
    warehouse: Engine | None,
    catalogue: Catalogue,
) -> MetricResult:
    return metric(
        query.metric,
        by=query.by,
        grain=query.grain,
        compare=query.compare,
        day=query.day,
        filters=dict(query.filters),
        known_at=known_at,
        include_unfinished=query.include_unfinished,
        periods=query.periods,
        principal=principal,
        settings=settings,
        warehouse=warehouse,
        catalogue=catalogue,
    )


def _cut(result: MetricResult, top: Top) -> MetricResult:
    known = [value for value in result.values if value.value is not None]
    unknown = [value for value in result.values if value.value is None]

    def rank(value: MetricValue) -> tuple[object, tuple[tuple[str, str], ...]]:
        assert value.value is not None
        return (-value.value if top.largest else value.value, value.members)

    return replace(result, values=tuple([*sorted(known, key=rank), *unknown][: top.count]))
