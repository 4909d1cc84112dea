"""A question read as a metric query, and how sure that reading is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sophia_kit.metrics.evaluation import COMPARISONS
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.question.board import Board, phrase
from sophia_kit.metrics.question.comparing import read_comparison, with_base
from sophia_kit.metrics.question.dimensions import Filters, phrases_of, read_dimensions, read_members, whole
from sophia_kit.metrics.question.lexicon import lexicon
from sophia_kit.metrics.question.names import Match, Names
from sophia_kit.metrics.question.periods import Asked, Problem, read_when, resolve
from sophia_kit.metrics.question.points import Now
from sophia_kit.metrics.question.ranking import Top, read_ranking

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.question.members import Members

__all__ = ["Reader", "Reading"]

_BREAK_DOWN = phrase(r"(?:break|broken|breaking|split)(?: \S+){0,4} (?:down|out|up)")
_WHY = phrase(
    r"why|what (?:explains|explained|drove|drives|is driving|is behind|led to|caused)|explain|how come|reasons? for"
)
_EXPLAINED = ("prior_period", "prior_year", "target")


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


@dataclass(slots=True)
class _Draft:
    """A reading while it is made."""

    board: Board
    definition: Definition
    confidence: float
    notes: list[str] = field(default_factory=list)

    def less(self, factor: str, times: int = 1) -> None:
        self.confidence *= lexicon().confidence[factor] ** times


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
        """What the question may be about when no metric is named in it: by what the descriptions say."""
        found = []
        for metric, likeness in self._likeness(board)[:3]:
            match = Match(metric, frozenset(), likeness, ())
            found.append(replace(self._read(board, match), confidence=0.0))
        return found

    def refusal(self, board: Board) -> str | None:
        """Why the question is refused whatever it is about; None when it isn't."""
        return _refusal(board, board.left())

    def _likeness(self, board: Board) -> list[tuple[str, float]]:
        asked = [lexicon().concept(board.tokens[index].stem) for index in board.left() if not _filler(board, index)]
        least = lexicon().confidence["suggest"]
        return [(metric, likeness) for metric, likeness in self._names.similar(asked) if likeness >= least]

    def _read(self, question: Board, match: Match) -> Reading:
        definition = self._catalogue.get(match.metric)
        board = question.fork()
        board.take(match.positions)
        draft = _Draft(board, definition, match.score)
        for positions, _ in list(board.find(_BREAK_DOWN)):
            board.take((positions.start, positions.stop - 1))
        indexes = {name: self._members.of(definition, name) for name in definition.dimensions}
        filters = read_members(board, indexes)
        draft.notes += filters.assumed
        draft.less("assumed", len(filters.assumed))
        draft.notes += [f"{name}: all but {', '.join(members)}" for name, members in filters.excluded.items()]
        compared = read_comparison(board, self._now)
        why = bool(compared.growth or compared.kinds) and board.take_first(_WHY) is not None
        when = read_when(board, self._now)
        phrases = phrases_of(definition)
        filters.soft.update(whole(board, phrases))
        ranked = read_ranking(board, definition, phrases)
        by = read_dimensions(board, phrases)
        unexplained, refusal = self._account(draft, filters)
        draft.less("unexplained", len(unexplained))
        problem: Problem | None = None
        kinds: tuple[str, ...] = ()
        related = with_base(when, compared, self._now)
        asked: Asked | Problem
        if isinstance(related, Problem):
            asked = related
        else:
            when, kinds, note = related
            if note is not None:
                draft.notes.append(note)
                draft.less("assumed")
            asked = resolve(when, definition.grains, self._now)
        if isinstance(asked, Problem):
            problem, asked = asked, asked.instead[0] if asked.instead else Asked(None, None)
        elif asked.note is not None:
            draft.notes.append(asked.note)
        top = None
        if ranked is not None:
            top = ranked.top
            if ranked.dimension is not None and ranked.dimension not in by:
                by = [*by, ranked.dimension]
            problem = problem or _rank_problem(ranked.problem, by, asked, growth=compared.growth)
        pairs = filters.pairs(indexes)
        if isinstance(pairs, str):
            problem, pairs = problem or Problem(pairs), ()
        if why and (len(kinds) != 1 or kinds[0] not in _EXPLAINED or top is not None or asked.count > 1):
            problem = problem or Problem("One change is explained: of a period, against another or a target.")
        for kind in kinds:
            if kind not in COMPARISONS:
                problem = problem or Problem(f"No comparison is called {kind.replace('_', ' ')}.")
        base = MetricQuery(
            definition.name,
            self._now.day,
            by=tuple(by),
            compare=tuple(kind for kind in COMPARISONS if kind in kinds),
            filters=pairs,
        )
        instead = tuple(self._dated(base, item) for item in problem.instead) if problem else ()
        return Reading(
            metric=definition.name,
            confidence=draft.confidence,
            query=None if problem else self._dated(base, asked),
            top=top,
            named=len(match.positions),
            first=min(match.positions, default=0),
            unexplained=tuple(board.tokens[index].raw for index in unexplained),
            refusal=refusal,
            notes=tuple(draft.notes),
            problem=problem,
            instead=instead,
            phrase=match.phrase,
            why=why,
        )

    def _dated(self, query: MetricQuery, asked: Asked) -> MetricQuery:
        day = self._now.day if asked.last is None else min(asked.last.end_inclusive, self._now.day)
        return replace(
            query,
            day=day,
            grain=asked.grain,
            periods=asked.count,
            include_unfinished=asked.include_unfinished,
        )

    def _account(self, draft: _Draft, filters: Filters) -> tuple[list[int], str | None]:
        """The words that are left unexplained, and why they are refused."""
        board, definition = draft.board, draft.definition
        left = [index for index in board.left() if index not in filters.soft]
        refusal = _refusal(board, left)
        nouns = lexicon().unit_nouns.get(definition.unit, frozenset())
        if definition.additive == "none":
            nouns |= lexicon().averaged_nouns
        described = self._names.described(definition.name)
        others = self._other_metrics(board, definition)
        unexplained = []
        for index in left:
            token = board.tokens[index]
            if _refused(board, index) is not None:
                unexplained.append(index)
            elif _filler(board, index) or token.stem in nouns:
                continue
            elif lexicon().concept(token.stem) in described and index not in others:
                draft.less("described")
            else:
                unexplained.append(index)
        return unexplained, refusal

    def _other_metrics(self, board: Board, definition: Definition) -> set[int]:
        """The positions that name another metric, counts of things aside: `payments` is a word, `revenue` a metric."""
        return {
            index
            for match in self._names.matches(board)
            if match.metric != definition.name and self._catalogue.get(match.metric).unit != "count"
            for index in match.positions
        }


