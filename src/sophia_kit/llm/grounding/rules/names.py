"""Names: what isn't a common English word could be a customer, a product or a person, and has to be a reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.lexicon import lexicon
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import Text, Token

__all__ = ["check_names"]

_TAILS: Final = frozenset({"s", "t", "re", "ve", "ll", "d"})
_ABBREVIATIONS: Final = frozenset({"e.g.", "i.e."})
_OPENING: Final = frozenset("\"'“‘(")


def check_names(text: Text, material: Material) -> Iterator[Finding]:
    named: list[tuple[int, int]] = []
    for match in _names(material.names).finditer(text.prose) if material.names else ():
        if not any(token.at <= match.start() < token.end for token in text.tokens if token.kind == "reference"):
            named.append(match.span())
            message = "A name that is known to the kit. Refer to the term that holds it."
            yield Finding("name", match.start(), text.paragraph(match.start()), match[0], message)
    for sentence in text.sentences:
        begins = True
        for token in sentence.tokens:
            if token.kind == "word":
                inside = any(begin <= token.at < end for begin, end in named)
                if not inside and (wrong := _wrong(token, material, begins=begins)):
                    yield Finding("name", token.at, text.paragraph(token.at), token.text, wrong)
                begins = False
            elif token.kind == "reference":
                # A reason is a sentence of its own.
                begins = material.terms.get(token.text, "").rstrip().endswith((".", "!", "?"))
            elif token.text == ":":
                begins = True
            elif token.text not in _OPENING:
                begins = False


def _wrong(token: Token, material: Material, *, begins: bool) -> str | None:
    """What is wrong with the word, or None."""
    words = lexicon()
    if token.text in _ABBREVIATIONS or token.text in material.words:
        return None
    head, _, tail = token.text.replace("’", "'").partition("'")
    lower = head.lower()
    if (tail and tail not in _TAILS) or (len(head) == 1 and head not in ("a", "A")):
        return "No English word. Write words out."
    if head in words.capitals or head in material.words:
        return None
    if not (lower in words.english or (tail == "t" and lower in words.shortened)):
        return "No common English word: a name has to be a reference."
    if head == lower:
        return None
    if head[1:] != lower[1:]:
        return "Capitals within a word make it a name, and a name has to be a reference."
    if not begins:
        return "A word with a capital reads as a name, and a name has to be a reference; write it small if it is none."
    if lower not in words.openers and not (tail == "t" and lower in words.shortened):
        return "At the beginning of a sentence this may be a name. Begin with another word."
    return None


@lru_cache(maxsize=64)
def _names(names: frozenset[str]) -> re.Pattern[str]:
    """Finds the names. A name that is one very common word counts only when it is written with a capital."""
    exact, any_case = [], []
    openers = lexicon().openers
    for name in sorted(names, key=len, reverse=True):
        written = r"[\s\-_]+".join(re.escape(part) for part in re.split(r"[\s\-_]+", name.strip()) if part)
        if not written:
            continue
        if name.strip().lower() in openers or len(name.strip()) < 4:
            if name.strip() != name.strip().lower():
                exact.append(written)
        else:
            any_case.append(written)
    parts = [rf"(?i:{'|'.join(any_case)})"] if any_case else []
    parts += [rf"(?:{'|'.join(exact)})"] if exact else []
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)" if parts else r"(?!)")
