"""A question read as a metric query, and how sure that reading is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sophia_kit.metrics.comparison import COMPARISONS
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.question.accounting import Account, account, is_filler, listing, refusal
from sophia_kit.metrics.question.board import Board, phrase
from sophia_kit.metrics.question.comparing import Compared, read_comparison, with_base
from sophia_kit.metrics.question.dimensions import Filters, naming, phrases_of, read_dimensions, read_members, whole
from sophia_kit.metrics.question.lexicon import lexicon
from sophia_kit.metrics.question.names import Match, Names
from sophia_kit.metrics.question.periods import Asked, Problem, When, read_when, resolve
from sophia_kit.metrics.question.points import Now
from sophia_kit.metrics.question.ranking import Ranked, Top, read_ranking
from sophia_kit.metrics.value import ComparisonKind

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.question.members import Members

__all__ = ["Reader", "Reading"]

_BREAK_DOWN = phrase(r"(?:break|broken|breaking|split)(?: \S+){0,4} (?:down|out|up)")
_WHY = phrase(
    r"why|what (?:explains|explained|drove|drives|is driving|is behind|led to|caused)|explain|how come|reasons? for"
)
_PART_OF: dict[ComparisonKind, ComparisonKind] = {"prior_period": "to_date", "prior_year": "prior_year_to_date"}
"""A part of a period is compared with as much of another."""
_EXPLAINED = ("prior_period", "prior_year", "target")
_AT_END = ("point_in_time", "cohort", "cumulative")
"""Kinds whose value of a month is that of its last day."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a question.

    Attributes:
        metric: the metric it is about.
        confidence: 0 to 1: how much of the question is accounted for, and how surely.
        query: None where it can't be made; `problem` then says why.
        named: how many words name the metric; `first` is where they begin.
        unexplained: the words that nothing accounts for, as they were typed.
        refusal: why such words are refused; None when they aren't.
        notes: what was assumed, for the reader.
        instead: queries that would be near.
        phrase: the words of the metric's name that were found, as concepts.
        why: whether it asks for an explanation of the change.
    """

    metric: str
    confidence: float
    query: MetricQuery | None
    top: Top | None = None
    named: int = 0
    first: int = 0
    unexplained: tuple[str, ...] = ()
    refusal: str | None = None
    notes: tuple[str, ...] = ()
    problem: Problem | None = None
    instead: tuple[MetricQuery, ...] = ()
    phrase: tuple[str, ...] = ()
    why: bool = False


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was found in a question beside its metric."""

    filters: Filters
    pairs: tuple[tuple[str, tuple[str, ...]], ...] | str
    compared: Compared
    when: When
    ranked: Ranked | None
    by: tuple[str, ...]
    why: bool
    left: Account


