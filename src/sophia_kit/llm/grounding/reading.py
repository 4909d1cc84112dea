"""A text as the check reads it: references, words and sentences, each with the place where it stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

__all__ = ["Sentence", "Text", "Token", "phrase"]

REFERENCE: Final = re.compile(r"\{([^{}\n]*)\}")
_TOKEN: Final = re.compile(r"\{[^{}\n]*\}|e\.g\.|i\.e\.|[A-Za-z]+(?:['’][A-Za-z]+)*|\n|[^\sA-Za-z]")
_ENDS: Final = frozenset(".?!\n")
_CLOSING: Final = frozenset(")\"'”’")
_ABBREVIATIONS: Final = frozenset({"vs", "etc"})

TokenKind = Literal["reference", "word", "mark"]


@dataclass(frozen=True, slots=True)
class Token:
    """A reference, a word or a mark. `text` is as written, of a reference the name alone; `lower` in lower case."""

    kind: TokenKind
    text: str
    lower: str
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens from a capital to a full stop, or to the end of the line. `paragraph` is 1-based."""

    tokens: tuple[Token, ...]
    paragraph: int


class Text:
    """The prose of a model.

    Attributes:
        prose: as it was written.
        masked: of the same length, in lower case, references blanked out, so that patterns find words alone.
    """

    def __init__(self, prose: str) -> None:
        self.prose = prose
        self.masked = REFERENCE.sub(lambda match: "{" + "_" * (len(match[0]) - 2) + "}", _lower(prose))
        self._breaks = [match.end() for match in re.finditer(r"\n\s*", prose.rstrip())]

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        found = []
        for match in _TOKEN.finditer(self.prose):
            text = match[0]
            if text[0] == "{" and len(text) > 1:
                found.append(Token("reference", text[1:-1], text[1:-1], match.start(), match.end()))
            else:
                kind: TokenKind = "word" if text[0].isalpha() else "mark"
                found.append(Token(kind, text, _lower(text).replace("’", "'"), match.start(), match.end()))
        return tuple(found)

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        found: list[Sentence] = []
        current: list[Token] = []
        tokens = self.tokens
        for index, token in enumerate(tokens):
            if current or token.text != "\n":
                current.append(token)
            if self._ends(index) and any(item.kind != "mark" for item in current):
                found.append(Sentence(tuple(current), self.paragraph(current[0].at)))
                current = []
        if any(item.kind != "mark" for item in current):
            found.append(Sentence(tuple(current), self.paragraph(current[0].at)))
        return tuple(found)

    def _ends(self, index: int) -> bool:
        token = self.tokens[index]
        if token.text == "\n":
            return True
        if token.text not in _ENDS and not (token.text in _CLOSING and index and self.tokens[index - 1].text in _ENDS):
            return False
        before = self.tokens[index - 1] if index else None
        if token.text == "." and before is not None and before.lower in _ABBREVIATIONS and before.end == token.at:
            return False
        after = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if after is None or after.text in _CLOSING or after.text in _ENDS - {"\n"}:
            return after is None
        return after.at > token.end

    def paragraph(self, at: int) -> int:
        """The 1-based number of the paragraph that the position stands in; each line is one."""
        return bisect_right(self._breaks, at) + 1


def _lower(text: str) -> str:
    """In lower case and of the same length; `str.lower` makes some letters two."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def phrase(words: str) -> str:
    """A pattern for the words, with blanks or hyphens between them; `words` may be a pattern itself."""
    gap = r"[\s\-‐-―]"
    spaced = words.replace(" ?", f"{gap}*").replace(" ", f"{gap}+").replace("'", "['’]")
    return rf"(?<![\w{{])(?:{spaced})(?!\w)"
