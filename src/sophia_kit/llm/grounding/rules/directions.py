"""Directions: what is said to rise rose, and what is said to be better is; a fact says so, and it is the right one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sophia_kit.core.fact import Fact
from sophia_kit.llm.grounding.clauses import Clause, Saying, clauses_of
from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.lexicon import direction_words
from sophia_kit.llm.grounding.material import Kind, Material
from sophia_kit.llm.grounding.reading import Sentence, Text, Token
from sophia_kit.llm.grounding.rules.dates import kinds_said

__all__ = ["check_directions"]

_FUTURE: Final = frozenset({"will", "shall", "'ll"})


def check_directions(text: Text, material: Material) -> Iterator[Finding]:
    topic: Fact | None = None
    paragraph = 0
    for sentence in text.sentences:
        if sentence.paragraph != paragraph:
            topic, paragraph = None, sentence.paragraph
        reader = _Judge(text, sentence, material, topic)
        yield from reader.findings()
        topic = reader.topic


@dataclass(frozen=True, slots=True)
class _Placed:
    """A fact that a clause refers to, and the index of its token in the sentence."""

    fact: Fact
    index: int


class _Judge:
    """Judges one sentence. `topic` is the change that was spoken of last."""

    def __init__(self, text: Text, sentence: Sentence, material: Material, topic: Fact | None) -> None:
        self.text, self.sentence, self.material, self.topic = text, sentence, material, topic
        self.clauses = clauses_of(text, sentence)
        self.kinds = kinds_said(text, sentence)
        self.placed = [self._placed(clause) for clause in self.clauses]

    def findings(self) -> Iterator[Finding]:
        words = direction_words()
        for token in self.sentence.tokens:
            if token.kind != "word":
                continue
            if token.lower in words.pace:
                yield self._finding(token, "No fact says how the pace of a change has changed.")
            elif token.lower in _FUTURE or token.lower.endswith("'ll"):
                yield self._finding(token, "A forecast; facts are about what was.")
            elif token.lower == "respectively":
                yield self._finding(token, "Say of each number by itself which way it went.")
        begin, end = self.sentence.tokens[0].at, self.sentence.tokens[-1].end
        for match in words.forecasts.finditer(self.text.masked, begin, end):
            said = self.text.prose[match.start() : match.end()]
            message = "A forecast; facts are about what was."
            yield Finding("direction", match.start(), self.sentence.paragraph, said, message)
        for number, clause in enumerate(self.clauses):
            for saying in clause.sayings:
                if saying.forecast is not None:
                    yield self._finding(saying.token, f"A forecast ({saying.forecast!r}); facts are about what was.")
                elif found := self._judge(saying, number):
                    yield found
            yield from self._unspoken(number)
        for placed in self.placed:
            for item in placed:
                if self.material.moved(item.fact):
                    self.topic = item.fact

    def _placed(self, clause: Clause) -> list[_Placed]:
        return [
            _Placed(self.material.numbers[token.text], clause.first + place)
            for place, token in enumerate(clause.tokens)
            if token.kind == "reference" and token.text in self.material.numbers
        ]

    def _judge(self, saying: Saying, number: int) -> Finding | None:
        """Hold a word against the change it speaks of."""
        words = direction_words()
        near = saying.token.lower in words.before_target
        aimed = near or ("target" in self.kinds and saying.token.lower in words.targeted)
        firm = saying.firm or aimed
        facts = self._spoken_of(saying, number, aimed=aimed)
        if not facts:
            if not firm:
                return None
            return self._finding(saying.token, "No fact beside it bears this out. Refer to the change itself.")
        verdicts = {_borne_out(saying, fact) for fact in facts}
        if verdicts == {True}:
            return self._mismatch(saying, facts)
        fact = facts[0]
        if False in verdicts and True in verdicts:
            names = ", ".join(f"{{{item.name}}}" for item in facts)
            return self._finding(saying.token, f"It went both ways, depending on the base. Refer to one of {names}.")
        if False not in verdicts:
            if not firm:
                return None
            return self._finding(saying.token, f"{{{fact.name}}} doesn't say whether its change is welcome.")
        return self._finding(saying.token, _contradiction(saying, fact))

    def _mismatch(self, saying: Saying, facts: Iterable[Fact]) -> Finding | None:
        """A distance from a target is no movement."""
        for fact in facts:
            if self.material.kind(fact.name) == "target" and "target" not in self.kinds:
                message = f"{{{fact.name}}} is a distance from a target, and the sentence doesn't say so."
                return Finding("comparison", saying.token.at, self.sentence.paragraph, saying.token.text, message)
        return None

    def _spoken_of(self, saying: Saying, number: int, *, aimed: bool) -> list[Fact]:
        here = self.placed[number]
        if here:
            return self._of(saying, here, aimed=aimed, level=saying.firm or aimed)
        firm = saying.firm or aimed
        for other in self._neighbours(number):
            if not firm and (other < number or self.clauses[other].sayings):
                continue
            # What is said of a list is said of all of it.
            if all_moved := [item.fact for item in self.placed[other] if self.material.moved(item.fact)]:
                return all_moved
            if facts := self._of(saying, self.placed[other], aimed=aimed, level=firm and self._goes_on(other)):
                return facts
        if firm and self.topic is not None and self._points_back(self.clauses[number], saying):
            return [self.topic]
        return []

    def _of(self, saying: Saying, placed: list[_Placed], *, aimed: bool, level: bool) -> list[Fact]:
        """The changes that a word speaks of: the nearest beside it, or those of the nearest value."""
        moved = [item for item in placed if self.material.moved(item.fact)]
        if moved:
            return [_nearest(saying.index, moved).fact]
        if not level:
            return []
        value = _nearest(saying.index, placed).fact
        if value.value is None:
            return []
        changes = self.material.changes(value.name)
        told = [item.fact for items in self.placed for item in items if item.fact in changes]
        if told and not aimed:
            return told[:1]
        kinds: set[Kind | None] = {"target"} if aimed else {*self.kinds, None} - {"target"}
        if aimed or len(kinds) > 1:
            return [fact for fact in changes if self.material.kind(fact.name) in kinds]
        return [fact for fact in changes if self.material.kind(fact.name) != "target"]

    def _neighbours(self, number: int) -> list[int]:
        """Clauses about the same: those that add to this one, or speak of it as `it`; the next ones first."""
        others = [*range(number + 1, len(self.clauses)), *range(number - 1, -1, -1)]
        return [other for other in others if self.placed[other] and self._about_the_same(other)]

    def _about_the_same(self, number: int) -> bool:
        """Whether the clause says no direction of something else."""
        clause, words = self.clauses[number], direction_words()
        said = [token for token in clause.tokens if token.kind != "mark"]
        if said[0].lower in ("and", "but"):
            return len(said) > 1 and said[1].lower in words.pronouns
        if not clause.sayings or clause.tokens[0].text == ":" or clause.sayings[0].token is said[0]:
            return True
        return any(token.lower in words.pronouns for token in said)

    def _goes_on(self, number: int) -> bool:
        """Whether the clause has no subject of its own, so that its value is that of the clause before."""
        said = [token for token in self.clauses[number].tokens if token.kind != "mark"]
        words = direction_words()
        return (
            said[0].kind == "reference"
            or said[0].lower in words.going_on
            or any(token.lower in words.pronouns for token in said)
        )

    def _points_back(self, clause: Clause, saying: Saying) -> bool:
        before = clause.tokens[: saying.index - clause.first]
        return any(token.lower in direction_words().pointing for token in before[-3:])

    def _unspoken(self, number: int) -> Iterator[Finding]:
        """A change beside a word that speaks of another change has to agree with it, too."""
        sayings = [item for item in self.clauses[number].sayings if item.firm and item.claim in ("up", "down", "flat")]
        changes = [item for item in self.placed[number] if self.material.moved(item.fact)]
        if not sayings or len(changes) < 2:
            return
        for change in changes:
            saying = min(sayings, key=lambda item: (abs(item.index - change.index), item.index > change.index))
            if saying.forecast is None and _borne_out(saying, change.fact) is False:
                yield self._finding(saying.token, _contradiction(saying, change.fact))

    def _finding(self, token: Token, message: str) -> Finding:
        return Finding("direction", token.at, self.sentence.paragraph, token.text, message)


def _nearest(index: int, placed: list[_Placed]) -> _Placed:
    return min(placed, key=lambda item: (abs(item.index - index), item.index < index))


def _borne_out(saying: Saying, fact: Fact) -> bool | None:
    """Whether the fact bears the word out; None when it can't say whether its change is welcome."""
    if saying.claim in ("good", "bad"):
        if fact.direction == "flat":
            return saying.negated
        if fact.good is None:
            return None
        return (fact.good == (saying.claim == "good")) != saying.negated
    return fact.direction != "unknown" and (fact.direction == saying.claim) != saying.negated


def _contradiction(saying: Saying, fact: Fact) -> str:
    went = {"up": "went up", "down": "went down", "flat": "didn't change", "unknown": "is unknown"}[fact.direction]
    welcome = {True: ", which is welcome", False: ", which is unwelcome", None: ""}[fact.good]
    return f"It contradicts {{{fact.name}}}, which {went}{welcome}."
