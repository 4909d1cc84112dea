"""Numbers in words: cardinals, ordinals, fractions, multiples, shares, and zero or everything of a kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.lexicon import lexicon
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import Text

__all__ = ["blanked", "check_numbers", "numbers_in"]

_ENUMERATED: Final = re.compile(r"(?:^|[.!?:;]\s+|\n\s*)(?:first|second|third)(?=,)")
_ROMAN: Final = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_WORD: Final = re.compile(r"[a-z]+")
_NO_ROMAN: Final = frozenset({"mix"})


def blanked(text: str, *patterns: re.Pattern[str]) -> str:
    """The text with all that the patterns find blanked out; of the same length."""
    for pattern in patterns:
        text = pattern.sub(lambda match: "·" * len(match[0]), text)
    return text


def numbers_in(masked: str) -> Iterator[tuple[int, str]]:
    """Each number in words of a text in lower case, and where it stands."""
    words = lexicon()
    clear = blanked(masked, words.number_idioms, _ENUMERATED)
    for pattern in (words.number_phrases, words.counts_of_all):
        for match in pattern.finditer(clear):
            yield match.start(), match[0]
    for match in _WORD.finditer(clear):
        word = match[0]
        roman = len(word) > 1 and word not in _NO_ROMAN and _ROMAN.fullmatch(word)
        if roman or word in words.numbers:
            yield match.start(), word


def check_numbers(text: Text, material: Material) -> Iterator[Finding]:
    for at, found in numbers_in(text.masked):
        excerpt = text.prose[at : at + len(found)]
        message = "A number of the text's own, in words. Refer to a fact: {name}."
        yield Finding("number", at, text.paragraph(at), excerpt, message)
