"""A question as words: folded, split, spelt one way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["STOP", "Token", "fold", "stem", "tokenize", "words"]

STOP = frozenset({"of", "the", "a", "an", "in", "on", "for", "to", "our", "we", "is", "are", "and"})
"""Words that may stand between the words of a name."""

_TOKEN = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{4}-\d{2}\b|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{1,3}(?:,\d{3})+|\d+\.\d+|[^\W_]+(?:\.(?=\s|$))?|[^\w\s]"
)
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_SPAN = rf"(?:q[1-4]|(?:{_MONTHS})[a-z]*)"
_PRONOUN = re.compile(
    r"\b(costs?|charged?|charges|gives?|tells?|shows?|lets?|gets?|helps?|pays?|owes?|takes?|brings?|leaves?|makes?)"
    r" us\b"
)
"""Elsewhere `us` is the country."""
_SILENT = frozenset(",.?!:\"()&’'-–—$/")
_MONTH_ENDS = ("ss", "us", "is")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the question.

    Attributes:
        raw: as it was typed, folded to lower case.
        word: spelt as the lexicon spells it; numbers in digits.
        stem: without its ending; what names are compared by.
    """

    raw: str
    word: str
    stem: str


def fold(text: str) -> str:
    """Lower case, without accents, with plain quotes and dashes."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").replace("–", "-").replace("—", "-"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()


def words(text: str) -> list[str]:
    """The words of a name or a question, and the signs that aren't punctuation."""
    plain = _PRONOUN.sub(r"\1", re.sub(r"\bu\.s\.(?:a\.)?", "usa", fold(text)))
    plain = re.sub(rf"\b({_SPAN})\s*-\s*({_SPAN})\b", r"\1 to \2", plain)
    plain = re.sub(r"\s&\s", " and ", plain)
    plain = re.sub(r"\b([a-z])/\1\b", r"\1o\1", plain)  # y/y, q/q
    plain = re.sub(r"(?<=[a-z])'(?:s|re|ve|ll|d|m)\b", _contraction, plain)
    plain = re.sub(r"(?<=[a-z])n't\b", " not", plain)
    plain = re.sub(r"(?<=[\s(])'(\d\d)\b", r"20\1", plain)
    plain = re.sub(r"(?<=[a-z])/(?=[a-z])", " per ", plain)
    return [found for found in _TOKEN.findall(plain.replace("_", " ")) if found not in _SILENT]


def _contraction(match: re.Match[str]) -> str:
    return {"'s": " is", "'re": " are", "'ll": " will", "'d": " would", "'m": " am", "'ve": " have"}[match[0]]


def tokenize(text: str, spellings: Mapping[str, str]) -> list[Token]:
    """The question's words, each in one spelling."""
    found = []
    for raw in words(text):
        word = raw.rstrip(".")
        word = spellings.get(word, word)
        found += [Token(raw, part, stem(part)) for part in word.split()]
    return found


def stem(word: str) -> str:
    """The word without its ending: plural, -ed, -ing, -al; short words stay."""
    if not word.isalpha() or len(word) < 4 or word.endswith(_MONTH_ENDS):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    if word.endswith("s"):
        return stem(word[:-1]) if len(word) > 4 else word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            base = word[: -len(ending)]
            if base[-1] == base[-2] and base[-1] not in "lsz":
                return base[:-1]
            return base.removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word
