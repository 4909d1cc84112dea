"""From checks to SQL: one scan of a view answers all of its checks but reconciliations, which have a statement each.

Where a statement names `$today`, the company's day of the load is bound to it.
"""

# ruff: noqa: S608  # the library's own checks, and those of a project: both come with the code that runs

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from sophia_kit.warehouse.canonical import reads_one_table
from sophia_kit.warehouse.checks.definition import (
    TODAY,
    AcceptedValues,
    Check,
    Freshness,
    NotNull,
    Range,
    Reconciliation,
    Relationship,
    RowCountDrift,
    Side,
    Unique,
)

__all__ = ["compile_examples", "compile_reconciliation", "compile_scan", "violation"]


_LARGE = 1_000_000


def compile_scan(view: str, checks: Sequence[Check], rows: int = 0) -> str:
    """One statement for checks of one view, reconciliations not among them; `rows` is about how many it has.

    It returns one row: `rows`, then for the check at `n`, `checked_<n>`, the rows looked at, and `found_<n>`, the rows
    that fail; for freshness it is the latest time. Over a large table a scan for each check is quicker than one:
    statistics tell of most rows that they can't fail, and these aren't read.
    """
    return _apart(view, checks) if rows >= _LARGE and reads_one_table(view) else _together(view, checks)


def _together(view: str, checks: Sequence[Check]) -> str:
    parts = ["count(*) AS rows"]
    for n, check in enumerate(checks):
        checked = f"count(*) FILTER (WHERE {check.when})" if check.when else "count(*)"
        parts += [f"{checked} AS checked_{n}", f"{_found(check)} AS found_{n}"]
    return f"SELECT {', '.join(parts)} FROM {_quoted(view)}"


def _apart(view: str, checks: Sequence[Check]) -> str:
    rows = f"(SELECT count(*) FROM {_quoted(view)})"
    parts = [f"{rows} AS rows"]
    for n, check in enumerate(checks):
        checked = f"(SELECT count(*) FROM {_quoted(view)} WHERE {check.when})" if check.when else rows
        parts += [f"{checked} AS checked_{n}", f"{_found_apart(check)} AS found_{n}"]
    return f"SELECT {', '.join(parts)}"


def violation(check: Check) -> str | None:
    """The condition that a failing row meets, `when` among it; None where no single row fails."""
    broken = _broken(check)
    if broken is None:
        return None
    return f"({check.when}) AND {broken}" if check.when else broken


def compile_examples(check: Check, limit: int) -> str | None:
    """Failing rows, whole; of a unique key the repeated values; None where there are none to show."""
    if isinstance(check, Unique):
        columns = ", ".join(_quoted(column) for column in check.columns)
        return (
            f"SELECT {columns} FROM {_quoted(check.view)} WHERE {_given(check)} GROUP BY {columns} HAVING count(*) > 1 "
            f"ORDER BY {columns} LIMIT {limit}"
        )
    if isinstance(check, AcceptedValues):
        column = _quoted(check.column)
        return (
            f"SELECT DISTINCT {column} FROM {_quoted(check.view)} WHERE {violation(check)} "
            f"ORDER BY {column} LIMIT {limit}"
        )
    where = violation(check)
    return None if where is None else f"SELECT * FROM {_quoted(check.view)} WHERE {where} ORDER BY 1 LIMIT {limit}"


def compile_reconciliation(check: Reconciliation) -> str:
    """The statement that sets both sides against each other.

    A row for each month and group that both sides could know: `month` (months since the year 0; NULL in total), `ours`,
    `theirs`, `fails`, and the columns of `by`. Months before either side begins, and those that haven't settled, are
    left out.
    """
    ours = Side(view=check.view, measure=check.measure, columns=check.columns, time=check.time, when=check.when)
    theirs = check.against
    same = " AND ".join(f"ours.{name} IS NOT DISTINCT FROM theirs.{name}" for name in ("month", *_by(check)))
    keys = ", ".join(f"coalesce(ours.{name}, theirs.{name}) AS {name}" for name in _by(check))
    difference = "abs(coalesce(ours.measure, 0) - coalesce(theirs.measure, 0))"
    larger = "greatest(abs(coalesce(ours.measure, 0)), abs(coalesce(theirs.measure, 0)))"
    fails = f"{difference} > greatest({check.tolerance} * {larger}, {check.allowance})"
    common = (
        "WHERE coalesce(ours.month, theirs.month) >= "
        "(SELECT greatest((SELECT min(month) FROM ours), (SELECT min(month) FROM theirs)))"
        if check.time
        else ""
    )
    return (
        f"WITH ours AS ({_side(check, ours)}), theirs AS ({_side(check, theirs)}) "
        f"SELECT coalesce(ours.month, theirs.month) AS month, ours.measure AS ours, theirs.measure AS theirs, "
        f"{fails} AS fails{f', {keys}' if keys else ''} "
        f"FROM ours FULL JOIN theirs ON {same} {common} ORDER BY ALL"
    )


