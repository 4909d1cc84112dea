"""What a run leaves behind: the page for people, and `result.json` for the evidence and for other services."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from sophia_kit.core.errors import InputError
from sophia_kit.core.files import atomic_write, make_folder
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.metrics.value import MetricValue
from sophia_kit.reports.brief import render
from sophia_kit.reports.model import DailyBrief, Finding, TableState, Why

__all__ = ["Published", "publish", "result_of"]

PAGE: Final = "brief.html"
RESULT: Final = "result.json"


@dataclass(frozen=True, slots=True)
class Published:
    """Where a brief lies."""

    page: Path
    result: Path


def publish(brief: DailyBrief, settings: Settings | None = None) -> Published:
    """Write the brief's page and its `result.json`, each whole or not at all, the result last.

    The folder is the one that `SOPHIA_RUN_DIR` names (a job sets it), or one of its own below the workspace's
    reports.

    Raises:
        InputError: it was made for a reader who may not see everything.
        StorageError: the disk refuses.
    """
    if brief.header.audience:
        raise InputError(
            "This brief shows what one reader may see; the one that is kept shows the company.",
            hint="Ask for it without a principal.",
        )
    folder = _folder(brief, settings)
    page, result = folder / PAGE, folder / RESULT
    make_folder(folder)
    atomic_write(page, render(brief).encode("utf-8"))
    content = json.dumps(result_of(brief), indent=2, ensure_ascii=False)
    atomic_write(result, f"{content}\n".encode())
    return Published(page, result)


def _folder(brief: DailyBrief, settings: Settings | None) -> Path:
    if given := os.environ.get("SOPHIA_RUN_DIR"):
        return Path(given)
    settings = settings or load_settings()
    return settings.reports_dir / f"{brief.header.day.isoformat()}-{brief.header.run_id}"


def result_of(brief: DailyBrief) -> dict[str, Any]:
    """The brief as plain JSON: decimals as strings, so that no digit is lost; times in UTC."""
    head = brief.header
    return {
        "report": "daily_brief",
        "run_id": head.run_id,
        "demo": head.demo,
        "company": head.company,
        "day": head.day.isoformat(),
        "segment": head.segment,
        "snapshot_id": head.snapshot_id,
        "known_at": head.known_at.astimezone(UTC).isoformat(),
        "fresh": brief.gate.open,
        "files": [PAGE],
        "narrative": _author(brief),
        "metrics": [_metric(value, brief) for value in brief.latest_values],
        "trends": [_metric(value, brief) for value in brief.past_values],
        "changes": [_change(why) for why in brief.whys],
        "freshness": [_table(state) for state in brief.gate.tables],
        "findings": [_finding(finding, brief) for finding in brief.findings],
    }


def _author(brief: DailyBrief) -> dict[str, str | None]:
    """Who wrote the narrative, for the run's evidence."""
    author = brief.narrative.author
    return {"author": author.kind, "model": author.model, "version": author.version, "reason": author.reason}


def _metric(value: MetricValue, brief: DailyBrief) -> dict[str, Any]:
    members = dict(value.members)
    if brief.header.segment is not None and value.metric not in brief.whole_company:
        members["segment"] = brief.header.segment
    return {
        "name": value.metric,
        "label": value.label,
        "value": None if value.value is None else str(value.value),
        "unknown": None if value.unknown is None else value.unknown.reason,
        "unit": value.unit,
        "display": value.display,
        "period": value.period.label,
        "grain": value.period.grain,
        "period_start": value.period.start.isoformat(),
        "period_end": value.period.end_inclusive.isoformat(),
        "members": members,
        "freshness": value.freshness.status,
        "failed_checks": [mark.check or mark.detail for mark in value.quality],
    }


def _change(why: Why) -> dict[str, Any]:
    """An explained change: exact numbers as fractions, of which those of a list sum to the change."""
    change = why.change
    tables = [
        {
            "by": table.item.by,
            "method": table.item.method,
            "named": list(table.item.named),
            "parts": [
                {"name": part.name, "label": part.label, "exact": str(part.exact), "display": part.display}
                for part in (*table.shown, *([] if table.others is None else [table.others]))
            ],
        }
        for table in why.tables
    ]
    return {
        "metric": change.value.metric,
        "versus": change.versus,
        "period": change.value.period.label,
        "base_period": change.base.period.label,
        "exact": str(change.change),
        "display": change.display,
        "good": change.good,
        "breakdowns": tables,
    }


def _table(state: TableState) -> dict[str, Any]:
    at = state.last_success_at
    # Evidence knows three states; a table that was never loaded has an unknown age.
    status = "unknown" if state.status == "never loaded" else state.status
    return {
        "table": state.table,
        "source_system": state.source_system,
        "status": status,
        "as_of": None if at is None else at.astimezone(UTC).isoformat(),
        "required": state.required,
    }


def _finding(finding: Finding, brief: DailyBrief) -> dict[str, Any]:
    count = None if finding.count is None else brief.facts.numbers[finding.count].value
    return {
        "kind": finding.kind,
        "subject": finding.subject,
        "text": finding.text,
        "records": None if count is None else int(count),
    }
