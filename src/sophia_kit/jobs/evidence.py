"""What a run can say of itself: the code, the lock, the notebook, the files it made, the values it reported."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import JobFailed
from sophia_kit.core.settings import Settings
from sophia_kit.proofs import CodeState, FileDigest, MetricReading, SourceFreshness, Subject
from sophia_kit.state import State
from sophia_kit.warehouse import Snapshot, Warehouse

__all__ = [
    "NotebookResult",
    "SnapshotSeal",
    "StateWitness",
    "code_state",
    "file_digest",
    "file_subjects",
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
    """What the notebook left beside its report: the values it reported and the snapshot it read."""

    snapshot_id: str
    metrics: tuple[MetricReading, ...]
    freshness: tuple[SourceFreshness, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SnapshotSeal:
    """A snapshot's id, the digest of its rows, and whether they are demo data."""

    snapshot_id: str
    sha256: str
    demo: bool


def code_state(root: Path) -> CodeState:
    """The commit of the project and whether its work tree is clean, where git can tell."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:
        return CodeState(None, None, "git is not installed")
    except subprocess.CalledProcessError:
        return CodeState(None, None, "the project is not a git work tree with a commit")
    except subprocess.TimeoutExpired:
        return CodeState(None, None, "git did not answer in time")
    return CodeState(commit, not changes)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True, timeout=20)
    return done.stdout.strip()


def file_digest(root: Path, path: Path) -> FileDigest:
    """The digest of a file that had a part in the run, or why there is none."""
    name = _name(root, path)
    try:
        return FileDigest(name, _sha256(path))
    except OSError as error:
        return FileDigest(name, None, error.strerror or "it can't be read")


def file_subjects(root: Path, files: tuple[Path, ...]) -> tuple[Subject, ...]:
    """The files a run made, by their digests, in order of their names."""
    return tuple(Subject(_name(root, file), _sha256(file)) for file in sorted(files))


def seal_snapshot(snapshot: Snapshot, settings: Settings) -> SnapshotSeal:
    """The digest of a snapshot's rows. Takes about a second per million rows.

    Raises:
        SnapshotDamaged: it can't be opened.
    """
    with Warehouse.open(snapshot, settings) as warehouse:
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
    except FileNotFoundError:
        raise JobFailed(
            f"The notebook ended well but left no {RESULT} in {run_dir}.",
            hint="End the notebook with `sk.publish(brief)`; an empty run is no success.",
        ) from None
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise JobFailed(
            f"{file} isn't what `sk.publish` writes: {error}.", hint="End the notebook with `sk.publish(brief)`."
        ) from None
    return NotebookResult(snapshot_id, metrics, freshness, (*files, file))


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


def _freshness(table: Mapping[str, Any]) -> SourceFreshness:
    as_of = table["as_of"]
    moment = None if as_of is None else datetime.fromisoformat(as_of)
    if moment is not None and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return SourceFreshness(table["table"], table["source_system"], table["status"], moment)


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
