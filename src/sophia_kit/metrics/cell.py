"""A number or the reason why there is none, and how a row of a statement becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from sophia_kit.metrics.definition import CohortDefinition, Definition, Input, RatioDefinition, RowsDefinition
from sophia_kit.metrics.value import Period, Unknown

__all__ = ["Cell", "Cells", "Members", "cell_of", "key_of", "window_cell"]

_NAMED_RATES = 3

Members = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A number or the reason why there is none, and how many rows it stands on.

    Attributes:
        numerator, denominator: what a ratio or a cohort divides, also where there is nothing to divide by; None for
            other kinds, and where an amount can't be converted.
    """

    value: Fraction | None
    unknown: Unknown | None
    rows: int = 0
    numerator: Fraction | None = None
    denominator: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Cells:
    """A metric's numbers by period and members.

    `absent` is what a period answers for members that have no rows in it.
    """

    found: Mapping[tuple[Period, Members], Cell]
    absent: Mapping[Period, Cell]

    def at(self, period: Period, members: Members) -> Cell:
        cell = self.found.get((period, members))
        return self.absent[period] if cell is None else cell

    def joined(self, others: Cells) -> Cells:
        """These and the others, which are of other periods."""
        return Cells({**self.found, **others.found}, {**self.absent, **others.absent})

    def members(self) -> set[Members]:
        return {members for _, members in self.found}


def key_of(row: Mapping[str, Any], by: Members) -> tuple[date, Members]:
    """The first day of a row's period, and its members."""
    return row["period_start"], tuple(row[f"dim_{index}"] for index in range(len(by)))


def cell_of(definition: RowsDefinition, row: Mapping[str, Any], lacking: Sequence[str]) -> Cell:
    """What a row of a statement says. `lacking`: the rates that it lacked, as texts."""
    rows = int(row["row_count"])
    if row["missing_rates"]:
        return Cell(None, _missing_rate(sorted(set(lacking))), rows)
    value = row["value"]
    if isinstance(definition, RatioDefinition | CohortDefinition):
        above, below = Fraction(value or 0), Fraction(row["denominator"] or 0)
        if not below:
            why = Unknown("no_rows", f"{definition.label} has nothing to divide by.")
            return Cell(None, why, rows, above, below)
        return Cell(above / below, None, rows, above, below)
    if value is None:
        return Cell(None, Unknown("no_rows", f"None of the rows carries what {definition.label} adds up."), rows)
    return Cell(Fraction(value), None, rows)


def _missing_rate(texts: Sequence[str]) -> Unknown:
    more = f" and {len(texts) - _NAMED_RATES} more" if len(texts) > _NAMED_RATES else ""
    return Unknown(
        "missing_rate",
        f"No exchange rate for {', '.join(texts[:_NAMED_RATES])}{more}, nor for the five days before.",
    )


def window_cell(definition: Definition, item: Input, cells: Cells, months: Sequence[Period], key: Members) -> Cell:
    """The sum or the average of months, each of which has to have rows."""
    total, rows = Fraction(0), 0
    for month in months:
        cell = cells.at(month, key)
        if cell.value is None or not cell.rows:
            why = f": {cell.unknown.reason}" if cell.unknown else ", which has no rows."
            return Cell(None, Unknown("missing_month", f"{definition.label} is unknown for {month.label}{why}"))
        total, rows = total + cell.value, rows + cell.rows
    return Cell(total / len(months) if item.combine == "average" else total, None, rows)
