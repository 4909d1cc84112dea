"""What proofs refer to, found in the workspaces of this machine: files, snapshots, remembered checkpoints."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import SnapshotDamaged
from sophia_kit.core.files import storage_errors

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.state import State

__all__ = ["Workspaces"]

_SNAPSHOT = "snapshot:"


class Workspaces:
    """The demo's workspace and the one that is configured. A witness, and a resolver of subjects.

    The trail `demo` is remembered in the demo's state, the others in the configured one.
    """

    def __init__(self, settings: Settings) -> None:
        from sophia_kit.core.settings import load_settings

        self._settings = settings
        self._demo = load_settings(settings.root, workspace="demo")
        self._states: dict[str, State] = {}
        self._open = ExitStack()

    def __enter__(self) -> Workspaces:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def checkpoint(self, origin: str) -> tuple[int, str] | None:
        """Size and root (hex) of the log of `origin` as it was last seen here."""
        settings = self._of(origin)
        # A look must not make a database: only where something was remembered is there anything to ask.
        if settings.state_url is None and not Path(settings.state_location).exists():
            return None
        seen = self._state(settings).checkpoint(origin)
        return None if seen is None else (seen.size, seen.root)

    def remember_checkpoint(self, origin: str, size: int, root_hex: str) -> None:
        """Remember how far the log of `origin` has come; not on a disk where nothing can be written."""
        state = self._state(self._of(origin))
        if not state.read_only:
            state.remember_checkpoint(origin, size, root_hex, seen_at=SystemClock().now())

    def forget_checkpoint(self, origin: str) -> None:
        """Forget what was seen of the log of `origin`."""
        self._state(self._of(origin)).forget_checkpoint(origin)

    def subject_digest(self, name: str) -> str | None:
        """SHA-256 (hex) of the file or of the snapshot's rows that `name` stands for; None if it isn't here.

        Raises:
            SnapshotDamaged: the snapshot can't be opened.
            StorageError: the file can't be read.
        """
        if name.startswith(_SNAPSHOT):
            return self._rows_digest(name.removeprefix(_SNAPSHOT))
        path = self._settings.root / name
        if not path.is_file():
            return None
        with storage_errors(path), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _rows_digest(self, snapshot_id: str) -> str | None:
        from sophia_kit.warehouse import SnapshotStore

        for settings in (self._settings, self._demo):
            store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
            for snapshot in store.list():
                if snapshot.snapshot_id == snapshot_id:
                    return _file_digest(snapshot.path, settings)
        return None

    def _of(self, origin: str) -> Settings:
        return self._demo if origin == "demo" else self._settings

    def _state(self, settings: Settings) -> State:
        from sophia_kit.state import State

        if settings.workspace not in self._states:
            self._states[settings.workspace] = self._open.enter_context(State.open(settings.state_location))
        return self._states[settings.workspace]


def _file_digest(path: Path, settings: Settings) -> str:
    """The digest of the rows in a snapshot file, without the views that this version would define over them."""
    import duckdb

    from sophia_kit.warehouse import reading, rows_digest

    limits = settings.warehouse
    try:
        with reading(path, {"memory_limit": f"{limits.memory_limit_mb}MB", "threads": limits.threads}) as connection:
            return rows_digest(connection)
    except duckdb.Error as error:
        raise SnapshotDamaged(f"{path} can't be opened: {str(error).splitlines()[0]}") from error
