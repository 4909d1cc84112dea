"""Whether prose carries a number or a date of its own: the part of the check that needs no facts."""

from __future__ import annotations

from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import Text
from sophia_kit.llm.grounding.rules.dates import check_words_of_dates
from sophia_kit.llm.grounding.rules.form import check_characters
from sophia_kit.llm.grounding.rules.numbers import check_numbers

__all__ = ["own_number"]


def own_number(prose: str) -> str | None:
    """The first number, date or stray mark that stands outside of the references; None when there is none."""
    text, nothing = Text(prose), Material({})
    found = [item for rule in (check_characters, check_numbers, check_words_of_dates) for item in rule(text, nothing)]
    return min(found, key=lambda item: item.at).excerpt if found else None
