"""Open matters of data quality, from the kit's own records: checks, quarantine, load audit, freshness."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from sophia_kit.core.fact import Fact
from sophia_kit.reports.compose import Quality
from sophia_kit.reports.facts import Explanation, Line
from sophia_kit.reports.model import Finding, FreshnessGate, TableState

if TYPE_CHECKING:
    from sophia_kit.warehouse import QueryProvenance, Warehouse

__all__ = ["find_quality", "freshness_gate", "late_tables"]

_QUARANTINE: Final = """\
SELECT table_name, reason, count(*) AS records
FROM quarantine
WHERE resolved_at IS NULL
GROUP BY table_name, reason
ORDER BY records DESC, table_name, reason"""

_QUARANTINED: Final = """\
SELECT count(*) AS records
FROM quarantine
WHERE resolved_at IS NULL"""

_FAILED_LOADS: Final = """\
SELECT table_name, source, error
FROM (
    SELECT table_name, source, error, status,
        row_number() OVER (PARTITION BY source, table_name ORDER BY started_at DESC) AS age
    FROM load_audit
    WHERE mode IN ('full', 'incremental')
) AS attempts
WHERE age = 1 AND status = 'failed'
ORDER BY table_name"""

_CHECKS: Final = """\
SELECT check_id, kind, severity, status, failed_rows, detail, description
FROM check_results
ORDER BY severity, check_id"""

_LIMITS: Final = """\
SELECT table_name, freshness_hours
FROM freshness
ORDER BY table_name"""

_OWN_RECORD: Final = "The kit's own record of what it loaded, kept in the snapshot."


def freshness_gate(warehouse: Warehouse, required: Iterable[str], now: datetime) -> tuple[FreshnessGate, Explanation]:
    """The state of every raw table at `now`, required ones first, and the explanation of their limits."""
    needed = set(required)
    limits = warehouse.query(_LIMITS)
    states, lines = [], []
    for table in warehouse.freshness().values():
        limit = Decimal(str(table.freshness_hours)).normalize()
        fact = Fact(f"gate.{table.table_name}.limit", limit, "hours", f"{limit:f} h")
        lines.append(Line(fact, table.table_name))
        found = table.status(now)
        status: Literal["fresh", "stale", "never loaded"] = "never loaded" if found == "unknown" else found
        states.append(
            TableState(
                table.table_name,
                table.source_system,
                table.table_name in needed,
                status,
                table.last_success_at,
                fact.name,
            )
        )
    states.sort(key=lambda state: (not state.required, state.status == "fresh", state.table))
    explanation = _own_record(
        "quality.limits",
        "sources",
        "How old a source may be",
        "The contract of each table says it.",
        limits.provenance,
        lines,
    )
    return FreshnessGate(tuple(states)), explanation


def find_quality(warehouse: Warehouse, gate: FreshnessGate) -> Quality:
    """Checks that failed, records in quarantine by reason, loads that failed last, tables that are late or absent."""
    total = warehouse.query(_QUARANTINED)
    by_reason = warehouse.query(_QUARANTINE)
    failed = warehouse.query(_FAILED_LOADS)
    all_records = _count("quality.quarantined", total.frame.item())
    lines, refused = [Line(all_records, "all tables")], []
    for position, (table, reason, records) in enumerate(by_reason.frame.iter_rows(), start=1):
        fact = _count(f"quality.quarantine.{position}", records)
        lines.append(Line(fact, f"{table}: {reason}"))
        refused.append(Finding("quarantine", table, reason, fact.name))
    failures = [
        Finding("failed load", table, error or f"{source} gave no reason.")
        for table, source, error in failed.frame.iter_rows()
    ]
    late = late_tables(gate)
    checks, counted = _checks(warehouse)
    findings = (*failures, *late, *checks, *refused)
    explanation = _own_record(
        "quality.quarantine",
        "quality",
        "Records set aside",
        "Records refused by their table's contract and not replaced by a good version since.",
        by_reason.provenance,
        lines,
    )
    return Quality(findings, (explanation, *counted))


def _checks(warehouse: Warehouse) -> tuple[list[Finding], list[Explanation]]:
    """The checks that failed or could not run, those that mark metrics first, and the explanation of their counts."""
    found = warehouse.query(_CHECKS)
    if found.frame.is_empty():
        return [Finding("unknown check", "all checks", "No checks ran on this snapshot.")], []
    findings: list[Finding] = []
    lines: list[Line] = []
    for check, kind, severity, status, failed, detail, description in found.frame.iter_rows():
        marks = "" if severity == "error" else " Only a warning: it marks no number."
        if status == "unknown":
            findings.append(Finding("unknown check", check, f"It could not run: {detail}{marks}"))
        elif status == "failed" and kind in _OF_A_WHOLE:
            findings.append(Finding("failed check", check, f"{detail}{marks}"))
        elif status == "failed":
            fact = _count(f"quality.check.{len(lines) + 1}", failed)
            lines.append(Line(fact, f"{check}: {detail}"))
            findings.append(Finding("failed check", check, f"Not in every record: {description}{marks}", fact.name))
    if not lines:
        return findings, []
    told = "Records that fail a check of the data at the load of the snapshot."
    return findings, [
        _own_record("quality.checks", "quality", "Records that fail a check", told, found.provenance, lines)
    ]


# What these find is no number of records.
_OF_A_WHOLE: Final = ("freshness", "row_count_drift", "reconciliation")


def late_tables(gate: FreshnessGate) -> list[Finding]:
    """The tables that are late or absent."""
    return [_late(state) for state in gate.tables if state.status != "fresh"]


def _late(state: TableState) -> Finding:
    needed = "" if state.required else " Nothing in this brief stands on it."
    if state.status == "stale":
        told = "Its last load failed, or its last complete one is older than its contract permits."
        return Finding("stale", state.table, f"{told}{needed}")
    return Finding("never loaded", state.table, f"No source has delivered it.{needed}")


def _count(name: str, records: int) -> Fact:
    return Fact(name, Decimal(records), "count", f"{records:,}")


def _own_record(
    key: str, home: str, title: str, description: str, provenance: QueryProvenance, lines: Iterable[Line]
) -> Explanation:
    return Explanation(
        key=key,
        home=home,
        title=title,
        description=description,
        formula=_OWN_RECORD,
        statements=((provenance.sql, ()),),
        snapshot_id=provenance.snapshot_id,
        known_at=provenance.known_at,
        freshness=None,
        tables=(),
        source_systems=("sophia-kit",),
        definition_digest=None,
        lines=tuple(lines),
    )
