"""Causes: a text that says why has to say it with a fact."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import Text, phrase

__all__ = ["check_causes"]

_BECAUSE: Final = re.compile(
    phrase(
        "because(?: of)?|due to|"
        "(?:driven|caused|fuelled|fueled|explained|powered|propelled|triggered|prompted|helped|hurt|"
        "supported|dragged down|held back|boosted|lifted) by|thanks to|owing to|attributable to|attributed to|"
        "on the back of|stems? from|stemmed from|resulting from|resulted from|"
        "(?:symptom|result|consequence|effect)s? of|reflects|reflected|reflecting|"
        "in the wake of|on account of|in response to|"
        "(?:after|following) (?:the|a|an|our|its|their|this|that|some|several|strong|weak)|"
        r"since (?!then|the (?:month|day|week|quarter|period)|a year)\w+"
    )
)
_MADE: Final = re.compile(
    r"(?<!was )(?<!were )(?<!is )(?<!are )(?<!been )(?<!what )(?<!who )"
    + phrase(
        "pushed|drove|drives|dragged|pulled|propelled|fuelled|fueled|powered|caused|triggered|prompted|helped|hurt|"
        "led to|sent|explains?|lifted|boosted|reduced|paid off|bore fruit|"
        "(?:is|are|was|were|lies|lie|stands?) behind (?!the (?:target|plan|goal|quota|budget))(?:the|this|that)"
    )
    + r"(?! by\b)"
)


def check_causes(text: Text, material: Material) -> Iterator[Finding]:
    for sentence in text.sentences:
        begin, end = sentence.tokens[0].at, sentence.tokens[-1].end
        known = [token for token in sentence.tokens if token.kind == "reference" and material.known(token.text)]
        for match in _BECAUSE.finditer(text.masked, begin, end):
            # A cause that opens the sentence ends where the sentence proper begins.
            limit = text.masked.find(",", match.end(), end) if match.start() == begin else -1
            if not any(match.end() <= token.at < (limit if limit >= 0 else end) for token in known):
                yield _cause(text, match)
        for match in _MADE.finditer(text.masked, begin, end):
            # Who did it stands before it, or is a term: the name of a driver.
            if not any(token.at < match.start() or token.text in material.terms for token in known):
                yield _cause(text, match)


def _cause(text: Text, match: re.Match[str]) -> Finding:
    excerpt = text.prose[match.start() : match.end()]
    message = "A cause without a fact. Name the facts that make up the change, or leave the cause out."
    return Finding("cause", match.start(), text.paragraph(match.start()), excerpt, message)
