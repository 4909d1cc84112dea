"""Writing files so that a crash or a full disk leaves the old content or the new, never a half; and locks."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sophia_kit.core.errors import Busy, StorageError

__all__ = ["atomic_write", "file_lock", "make_folder", "storage_errors", "sync_folder"]

_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this process may write (ulimit -f)",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an input/output error",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write below `path` into a StorageError with a hint."""
    try:
        yield
    except OSError as error:
        reason = _DISK.get(error.errno or 0)
        if reason is None:
            raise
        raise StorageError(
            f"Can't write {path.name}: {reason}.",
            hint="Free space or fix the permissions, then run again; nothing was half-written.",
            path=path,
        ) from error


def make_folder(path: Path, mode: int = 0o755) -> Path:
    """Create `path` and its parents where missing.

    Raises:
        StorageError: the disk refuses.
    """
    with storage_errors(path):
        try:
            path.mkdir(parents=True, exist_ok=True, mode=mode)
        except (FileExistsError, NotADirectoryError) as error:
            raise StorageError(
                f"Can't make the folder {path.name}: a file is in its place.",
                hint="Move it away, then run again.",
                path=path,
            ) from error
        except FileNotFoundError as error:
            # Where the system has its own files, nobody can make one.
            raise StorageError(
                f"The folder {path.name} can't be made there.", hint="Name another place.", path=path
            ) from error
    return path


def sync_folder(path: Path) -> None:
    """Make renames within the folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def atomic_write(path: Path, content: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Write `content` to `path`, all or nothing and durably; its folder is created where missing.

    With `replace=False` an existing file is left as it is.

    Raises:
        StorageError: the disk refuses.
        FileExistsError: the file exists and `replace` is false.
    """
    make_folder(path.parent)
    with storage_errors(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            if replace:
                Path(name).replace(path)
            else:
                os.link(name, path)
            sync_folder(path.parent)
        finally:
            with suppress(FileNotFoundError):
                Path(name).unlink()


@contextmanager
def file_lock(
    path: Path, *, what: str, wait_s: float = 0.0, hint: str = "Wait for it to end, then run again."
) -> Iterator[None]:
    """Hold the advisory lock of `path`; the kernel releases it when the process ends, however it ends.

    Raises:
        Busy: another process holds it and did not let go within `wait_s` seconds.
    """
    make_folder(path.parent)
    with storage_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                    by = f" by process {holder}" if holder else ""
                    raise Busy(f"{what} is held{by}.", hint=hint) from None
                time.sleep(0.05)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
