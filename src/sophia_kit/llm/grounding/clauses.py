"""Clauses of a sentence, and the words in them that say which way a number went."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sophia_kit.llm.grounding.lexicon import Claim, DirectionWords, direction_words, lexicon
from sophia_kit.llm.grounding.reading import Sentence, Text, Token

__all__ = ["Clause", "Saying", "clauses_of"]

_MARKS = frozenset(",;:()—–…")
_CARRYING = frozenset({"or", "nor"})
_NEAR = 4
_PASSIVE = frozenset({"was", "were", "is", "are", "been", "being"})


@dataclass(frozen=True, slots=True)
class Saying:
    """A word of direction.

    Attributes:
        index: of its token in the sentence.
        firm: whether it needs a fact that bears it out.
        negated: whether it is turned round, by a negation before it or an end after it.
        forecast: the word before it that makes a forecast of it, or None.
    """

    token: Token
    index: int
    claim: Claim
    firm: bool
    negated: bool
    forecast: str | None


@dataclass(frozen=True, slots=True)
class Clause:
    """Part of a sentence; `first` is the index of its first token in the sentence."""

    tokens: tuple[Token, ...]
    first: int
    sayings: tuple[Saying, ...]

    @property
    def continues(self) -> bool:
        """Whether it begins with its word for no change, and so speaks of what stands before it: "the same as"."""
        first = next((token for token in self.tokens if token.kind != "mark"), None)
        return any(saying.token is first and saying.claim == "flat" for saying in self.sayings)


def clauses_of(text: Text, sentence: Sentence) -> tuple[Clause, ...]:
    """The clauses of the sentence, so that a word and the reference it speaks of stand in one."""
    return _Reader(text, sentence).clauses()


class _Reader:
    def __init__(self, text: Text, sentence: Sentence) -> None:
        self.words: DirectionWords = direction_words()
        self.tokens = sentence.tokens
        begin, end = self.tokens[0].at, self.tokens[-1].end
        masked = text.masked
        self.idle = _spans(self.words.idioms, masked, begin, end)
        self.no_negators = _spans(self.words.idle, masked, begin, end)
        self.turns = _spans(self.words.turns, masked, begin, end)
        self.phrases = [
            (claim, span) for claim, pattern in self.words.phrases for span in _spans(pattern, masked, begin, end)
        ]
        self.targets = _spans(dict(lexicon().comparisons)["target"], masked, begin, end)
        self.promised = _spans(self.words.forecast_phrases, masked, begin, end)
        self.after = _spans(self.words.after_phrases, masked, begin, end)

    def clauses(self) -> tuple[Clause, ...]:
        found: list[Clause] = []
        carried = dangling = 0
        for begin, end in self._joined():
            # "did not rise or fall" negates both; "did not, as feared, fall" negates what comes after.
            before = carried if self.tokens[begin].lower in _CARRYING else dangling
            sayings, carried, negators = self._sayings(begin, end, before)
            dangling = 0 if sayings else max(dangling, negators)
            found.append(Clause(self.tokens[begin:end], begin, tuple(sayings)))
        return tuple(found)

    def _pieces(self, splitting: frozenset[str]) -> list[tuple[int, int]]:
        cuts = [0]
        for index, token in enumerate(self.tokens):
            within = any(begin <= token.at < end for begin, end in self.turns)
            if index and not within and (token.text in _MARKS or token.lower in splitting):
                cuts.append(index)
        return list(zip(cuts, [*cuts[1:], len(self.tokens)], strict=True))

    def _joined(self) -> list[tuple[int, int]]:
        """Split at `and` only where both sides say a direction."""
        found: list[tuple[int, int]] = []
        for begin, end in self._pieces(self.words.splitting | self.words.joining):
            joins = found and self.tokens[begin].lower in self.words.joining
            if joins and not (self._says(begin, end) and self._says(*found[-1])):
                found[-1] = (found[-1][0], end)
            else:
                found.append((begin, end))
        return found

    def _says(self, begin: int, end: int) -> bool:
        return any(self._claim(index) for index in range(begin, end))

    def _claim(self, index: int) -> tuple[Claim, bool, bool] | None:
        """What the word claims, whether it is firm, and whether it is a denial by itself."""
        token = self.tokens[index]
        if token.kind != "word" or _within(token, self.idle):
            return None
        for said, (begin, end) in self.phrases:
            if begin <= token.at < end:
                return (said, True, False) if token.at == begin else None
        lower = token.lower
        if lower in self.words.firm:
            return self.words.firm[lower], True, False
        if lower in self.words.soft:
            return self.words.soft[lower], False, False
        if lower in self.words.before_target:
            claim, denied = self.words.before_target[lower]
            if self._aims(index) or (denied and self._was_aimed_at(index)):
                return claim, True, denied
        return None

    def _aims(self, index: int) -> bool:
        """Whether a word for a target follows, with nothing but a word or two between."""
        for token in self.tokens[index + 1 : index + _NEAR]:
            if token.kind != "word":
                return False
            if _within(token, self.targets):
                return True
        return False

    def _was_aimed_at(self, index: int) -> bool:
        """Whether a word for a target stands shortly before it as its object: "the plan was met"."""
        before = self.tokens[max(index - _NEAR, 0) : index]
        passive = bool(before) and before[-1].lower in _PASSIVE
        return passive and any(token.kind == "word" and _within(token, self.targets) for token in before)

    def _sayings(self, begin: int, end: int, negators: int) -> tuple[list[Saying], int, int]:
        """What the clause says, the negations of its last word, and those at its very end that negate nothing in it."""
        found: list[Saying] = []
        since, last = begin, 0
        for index in range(begin, end):
            claim = self._claim(index)
            if claim is None:
                negators += self._negates(index)
                continue
            turned = negators + claim[2] + self._stopped(since, index) + self._ended(index, end)
            forecast = self._forecast(begin, index)
            found.append(Saying(self.tokens[index], index, claim[0], claim[1], turned % 2 == 1, forecast))
            last, negators, since = negators, 0, index + 1
        return found, last, self._negates(end - 1)

    def _negates(self, index: int) -> int:
        token = self.tokens[index]
        if token.kind != "word" or _within(token, [*self.no_negators, *(span for _, span in self.phrases)]):
            return 0
        if any(token.at == begin for begin, _ in self.turns):
            return 1
        if _within(token, self.turns):
            return 0
        return int(token.lower in self.words.negators or token.lower.endswith("n't"))

    def _stopped(self, since: int, index: int) -> int:
        """Whether the word is a noun or an -ing form that a verb of ending stands before."""
        lower = self.tokens[index].lower
        if not (lower in self.words.nouns or lower.endswith("ing")):
            return 0
        before = self.tokens[max(since, index - _NEAR) : index]
        return int(any(token.kind == "word" and token.lower in self.words.stoppers for token in before))

    def _ended(self, index: int, end: int) -> int:
        """Whether the word is a noun whose end is told after it."""
        if self.tokens[index].lower not in self.words.nouns:
            return 0
        for later in range(index + 1, end):
            token = self.tokens[later]
            if self._claim(later):
                return 0
            if token.lower in self.words.after or any(token.at == begin for begin, _ in self.after):
                return 1
        return 0

    def _forecast(self, begin: int, index: int) -> str | None:
        # "expects revenue of all its customers to rise": before `to` a forecast may stand at any distance.
        far = index > begin and self.tokens[index - 1].lower == "to"
        near = self.tokens[begin if far else max(begin, index - _NEAR) : index]
        said = (token for token in reversed(near) if token.kind == "word")
        return next((t.text for t in said if t.lower in self.words.forecast or _within(t, self.promised)), None)


def _spans(pattern: re.Pattern[str], masked: str, begin: int, end: int) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(masked, begin, end)]


def _within(token: Token, spans: list[tuple[int, int]]) -> bool:
    return any(begin <= token.at < end for begin, end in spans)
