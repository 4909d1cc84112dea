"""The two databases that hold the state: a SQLite file in WAL mode, or PostgreSQL when several hosts share it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sophia_kit.core.errors import ConfigError, StorageError, Unreachable
from sophia_kit.core.files import make_folder

if TYPE_CHECKING:
    import psycopg

__all__ = ["Engine", "PostgresEngine", "Row", "SqliteEngine", "open_engine"]

Row = tuple[Any, ...]


class Engine(Protocol):
    """What the state asks of a database. Parameters are written `?`."""

    name: str
    read_only: bool

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; the rows it returns, or none."""
        ...

    def transaction(self) -> Any:
        """A context in which statements take effect together or not at all; one writer at a time."""
        ...

    def close(self) -> None: ...


class SqliteEngine:
    """A SQLite file. Safe between threads and processes. On a disk that is mounted read-only it can be read."""

    name = "sqlite"

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path = path
        self._lock = threading.RLock()
        try:
            self._connection = self._connect(path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            if not _is_at_rest_on_a_read_only_disk(path):
                raise _sqlite_error(path, error) from error
            # In WAL mode even a reader writes, unless it is told that nobody does.
            self._connection = self._connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1")
        self.read_only = not os.access(path, os.W_OK)
        self._file = _identity(path)

    @staticmethod
    def _connect(where: Path | str) -> sqlite3.Connection:
        return sqlite3.connect(where, isolation_level=None, check_same_thread=False, timeout=15, uri=True)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            if _identity(self._path) != self._file and not self._connection.in_transaction:
                raise StorageError(
                    "The kit's own state was removed or replaced while it was in use.",
                    hint="Start again what uses it.",
                    path=self._path,
                )
            try:
                return self._connection.execute(sql, params).fetchall()
            except sqlite3.Error as error:
                raise _sqlite_error(self._path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.rollback()
                raise
            self.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class PostgresEngine:
    """A PostgreSQL database; needs the extra `postgres`. Safe between threads.

    When the server was away (a restart, a cut connection) it is connected to anew: what only reads, and a transaction
    that has not begun, is then asked again. Of a statement that writes nobody knows whether it was done: it fails.
    """

    name = "postgres"
    read_only = False

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise ConfigError(
                "The state is configured on PostgreSQL, but psycopg isn't installed.",
                hint="Install sophia-kit[postgres].",
            ) from None
        self._lock = threading.RLock()
        self._psycopg = psycopg
        self._url = url
        self._depth = 0
        self._connection = self._connect()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            self._alive()
            try:
                return self._run(sql, params)
            except self._psycopg.Error as error:
                if self._depth or not self._connection.broken or not sql.startswith("SELECT"):
                    raise _postgres_error(error) from error
            self._alive()
            try:
                return self._run(sql, params)
            except self._psycopg.Error as error:
                raise _postgres_error(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if not self._depth:
                # An idle connection doesn't notice by itself that its server is gone.
                self.execute("SELECT 1")
            self._depth += 1
            try:
                with self._connection.transaction():
                    # One writer at a time, as with SQLite's BEGIN IMMEDIATE; released at the transaction's end.
                    self.execute("SELECT pg_advisory_xact_lock(hashtext('sophia-kit'))")
                    yield
            except self._psycopg.Error as error:
                raise _postgres_error(error) from error
            finally:
                self._depth -= 1

    def _connect(self) -> psycopg.Connection[Row]:
        try:
            return self._psycopg.connect(self._url, autocommit=True, connect_timeout=10)
        except self._psycopg.ProgrammingError:
            # Its text can carry a part of the password.
            raise ConfigError(
                "The address of the state's PostgreSQL can't be read.",
                hint="Set SOPHIA_STATE_URL as postgresql://user:[password]@host/name, the password percent-encoded.",
            ) from None
        except self._psycopg.Error as error:
            raise _postgres_error(error) from None

    def _alive(self) -> None:
        """Connect anew where the connection is known to be cut; never within a transaction, which ended with it."""
        if self._connection.broken and not self._depth:
            self._connection = self._connect()

    def _run(self, sql: str, params: Sequence[Any]) -> list[Row]:
        cursor = self._connection.execute(sql.replace("?", "%s").encode(), params)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self._connection.close()


def open_engine(location: str) -> Engine:
    """The engine of a `postgresql://` URL or of a SQLite file's path.

    Raises:
        Unreachable: PostgreSQL doesn't answer.
        StorageError: the file can't be opened.
    """
    if location.startswith(("postgresql://", "postgres://")):
        return PostgresEngine(location)
    return SqliteEngine(Path(location))


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_at_rest_on_a_read_only_disk(path: Path) -> bool:
    """Whether the file is whole by itself, as its last writer leaves it, and nobody can write beside it."""
    log = path.with_name(f"{path.name}-wal")
    at_rest = path.is_file() and not (log.exists() and log.stat().st_size)
    return at_rest and not os.access(path.parent, os.W_OK)


def _sqlite_error(path: Path, error: sqlite3.Error) -> StorageError:
    hint = "Check free space and permissions of its folder."
    if getattr(error, "sqlite_errorname", "") in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
        hint = (
            "Put a copy of it back, or move it away: a new one begins without tokens, budgets, alerts and run history, "
            "and the next load reads everything."
        )
    return StorageError(f"The kit's own state fails: {error}.", hint=hint, path=path)


def _postgres_error(error: Exception) -> Unreachable:
    # The driver's text can carry the URL with its password; its first line of a refusal does not.
    detail = type(error).__name__
    return Unreachable(
        f"The state's PostgreSQL fails: {detail}.", provider="postgres", hint="Check SOPHIA_STATE_URL and the server."
    )
