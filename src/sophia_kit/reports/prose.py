"""Prose with references: a writer, be it rules or a model, names facts; the kit fills in their text.

A reference is `{name}`. The prose around it may carry no number of its own, not even in words: what a reader
takes for a number has to be a fact, which can be explained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.core.fact import Fact
from sophia_kit.llm.grounding.own_numbers import own_number
from sophia_kit.reports.facts import Facts

__all__ = ["Part", "fill", "plain_text"]

_REFERENCE = re.compile(r"\{([^{}]*)\}")


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
    if (own := own_number(prose)) is not None:
        raise InputError(
            f"Prose carries {own!r} of its own: {prose!r}.",
            hint="Refer to a fact by {name}; numbers, number words, shares and dates are filled in by the kit.",
        )
    parts: list[Part] = []
    position = 0
    for match in _REFERENCE.finditer(prose):
        parts.append(Part(prose[position : match.start()]))
        name = match[1]
        if (fact := facts.numbers.get(name)) is not None:
            parts.append(Part(fact.display, fact=fact))
        elif name in facts.terms:
            parts.append(Part(facts.terms[name], term=name))
        else:
            raise UnknownName("fact", name, [*facts.numbers, *facts.terms])
        position = match.end()
    parts.append(Part(prose[position:]))
    return tuple(part for part in parts if part.text)


def plain_text(parts: tuple[Part, ...]) -> str:
    """Filled prose as one string."""
    return "".join(part.text for part in parts)
