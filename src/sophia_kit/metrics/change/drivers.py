"""A change by the metric's own make: the movements of a balance or a cohort, the inputs of a formula."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import sqlglot
from sqlglot import exp

from sophia_kit.metrics.cells import Reader
from sophia_kit.metrics.change.asked import Asked, renamed
from sophia_kit.metrics.change.effects import shapley
from sophia_kit.metrics.change.parts import Draft, DraftPart, Own, own
from sophia_kit.metrics.definition import CohortDefinition, Definition, DerivedDefinition, Input, PointInTimeDefinition
from sophia_kit.metrics.expression import evaluate_formula, parse_formula
from sophia_kit.metrics.value import Period, Unknown

__all__ = ["drivers_of"]


def drivers_of(asked: Asked) -> tuple[Draft, ...]:
    """What the definition itself says that its change is made of; nothing for plain sums and ratios."""
    definition = asked.definition
    if isinstance(definition, DerivedDefinition):
        return (_inputs(asked, definition),)
    if isinstance(definition, PointInTimeDefinition) and definition.movements:
        return (_balance(asked, definition),)
    if isinstance(definition, CohortDefinition) and definition.measure != "lost":
        return (_cohort(asked, definition),)
    return ()


def _balance(asked: Asked, definition: PointInTimeDefinition) -> Draft:
    """The movements of all months between the two ends; they sum to the change of the balance."""
    months = _months_between(asked)
    if months is None:
        why = Unknown("not_additive", "Movements are told by month; these periods don't end with one.")
        return Draft("movements", "movements", unknown=why)
    reader = asked.reader()
    parts = []
    for name, factor in definition.movements.items():
        movement = asked.catalogue.get(name)
        label = movement.label if abs(factor) == 1 else f"{movement.label} × {abs(factor)}"
        lacking = [dimension for dimension in asked.restricted if dimension not in movement.dimensions]
        if lacking:
            parts.append(DraftPart(name, label, None, unknown=_told_by(movement, lacking[0])))
            continue
        total = Fraction(0)
        lost: Unknown | None = None
        for number, unknown in _amounts(asked, reader, movement, months):
            if number is None:
                lost = lost or unknown
            else:
                total += Fraction(number) * factor
        parts.append(DraftPart(name, label, None if lost else total, unknown=lost))
    return Draft("movements", "movements", tuple(parts), provenance=asked.provenance(reader))


def _amounts(
    asked: Asked, reader: Reader, movement: Definition, months: Sequence[Period]
) -> list[tuple[Fraction | Decimal | None, Unknown | None]]:
    """The movement of each month; asked in one question where it wasn't answered already."""
    answered = {value.period: value for value in asked.answered.get(movement.name, ())}
    if all(month in answered for month in months):
        ran = answered[months[-1]].provenance
        reader.statements.append((ran.sql, dict(ran.params)))
        return [(answered[month].value, answered[month].unknown) for month in months]
    cells = reader.cells(movement, (), asked.filters, months)
    return [(cell.value, cell.unknown) for cell in (cells.at(month, ()) for month in months)]


def _told_by(movement: Definition, dimension: str) -> Unknown:
    return Unknown("not_additive", f"{movement.label} can't be told by {dimension}.")


def _months_between(asked: Asked) -> Sequence[Period] | None:
    first, last = asked.base_period.end_inclusive, asked.value.period.end_inclusive
    count = (last.year - first.year) * 12 + last.month - first.month
    if asked.value.period.grain in ("day", "week"):
        return None
    return asked.calendar.months(last, count)


_COHORT = {
    "expansion": ("Expansion", "CASE WHEN closing > opening THEN closing - opening ELSE 0 END"),
    "contraction": ("Contraction", "CASE WHEN closing < opening AND holds > 0 THEN closing - opening ELSE 0 END"),
    "churn": ("Churn", "CASE WHEN holds = 0 THEN closing - opening ELSE 0 END"),
}


