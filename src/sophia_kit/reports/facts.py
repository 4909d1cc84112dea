"""Facts: the numbers of a report, each named, and each standing in the explanation it links to.

A number reaches a reader as a `Fact`. A fact exists because an `Explanation` lists it, so there is no number
without one. Text that is not a number but that prose must not make up (dates, names of customers, reasons) is
a term.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sophia_kit.core.fact import Direction, Fact
from sophia_kit.metrics.format import display_change, display_relative, display_value
from sophia_kit.metrics.value import Comparison, ComparisonKind, Freshness, MetricValue

__all__ = ["Explanation", "Facts", "Line", "anchor", "facts_of", "slug"]


@dataclass(frozen=True, slots=True)
class Line:
    """A fact where it is explained.

    Attributes:
        label: which period, member or comparison it belongs to; shared by the parts of one comparison.
        part: what of it this is, e.g. `value`, `change`.
    """

    fact: Fact
    label: str
    part: str = "value"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What stands behind a group of facts.

    Attributes:
        key: unique in the report; its anchor.
        home: the anchor of the place in the report that shows these facts.
        formula: how the number is computed, in the definition's own words.
        statements: the SQL that ran, with what was bound to it.
        freshness: None for what is read from the kit's own records.
        definition_digest: sha256 (hex) of the definition; None when there is no definition but the SQL.
    """

    key: str
    home: str
    title: str
    description: str
    formula: str
    statements: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
    snapshot_id: str | None
    known_at: datetime | None
    freshness: Freshness | None
    tables: tuple[str, ...]
    source_systems: tuple[str, ...]
    definition_digest: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that prose about a report may refer to."""

    numbers: Mapping[str, Fact]
    terms: Mapping[str, str]

    @classmethod
    def gather(cls, explanations: Iterable[Explanation], terms: Mapping[str, str]) -> Facts:
        """The facts of all explanations.

        Raises:
            ValueError: two facts, or a fact and a term, carry the same name.
        """
        numbers: dict[str, Fact] = {}
        for explanation in explanations:
            for line in explanation.lines:
                if line.fact.name in numbers or line.fact.name in terms:
                    raise ValueError(f"two facts are named {line.fact.name!r}")
                numbers[line.fact.name] = line.fact
        return cls(numbers, dict(terms))

    def number(self, name: str) -> Fact | None:
        """The fact of that name when it is there and its value is known."""
        fact = self.numbers.get(name)
        return fact if fact is not None and fact.value is not None else None

    def known(self, *names: str) -> bool:
        """Whether all of these are facts with a value."""
        return all(self.number(name) is not None for name in names)


def anchor(name: str) -> str:
    """The id, in the report, of the explanation of the fact or explanation called `name`."""
    return "why-" + name


def slug(text: str) -> str:
    """A part of a fact's name, from any text: lower case, digits and `_`; `member` when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_") or "member"


def facts_of(value: MetricValue, name: str) -> tuple[Line, ...]:
    """A metric value as the fact `name`, and its comparisons as further ones.

    For a comparison of kind K: `<name>.vs_K.base` the value compared with; `.absolute` the signed change in the
    metric's unit; `.relative` the signed relative change, in ratio; `.size` the change without its sign, in
    percentage points for a ratio and relative for anything else.
    """
    reason = value.unknown.reason if value.unknown else None
    head = Fact(name, value.value, value.unit, value.display, reason=reason)
    lines = [Line(head, _label(value))]
    for comparison in value.comparisons:
        lines += _comparison_lines(value, comparison, f"{name}.vs_{comparison.kind}")
    return tuple(lines)


_AGAINST: dict[ComparisonKind, str] = {
    "prior_period": "the period before",
    "prior_year": "a year earlier",
    "trailing_average": "the average of the periods before",
    "to_date": "the same part of the period before",
    "prior_year_to_date": "the same part a year earlier",
    "target": "target",
}


def _comparison_lines(value: MetricValue, item: Comparison, name: str) -> list[Line]:
    reason = item.unknown.reason if item.unknown else None
    if reason is None and item.relative is None:
        reason = "The base is zero: there is no relative change."
    way = _direction(item.absolute)
    period = f" ({item.base_period.label})" if item.base_period else ""
    against = f"{_label(value)} against {_AGAINST[item.kind]}{period}"

    def line(part: str, number: Decimal | None, unit: str, text: str, what: str) -> Line:
        missing = reason if number is None else None
        good = item.good if part != "base" else None
        direction = way if part != "base" else "flat"
        return Line(Fact(f"{name}.{part}", number, unit, text, direction, good, missing), against, what)

    ratio = value.format == "percent"
    size = item.absolute if ratio else item.relative
    size = None if size is None else abs(size)
    if size is None:
        size_text = "unknown"
    elif ratio:
        size_text = display_change(size, value.format, value.unit).removeprefix("+")
    else:
        size_text = display_relative(size).removeprefix("+")
    relative_text = "unknown" if item.absolute is None else display_relative(item.relative)
    return [
        line("base", item.base, value.unit, display_value(item.base, value.format, value.unit), "base"),
        line(
            "absolute",
            item.absolute,
            value.unit,
            display_change(item.absolute, value.format, value.unit),
            "change",
        ),
        line("relative", item.relative, "ratio", relative_text, "relative change"),
        line("size", size, "ratio" if not ratio else value.unit, size_text, "size of the change"),
    ]


def _label(value: MetricValue) -> str:
    members = ", ".join(f"{dimension} {member}" for dimension, member in value.members)
    period = value.period.label + ("" if value.period.complete else " (unfinished)")
    return f"{members}, {period}" if members else period


def _direction(change: Decimal | None) -> Direction:
    if change is None:
        return "unknown"
    if change == 0:
        return "flat"
    return "up" if change > 0 else "down"
