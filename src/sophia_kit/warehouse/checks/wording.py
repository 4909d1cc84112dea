"""What a check found, in one sentence for a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sophia_kit.warehouse.checks.definition import (
    AcceptedValues,
    Check,
    Freshness,
    NotNull,
    Range,
    Reconciliation,
    Relationship,
    RowCountDrift,
    Unique,
)

__all__ = ["told_apart", "told_drift", "told_late", "told_passed", "told_rows"]

_LONGEST = 60
_NAMED = 3


def told_passed(check: Check, checked: int) -> str:
    """That all rows looked at pass."""
    return f"All {checked:,} rows{_condition(check)}."


def told_rows(check: Check, failed: int, checked: int, examples: Sequence[Mapping[str, Any]]) -> str:
    """Which rows fail, with examples: the values where these are what is wrong, else the rows' keys."""
    named = ", ".join(_example(check, row) for row in examples)
    shown = f", e.g. {named}" if named else ""
    return f"{failed:,} of {checked:,} rows{_condition(check)}: {_wrong(check)}{shown}."


def told_drift(check: RowCountDrift, before: int, rows: int) -> str:
    """How the number of rows moved."""
    share = f" ({(rows - before) / before:+.1%})" if before else ""
    return f"{before:,} rows in the snapshot before, {rows:,} in this one{share}."


def told_late(check: Freshness, latest: datetime, age: timedelta) -> str:
    """How old the latest row is."""
    hours = age.total_seconds() / 3600
    return f"The latest {check.column} is {latest:%Y-%m-%d %H:%M}, {hours:,.1f} hours before the load."


def told_apart(check: Reconciliation, apart: Sequence[Mapping[str, Any]], compared: int) -> str:
    """Where the two sides differ by more than is permitted."""
    sides = f"{check.view} and {check.against.view}"
    if not apart:
        return f"{sides} agree{f' in {compared:,} comparisons' if compared > 1 else ''}."
    told = []
    for row in apart[:_NAMED]:
        where = [f"{row['month'] // 12}-{row['month'] % 12 + 1:02}"] if row["month"] is not None else []
        where += [str(row[name]) for name in check.by]
        place = f"{' '.join(where)}: " if where else ""
        told.append(f"{place}{_amount(row['ours'])} against {_amount(row['theirs'])}")
    more = f" and {len(apart) - _NAMED} more" if len(apart) > _NAMED else ""
    return f"{sides} differ in {len(apart):,} of {compared:,} comparisons: {'; '.join(told)}{more}."


def _wrong(check: Check) -> str:
    if isinstance(check, NotNull):
        return f"{check.column} is empty"
    if isinstance(check, Unique):
        return f"{' and '.join(check.columns)} {'occur' if len(check.columns) > 1 else 'occurs'} again"
    if isinstance(check, Relationship):
        return f"{check.column} isn't in {check.to}"
    if isinstance(check, AcceptedValues):
        return f"{check.column} is none of the {len(check.values)} accepted values"
    assert isinstance(check, Range)
    sides = [f"below {check.min}"] if check.min is not None else []
    sides += [f"above {check.max}"] if check.max is not None else []
    return f"{check.column} is {' or '.join(sides)}"


def _condition(check: Check) -> str:
    return f" where {check.when}" if check.when else ""


def _example(check: Check, row: Mapping[str, Any]) -> str:
    if isinstance(check, Unique):
        text = " ".join(str(value) for value in row.values())
    elif isinstance(check, AcceptedValues):
        text = repr(row[check.column])
    else:
        text = str(row.get("source_id", next(iter(row.values()))))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _amount(value: Any) -> str:
    return "nothing" if value is None else f"{value:,}"
