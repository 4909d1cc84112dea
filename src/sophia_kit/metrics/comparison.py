"""What a value is set against: which periods, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from sophia_kit.metrics.cells import Cell, Cells, Members
from sophia_kit.metrics.definition import CumulativeDefinition, DistinctCountDefinition
from sophia_kit.metrics.number import decimal_of
from sophia_kit.metrics.value import Comparison, ComparisonKind, Period, Unknown

if TYPE_CHECKING:
    from sophia_kit.metrics.calendar import Calendar
    from sophia_kit.metrics.definition import Definition

__all__ = ["COMPARISONS", "TO_DATE", "Base", "base_of", "compare", "mean_cell"]

COMPARISONS: tuple[ComparisonKind, ...] = (
    "prior_period", "prior_year", "trailing_average", "to_date", "prior_year_to_date", "target",
)  # fmt: skip
TO_DATE: tuple[ComparisonKind, ...] = ("to_date", "prior_year_to_date")


@dataclass(frozen=True, slots=True)
class Base:
    """What a comparison is made with.

    Attributes:
        shown: the base's period for a reader.
        of: the periods that the base is the mean of; one but for averages, none for a target.
    """

    shown: Period
    of: tuple[Period, ...]


def base_of(calendar: Calendar, kind: ComparisonKind, period: Period, end: Period, trailing: int) -> Base:
    """The base of `kind` for `period`.

    Args:
        end: `period` itself, or where it is unfinished what of it has passed.
        trailing: how many periods a trailing average is made of.
    """
    if kind == "target":
        return Base(period, ())
    if kind == "trailing_average":
        before = tuple(calendar.shift(period, -back) for back in range(trailing, 0, -1))
        return Base(Period(period.grain, before[0].start, before[-1].end_inclusive), before)
    year = kind in ("prior_year", "prior_year_to_date")
    base = calendar.prior_year(period) if year else calendar.shift(period, -1)
    if kind in TO_DATE and not period.complete:
        base = calendar.same_part(end, period, base)
    return Base(base, (base,))


def mean_cell(definition: Definition, cells: Cells, base: Base, key: Members) -> Cell:
    """The mean of the base's periods; unknown when one of them is."""
    if len(base.of) == 1:
        return cells.at(base.of[0], key)
    total, rows = Fraction(0), 0
    for period in base.of:
        cell = cells.at(period, key)
        if cell.value is None:
            assert cell.unknown is not None
            reason = f"{definition.label} is unknown for {period.label}: {cell.unknown.reason}"
            return Cell(None, Unknown(cell.unknown.code, reason))
        total, rows = total + cell.value, rows + cell.rows
    return Cell(total / len(base.of), None, rows)


def compare(
    definition: Definition, kind: ComparisonKind, cell: Cell, base: Cell, period: Period, shown: Period
) -> Comparison:
    """A value set against its base. What grows while its period lasts isn't compared with a whole one."""

    def unknown(why: Unknown) -> Comparison:
        return Comparison(kind, decimal_of(base.value), None, None, None, why, shown)

    if cell.unknown is not None:
        return unknown(cell.unknown)
    if base.unknown is not None:
        return unknown(base.unknown)
    alike = kind in TO_DATE and period.grain != "day"
    if not period.complete and _grows(definition) and not alike:
        same = {"prior_period": "to_date", "prior_year": "prior_year_to_date"}.get(kind)
        with_part = f"; {same} compares it with as much" if same and period.grain != "day" else ""
        return unknown(
            Unknown("unfinished", f"{period.label} isn't over: a part isn't compared with a whole{with_part}.")
        )
    assert cell.value is not None
    assert base.value is not None
    change = cell.value - base.value
    good = None
    if definition.higher_is_better is not None:
        if change:
            good = (change > 0) == definition.higher_is_better
        elif kind == "target":
            good = True
    relative = change / abs(base.value) if base.value else None
    return Comparison(kind, decimal_of(base.value), decimal_of(change), decimal_of(relative), good, None, shown)


def _grows(definition: Definition) -> bool:
    """Whether a value of the whole period is expected to be larger than one of a part: of sums, distinct counts, and
    totals since the fiscal year began."""
    since = definition.since if isinstance(definition, CumulativeDefinition) else None
    return definition.additive == "full" or isinstance(definition, DistinctCountDefinition) or since == "fiscal_year"
