"""Runs checks on a draft before it is published, or on a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from sophia_kit.core.clock import company_day
from sophia_kit.core.errors import SophiaError
from sophia_kit.warehouse.canonical import model_references, models_for
from sophia_kit.warehouse.checks.compile import compile_examples, compile_reconciliation, compile_scan
from sophia_kit.warehouse.checks.definition import Check, Freshness, Reconciliation, RowCountDrift
from sophia_kit.warehouse.checks.result import CheckResult, Status, read_results
from sophia_kit.warehouse.checks.wording import told_apart, told_drift, told_late, told_passed, told_rows

if TYPE_CHECKING:
    from sophia_kit.warehouse.query import Warehouse

__all__ = ["check_draft", "check_snapshot"]

_EXAMPLES = 3
_OWN_RECORDS = {"check_results", "freshness"}

Row = dict[str, Any]
Ask = Callable[[str, Mapping[str, Any]], list[Row]]


def check_draft(
    connection: duckdb.DuckDBPyConnection, checks: Iterable[Check], *, now: datetime, time_zone: str
) -> tuple[CheckResult, ...]:
    """Run checks on a draft whose `meta.freshness` is written; counts are compared with the snapshot it builds on."""
    wanted = list(checks)
    read = {view for check in wanted for view in (check.view, *check.other_views)}
    for name, sql in models_for(read | _OWN_RECORDS).items():
        connection.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {sql}')

    def ask(sql: str, params: Mapping[str, Any]) -> list[Row]:
        cursor = connection.execute(sql, params)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    before = ask("SELECT check_id, checked_rows FROM check_results WHERE kind = 'row_count_drift'", {})
    run = _Run(ask, now, time_zone, {row["check_id"]: row["checked_rows"] for row in before})
    return run.all(wanted)


def check_snapshot(warehouse: Warehouse, checks: Iterable[Check]) -> tuple[CheckResult, ...]:
    """Run checks on a published snapshot, as of the load that made it. Nothing is written.

    Counts are compared with those that this load compared them with.
    """

    def ask(sql: str, params: Mapping[str, Any]) -> list[Row]:
        return warehouse.query(sql, params).frame.to_dicts()

    found = read_results(warehouse)
    before = {each.check_id: each.rows_before for each in found if each.rows_before is not None}
    now = max((each.ran_at for each in found), default=warehouse.known_at)
    return _Run(ask, now, warehouse.time_zone, before).all(checks)


class _Run:
    """One run: how it asks, and the moment and the counts it compares with."""

    def __init__(self, ask: Ask, now: datetime, time_zone: str, before: Mapping[str, int]) -> None:
        self._ask = ask
        self._now = now
        self._today = company_day(now, time_zone)
        self._before = before
        self._sizes: dict[str, int] = {}

    def all(self, checks: Iterable[Check]) -> tuple[CheckResult, ...]:
        """Results in order of the checks' ids."""
        wanted = list(checks)
        tables = {f"raw.{row['table_name']}": row for row in self._rows("SELECT * FROM freshness")}
        self._sizes = {name: row["row_count"] for name, row in tables.items()}
        never = {name for name, row in tables.items() if row["last_success_at"] is None}
        results: list[CheckResult] = []
        scans: dict[str, list[Check]] = {}
        for check in wanted:
            absent = sorted(table for view in (check.view, *check.other_views) for table in _tables(view) & never)
            if absent:
                detail = f"{absent[0].removeprefix('raw.')} was never loaded."
                results.append(self._result(check, "skipped", detail))
            elif isinstance(check, Reconciliation):
                results.append(self._reconcile(check))
            else:
                scans.setdefault(check.view, []).append(check)
        for view, group in scans.items():
            results += self._scan(view, group)
        return tuple(sorted(results, key=lambda result: result.check_id))

    def _rows(self, sql: str) -> list[Row]:
        return self._ask(sql, {"today": self._today} if "$today" in sql else {})

    def _scan(self, view: str, checks: Sequence[Check]) -> list[CheckResult]:
        size = max((self._sizes.get(table, 0) for table in _tables(view)), default=0)
        try:
            (row,) = self._rows(compile_scan(view, checks, size))
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, SophiaError) as error:
            if len(checks) == 1:
                return [self._impossible(checks[0], error)]
            # One that can't run takes the whole scan with it: each by itself, so that the others are known.
            return [result for check in checks for result in self._scan(view, [check])]
        rows = row["rows"]
        return [self._judge(check, rows, row[f"checked_{n}"], row[f"found_{n}"]) for n, check in enumerate(checks)]

    def _judge(self, check: Check, rows: int, checked: int, found: Any) -> CheckResult:
        if isinstance(check, RowCountDrift):
            return self._drift(check, checked)
        if not checked:
            what = f"{check.view} holds no rows" if not rows else f"no row meets `{check.when}`"
            return self._result(check, "skipped", f"Nothing to check: {what}.")
        if isinstance(check, Freshness):
            return self._fresh(check, checked, found)
        if not found:
            return self._result(check, "passed", told_passed(check, checked), checked=checked)
        sql = compile_examples(check, _EXAMPLES)
        examples = self._rows(sql) if sql else []
        return self._result(check, "failed", told_rows(check, found, checked, examples), found, checked)

    def _drift(self, check: RowCountDrift, rows: int) -> CheckResult:
        before = self._before.get(check.id)
        if not before:
            detail = f"No rows in an earlier load to compare {rows:,} with."
            return self._result(check, "skipped", detail, checked=rows)
        low = before - before * check.max_drop
        high = None if check.max_rise is None else before + before * check.max_rise
        failed = rows < low or (high is not None and rows > high)
        detail = told_drift(check, before, rows)
        return self._result(check, "failed" if failed else "passed", detail, int(failed), rows, before)

    def _fresh(self, check: Freshness, checked: int, latest: datetime | None) -> CheckResult:
        if latest is None:
            return self._result(check, "failed", f"No row has a {check.column}.", 1, checked)
        age = self._now - latest.replace(tzinfo=UTC)
        late = age > timedelta(hours=float(check.hours))
        detail = told_late(check, latest, age)
        return self._result(check, "failed" if late else "passed", detail, int(late), checked)

    def _reconcile(self, check: Reconciliation) -> CheckResult:
        try:
            rows = self._rows(compile_reconciliation(check))
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, SophiaError) as error:
            return self._impossible(check, error)
        compared = [row for row in rows if row["ours"] is not None or row["theirs"] is not None]
        if not compared:
            return self._result(check, "skipped", "Nothing to compare: neither side has rows in a settled month.")
        apart = [row for row in compared if row["fails"]]
        detail = told_apart(check, apart, len(compared))
        return self._result(check, "failed" if apart else "passed", detail, len(apart), len(compared))

    def _impossible(self, check: Check, error: Exception) -> CheckResult:
        return self._result(check, "unknown", str(error).splitlines()[0])

    def _result(
        self,
        check: Check,
        status: Status,
        detail: str,
        failed: int = 0,
        checked: int = 0,
        before: int | None = None,
    ) -> CheckResult:
        return CheckResult(
            check_id=check.id,
            view=check.view,
            kind=check.kind,
            severity=check.severity,
            status=status,
            failed_rows=failed,
            checked_rows=checked,
            rows_before=before,
            detail=detail,
            description=check.description,
            stands_on=check.stands_on,
            ran_at=self._now,
        )


def _tables(view: str) -> frozenset[str]:
    """The raw tables below a view; none where there is no such view, which its check will say."""
    return model_references().get(view, frozenset())
