"""What a text may refer to, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sophia_kit.core.fact import Fact

__all__ = ["Kind", "Material"]

Kind: TypeAlias = Literal["year", "period", "target"]
"""What a change is measured against: the same a year before, the period before, or a target."""

_KINDS: dict[Kind, tuple[str, ...]] = {
    "target": ("target", "plan", "budget", "goal", "quota"),
    "year": ("year", "yoy", "annual"),
    "period": ("period", "month", "quarter", "week", "day", "mom", "qoq", "date", "average"),
}
_CHANGES = frozenset({"absolute", "relative", "size", "change", "delta", "growth"})


@dataclass(frozen=True, slots=True)
class Material:
    """Facts and terms by the name that `{name}` refers to them by.

    Attributes:
        numbers: the facts. A fact called `revenue.vs_prior_year.size` is a change of the fact called `revenue`.
        terms: text that is no number but that prose may not make up: dates, names, reasons.
        names: names of customers, products, members of a dimension: prose has them by reference alone.
        required: facts and terms that a text has to mention.
        words: further words that prose may contain, spelled exactly so, such as a metric's own name. From definitions
            alone, never from data: what a customer is called must not become a permitted word.
    """

    numbers: Mapping[str, Fact]
    terms: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    @classmethod
    def of(cls, facts: Iterable[Fact], terms: Mapping[str, str] | None = None) -> Material:
        """The material of these facts; terms are names as well.

        Raises:
            ValueError: two facts, or a fact and a term, carry the same name.
        """
        numbers: dict[str, Fact] = {}
        for fact in facts:
            if fact.name in numbers or fact.name in (terms or {}):
                raise ValueError(f"two facts are named {fact.name!r}")
            numbers[fact.name] = fact
        return cls(numbers, dict(terms or {}))

    def known(self, name: str) -> bool:
        """Whether a reference of that name refers to something."""
        return name in self.numbers or name in self.terms

    def kind(self, name: str) -> Kind | None:
        """What the change called `name` is measured against, so far as its name says."""
        parts = [part for part in name.split(".")[1:] if not part.startswith(("by_", "at_"))]
        said = {word for part in parts for word in part.split("_")}
        return next((kind for kind, words in _KINDS.items() if said.intersection(words)), None)

    def moved(self, fact: Fact) -> bool:
        """Whether the fact is a change, be it one of zero."""
        if fact.direction in ("up", "down"):
            return True
        return fact.name.rpartition(".")[2] in _CHANGES and fact.value == 0

    def changes(self, name: str) -> tuple[Fact, ...]:
        """The changes of the value called `name`: those whose names begin with its own, or else with its parent's."""
        own = self._below(f"{name}.", name)
        if own:
            return own
        parent, dot, _ = name.rpartition(".")
        return self._below(f"{parent}.", name, direct=True) if dot else ()

    def _below(self, prefix: str, name: str, *, direct: bool = False) -> tuple[Fact, ...]:
        found = []
        for other, fact in self.numbers.items():
            if other == name or not other.startswith(prefix) or not self.moved(fact):
                continue
            rest = other.removeprefix(prefix).split(".")
            if (direct and len(rest) > 1) or any(part.startswith(("by_", "at_")) for part in rest):
                continue
            found.append(fact)
        return tuple(found)
