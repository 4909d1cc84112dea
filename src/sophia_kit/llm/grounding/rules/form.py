"""Form: English prose in plain letters, of a length that a reader reads, each paragraph about some fact."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import REFERENCE, Text

__all__ = ["check_characters", "check_form", "check_mentions"]

LONGEST: Final = 4000
"""Characters of a text at most: a brief's narrative is a few hundred."""

_MARKS: Final = frozenset(" \n.,;:'\"()!?-–—’‘“”…{}")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BULLET: Final = re.compile(r"^[ \t]*[-–—/]", re.MULTILINE)


def check_form(text: Text, material: Material) -> Iterator[Finding]:
    """Some text, not too much of it, in sentences."""
    prose = text.prose
    if not prose.strip():
        yield Finding("form", 0, 1, "", "There is no text.")
        return
    if len(prose) > LONGEST:
        yield Finding("form", LONGEST, text.paragraph(LONGEST), prose[LONGEST : LONGEST + 20], "The text is too long.")
    yield from check_characters(text, material)
    for match in _BULLET.finditer(prose):
        yield Finding("form", match.start(), text.paragraph(match.end()), match[0], "Write sentences, not lists.")


def check_characters(text: Text, material: Material) -> Iterator[Finding]:
    """Nothing but plain letters and common marks; digits are told apart, since they are what matters most."""
    prose = text.prose
    inside = [(match.start(), match.end()) for match in REFERENCE.finditer(prose)]
    covered = {at for begin, end in inside for at in range(begin, end)}
    last = -2
    for at, character in enumerate(prose):
        if at in covered or character in _LETTERS or (character in _MARKS and character not in "{}"):
            continue
        follows, last = last == at - 1, at
        if follows:
            continue
        excerpt = re.match(r"\S+|.", prose[at:], re.DOTALL)
        assert excerpt is not None
        where = (at, text.paragraph(at), excerpt[0][:40])
        if character in "{}":
            yield Finding("reference", *where, "A brace that is no reference. Write {name}, with the name of a fact.")
        elif unicodedata.numeric(character, None) is not None or character in "%‰°$€£¥¢":
            yield Finding("number", *where, "A number of the text's own. Refer to a fact: {name}.")
        else:
            name = unicodedata.name(character, "a control character").lower()
            yield Finding("form", *where, f"Only plain English letters and common marks may be used, not {name}.")


def check_mentions(text: Text, material: Material) -> Iterator[Finding]:
    """What has to be mentioned is, and each paragraph refers to something."""
    mentioned = {token.text for token in text.tokens if token.kind == "reference"}
    for name in material.required:
        if name not in mentioned:
            yield Finding("missing", 0, 1, "", f"The text has to mention {{{name}}}.")
    about: dict[int, list[str]] = {}
    for sentence in text.sentences:
        about.setdefault(sentence.paragraph, []).extend(t.text for t in sentence.tokens if t.kind == "reference")
    for paragraph, names in about.items():
        if not names:
            first = next(item for item in text.sentences if item.paragraph == paragraph).tokens[0]
            yield Finding("missing", first.at, paragraph, first.text, "A paragraph has to refer to some fact.")
