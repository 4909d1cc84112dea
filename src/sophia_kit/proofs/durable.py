"""Reading files, appending to them so that what was there stays, and holding a folder while it is done."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sophia_kit.core.errors import Busy, StorageError
from sophia_kit.core.files import make_folder, storage_errors, sync_folder

__all__ = ["Line", "append", "folder_lock", "make_durable_folder", "reading", "take_back"]

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


@contextlib.contextmanager
def reading(place: Path) -> Iterator[None]:
    """Turn the operating system's refusal to read below `place` into a StorageError with a hint."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Can't read {error.filename or place}: {error.strerror or type(error).__name__}.",
            hint="Make it readable for this user, or restore it, then try again.",
        ) from error


@dataclass(frozen=True, slots=True)
class Line:
    """What a file is to end in after its first `at` bytes; anything else that stood there is dropped."""

    path: Path
    at: int
    content: bytes


def append(lines: Sequence[Line]) -> None:
    """Write the lines durably; if the disk refuses one, none stays.

    Raises:
        StorageError: the disk refuses.
    """
    try:
        with contextlib.ExitStack() as stack:
            files = [_write(line, stack) for line in lines]
            # One after the other only now: the first makes the disk write most of what the others wait for.
            for line, file in zip(lines, files, strict=True):
                with storage_errors(line.path):
                    os.fsync(file.fileno())
    except (StorageError, OSError):
        take_back(lines)
        raise


def take_back(lines: Sequence[Line]) -> None:
    """Undo an `append`: each file keeps what stood before its line, or goes if that is nothing."""
    for line in lines:
        with contextlib.suppress(OSError):
            if line.at:
                os.truncate(line.path, line.at)
            else:
                line.path.unlink(missing_ok=True)


def _write(line: Line, stack: contextlib.ExitStack) -> BinaryIO:
    fresh = not line.path.exists()
    make_durable_folder(line.path.parent)
    with storage_errors(line.path):
        file = stack.enter_context(line.path.open("ab"))
        file.truncate(line.at)
        file.write(line.content)
        file.flush()
        if fresh:
            sync_folder(line.path.parent)
    return file


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
