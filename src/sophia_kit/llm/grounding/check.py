"""The check of a text: every rule, and of what several find at one place the most telling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sophia_kit.llm.grounding.finding import Finding, Rule
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.reading import Text
from sophia_kit.llm.grounding.rules.causes import check_causes
from sophia_kit.llm.grounding.rules.dates import check_dates
from sophia_kit.llm.grounding.rules.directions import check_directions
from sophia_kit.llm.grounding.rules.form import check_form, check_mentions
from sophia_kit.llm.grounding.rules.names import check_names
from sophia_kit.llm.grounding.rules.numbers import check_numbers
from sophia_kit.llm.grounding.rules.references import check_references

__all__ = ["VERSION", "check"]

VERSION: Final = "2"
"""Of the rules and their words together: raised when the same text may be judged otherwise."""

_RULES: Final[tuple[Callable[[Text, Material], Iterator[Finding]], ...]] = (
    check_form,
    check_references,
    check_numbers,
    check_dates,
    check_names,
    check_directions,
    check_causes,
    check_mentions,
)
_TELLING: Final[tuple[Rule, ...]] = (
    "number", "date", "comparison", "reference", "form", "direction", "cause", "name", "missing",
)  # fmt: skip


def check(prose: str, material: Material) -> tuple[Finding, ...]:
    """What isn't borne out by the material, in the order in which it stands; empty when the text may be shown."""
    text = Text(prose)
    found = [finding for rule in _RULES for finding in rule(text, material)]
    found.sort(key=lambda item: _TELLING.index(item.rule))
    kept: list[Finding] = []
    for finding in found:
        end = finding.at + len(finding.excerpt)
        if not any(item.at < end and finding.at < item.at + len(item.excerpt) for item in kept):
            kept.append(finding)
    return tuple(sorted(kept, key=lambda item: item.at))