def _cohort(asked: Asked, definition: CohortDefinition) -> Draft:
    """What the cohort did since its opening balance, over that balance, now less before.

    A retention is one plus these shares; gross retention counts no expansion. Both balances of a cohort are at
    one exchange rate, so rates move no part of it.
    """
    reader = asked.reader()
    cells = asked.cells(reader)
    for period, cell in zip(asked.periods, asked.pair(cells), strict=True):
        if cell.value is None:
            why = cell.unknown or Unknown("no_rows", "It has no rows.")
            return Draft("movements", "movements", unknown=Unknown(why.code, f"{period.label}: {why.reason}"))
    # The cohort is the one that the definition's own statement makes, whatever the engine: it is read further.
    sql, params = reader.statements[0]
    dialect = asked.engine.dialect
    tree = sqlglot.parse_one(sql, dialect=dialect)
    assert isinstance(tree, exp.Select)
    for name, (_, told) in _COHORT.items():
        tree = tree.select(f"CAST(SUM({told}) AS DECIMAL(38, 10)) AS {name}", dialect=dialect)
    rows = {row["period_start"]: row for row in reader.run(tree.sql(dialect=dialect, pretty=True), params)}
    parts = []
    for name, (label, _) in _COHORT.items():
        if name == "expansion" and definition.measure == "gross":
            continue
        shares = [Fraction(rows[p.start][name]) / Fraction(rows[p.start]["denominator"]) for p in asked.periods]
        before, after = (own(share, definition, asked.engine.currency) for share in shares)
        parts.append(DraftPart(name, label, shares[1] - shares[0], before, after))
    return Draft("movements", "movements", tuple(parts), provenance=asked.provenance(reader))


MOST_INPUTS = 10
"""Every subset of inputs is evaluated: a thousand."""


def _inputs(asked: Asked, definition: DerivedDefinition) -> Draft:
    """What each input's change does to the formula, by Shapley value."""
    if len(definition.inputs) > MOST_INPUTS:
        why = Unknown("not_additive", f"{definition.label} has too many inputs to tell their effects apart.")
        return Draft("inputs", "inputs", unknown=why)
    reader = asked.reader()
    before: dict[str, Fraction] = {}
    after: dict[str, Fraction] = {}
    values: dict[str, list[Own]] = {}
    for name, item in definition.inputs.items():
        cells = asked.cells(reader, renamed(definition, name, {name}))
        values[name] = []
        for found, cell, period in zip((before, after), asked.pair(cells), asked.periods, strict=True):
            if cell.value is None:
                told = cell.unknown or Unknown("no_rows", "It has no rows.")
                why = Unknown(told.code, f"{period.label}: {told.reason}")
                return Draft("inputs", "inputs", unknown=why, provenance=asked.provenance(reader))
            found[name] = cell.value
            values[name].append(own(cell.value, asked.catalogue.get(item.metric), asked.engine.currency))
    tree = parse_formula(definition.expression, definition.inputs)
    try:
        effects = shapley(lambda mixed: evaluate_formula(tree, mixed), before, after)
    except ZeroDivisionError:
        reason = f"{definition.label} has no value for some inputs of one period together with others of the other."
        return Draft("inputs", "inputs", unknown=Unknown("no_rows", reason), provenance=asked.provenance(reader))
    parts = tuple(
        DraftPart(name, _label(asked, item), effects[name], values[name][0], values[name][1])
        for name, item in definition.inputs.items()
    )
    return Draft("inputs", "inputs", parts, provenance=asked.provenance(reader))


def _label(asked: Asked, item: Input) -> str:
    label = asked.catalogue.get(item.metric).label
    if item.window is not None:
        label = f"{label}, {item.combine} of {item.window} months"
    if item.offset:
        label += " of the next period" if item.offset == 1 else f", {item.offset:+d} periods"
    return label
