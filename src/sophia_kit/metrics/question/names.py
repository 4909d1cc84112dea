"""Which metrics a question may be about: by their names and synonyms, or by what their descriptions say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sophia_kit.metrics.question.board import Board
from sophia_kit.metrics.question.lexicon import lexicon, stems
from sophia_kit.metrics.question.tokens import STOP, words

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition

__all__ = ["Match", "Names"]

_REACH = 8
"""How many words apart the words of one name may stand."""
_GRAM = 3
_NEAR_GRAMS = 0.35
"""What letters that words share count beside the words themselves."""


@dataclass(frozen=True, slots=True)
class Match:
    """A metric that a question names.

    Attributes:
        positions: the words that name it.
        score: 1 for a name as it stands; less where its words are scattered, or only its description fits.
        phrase: the name's words as concepts.
    """

    metric: str
    positions: frozenset[int]
    score: float
    phrase: tuple[str, ...]


class Names:
    """The names of a catalogue's metrics, as stems of concepts."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._phrases: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {}
        self._described: dict[str, frozenset[str]] = {}
        self.vocabulary: set[str] = set()
        documents: dict[str, Counter[str]] = {}
        for definition in catalogue:
            texts = names_of(definition)
            self._phrases[definition.name] = tuple(
                dict.fromkeys((_content(text), phrase) for text in texts if (phrase := concepts(text)))
            )
            told = " ".join([*texts, definition.description])
            self._described[definition.name] = frozenset(_content(told)) - lexicon().measures
            documents[definition.name] = _features([*concepts(" ".join(texts)), *concepts(told)])
            dimensions = [name.replace("_", " ") for name in definition.dimensions]
            self.vocabulary.update(word for text in (*texts, *dimensions) for word in words(text))
        self._vectors = _weighted(documents)

    def matches(self, board: Board) -> list[Match]:
        """Every way in which free words name a metric; the longest first."""
        have = {index: lexicon().concept(board.tokens[index].stem) for index in board.left()}
        present = set(have.values())
        found = [
            match
            for metric, phrases in self._phrases.items()
            for spelt, phrase in phrases
            if present.issuperset(phrase)
            for match in _placed(metric, spelt, phrase, have, board)
        ]
        return sorted(found, key=lambda match: (-len(match.positions), -match.score, match.metric))

    def described(self, metric: str) -> frozenset[str]:
        """The stems of a metric's names and description, without words that say what is measured: rate, amount."""
        return self._described[metric]

    def similar(self, asked: Sequence[str]) -> list[tuple[str, float]]:
        """Metrics by the likeness (0 to 1) of what they are called and described to these concepts; the likest first.

        Cosine of TF-IDF vectors of words and of their three-letter parts.
        """
        vector = _normalised({key: count * self._vectors.weight(key) for key, count in _features(asked).items()})
        ranked = [
            (metric, sum(vector.get(key, 0.0) * value for key, value in other.items()))
            for metric, other in self._vectors.vectors.items()
        ]
        return sorted(ranked, key=lambda item: (-item[1], item[0]))


def names_of(definition: Definition) -> list[str]:
    """What a metric is called: label, name, synonyms, and what lexicon.yaml adds."""
    added = lexicon().phrases.get(definition.name, ())
    return [definition.label.replace(":", " "), definition.name.replace("_", " "), *definition.synonyms, *added]


def concepts(text: str) -> tuple[str, ...]:
    """The concepts of a text's words, in order, without those that may stand between the words of a name."""
    return tuple(lexicon().concept(item) for item in _content(text))


def _content(text: str) -> tuple[str, ...]:
    return tuple(item for item in stems(text) if item not in STOP)


def _placed(
    metric: str, spelt: tuple[str, ...], phrase: tuple[str, ...], have: dict[int, str], board: Board
) -> Iterator[Match]:
    together = False
    literal = {board.tokens[index].stem for index in have}
    score = 1.0 if literal.issuperset(spelt) else lexicon().confidence["meant"]
    for start in have:
        positions = _in_order(phrase, start, have, board)
        if positions is not None:
            together = True
            yield Match(metric, frozenset(positions), score, phrase)
    if together or len(phrase) < 2:
        return
    wanted, positions = list(phrase), []
    for index, concept in have.items():
        if concept in wanted:
            wanted.remove(concept)
            positions.append(index)
    if wanted or positions[-1] - positions[0] > _REACH:
        return
    if len(phrase) > 2 or "and" not in (board.tokens[index].word for index in range(positions[0], positions[-1])):
        yield Match(metric, frozenset(positions), score * lexicon().confidence["scattered"], phrase)


def _between(board: Board, index: int, phrase: tuple[str, ...]) -> bool:
    """Whether a word may stand within a name. `Revenue and cost` are two things, whatever they name together."""
    word = board.tokens[index].word
    return word in STOP and (word != "and" or len(phrase) > 2)


def _in_order(phrase: tuple[str, ...], start: int, have: dict[int, str], board: Board) -> list[int] | None:
    """The positions of the phrase from `start` on, with the small words between."""
    positions: list[int] = []
    index = start
    for concept in phrase:
        while positions and index in have and have[index] != concept and _between(board, index, phrase):
            positions.append(index)
            index += 1
        if have.get(index) != concept:
            return None
        positions.append(index)
        index += 1
    return positions


def _features(of: Sequence[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word in of:
        found[word] += 1
        padded = f"^{word}$"
        for at in range(len(padded) - _GRAM + 1):
            found["#" + padded[at : at + _GRAM]] += 1
    return found


@dataclass(frozen=True, slots=True)
class _Vectors:
    vectors: dict[str, dict[str, float]]
    seen_in: Counter[str]
    count: int

    def weight(self, key: str) -> float:
        """Inverse document frequency, smoothed; less for parts of words."""
        rarity = math.log((1 + self.count) / (1 + self.seen_in[key])) + 1
        return rarity * (_NEAR_GRAMS if key.startswith("#") else 1.0)


def _weighted(documents: dict[str, Counter[str]]) -> _Vectors:
    seen_in = Counter(key for document in documents.values() for key in document)
    vectors = _Vectors({}, seen_in, len(documents))
    for metric, document in documents.items():
        vectors.vectors[metric] = _normalised({key: count * vectors.weight(key) for key, count in document.items()})
    return vectors


def _normalised(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values()))
    return {key: value / length for key, value in vector.items()} if length else {}
