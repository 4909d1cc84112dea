"""State: what the kit remembers between runs."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib import resources
from types import TracebackType
from typing import Any

from sophia_kit.core.errors import ConfigError, StorageError
from sophia_kit.state.access import AccessStore
from sophia_kit.state.alerts import AlertStore
from sophia_kit.state.engine import Engine, Row, open_engine
from sophia_kit.state.llm_cache import LlmCacheStore
from sophia_kit.state.llm_ledger import LlmLedgerStore
from sophia_kit.state.records import AttemptStatus, LoadAttempt, Run, RunOutcome, SeenCheckpoint

__all__ = ["State"]

_ATTEMPT = (
    "attempt_id, run_id, source, resource, table_name, mode, started_at, ended_at, status, rows_read, rows_merged, "
    "rows_deleted, rows_quarantined, new_columns, error, cursor_from, cursor_to, snapshot_id"
)
_RUN = "run_id, job, origin, parameters, host, pid, started_at, ended_at, outcome, proof"


class State:
    """Load attempts, cursors, runs, seen checkpoints, alerts and access, in SQLite or PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._host = socket.gethostname()
        self.alerts = AlertStore(engine)
        self.llm_cache = LlmCacheStore(engine)
        self.llm_ledger = LlmLedgerStore(engine)
        self.access = AccessStore(engine)
        _migrate(engine)

    @classmethod
    def open(cls, location: str) -> State:
        """Open the state at a SQLite path or `postgresql://` URL, and bring its tables up to date.

        Raises:
            StorageError: the file can't be opened or written.
            Unreachable: PostgreSQL doesn't answer.
            ConfigError: a newer version of the kit has written it.
        """
        return cls(open_engine(location))

    @property
    def engine_name(self) -> str:
        return self._engine.name

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written to it, because its disk is mounted so."""
        return self._engine.read_only

    def close(self) -> None:
        self._engine.close()

    def __enter__(self) -> State:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[None]:
        """A context in which several calls take effect together or not at all."""
        held: AbstractContextManager[None] = self._engine.transaction()
        return held

    # Load attempts

    def start_attempt(
        self,
        *,
        attempt_id: str,
        source: str,
        resource: str,
        table_name: str,
        mode: str,
        started_at: datetime,
        run_id: str | None = None,
        cursor_from: str | None = None,
        snapshot_id: str | None = None,
    ) -> None:
        """Record that a load begins, so that it leaves a trace however it ends."""
        self._engine.execute(
            "INSERT INTO load_attempts (attempt_id, run_id, source, resource, table_name, mode, started_at, status, "
            "cursor_from, snapshot_id, host) VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, ?)",
            [
                attempt_id,
                run_id,
                source,
                resource,
                table_name,
                mode,
                _text(started_at),
                cursor_from,
                snapshot_id,
                self._host,
            ],
        )

    def finish_attempt(
        self,
        attempt_id: str,
        *,
        status: AttemptStatus,
        ended_at: datetime,
        rows_read: int = 0,
        rows_merged: int = 0,
        rows_deleted: int = 0,
        rows_quarantined: int = 0,
        new_columns: str | None = None,
        error: str | None = None,
        cursor_to: str | None = None,
    ) -> None:
        """Record how a load ended."""
        self._engine.execute(
            "UPDATE load_attempts SET status = ?, ended_at = ?, rows_read = ?, rows_merged = ?, rows_deleted = ?, "
            "rows_quarantined = ?, new_columns = ?, error = ?, cursor_to = ? WHERE attempt_id = ?",
            [
                status,
                _text(ended_at),
                rows_read,
                rows_merged,
                rows_deleted,
                rows_quarantined,
                new_columns,
                error,
                cursor_to,
                attempt_id,
            ],
        )

    def abandon_attempts(self, ended_at: datetime) -> int:
        """Mark this host's unfinished attempts abandoned; the caller holds the loader's lock. How many there were."""
        with self._engine.transaction():
            left = self._engine.execute(
                "SELECT count(*) FROM load_attempts WHERE status = 'running' AND host = ?", [self._host]
            )
            self._engine.execute(
                "UPDATE load_attempts SET status = 'abandoned', ended_at = ?, error = ? "
                "WHERE status = 'running' AND host = ?",
                [_text(ended_at), "the process ended without finishing", self._host],
            )
        return int(left[0][0])

    def attempts(self, *, table_name: str | None = None, limit: int | None = None) -> list[LoadAttempt]:
        """Load attempts, newest first."""
        where, params = ("WHERE table_name = ?", [table_name]) if table_name else ("", [])
        bound = f"LIMIT {int(limit)}" if limit is not None else ""
        rows = self._engine.execute(
            f"SELECT {_ATTEMPT} FROM load_attempts {where} ORDER BY started_at DESC, attempt_id DESC {bound}",  # noqa: S608
            params,
        )
        return [_attempt(row) for row in rows]

    # Cursors belong to the snapshot whose rows they describe: publishing the snapshot publishes its cursors.

    def save_cursor(self, source: str, resource: str, snapshot_id: str, value: str, *, saved_at: datetime) -> None:
        """Remember how far `resource` was read in the snapshot of that id."""
        self._engine.execute(
            "INSERT INTO cursors (source, resource, snapshot_id, value, saved_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (source, resource, snapshot_id) DO UPDATE SET value = excluded.value, "
            "saved_at = excluded.saved_at",
            [source, resource, snapshot_id, value, _text(saved_at)],
        )

    def cursor(self, source: str, resource: str, snapshot_id: str) -> str | None:
        """How far `resource` was read in the snapshot of that id; None when it never was."""
        rows = self._engine.execute(
            "SELECT value FROM cursors WHERE source = ? AND resource = ? AND snapshot_id = ?",
            [source, resource, snapshot_id],
        )
        return str(rows[0][0]) if rows else None

    def forget_cursors(self, keep: Sequence[str]) -> None:
        """Drop the cursors of snapshots that are no longer kept."""
        marks = ", ".join("?" for _ in keep)
        where = f"WHERE snapshot_id NOT IN ({marks})" if keep else ""
        self._engine.execute(f"DELETE FROM cursors {where}", list(keep))  # noqa: S608

    # Runs

    def start_run(self, *, run_id: str, job: str, origin: str, parameters: str, pid: int, started_at: datetime) -> None:
        """Record that a run begins, so that it leaves evidence even when its process is killed."""
        self._engine.execute(
            "INSERT INTO runs (run_id, job, origin, parameters, host, pid, started_at, outcome) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 'running')",
            [run_id, job, origin, parameters, self._host, pid, _text(started_at)],
        )

    def finish_run(self, run_id: str, *, outcome: RunOutcome, ended_at: datetime, proof: str | None) -> None:
        """Record how a run ended and where its evidence lies."""
        self._engine.execute(
            "UPDATE runs SET outcome = ?, ended_at = ?, proof = ? WHERE run_id = ?",
            [outcome, _text(ended_at), proof, run_id],
        )

    def orphans(self, job: str) -> list[Run]:
        """This host's runs of `job` that never finished, oldest first; the caller holds the job's lock."""
        rows = self._engine.execute(
            f"SELECT {_RUN} FROM runs WHERE job = ? AND host = ? AND outcome = 'running' ORDER BY started_at",  # noqa: S608
            [job, self._host],
        )
        return [_run(row) for row in rows]

    def runs(self, *, job: str | None = None, limit: int | None = None) -> list[Run]:
        """Runs, newest first."""
        where, params = ("WHERE job = ?", [job]) if job else ("", [])
        bound = f"LIMIT {int(limit)}" if limit is not None else ""
        rows = self._engine.execute(
            f"SELECT {_RUN} FROM runs {where} ORDER BY started_at DESC, run_id DESC {bound}",  # noqa: S608
            params,
        )
        return [_run(row) for row in rows]

    # Seen checkpoints: this machine's memory of each evidence trail

    def checkpoint(self, origin: str) -> SeenCheckpoint | None:
        """The last checkpoint of the trail that was verified here."""
        rows = self._engine.execute("SELECT size, root FROM checkpoints WHERE origin = ?", [origin])
        return SeenCheckpoint(int(rows[0][0]), str(rows[0][1])) if rows else None

    def remember_checkpoint(self, origin: str, size: int, root: str, *, seen_at: datetime) -> None:
        """Remember a verified checkpoint; a smaller one never replaces a larger one."""
        self._engine.execute(
            "INSERT INTO checkpoints (origin, size, root, seen_at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, "
            "seen_at = excluded.seen_at WHERE excluded.size >= checkpoints.size",
            [origin, size, root, _text(seen_at)],
        )

    def forget_checkpoint(self, origin: str) -> None:
        """Forget what was seen of a trail, because its owner says that it was set back on purpose."""
        self._engine.execute("DELETE FROM checkpoints WHERE origin = ?", [origin])


def _migrate(engine: Engine) -> None:
    folder = resources.files("sophia_kit.state") / "migrations"
    known = sorted((int(file.name[:4]), file) for file in folder.iterdir() if re.match(r"\d{4}_.*\.sql$", file.name))
    if engine.read_only:
        at = int(engine.execute("SELECT coalesce(max(version), 0) FROM schema_version")[0][0])
        if at != known[-1][0]:
            raise StorageError(
                f"The state, on a read-only disk, is of another version of the kit (schema {at}, not {known[-1][0]}).",
                hint="Run a command of this version where it can be written.",
            )
        return
    with engine.transaction():
        engine.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
        at = int(engine.execute("SELECT coalesce(max(version), 0) FROM schema_version")[0][0])
        if at > known[-1][0]:
            raise ConfigError(
                f"The state was written by a newer version of the kit (schema {at}, this one knows {known[-1][0]}).",
                hint="Upgrade sophia-kit, or point SOPHIA_STATE_URL elsewhere.",
            )
        for version, file in known:
            if version > at:
                for statement in _statements(file.read_text(encoding="utf-8")):
                    engine.execute(statement)
                engine.execute("INSERT INTO schema_version (version) VALUES (?)", [version])


def _statements(script: str) -> list[str]:
    bare = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in bare.split(";") if statement.strip()]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(text)


def _attempt(row: Row) -> LoadAttempt:
    return LoadAttempt(*_with_times(row))


def _run(row: Row) -> Run:
    return Run(*_with_times(row))


def _with_times(row: Row) -> list[Any]:
    """The row with its seventh and eighth columns, the start and the end, as times."""
    fields = list(row)
    fields[6] = _moment(fields[6])
    fields[7] = _moment(fields[7]) if fields[7] else None
    return fields