class Reader:
    """Reads questions against one catalogue and one engine's members, at one moment."""

    def __init__(self, catalogue: Catalogue, names: Names, members: Members, now: Now) -> None:
        self._catalogue, self._names, self._members, self._now = catalogue, names, members, now

    def readings(self, board: Board) -> list[Reading]:
        """Every metric that the question may be about, each as well as it can be read; the surest first."""
        best: dict[str, Reading] = {}
        for match in self._names.matches(board):
            reading = self._read(board, match)
            kept = best.get(match.metric)
            if kept is None or (reading.confidence, reading.named) > (kept.confidence, kept.named):
                best[match.metric] = reading
        return sorted(best.values(), key=lambda item: (-item.confidence, -item.named, item.first, item.metric))

    def by_description(self, board: Board) -> list[Reading]:
        """What the question may be about when it names no metric: by the likeness of names and descriptions."""
        asked = [lexicon().concept(board.tokens[index].stem) for index in board.left() if not is_filler(board, index)]
        least = lexicon().confidence["suggest"]
        near = [metric for metric, likeness in self._names.similar(asked)[:3] if likeness >= least]
        return [replace(self._read(board, Match(name, frozenset(), 0.0, ())), confidence=0.0) for name in near]

    def refusal(self, board: Board) -> str | None:
        """Why the question is refused whatever it is about; None when it isn't."""
        return refusal(board)

    def _read(self, question: Board, match: Match) -> Reading:
        definition = self._catalogue.get(match.metric)
        board = question.fork()
        board.take(match.positions)
        parts = self._parts(board, definition, match)
        related = with_base(parts.when, parts.compared, self._now)
        kinds: tuple[ComparisonKind, ...] = ()
        assumed = list(parts.filters.assumed)
        asked: Asked | Problem
        if isinstance(related, Problem):
            asked = related
        else:
            when, kinds, note = related
            assumed += [note] if note else []
            asked = resolve(when, definition.grains, self._now, at_end=definition.kind in _AT_END)
        timed = asked if isinstance(asked, Asked) else asked.instead[0] if asked.instead else Asked(None, None)
        if timed.include_unfinished:
            kinds = tuple(_PART_OF.get(kind, kind) for kind in kinds)
        problem = asked if isinstance(asked, Problem) else _problem(parts, kinds, timed)
        ranked, by = parts.ranked, parts.by
        if ranked is not None and ranked.dimension is not None and ranked.dimension not in by:
            by = (*by, ranked.dimension)
        query = MetricQuery(
            definition.name,
            self._now.day,
            by=by,
            compare=tuple(kind for kind in COMPARISONS if kind in kinds),
            filters=parts.pairs if isinstance(parts.pairs, tuple) else (),
        )
        excluded = [f"{name}: all but {', '.join(members)}" for name, members in parts.filters.excluded.items()]
        return Reading(
            metric=definition.name,
            confidence=_confidence(match, parts.left, len(assumed)),
            query=None if problem else self._dated(query, timed),
            top=ranked.top if ranked is not None else None,
            named=len(match.positions),
            first=min(match.positions, default=0),
            unexplained=tuple(board.tokens[index].raw for index in parts.left.unexplained),
            refusal=parts.left.refusal,
            notes=(*assumed, *excluded, *([timed.note] if timed.note else [])),
            problem=problem,
            instead=tuple(self._dated(query, item) for item in problem.instead) if problem else (),
            phrase=match.phrase,
            why=parts.why,
        )

    def _parts(self, board: Board, definition: Definition, match: Match) -> _Parts:
        """Take everything off the board, in the order in which one thing is surer than the next."""
        asks_for_rows = listing(board, match.positions)
        for positions, _ in list(board.find(_BREAK_DOWN)):
            board.take((positions.start, positions.stop - 1))
        indexes = {name: self._members.of(definition, name) for name in definition.dimensions}
        filters = read_members(board, indexes, self._other_metrics(board, definition))
        compared = read_comparison(board, self._now)
        why = bool(compared.growth or compared.kinds) and board.take_first(_WHY) is not None
        when = read_when(board, self._now)
        phrases = phrases_of(definition)
        soft = filters.soft | whole(board, phrases)
        ranked = read_ranking(board, definition, phrases)
        by = tuple(dict.fromkeys([*read_dimensions(board, phrases), *filters.apart]))
        soft |= naming(board, phrases, by)
        elsewhere = self._other_metrics(board, definition) | naming(board, phrases, tuple(definition.dimensions))
        soft |= _announced(board, match) - elsewhere
        left = account(board, definition, soft, self._names.described(definition.name), elsewhere)
        if asks_for_rows is not None and ranked is None:
            left = replace(left, unexplained=(asks_for_rows, *left.unexplained))
        return _Parts(filters, filters.pairs(indexes), compared, when, ranked, by, why, left)

    def _dated(self, query: MetricQuery, asked: Asked) -> MetricQuery:
        return replace(
            query,
            day=self._now.day if asked.last is None else min(asked.last.end_inclusive, self._now.day),
            grain=asked.grain,
            periods=asked.count,
            include_unfinished=asked.include_unfinished,
        )

    def _other_metrics(self, board: Board, definition: Definition) -> set[int]:
        """The positions that name another metric, counts of things aside: `payments` is a word, `revenue` a metric."""
        return {
            index
            for match in self._names.matches(board)
            if match.metric != definition.name and self._catalogue.get(match.metric).unit != "count"
            for index in match.positions
        }


def _announced(board: Board, match: Match) -> set[int]:
    """Words of the metric's name that come before it: `Why do payments fail? Failed payments by reason`."""
    first = min(match.positions, default=0)
    return {
        index for index in board.left() if index < first and lexicon().concept(board.tokens[index].stem) in match.phrase
    }


def _confidence(match: Match, left: Account, assumed: int) -> float:
    factors = lexicon().confidence
    return (
        match.score
        * factors["unexplained"] ** len(left.unexplained)
        * factors["described"] ** left.described
        * factors["assumed"] ** assumed
    )


def _problem(parts: _Parts, kinds: tuple[ComparisonKind, ...], asked: Asked) -> Problem | None:
    """Why these parts make no query; None when they make one."""
    ranked = parts.ranked
    if isinstance(parts.pairs, str):
        return Problem(parts.pairs)
    if ranked is not None:
        if ranked.problem is not None:
            return Problem(ranked.problem)
        if parts.compared.growth:
            return Problem("It ranks by change; rows are ranked by their value only.")
        if asked.count > 1:
            return Problem("It ranks over several periods; one period is ranked.")
        if set(parts.by) - {ranked.dimension}:
            return Problem("It ranks by several dimensions; one is ranked.")
    if parts.why and (len(kinds) != 1 or kinds[0] not in _EXPLAINED or ranked is not None or asked.count > 1):
        return Problem("One change is explained: of a period, against another or a target.")
    return None
