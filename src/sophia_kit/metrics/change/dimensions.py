"""A change by the members of a dimension: contributions to a sum, effects of rate and mix on a ratio."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from sophia_kit.metrics.calendar import year_before
from sophia_kit.metrics.cells import Cell, Cells, Reader
from sophia_kit.metrics.change.asked import Asked, renamed
from sophia_kit.metrics.change.effects import NOTHING, Share, rate_mix
from sophia_kit.metrics.change.formulas import Quotient, is_sum, quotient_of
from sophia_kit.metrics.change.model import Presence
from sophia_kit.metrics.change.parts import Draft, DraftPart, Own, own
from sophia_kit.metrics.change.ranking import rank_members
from sophia_kit.metrics.definition import CohortDefinition, DerivedDefinition, RatioDefinition, SimpleDefinition
from sophia_kit.metrics.expression import parse_formula
from sophia_kit.metrics.value import Period, Unknown

__all__ = ["by_dimension"]

NONE = "none"
"""What a member shows that has no rate in a period."""


def by_dimension(asked: Asked, dimension: str) -> Draft:
    """The change by the members of `dimension`, which the metric has; unknown where members don't make the whole."""
    definition = asked.definition
    if isinstance(definition, RatioDefinition | CohortDefinition):
        return _ratio(asked, dimension)
    if definition.additive != "none":
        return _sum(asked, dimension)
    if isinstance(definition, DerivedDefinition) and _adds_up(asked, definition):
        tree = parse_formula(definition.expression, definition.inputs)
        if is_sum(tree):
            return _sum(asked, dimension)
        quotient = quotient_of(tree)
        if quotient is not None:
            return _quotient(asked, definition, quotient, dimension)
    reason = f"{asked.definition.label} of the whole is computed anew: the members' own values don't add up to it."
    return Draft(dimension, "contribution", unknown=Unknown("not_additive", reason))


def _adds_up(asked: Asked, definition: DerivedDefinition) -> bool:
    return all(asked.catalogue.get(item.metric).additive != "none" for item in definition.inputs.values())


def _sum(asked: Asked, dimension: str) -> Draft:
    reader = asked.reader()
    cells = asked.cells(reader, None, dimension)
    parts, sizes = [], {}
    for member in _members(cells):
        base, value = asked.pair(cells, member)
        before, after = _own(asked, base.value), _own(asked, value.value)
        why = _unknown(asked, (base, value))
        exact = None
        if base.value is not None and value.value is not None:
            exact, sizes[member] = value.value - base.value, base.value
        presence = _presence(bool(base.rows), bool(value.rows))
        parts.append(DraftPart(member, member, exact, before, after, why, presence))
    contributions = {part.name: part.exact for part in parts if part.exact is not None}
    ranking = None
    if parts and len(contributions) == len(parts):
        if not any(sizes.values()):
            sizes = _alike(asked, reader, dimension) | dict.fromkeys(contributions, Fraction(1))
            contributions = dict.fromkeys(sizes, Fraction(0)) | contributions
        ranking = rank_members(contributions, sizes)
    return Draft(dimension, "contribution", tuple(parts), None, ranking, asked.provenance(reader))


def _alike(asked: Asked, reader: Reader, dimension: str) -> dict[str, Fraction]:
    """Members with rows of any kind in the year before, as equals: where the metric was nothing, sizes are not known.

    Without those that stayed at nothing, that all of a change came from one member would say nothing.
    """
    definition = asked.definition
    if not isinstance(definition, SimpleDefinition):
        return {}
    name = f"{definition.name}__rows"
    changes = {"name": name, "expression": "count(*)", "filter": None, "currency": None, "additive": "full"}
    last = asked.base_period.end_inclusive
    year = Period("year", year_before(last) + timedelta(days=1), last)
    cells = reader.cells(definition.model_copy(update=changes), (dimension,), asked.filters, (year,))
    return dict.fromkeys(_members(cells), Fraction(1))


def _ratio(asked: Asked, dimension: str) -> Draft:
    reader = asked.reader()
    cells = asked.cells(reader, None, dimension)

    def share(period: Period, member: str) -> Share | Unknown:
        cell = cells.at(period, (member,))
        if cell.numerator is not None and cell.denominator is not None:
            return Share(cell.numerator, cell.denominator)
        # No rows of a member are nothing above and nothing below the line, where the period is covered at all.
        return NOTHING if cell.unknown is None or cell.unknown.code == "no_rows" else cell.unknown

    draft = _rate_and_mix(asked, dimension, _members(cells), share)
    return replace(draft, provenance=asked.provenance(reader))


def _quotient(asked: Asked, definition: DerivedDefinition, quotient: Quotient, dimension: str) -> Draft:
    reader = asked.reader()
    above = asked.cells(reader, renamed(definition, quotient.numerator, set(quotient.above)), dimension)
    below = asked.cells(reader, renamed(definition, quotient.denominator, set(quotient.below)), dimension)

    def share(period: Period, member: str) -> Share | Unknown:
        over, under = above.at(period, (member,)), below.at(period, (member,))
        if over.value is None or under.value is None:
            return over.unknown or under.unknown or Unknown("no_rows", "It has no rows.")
        return Share(over.value, under.value)

    draft = _rate_and_mix(asked, dimension, sorted({*_members(above), *_members(below)}), share)
    return replace(draft, provenance=asked.provenance(reader))


def _rate_and_mix(
    asked: Asked, dimension: str, members: Iterable[str], share: Callable[[Period, str], Share | Unknown]
) -> Draft:
    base: dict[str, Share] = {}
    value: dict[str, Share] = {}
    for member in members:
        for period, found in ((asked.base_period, base), (asked.value.period, value)):
            told = share(period, member)
            if isinstance(told, Unknown):
                # Without one member's share no other member's weight is known.
                why = Unknown(told.code, f"{member} is unknown in {period.label}: {told.reason}")
                return Draft(dimension, "rate and mix", unknown=why)
            found[member] = told
    sizes = {member: item.denominator for member, item in base.items()}
    if not sum(sizes.values(), Fraction(0)) or not sum((item.denominator for item in value.values()), Fraction(0)):
        why = Unknown("no_rows", f"{asked.definition.label} has nothing to divide by in one of the periods.")
        return Draft(dimension, "rate and mix", unknown=why)
    effects = rate_mix(base, value)
    parts = tuple(
        DraftPart(
            member,
            member,
            moved.total,
            _rate(asked, base[member].rate),
            _rate(asked, value[member].rate),
            presence=_presence(base[member] != NOTHING, value[member] != NOTHING),
            effects=moved,
        )
        for member, moved in effects.items()
    )
    ranking = rank_members({member: moved.total for member, moved in effects.items()}, sizes)
    return Draft(dimension, "rate and mix", parts, None, ranking)


def _members(cells: Cells) -> list[str]:
    return sorted(members[0] for members in cells.members() if members)


def _own(asked: Asked, number: Fraction | None) -> Own:
    return own(number, asked.definition, asked.engine.currency)


def _rate(asked: Asked, number: Fraction | None) -> Own:
    found = _own(asked, number)
    return found if number is not None else Own(None, found.unit, NONE)


def _unknown(asked: Asked, cells: tuple[Cell, Cell]) -> Unknown | None:
    for period, cell in zip(asked.periods, cells, strict=True):
        if cell.unknown is not None:
            return Unknown(cell.unknown.code, f"{period.label}: {cell.unknown.reason}")
    return None


def _presence(before: bool, after: bool) -> Presence:
    if before == after:
        return "both"
    return "appeared" if after else "disappeared"
