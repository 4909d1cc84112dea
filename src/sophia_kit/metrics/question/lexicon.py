"""How people say things: the data of lexicon.yaml, in the forms that reading needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from sophia_kit.core.yaml_text import yaml_values
from sophia_kit.metrics.question.tokens import stem, words

__all__ = ["Lexicon", "lexicon", "stems"]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The data of lexicon.yaml; its words as stems.

    Attributes:
        confidence: thresholds and factors between 0 and 1, by name.
        spellings: a word as it is typed to one or several as they are read.
        concepts: a stem to the stem that is read in its place.
        refusals: a reason and the phrases (tuples of words, `*` for any) that lead to it, in order of precedence.
        refusals_by_word: by the first word of a phrase: its precedence, the reason, and the phrase.
        dimension_words: a dimension to the phrases (tuples of stems) it is called by.
        dimension_nouns: a dimension to the stems that may stand beside one of its members.
        member_names: a dimension to other names of its members: phrase (tuple of stems) to member.
    """

    confidence: dict[str, float]
    spellings: dict[str, str]
    concepts: dict[str, str]
    fillers: frozenset[str]
    unit_nouns: dict[str, frozenset[str]]
    averaged_nouns: frozenset[str]
    phrases: dict[str, tuple[str, ...]]
    ambiguous: dict[tuple[str, ...], tuple[str, ...]]
    dimension_words: dict[str, tuple[tuple[str, ...], ...]]
    dimension_nouns: dict[str, frozenset[str]]
    member_names: dict[str, dict[tuple[str, ...], str]]
    everyday_members: frozenset[str]
    known_words: frozenset[str]
    refusals: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    refusals_by_word: dict[str, list[tuple[int, str, tuple[str, ...]]]]

    def concept(self, of: str) -> str:
        """The stem of the concept that a stem belongs to; itself when it belongs to none."""
        return self.concepts.get(of, of)

    @property
    def measures(self) -> frozenset[str]:
        """The stems that say what kind of number is meant: rate, amount, average."""
        return frozenset().union(*self.unit_nouns.values(), self.averaged_nouns, {stem("mean")})

    def words(self) -> frozenset[str]:
        """Every word that the lexicon knows, to tell misspelt words from known ones."""
        found = {*self.spellings, *self.fillers, *self.known_words, *self.everyday_members}
        found |= {part for text in self.spellings.values() for part in text.split()}
        found |= {word for phrases in self.phrases.values() for text in phrases for word in words(text)}
        found |= {word for phrases in self.dimension_words.values() for phrase in phrases for word in phrase}
        found |= {word for nouns in (*self.dimension_nouns.values(), *self.unit_nouns.values()) for word in nouns}
        found |= {word for names in self.member_names.values() for phrase in names for word in phrase}
        found |= {*self.concepts, *self.concepts.values()}
        found |= {word for _, phrases in self.refusals for phrase in phrases for word in phrase}
        return frozenset(found)


def stems(text: str) -> tuple[str, ...]:
    """The stems of a phrase."""
    return tuple(stem(part) for word in words(text) for part in lexicon().spellings.get(word, word).split())


@cache
def lexicon() -> Lexicon:
    content = yaml_values((resources.files("sophia_kit.metrics.question") / "lexicon.yaml").read_text(encoding="utf-8"))
    spellings = content["spellings"]

    def read(text: str) -> tuple[str, ...]:
        return tuple(stem(part) for word in words(text) for part in spellings.get(word, word).split())

    dimensions = content["dimensions"]
    refusals = tuple(
        (item["reason"], tuple(tuple(str(text).split()) for text in item["words"])) for item in content["refusals"]
    )
    by_word: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}
    for order, (reason, phrases) in enumerate(refusals):
        for said in phrases:
            by_word.setdefault(said[0], []).append((order, reason, said))
    return Lexicon(
        confidence=content["confidence"],
        spellings=spellings,
        concepts={stem(word): stem(head) for head, others in content["concepts"].items() for word in (head, *others)},
        fillers=frozenset(content["fillers"].split()),
        unit_nouns={unit: frozenset(map(stem, nouns)) for unit, nouns in content["unit_nouns"].items()},
        averaged_nouns=frozenset(map(stem, content["averaged_nouns"])),
        phrases={name: tuple(phrases) for name, phrases in content["phrases"].items()},
        ambiguous={read(text): tuple(names) for text, names in content["ambiguous"].items()},
        dimension_words={name: tuple(map(read, of["words"])) for name, of in dimensions.items()},
        dimension_nouns={name: frozenset(map(stem, of["nouns"])) for name, of in dimensions.items()},
        member_names={
            dimension: {read(text): member for member, names in of.items() for text in names}
            for dimension, of in content["members"].items()
        },
        everyday_members=frozenset(content["everyday_members"]),
        known_words=frozenset(content["known_words"].split()),
        refusals=refusals,
        refusals_by_word=by_word,
    )
