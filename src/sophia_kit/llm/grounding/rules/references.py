"""References: each to something that is there, and nothing beside it that would make another number of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Final

from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.lexicon import lexicon
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import Text, Token, phrase

__all__ = ["check_references"]

_BEFORE: Final = frozenset(" \n(\"'“‘—")
_AFTER: Final = frozenset(" \n)\"'”’.,;:!?—…")
_MINUS: Final = re.compile(r"[-–−]\s*$")
_BOUND: Final = re.compile(
    phrase(
        "(?:more|less|fewer) than|over|under|nearly|almost|at least|at most|up to|just (?:over|under|shy of)|"
        "well (?:over|under)|close to|upwards of|north of|south of|in excess of|as much as|as many as|as little as|"
        "as few as|no (?:less|more|fewer) than|minus|negative|plus|less|not"
    )
    + r"[ \n]+$"
)
_LONGEST: Final = 40
_ARRIVED: Final = frozenset({"to", "is", "are", "reached", "reaching", "hit", "hitting", "now"})
_COUNTING: Final = frozenset({"count", "fte", "people", "rows", "records"})


def check_references(text: Text, material: Material) -> Iterator[Finding]:
    tokens = text.tokens
    for index, token in enumerate(tokens):
        if token.kind != "reference":
            continue
        if not material.known(token.text):
            yield _unknown(text, token, material)
            continue
        yield from _glued(text, token)
        if (fact := material.numbers.get(token.text)) is not None:
            if bound := _BOUND.search(text.masked, max(0, token.at - _LONGEST), token.at):
                message = "The fact is exact: say it without a bound or an operation, as it stands."
                yield _at(text, bound.start(), text.prose[bound.start() : token.at].strip(), message)
            before = tokens[index - 1].lower if index else ""
            if token.text.endswith(".base") and before in _ARRIVED and material.kind(token.text) != "target":
                message = f"{{{token.text}}} is what it was before, not what it came to."
                yield Finding("comparison", token.at, text.paragraph(token.at), f"{{{token.text}}}", message)
            after = tokens[index + 1] if index + 1 < len(tokens) else None
            if after is not None and after.lower in lexicon().counted | lexicon().spans:
                spans = after.lower in lexicon().spans
                wanted = {after.lower, after.lower.removesuffix("s")} if spans else _COUNTING
                if fact.unit not in wanted:
                    message = f"{{{token.text}}} is in {fact.unit}, not a number of {after.lower}."
                    yield _at(text, after.at, after.text, message)


def _unknown(text: Text, token: Token, material: Material) -> Finding:
    near = difflib.get_close_matches(token.text, [*material.numbers, *material.terms], n=2, cutoff=0.5)
    meant = f" Did you mean {' or '.join(f'{{{name}}}' for name in near)}?" if near else ""
    message = f"There is no fact of that name.{meant}"
    return Finding("reference", token.at, text.paragraph(token.at), f"{{{token.text}}}", message)


def _glued(text: Text, token: Token) -> Iterator[Finding]:
    prose = text.prose
    before, after = prose[token.at - 1 : token.at], prose[token.end : token.end + 1]
    further = prose[token.end + 1 : token.end + 2]
    closed = after not in ".,:;/" or not further or further in _AFTER
    possessive = after in "'’" and further == "s"
    if (before and before not in _BEFORE) or (after and after not in _AFTER) or not (closed or possessive):
        begin, end = max(token.at - 1, 0), token.end + 2
        message = "A reference stands by itself, with blanks around it: what touches it would change the number."
        yield Finding("reference", begin, text.paragraph(token.at), prose[begin:end], message)
    elif minus := _MINUS.search(prose, 0, token.at):
        message = "A dash before a reference reads as a minus sign."
        yield _at(text, minus.start(), prose[minus.start() : token.end], message)


def _at(text: Text, at: int, excerpt: str, message: str) -> Finding:
    return Finding("number", at, text.paragraph(at), excerpt, message)
