"""Snapshots: complete DuckDB files under names never used before, and the pointer to the current one.

    <directory>/current             the id of the snapshot that readers open
    <directory>/<id>.duckdb         a complete snapshot; never written again
    <directory>/drafts/<id>.duckdb  one being written

A file is renamed out of `drafts` when it is complete and on disk, and only then is `current` replaced. A
snapshot newer than `current` was never published (its writer died in between): readers don't see it, and
the next draft removes it.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import duckdb

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import NoSnapshot, SnapshotDamaged, StorageError, UnknownName
from sophia_kit.core.files import atomic_write, make_folder, storage_errors, sync_folder
from sophia_kit.warehouse.layout import create_layout

__all__ = ["Draft", "Snapshot", "SnapshotStore"]

_log = logging.getLogger(__name__)
_TIME = "%Y%m%dT%H%M%S%fZ"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"^(\d{8}T\d{12}Z)-(\d{8}T\d{12}Z)$")


@dataclass(frozen=True, slots=True, order=True)
class Snapshot:
    """A complete snapshot.

    Attributes:
        known_at: the time, by the run's clock, as of which the sources were read; UTC.
        created_at: the real time at which the draft was begun; UTC.
    """

    known_at: datetime
    created_at: datetime
    snapshot_id: str
    path: Path


class SnapshotStore:
    """The snapshots of one workspace. Readers need no lock; one writer at a time is the caller's duty.

    `keep` complete snapshots are kept, the current one among them.
    """

    def __init__(self, directory: Path, *, keep: int = 14) -> None:
        self.directory = directory
        self._keep = keep

    def current(self) -> Snapshot:
        """The snapshot readers see.

        Raises:
            NoSnapshot: nothing has been published.
            SnapshotDamaged: the pointer names a file that isn't there, or can't be read.
        """
        name = self._pointed()
        snapshot = self._parse(name)
        if snapshot is None or not snapshot.path.is_file():
            raise SnapshotDamaged(
                f"The pointer to the current snapshot names {name[:60]!r}, which isn't there.",
                hint="Load again (`sophia ingest run`, `sophia demo`): that begins from the newest that can be read. "
                "Or write the id of one that is there into the pointer.",
                path=self._pointer,
            )
        return snapshot

    def list(self) -> tuple[Snapshot, ...]:
        """All published snapshots that are kept, oldest first; empty when nothing was published.

        Raises:
            SnapshotDamaged: the pointer can't be read.
        """
        try:
            newest = self._published()
        except NoSnapshot:
            return ()
        return tuple(snapshot for snapshot in self._files() if snapshot.created_at <= newest)

    def get(self, snapshot_id: str) -> Snapshot:
        """The snapshot of that id.

        Raises:
            UnknownName: there is none, or it is no longer kept.
        """
        found = {snapshot.snapshot_id: snapshot for snapshot in self.list()}
        if snapshot_id not in found:
            raise UnknownName("snapshot", snapshot_id, found)
        return found[snapshot_id]

    def known_at(self, moment: datetime) -> Snapshot | None:
        """The newest snapshot whose `known_at` is not after `moment`; None when all kept ones are newer."""
        older = [snapshot for snapshot in self.list() if snapshot.known_at <= moment]
        return older[-1] if older else None

    def draft(self, known_at: datetime, *, memory_limit_mb: int = 384, threads: int = 2) -> Draft:
        """Begin a new snapshot: a copy of the current one, or an empty one. Removes what dead writers left.

        Where the current one is damaged it is a copy of the newest that can be opened, and a warning says so.

        Raises:
            StorageError: the disk refuses.
        """
        drafts = make_folder(self.directory / "drafts")
        with storage_errors(drafts):
            for left in drafts.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            newest = self._published()
        except NoSnapshot:
            # Nothing was published, or the pointer was lost: which of the two can't be told, so nothing is removed.
            newest = max((snapshot.created_at for snapshot in self._files()), default=_BEGINNING)
        for snapshot in self._files():
            if snapshot.created_at > newest:
                snapshot.path.unlink()
        # Strictly later than every snapshot before it, even when the system clock was set back.
        created_at = max(SystemClock().now(), newest + timedelta(microseconds=1))
        name = f"{known_at.astimezone(UTC).strftime(_TIME)}-{created_at.strftime(_TIME)}"
        path = drafts / f"{name}.duckdb"
        for parent in sorted(self._files(), key=lambda snapshot: snapshot.created_at, reverse=True):
            try:
                with storage_errors(path):
                    shutil.copyfile(parent.path, path)
            except StorageError:
                path.unlink(missing_ok=True)
                raise
            with suppress(SnapshotDamaged):
                draft = Draft(self, name, path, parent, known_at.astimezone(UTC), memory_limit_mb, threads)
                if parent.created_at < newest:
                    _log.warning("The current snapshot can't be read; the next begins from %s.", parent.snapshot_id)
                return draft
        if newest > _BEGINNING:
            _log.warning("No snapshot can be read; the next begins empty.")
        return Draft(self, name, path, None, known_at.astimezone(UTC), memory_limit_mb, threads)

    def publish(self, draft_path: Path, snapshot_id: str) -> Snapshot:
        """Move a finished file among the snapshots and point `current` at it; then drop the oldest."""
        final = self.directory / f"{snapshot_id}.duckdb"
        with storage_errors(final):
            draft_path.rename(final)
            sync_folder(self.directory)
        atomic_write(self.directory / "current", f"{snapshot_id}\n".encode("ascii"))
        self._prune()
        return self.current()

    def _prune(self) -> None:
        current = self.current()
        others = [snapshot for snapshot in self.list() if snapshot.snapshot_id != current.snapshot_id]
        for old in others[: max(0, len(others) - (self._keep - 1))]:
            with suppress(FileNotFoundError):
                old.path.unlink()

    def _files(self) -> tuple[Snapshot, ...]:
        if not self.directory.is_dir():
            return ()
        found = (self._parse(path.stem) for path in self.directory.glob("*.duckdb"))
        return tuple(sorted(snapshot for snapshot in found if snapshot is not None))

    @property
    def _pointer(self) -> Path:
        return self.directory / "current"

    def _pointed(self) -> str:
        """What the pointer says."""
        try:
            return self._pointer.read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            raise NoSnapshot(
                "No snapshot was published yet.",
                hint="Run `sophia ingest run`, or `sophia demo` for the demo company.",
                path=self.directory,
            ) from None
        except OSError as error:
            raise SnapshotDamaged(
                f"The pointer to the current snapshot can't be read: {error.strerror}.",
                hint="It is a file with the id of a snapshot: put it right, or remove what is in its place.",
                path=self._pointer,
            ) from None

    def _published(self) -> datetime:
        """When the last snapshot was made that was published. A pointer without an id doesn't tell: none is then taken
        for unpublished."""
        snapshot = self._parse(self._pointed())
        if snapshot is not None:
            return snapshot.created_at
        return max((snapshot.created_at for snapshot in self._files()), default=_BEGINNING)

    def _parse(self, name: str) -> Snapshot | None:
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        try:
            known_at, created_at = (datetime.strptime(part, _TIME).replace(tzinfo=UTC) for part in match.groups())
        except ValueError:
            return None
        return Snapshot(known_at, created_at, name, self.directory / f"{name}.duckdb")


class Draft:
    """A snapshot being written. Leaving the context without `publish` removes it.

    Attributes:
        connection: read-write DuckDB connection on the draft file.
        parent: the snapshot it was copied from, or None.
    """

    def __init__(
        self,
        store: SnapshotStore,
        snapshot_id: str,
        path: Path,
        parent: Snapshot | None,
        known_at: datetime,
        memory_limit_mb: int,
        threads: int,
    ) -> None:
        self.snapshot_id = snapshot_id
        self.known_at = known_at
        self.parent = parent
        self._store = store
        self._path = path
        self._open = True
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_limit_mb}MB",
            # What fills an empty file comes batch by batch, which several threads do no sooner and with more work.
            "threads": threads if parent else 1,
            "temp_directory": str(path.with_suffix(".tmp")),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        }
        try:
            self.connection = duckdb.connect(str(path), config=self._config)
            create_layout(self.connection)
        except duckdb.Error as error:
            self._remove()
            raise _draft_error(path, error) from error

    def rewrite(self) -> None:
        """Write the rows into a new file: the old one's free blocks may still hold what was changed or deleted.

        `connection` is another one afterwards.
        """
        fresh = self._path.with_suffix(".rewritten")
        target = str(fresh).replace("'", "''")
        try:
            self.connection.execute(f"ATTACH '{target}' AS rewritten")
            self.connection.execute(f'COPY FROM DATABASE "{self._path.stem}" TO rewritten')
            self.connection.execute("DETACH rewritten")
            self.connection.close()
            with storage_errors(self._path):
                fresh.replace(self._path)
            self.connection = duckdb.connect(str(self._path), config=self._config)
        except duckdb.Error as error:
            raise _draft_error(self._path, error) from error

    def describe(self, *, demo: bool, time_zone: str, currency: str) -> None:
        """Write what the snapshot says of itself, which some canonical views read."""
        parent = self.parent.snapshot_id if self.parent else None
        row = [
            self.snapshot_id,
            self.known_at.replace(tzinfo=None),
            _naive_now(),
            demo,
            time_zone,
            currency,
            parent,
        ]
        self.connection.execute("DELETE FROM meta.snapshot")
        self.connection.execute("INSERT INTO meta.snapshot VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def publish(self, *, demo: bool, time_zone: str, currency: str) -> Snapshot:
        """Seal the draft and make it the current snapshot.

        Raises:
            StorageError: the disk refuses; readers stay on the old snapshot.
        """
        try:
            self.describe(demo=demo, time_zone=time_zone, currency=currency)
            self.connection.execute("CHECKPOINT")
            self.connection.close()
        except duckdb.Error as error:
            raise _draft_error(self._path, error) from error
        with storage_errors(self._path):
            _sync_file(self._path)
        snapshot = self._store.publish(self._path, self.snapshot_id)
        self._open = False
        return snapshot

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            with suppress(duckdb.Error):
                self.connection.close()
            self._remove()
        if isinstance(error, duckdb.Error):
            translated = _draft_error(self._path, error)
            if isinstance(translated, StorageError):
                raise translated from error

    def _remove(self) -> None:
        self._open = False
        for left in (self._path, self._path.with_name(self._path.name + ".wal"), self._path.with_suffix(".rewritten")):
            left.unlink(missing_ok=True)
        shutil.rmtree(self._path.with_suffix(".tmp"), ignore_errors=True)


def _naive_now() -> datetime:
    return SystemClock().now().replace(tzinfo=None)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _draft_error(path: Path, error: duckdb.Error) -> StorageError | SnapshotDamaged:
    text = str(error)
    if "No space left" in text or "could not write" in text.lower() or "disk" in text.lower():
        return StorageError(
            f"Can't write {path}: the disk is full.",
            hint="Free space, then run again; readers stay on the snapshot before.",
        )
    return SnapshotDamaged(f"{path}: {text.splitlines()[0]}", hint="Run `sophia ingest run --full` to load anew.")
