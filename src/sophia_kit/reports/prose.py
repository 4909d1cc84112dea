"""Prose with references: a writer, be it rules or a model, names facts; the kit fills in their text.

A reference is `{name}`. The prose around it may carry no number of its own, not even in words: what a reader
takes for a number has to be a fact, which can be explained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.core.fact import Fact
from sophia_kit.reports.facts import Facts

__all__ = ["Part", "fill", "plain_text"]

_REFERENCE = re.compile(r"\{([^{}]*)\}")
_BRACE = re.compile(r"[{}]")
_OWN_NUMBER = re.compile(
    r"""\d | [%‰½⅓⅔¼¾] | \b(?:
    two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|
    eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|
    billions?|dozens?|half|halved|halves|thirds?|quarters?\ of|tenths?|percent|per\ cent|
    twice|thrice|double[ds]?|doubling|triple[ds]?|tripling|quadruple[ds]?|\w+fold|
    january|february|april|june|july|august|september|october|november|december|
    monday|tuesday|wednesday|thursday|friday|saturday|sunday
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of filled prose: plain words, or the text of a fact or a term.

    Attributes:
        fact: the number shown, or None.
        term: the name of the term shown, or None.
    """

    text: str
    fact: Fact | None = None
    term: str | None = None


def fill(prose: str, facts: Facts) -> tuple[Part, ...]:
    """Put the facts' own text in the place of the references.

    Raises:
        UnknownName: a reference to something that is neither a fact nor a term.
        InputError: the prose carries a number of its own, or a brace that is no reference.
    """
    parts: list[Part] = []
    position = 0
    for match in _REFERENCE.finditer(prose):
        parts.append(_words(prose[position : match.start()], prose))
        name = match[1]
        if (fact := facts.numbers.get(name)) is not None:
            parts.append(Part(fact.display, fact=fact))
        elif name in facts.terms:
            parts.append(Part(facts.terms[name], term=name))
        else:
            raise UnknownName("fact", name, [*facts.numbers, *facts.terms])
        position = match.end()
    parts.append(_words(prose[position:], prose))
    return tuple(part for part in parts if part.text)


def plain_text(parts: tuple[Part, ...]) -> str:
    """Filled prose as one string."""
    return "".join(part.text for part in parts)


def _words(text: str, prose: str) -> Part:
    own = _OWN_NUMBER.search(text) or _BRACE.search(text)
    if own:
        raise InputError(
            f"Prose carries {own[0]!r} of its own: {prose!r}.",
            hint="Refer to a fact by {name}; numbers, number words, shares and dates are filled in by the kit.",
        )
    return Part(text)
