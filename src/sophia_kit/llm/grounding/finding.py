"""A finding: what in a text isn't borne out by a fact, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Rule"]

Rule = Literal["form", "reference", "number", "date", "name", "direction", "comparison", "cause", "missing"]
"""What a finding is about.

`form`: a character or a shape that English prose with references doesn't have; `reference`: a reference to nothing, or
glued to something; `number`: a number of the text's own, in digits or words; `date`; `name`; `direction`: a movement
or its welcome that no fact bears out; `comparison`: a base that no fact was compared with; `cause`: a reason
without a fact; `missing`: nothing said of what has to be said.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a text.

    Attributes:
        at: 0-based position in the text where `excerpt` begins.
        paragraph: 1-based.
        excerpt: the words concerned, as they stand.
        message: what is wrong and, where there is one, the way to say it.
    """

    rule: Rule
    at: int
    paragraph: int
    excerpt: str
    message: str

    def __str__(self) -> str:
        return f"paragraph {self.paragraph}, at {self.at}, {self.excerpt!r}: {self.message}"
