"""Appending to files so that what was there stays, and holding a folder while it is done."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sophia_kit.core.errors import Busy
from sophia_kit.core.files import make_folder, storage_errors, sync_folder

__all__ = ["append", "cut", "folder_lock", "make_durable_folder"]

_POLL_S = 0.002


def make_durable_folder(folder: Path) -> None:
    """Create `folder` and those above it; their names are on the disk when it returns.

    Raises:
        StorageError: the disk refuses.
    """
    if folder.is_dir():
        return
    make_durable_folder(folder.parent)
    make_folder(folder)
    with storage_errors(folder):
        sync_folder(folder.parent)


def append(path: Path, at: int, content: bytes) -> None:
    """Make `path` end, after its first `at` bytes, in `content`, durably; what stood there is dropped.

    Raises:
        StorageError: the disk refuses.
    """
    fresh = not path.exists()
    make_durable_folder(path.parent)
    with storage_errors(path):
        with path.open("ab") as file:
            file.truncate(at)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            sync_folder(path.parent)


def cut(path: Path, at: int) -> None:
    """Take an `append` back: `path` keeps its first `at` bytes, or goes if that is none."""
    with contextlib.suppress(OSError):
        if at:
            os.truncate(path, at)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_lock(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold `folder` alone among processes and threads; the lock goes with its holder, even a killed one.

    The folder itself is locked, so that no lock file lies beside what is committed.

    Raises:
        Busy: another one held it for `wait_s` seconds.
    """
    with storage_errors(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Busy(
                        f"Another process has been writing to {folder} for {wait_s:g} s.",
                        hint="Wait for it, or end it if it hangs, and run again.",
                    ) from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(handle)
