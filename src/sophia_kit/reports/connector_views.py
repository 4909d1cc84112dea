"""The connector lab's contents as rows, markup and text: ready to be shown, nothing to compute."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.connectors import Health
    from sophia_kit.ingest.look import Look
    from sophia_kit.reports.connectors import Looked, Past, Reading, VendorSetup

__all__ = [
    "attempt_rows",
    "freshness_kind",
    "freshness_markup",
    "health_rows",
    "look_rows",
    "look_text",
    "print_connectors",
    "quarantine_rows",
    "reading_rows",
    "refused_rows",
    "setup_rows",
    "stored_rows",
]

_LONGEST, _SHORT = 200, 40
"""Characters of a value in a table, and of one that nobody reads to its end; what is longer is cut there."""


def setup_rows(setups: Sequence[VendorSetup]) -> list[dict[str, str]]:
    """Every vendor, one row each, and what has to be set before it can be read."""
    return [
        {
            "Vendor": setup.provider,
            "State": "not configured" if setup.missing else "configured",
            "Missing": ", ".join(setup.missing),
            "Set-up": f"docs/{setup.provider}.md",
        }
        for setup in setups
    ]


def health_rows(healths: Sequence[Health]) -> list[dict[str, str]]:
    """What the vendors said when they were asked, one row each."""
    return [
        {
            "Vendor": health.provider,
            "State": health.state,
            "It says": health.detail,
            "What to do": health.hint or "",
            "Took": "" if health.latency_ms is None else f"{health.latency_ms:,.0f} ms",
        }
        for health in healths
    ]


def reading_rows(readings: Sequence[Reading]) -> list[dict[str, str]]:
    """What can be read of a vendor, one row a resource."""
    return [
        {
            "Resource": reading.resource.name,
            "Raw table": reading.resource.table,
            "Goes on by": reading.resource.incremental_field,
            "Read here": "yes" if reading.off is None else f"no: {reading.off}",
        }
        for reading in readings
    ]


def stored_rows(reading: Reading) -> list[dict[str, str]]:
    """What becomes of each field of a resource."""
    return [
        {"Column": item.column, "Field at the vendor": item.field, "Type": item.kind, "What is stored": item.kept}
        for item in reading.stored
    ]


def look_rows(look: Look) -> list[dict[str, Any]]:
    """The records of a look as a load would store them; long text is cut."""
    return [{name: _cell(value) for name, value in row.items()} for row in look.frame.iter_rows(named=True)]


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if value is None or isinstance(value, (bool, int)):
        return value
    return _cut(str(value), _LONGEST)


def _cut(text: str, at: int) -> str:
    return text if len(text) <= at else f"{text[:at]}…"


def refused_rows(look: Look) -> list[dict[str, str]]:
    """The records of a look that a load would keep in quarantine."""
    return [{"Record": refused.source_id or "(no key)", "Reason": refused.reason} for refused in look.refused]


def look_text(look: Look) -> str:
    """What a look found, in a sentence or two."""
    told = [f"{_count(look.frame.height, 'record')} read just now, as raw.{look.contract.table} would store them."]
    if look.demo:
        told.insert(0, "DEMO DATA.")
    if look.refused:
        told.append(f"{_count(len(look.refused), 'more')} would go to quarantine.")
    if look.new_fields:
        kept = "kept as text" if look.contract.new_fields == "keep" else "noted by name, not stored"
        told.append(f"Fields the contract doesn't know, {kept}: {', '.join(look.new_fields)}.")
    if look.absent:
        told.append(f"The vendor doesn't have {', '.join(look.absent)}.")
    return " ".join(told)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 or what == 'more' else 's'}"


def freshness_markup(past: Past) -> str:
    """How recent a raw table is, as HTML; everything escaped."""
    found = past.freshness
    if found is None:
        return f"<strong>Unknown.</strong> {escape(past.reason or '')}"
    status, because = found.status(past.now), found.because(past.now)
    at = "never" if found.last_success_at is None else f"{found.last_success_at:%Y-%m-%d %H:%M} UTC"
    demo = "<strong>DEMO DATA.</strong> " if past.demo else ""
    why = f" ({escape(because)})" if because else ""
    return (
        f"{demo}<strong>{status.capitalize()}</strong>{why}. Last complete load: {at}. {found.row_count:,} rows; they "
        f"may be {found.freshness_hours:g} hours old. Seen at {past.now.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    )


def freshness_kind(past: Past) -> str:
    """The kind of a callout that says how recent a raw table is."""
    status = "unknown" if past.freshness is None else past.freshness.status(past.now)
    return {"fresh": "success", "stale": "warn", "unknown": "neutral"}[status]


def attempt_rows(past: Past) -> list[dict[str, str]]:
    """The last load attempts, failed ones too, newest first; times in UTC."""
    return [
        {
            "Started": f"{attempt.started_at:%Y-%m-%d %H:%M:%S}",
            "Mode": attempt.mode,
            "Status": attempt.status,
            "Read": _number(attempt.rows_read),
            "Merged": _number(attempt.rows_merged),
            "Deleted": _number(attempt.rows_deleted),
            "Refused": _number(attempt.rows_quarantined),
            "Read up to": _cut(attempt.cursor_to or "", _SHORT),
            "Note": attempt.error or (f"new columns: {attempt.new_columns}" if attempt.new_columns else ""),
        }
        for attempt in past.attempts
    ]


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def quarantine_rows(past: Past) -> list[dict[str, str]]:
    """The newest open findings; times in UTC."""
    return [
        {
            "First seen": f"{finding.first_seen_at:%Y-%m-%d %H:%M:%S}",
            "Record": finding.source_id or "(no key)",
            "Reason": finding.reason,
            "As it was kept": _cut(finding.record, _LONGEST),
        }
        for finding in past.findings
    ]


def print_connectors(
    setups: Sequence[VendorSetup],
    readings: Sequence[Reading],
    past: Past,
    *,
    healths: Sequence[Health] = (),
    looked: Looked | None = None,
    to: Console | None = None,
) -> None:
    """Print what a script was asked for. `to` defaults to standard output."""
    from rich.console import Console
    from rich.text import Text

    out = to or Console(highlight=False)
    if past.demo:
        out.print("DEMO DATA: a fictional company; no number here is about a real one.")
    _print_rows(out, "Vendors", setup_rows(setups))
    _print_rows(out, "Health", health_rows(healths))
    _print_rows(out, "What can be read", reading_rows(readings))
    if past.freshness is not None:
        table, because = past.freshness, past.freshness.because(past.now)
        told = f"raw.{table.table_name}: {table.status(past.now)}{f', {because}' if because else ''}, "
        out.print(Text(f"{told}{table.row_count:,} rows"), soft_wrap=True)
    elif past.reason is not None:
        out.print(Text(past.reason), soft_wrap=True)
    _print_rows(out, "Last loads", attempt_rows(past))
    _print_rows(out, f"Quarantine: {past.open_findings:,} open", quarantine_rows(past))
    if looked is not None and looked.look is not None:
        out.print()
        out.print(Text(look_text(looked.look)), soft_wrap=True)
        for row in look_rows(looked.look):
            out.print(Text(json.dumps(row, ensure_ascii=False)), soft_wrap=True)
        _print_rows(out, "Refused", refused_rows(looked.look))
    elif looked is not None:
        out.print()
        out.print(Text(looked.reason or ""), soft_wrap=True)


def _print_rows(out: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in rows[0]:
        shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    out.print()
    out.print(shown)
