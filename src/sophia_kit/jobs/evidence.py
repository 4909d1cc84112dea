"""What a run can say of what came out: the rows it read, and what the notebook left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import JobFailed
from sophia_kit.core.settings import Settings
from sophia_kit.proofs import Authorship, MetricReading, SourceFreshness
from sophia_kit.state import State
from sophia_kit.warehouse import Snapshot, Warehouse

__all__ = [
    "NotebookResult",
    "SnapshotSeal",
    "StateWitness",
    "read_result",
    "seal_snapshot",
]

RESULT = "result.json"


class StateWitness:
    """The state's memory of checkpoints, as the trail asks for it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def checkpoint(self, origin: str) -> tuple[int, str] | None:
        seen = self._state.checkpoint(origin)
        return None if seen is None else (seen.size, seen.root)

    def remember_checkpoint(self, origin: str, size: int, root_hex: str) -> None:
        self._state.remember_checkpoint(origin, size, root_hex, seen_at=SystemClock().now())


@dataclass(frozen=True, slots=True)
class NotebookResult:
    """What the notebook left beside its report: the values it reported, the snapshot it read, who wrote its prose."""

    snapshot_id: str
    metrics: tuple[MetricReading, ...]
    freshness: tuple[SourceFreshness, ...]
    files: tuple[Path, ...]
    narrative: Authorship | None = None


@dataclass(frozen=True, slots=True)
class SnapshotSeal:
    """A snapshot's id, the digest of its rows, and whether they are demo data."""

    snapshot_id: str
    sha256: str
    demo: bool


def seal_snapshot(snapshot: Snapshot, settings: Settings) -> SnapshotSeal:
    """The digest of a snapshot's rows. Takes about a second per million rows, with half of the warehouse's threads: the
    notebook runs beside it.

    Raises:
        SnapshotDamaged: it can't be opened.
    """
    limits = settings.warehouse
    half = limits.model_copy(update={"threads": max(1, limits.threads // 2)})
    with Warehouse.open(snapshot, settings.model_copy(update={"warehouse": half})) as warehouse:
        return SnapshotSeal(snapshot.snapshot_id, warehouse.rows_digest(), warehouse.demo)


def read_result(run_dir: Path) -> NotebookResult:
    """What the notebook left in `result.json`.

    Raises:
        JobFailed: it left nothing, or something else.
    """
    file = run_dir / RESULT
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        metrics = tuple(_reading(value) for value in content["metrics"])
        freshness = tuple(_freshness(table) for table in content["freshness"])
        files = tuple(run_dir / name for name in content["files"])
        snapshot_id = str(content["snapshot_id"])
        narrative = _authorship(content.get("narrative"))
    except FileNotFoundError:
        raise JobFailed(
            f"The notebook ended well but left no {RESULT} in {run_dir}.",
            hint="End the notebook with `sk.publish(brief)`; an empty run is no success.",
        ) from None
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise JobFailed(
            f"{file} isn't what `sk.publish` writes: {error}.", hint="End the notebook with `sk.publish(brief)`."
        ) from None
    return NotebookResult(snapshot_id, metrics, freshness, (*files, file), narrative)


def _reading(value: Mapping[str, Any]) -> MetricReading:
    number = value["value"]
    return MetricReading(
        name=value["name"],
        value=None if number is None else Decimal(number),
        unit=value["unit"],
        period=value["period"],
        display=value["display"],
        members=dict(value.get("members", {})),
        unknown=value.get("unknown"),
    )


def _authorship(author: Mapping[str, Any] | None) -> Authorship | None:
    if author is None:
        return None
    if author["author"] not in ("rules", "model"):
        raise ValueError(f"no author is called {author['author']!r}")
    return Authorship(author["author"], str(author["reason"]), author.get("model"), author.get("version"))


def _freshness(table: Mapping[str, Any]) -> SourceFreshness:
    as_of = table["as_of"]
    moment = None if as_of is None else datetime.fromisoformat(as_of)
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return SourceFreshness(table["table"], table["source_system"], table["status"], moment)