def _rank_problem(problem: str | None, by: list[str], asked: Asked, *, growth: bool) -> Problem | None:
    if problem is not None:
        return Problem(problem)
    if growth:
        return Problem("It ranks by change; rows are ranked by their value only.")
    if asked.count > 1:
        return Problem("It ranks over several periods; one period is ranked.")
    if len(by) > 1:
        return Problem("It ranks by several dimensions; one is ranked.")
    return None


def _filler(board: Board, index: int) -> bool:
    token = board.tokens[index]
    return token.word in lexicon().fillers or token.raw in lexicon().fillers


def _refusal(board: Board, left: list[int]) -> str | None:
    return next((reason for index in left if (reason := _refused(board, index)) is not None), None)


def _refused(board: Board, index: int) -> str | None:
    """Why the phrase that begins at, or goes over, a word is refused."""
    for reason, phrases in lexicon().refusals:
        for said in phrases:
            for start in range(max(0, index - len(said) + 1), index + 1):
                if _stands(board, said, start):
                    return reason
    return None


def _stands(board: Board, said: tuple[str, ...], start: int) -> bool:
    if start + len(said) > len(board.tokens):
        return False
    return all(
        word in ("*", board.tokens[start + offset].word, board.tokens[start + offset].stem)
        and board.free(start + offset)
        for offset, word in enumerate(said)
    )