def _by(check: Reconciliation) -> tuple[str, ...]:
    return tuple(_quoted(name) for name in check.by)


def _side(check: Reconciliation, side: Side) -> str:
    month, where = "CAST(NULL AS BIGINT)", [f"({side.when})"] if side.when else []
    if side.time:
        # Quicker to group by than a truncated date.
        month = f"year({_quoted(side.time)}) * 12 + month({_quoted(side.time)}) - 1"
        settled = f"CAST(date_trunc('month', $today - {check.settle_days}) AS DATE)"
        where.append(f"{_quoted(side.time)} < {settled}")
    by = "".join(f", {name}" for name in _by(check))
    grouped = ["1"] if side.time else []
    grouped += _by(check)
    sql = f"SELECT {month} AS month{by}, {side.measure} AS measure FROM {_quoted(side.view)}"
    sql += f" WHERE {' AND '.join(where)}" if where else ""
    return f"{sql} GROUP BY {', '.join(grouped)}" if grouped else sql


def _found(check: Check) -> str:
    """What a check looks for, as an aggregate over its view."""
    if isinstance(check, Unique):
        columns = ", ".join(_quoted(column) for column in check.columns)
        key = columns if len(check.columns) == 1 else f"row({columns})"
        given = _given(check)
        return f"count(*) FILTER (WHERE {given}) - count(DISTINCT {key}) FILTER (WHERE {given})"
    if isinstance(check, Freshness):
        latest = f"max({_quoted(check.column)})"
        return f"CAST({f'{latest} FILTER (WHERE {check.when})' if check.when else latest} AS TIMESTAMP)"
    if isinstance(check, RowCountDrift):
        return "0"
    return f"count(*) FILTER (WHERE {violation(check)})"


def _found_apart(check: Check) -> str:
    """The same as a query of its own."""
    view = _quoted(check.view)
    if isinstance(check, RowCountDrift):
        return "0"
    if isinstance(check, Freshness):
        where = f" WHERE {check.when}" if check.when else ""
        return f"(SELECT CAST(max({_quoted(check.column)}) AS TIMESTAMP) FROM {view}{where})"
    if isinstance(check, Unique):
        columns = ", ".join(_quoted(column) for column in check.columns)
        source = f"FROM {view} WHERE {_given(check)}"
        return f"(SELECT count(*) {source}) - (SELECT count(*) FROM (SELECT DISTINCT {columns} {source}))"
    if isinstance(check, Relationship):
        # Each value is looked up once, not for each row that has it.
        column, where = _quoted(check.column), f" WHERE {check.when}" if check.when else ""
        values = f"SELECT {column}, count(*) AS of_value FROM {view}{where} GROUP BY {column}"
        return f"(SELECT CAST(coalesce(sum(of_value), 0) AS BIGINT) FROM ({values}) WHERE {_broken(check)})"
    return f"(SELECT count(*) FROM {view} WHERE {violation(check)})"


def _broken(check: Check) -> str | None:
    if isinstance(check, NotNull):
        return f"{_quoted(check.column)} IS NULL"
    if isinstance(check, Relationship):
        view, _, key = check.to.partition(".")
        keys = f"SELECT {_quoted(key)} FROM {_quoted(view)} WHERE {_quoted(key)} IS NOT NULL"
        # Into no keys at all even NULL doesn't fit, and NULL is no value.
        return f"({_quoted(check.column)} IS NOT NULL AND {_quoted(check.column)} NOT IN ({keys}))"
    if isinstance(check, AcceptedValues):
        return f"{_quoted(check.column)} NOT IN ({', '.join(_text(value) for value in check.values)})"
    if isinstance(check, Range):
        column = _quoted(check.column)
        sides = [f"{column} < {_limit(check.min)}"] if check.min is not None else []
        sides += [f"{column} > {_limit(check.max)}"] if check.max is not None else []
        return f"({' OR '.join(sides)})"
    return None


def _given(check: Unique) -> str:
    given = " AND ".join(f"{_quoted(column)} IS NOT NULL" for column in check.columns)
    return f"{given} AND ({check.when})" if check.when else given


def _limit(limit: Decimal | date | str) -> str:
    if isinstance(limit, Decimal):
        return f"{limit:f}"
    if isinstance(limit, date):
        return f"DATE '{limit.isoformat()}'"
    return "$today" if limit == TODAY else _quoted(limit)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
