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
        "on the back of|as a (?:result|consequence) of|stems? from|stemmed from|resulting from|resulted from"
    )
)


def check_causes(text: Text, material: Material) -> Iterator[Finding]:
    for sentence in text.sentences:
        begin, end = sentence.tokens[0].at, sentence.tokens[-1].end
        for match in _BECAUSE.finditer(text.masked, begin, end):
            after = (token for token in sentence.tokens if token.at >= match.end())
            if not any(token.kind == "reference" and material.known(token.text) for token in after):
                excerpt = text.prose[match.start() : match.end()]
                message = "A cause without a fact. Name the facts that make up the change, or leave the cause out."
                yield Finding("cause", match.start(), text.paragraph(match.start()), excerpt, message)
