"""The words that the check knows, read once from the files in `words/`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from sophia_kit.core.yaml_text import yaml_values
from sophia_kit.llm.grounding.material import Kind
from sophia_kit.llm.grounding.reading import phrase

__all__ = ["Claim", "DirectionWords", "Lexicon", "direction_words", "lexicon"]

Claim = Literal["up", "down", "flat", "good", "bad"]
CLAIMS: Final[tuple[Claim, ...]] = ("up", "down", "flat", "good", "bad")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Which words are English, which may begin a sentence, and which are numbers, dates or comparisons."""

    english: frozenset[str]
    capitals: frozenset[str]
    openers: frozenset[str]
    shortened: frozenset[str]
    number_idioms: re.Pattern[str]
    numbers: frozenset[str]
    number_phrases: re.Pattern[str]
    counts_of_all: re.Pattern[str]
    counted: frozenset[str]
    spans: frozenset[str]
    date_idioms: re.Pattern[str]
    dates: frozenset[str]
    date_phrases: re.Pattern[str]
    history: re.Pattern[str]
    comparisons: tuple[tuple[Kind, re.Pattern[str]], ...]


@dataclass(frozen=True, slots=True)
class DirectionWords:
    """What words claim of a direction.

    Attributes:
        firm: words that need a change among the facts that bears them out.
        soft: words that may not contradict the change they stand with.
        phrases: patterns of what says a direction, firmly, by more than one word.
        targeted: words that become firm beside a word for a target.
        before_target: words that say something of a target only shortly before it: a claim, and whether it is negated.
        sizes: words for a change that say that it has a size, and not which way it went.
        neutral: verbs before "to" and a value that don't say it either.
        opening: words that may stand beside a judgement that opens a sentence.
    """

    firm: dict[str, Claim]
    soft: dict[str, Claim]
    phrases: tuple[tuple[Claim, re.Pattern[str]], ...]
    targeted: frozenset[str]
    before_target: dict[str, tuple[Claim, bool]]
    splitting: frozenset[str]
    joining: frozenset[str]
    pronouns: frozenset[str]
    pointing: frozenset[str]
    going_on: frozenset[str]
    sizes: frozenset[str]
    neutral: frozenset[str]
    opening: frozenset[str]
    pace: frozenset[str]
    forecast: frozenset[str]
    forecast_phrases: re.Pattern[str]
    forecasts: re.Pattern[str]
    negators: frozenset[str]
    stoppers: frozenset[str]
    turns: re.Pattern[str]
    idle: re.Pattern[str]
    after: frozenset[str]
    after_phrases: re.Pattern[str]
    nouns: frozenset[str]
    idioms: re.Pattern[str]


@cache
def lexicon() -> Lexicon:
    """Reads 360 KB and compiles patterns: some 0.15 s of one core, the first time."""
    folder = files("sophia_kit.llm.grounding") / "words"
    raw = yaml_values((folder / "lexicon.yaml").read_text(encoding="utf-8"))
    words = raw["vocabulary"]
    english = frozenset((folder / "english.txt").read_text(encoding="ascii").split())
    directions = direction_words()
    english |= directions.firm.keys() | directions.soft.keys()
    english = (english | _set(words["openers"]) | _set(words["added"])) - _set(words["taken"])
    numbers, dates = raw["numbers"], raw["dates"]
    of_all, things = ("|".join(numbers[name].split()) for name in ("all", "things"))
    counted = rf"(?:most |(?:{of_all}) (?:of (?:the|our|its|their) )?(?:\w+ )?)(?:{things})"
    return Lexicon(
        english=english,
        capitals=_set(words["capitals"]),
        openers=(_set(words["openers"]) | _set(words["added"]) | _turned(english)) - _set(words["no_openers"]),
        shortened=_set(words["shortened"]),
        number_idioms=_any(numbers["idioms"]),
        numbers=_set(numbers["words"]),
        number_phrases=_any(numbers["phrases"]),
        counts_of_all=re.compile(r"(?<!\bof )(?<!\bnot )" + phrase(counted)),
        counted=_set(numbers["counted"]),
        spans=_set(numbers["spans"]),
        date_idioms=_any(dates["idioms"]),
        dates=_set(dates["words"]),
        date_phrases=_any(dates["phrases"]),
        history=_any(dates["history"]),
        comparisons=tuple((kind, re.compile(phrase(text))) for kind, text in raw["comparisons"].items()),
    )


@cache
def direction_words() -> DirectionWords:
    folder = files("sophia_kit.llm.grounding") / "words"
    raw: dict[str, Any] = yaml_values((folder / "directions.yaml").read_text(encoding="utf-8"))
    return DirectionWords(
        firm={word: claim for claim in CLAIMS for word in raw[claim]["firm"].split()},
        soft={word: claim for claim in CLAIMS for word in raw[claim]["soft"].split()},
        phrases=tuple((claim, _any(raw["phrases"][claim])) for claim in CLAIMS if claim in raw["phrases"]),
        targeted=_set(raw["targeted"]),
        before_target={
            word: claim for kind, claim in _DISTANCES.items() for word in raw["before_target"][kind].split()
        },
        splitting=_set(raw["splitting"]),
        joining=_set(raw["joining"]),
        pronouns=_set(raw["pronouns"]),
        pointing=_set(raw["pointing"]),
        going_on=_set(raw["going_on"]),
        sizes=_set(raw["sizes"]),
        neutral=_set(raw["neutral"]),
        opening=_set(raw["opening"]),
        pace=_set(raw["pace"]),
        forecast=_set(raw["forecast"]),
        forecast_phrases=_any(raw["forecast_phrases"]),
        forecasts=_any(raw["forecasts"]),
        negators=_set(raw["negators"]),
        stoppers=_set(raw["stoppers"]),
        turns=_any(raw["turns"]),
        idle=_any(raw["negators_idle"]),
        after=_set(raw["negators_after"]),
        after_phrases=_any(raw["after_phrases"]),
        nouns=_set(raw["nouns"]),
        idioms=_any(raw["idioms"]),
    )


_DISTANCES: Final[dict[str, tuple[Claim, bool]]] = {
    "met": ("down", True),
    "over": ("up", False),
    "under": ("down", False),
}


def _turned(english: frozenset[str]) -> frozenset[str]:
    """Words that are hardly ever names: adverbs and participles."""
    return frozenset(word for word in english if len(word) > 5 and word.endswith(("ly", "ing", "ed")))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _any(phrases: list[str]) -> re.Pattern[str]:
    """A pattern that finds any of the phrases; longer ones first."""
    return re.compile("|".join(phrase(item) for item in sorted(phrases, key=len, reverse=True)))
