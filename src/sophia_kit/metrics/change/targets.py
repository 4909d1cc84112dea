"""What a metric misses its target by. Targets are the whole company's, so only time can take it apart."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from sophia_kit.metrics.cells import Cell
from sophia_kit.metrics.change.asked import Asked
from sophia_kit.metrics.change.parts import Draft, DraftPart, own
from sophia_kit.metrics.format import display_value
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.targets import Targets
from sophia_kit.metrics.value import MetricValue, Period, Unknown

__all__ = ["Against", "against_target"]

Against = tuple[MetricValue, Fraction | None, Unknown | None, tuple[Draft, ...], tuple[Draft, ...]]


def against_target(asked: Asked, dimensions: tuple[str, ...]) -> Against:
    """The target as a value, the distance from it, why that is unknown, its parts by month, and by dimension.

    A sum over several months is told month by month where its plan is. What a plan doesn't tell by member is unknown.
    """
    value, definition = asked.value, asked.definition
    compared = value.comparison("target")
    assert compared is not None
    unknown = None if compared.base is not None else compared.unknown
    text = display_value(compared.base, definition.format, value.unit)
    base = replace(value, value=compared.base, unknown=unknown, display=text, comparisons=())
    distance = None
    if value.value is not None and compared.base is not None:
        distance = Fraction(value.value) - Fraction(compared.base)
    why = Unknown("no_target", "Targets are set for the whole company, not for a part of it.")
    told = tuple(Draft(name, "contribution", unknown=why) for name in dimensions)
    months = _months(asked) if distance is not None else None
    return base, distance, compared.unknown, () if months is None else (months,), told


def _months(asked: Asked) -> Draft | None:
    definition, period = asked.definition, asked.value.period
    target = definition.target
    if definition.additive != "full" or target is None or target.combine != "sum" or "month" not in definition.grains:
        return None
    count = (period.end_inclusive.year - period.start.year) * 12 + period.end_inclusive.month - period.start.month + 1
    if period.grain not in ("quarter", "year"):
        return None
    months = asked.calendar.months(period.end_inclusive, count)
    reader = asked.reader()
    cells = reader.cells(definition, (), asked.filters, months)
    query = MetricQuery(definition.name, asked.value.day, "month", filters=asked.filters, principal=asked.principal)
    targets = Targets(reader, definition, asked.value.unit, query)
    targets.load(months)
    parts = tuple(_part(asked, month, cells.at(month, ()), targets.at(month)) for month in months)
    return Draft("month", "contribution", parts, provenance=asked.provenance(reader))


def _part(asked: Asked, month: Period, cell: Cell, target: Cell) -> DraftPart:
    planned, got = (own(item.value, asked.definition, asked.engine.currency) for item in (target, cell))
    unknown, exact = target.unknown or cell.unknown, None
    if cell.value is not None and target.value is not None:
        exact = cell.value - target.value
    return DraftPart(f"{month.start:%Y-%m}", month.label, exact, planned, got, unknown)
