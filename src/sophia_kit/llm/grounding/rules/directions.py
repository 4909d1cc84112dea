"""Directions: what is said to rise rose, and what is said to be better is; a fact says so, and it is the right one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sophia_kit.core.fact import Fact
from sophia_kit.llm.grounding.clauses import Clause, Saying, clauses_of
from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.lexicon import direction_words, lexicon
from sophia_kit.llm.grounding.material import Kind, Material
from sophia_kit.llm.grounding.reading import Sentence, Text, Token
from sophia_kit.llm.grounding.rules.dates import kinds_said

__all__ = ["check_directions"]

_GIVING: Final = frozenset({"of", "is", "was", "at", "by"})
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
        yield from self._unsigned()
        yield from self._arrivals()
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
        aimed = near or (saying.token.lower in words.targeted and self._aims(number))
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
        here, firm = self.placed[number], saying.firm or aimed
        if here and ((facts := self._of(saying, here, aimed=aimed, level=firm)) or firm):
            return facts
        if self._opens(saying, number) and (moved := self._moved(number + 1)):
            return moved[:1]
        for other in self._neighbours(number):
            # What is said softly is said of what follows, up to the next word of direction.
            if not firm and (other < number or any(one.sayings for one in self.clauses[number + 1 : other + 1])):
                continue
            if other < number and any(token.lower == "both" for token in self.sentence.tokens):
                return [fact for before in range(number) for fact in self._moved(before)]
            goes_on = self._goes_on(other) or (other == number - 1 and self.clauses[number].continues)
            # What is said of a list is said of all of it.
            if all_moved := self._moved(other):
                return all_moved
            if facts := self._of(saying, self.placed[other], aimed=aimed, level=firm and goes_on):
                return facts
        if firm and self.topic is not None and self._points_back(self.clauses[number], saying):
            return [self.topic]
        return []

    def _aims(self, number: int) -> bool:
        """Whether the clause speaks of a target: it names one, or the sentence does and it has no other change."""
        if "target" not in self.kinds or not self._moved(number):
            return "target" in self.kinds
        tokens = self.clauses[number].tokens
        return bool(dict(lexicon().comparisons)["target"].search(self.text.masked, tokens[0].at, tokens[-1].end))

    def _moved(self, number: int) -> list[Fact]:
        """The changes that the clause refers to; none when there is no such clause."""
        placed = self.placed[number] if number < len(self.placed) else []
        return [item.fact for item in placed if self.material.moved(item.fact)]

    def _opens(self, saying: Saying, number: int) -> bool:
        """Whether the clause is but an opening that judges what follows: "unfortunately", "on the positive side"."""
        said = {
            token.lower for token in self.clauses[number].tokens if token.kind == "word" and token is not saying.token
        }
        return saying.claim in ("good", "bad") and not saying.firm and said <= direction_words().opening

    def _of(self, saying: Saying, placed: list[_Placed], *, aimed: bool, level: bool) -> list[Fact]:
        """The changes that a word speaks of: the nearest beside it, or those of the nearest value."""
        moved = [item for item in placed if self.material.moved(item.fact)]
        if aimed:
            moved = [item for item in moved if self.material.kind(item.fact.name) in ("target", None)]
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
        if said[0].lower == "with" and len(said) > 1 and said[1].lower in ("a", "an"):
            return True
        if _restates(clause):
            return True
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

    def _unsigned(self) -> Iterator[Finding]:
        """The size of a change has no sign: a word that the check knows has to say which way it went."""
        tokens, words = self.sentence.tokens, direction_words()
        if any(clause.sayings for clause in self.clauses) or any(token.lower in words.sizes for token in tokens):
            return
        for item in (item for items in self.placed for item in items):
            if item.fact.name.endswith(".size") and item.fact.direction in ("up", "down"):
                told = f"{{{item.fact.name}}}"
                message = f"{told} has no sign: say with a plain word, such as up or down, which way it went."
                yield Finding("direction", tokens[item.index].at, self.sentence.paragraph, told, message)

    def _arrivals(self) -> Iterator[Finding]:
        """A verb that brings a value to what it is says a direction, and has to be one that the check knows."""
        tokens, words = self.sentence.tokens, direction_words()
        for item in (item for items in self.placed for item in items):
            verb, to = tokens[max(item.index - 2, 0)], tokens[max(item.index - 1, 0)]
            if to.lower != "to" or not verb.lower.endswith("ed") or verb.lower in words.neutral:
                continue
            if self.material.changes(item.fact.name) and not any(
                verb is one.token for c in self.clauses for one in c.sayings
            ):
                yield self._finding(verb, "Say with a plain word, such as rose or fell, which way it went.")

    def _finding(self, token: Token, message: str) -> Finding:
        return Finding("direction", token.at, self.sentence.paragraph, token.text, message)


def _restates(clause: Clause) -> bool:
    """Whether the clause only gives the size of what was said: "the shortfall is ...", "a decline of ..."."""
    said = [token for token in clause.tokens if token.kind != "mark"]
    if len(said) < 3 or said[0].lower not in ("the", "a", "an") or not clause.sayings:
        return False
    after = said[3] if said[2].lower in _GIVING and len(said) > 3 else said[2]
    return clause.sayings[0].token is said[1] and after.kind == "reference"


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
