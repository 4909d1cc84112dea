"""Files that are complete or absent, and on the disk when a call returns."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sophia_kit.core.errors import Busy, StorageError

__all__ = ["TEMPORARY", "append", "cut", "locked", "make_folder", "replace", "storage_errors", "sync_folder"]

TEMPORARY = ".tmp"


@contextlib.contextmanager
def storage_errors(doing: str, where: Path) -> Iterator[None]:
    """Turns an OSError into a StorageError that says what was being done, where, and what to do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            hint = f"Free some space on the disk that holds {where} and run again."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            hint = f"Make {where} writable for this user and run again."
        else:
            hint = "Check the disk and run again."
        reason = error.strerror or type(error).__name__
        raise StorageError(f"{doing} failed: {reason} ({where}).", hint=hint) from error


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create `folder` and those above it, durably; nothing if it exists."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def replace(path: Path, content: bytes) -> None:
    """Put `content` at `path`: the old content stays until the new one is complete on the disk."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append(path: Path, at: int, content: bytes) -> None:
    """Make `path` end, after its first `at` bytes, in `content`; what stood there is dropped."""
    fresh = not path.exists()
    make_folder(path.parent)
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
def locked(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold `folder` alone among processes and threads; the lock goes with its holder, even a killed one.

    Raises:
        Busy: another one held it for `wait_s` seconds.
    """
    handle = os.open(folder, os.O_RDONLY)
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
                time.sleep(0.002)
        yield
    finally:
        os.close(handle)
