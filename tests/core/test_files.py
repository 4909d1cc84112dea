"""Writing all or nothing, and locks that die with their process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sophia_kit.core.errors import Busy, StorageError
from sophia_kit.core.files import atomic_write, file_lock


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    atomic_write(file, b"old and long")
    atomic_write(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_an_existing_file_is_kept_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "file"
    atomic_write(file, b"first", replace=False)
    with pytest.raises(FileExistsError):
        atomic_write(file, b"second", replace=False)
    assert file.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_keeps_the_old_content(small_disk: Path) -> None:
    file = small_disk / "file"
    atomic_write(file, b"old")
    with pytest.raises(StorageError) as caught:
        atomic_write(file, bytes(40_000_000))
    assert "disk is full" in caught.value.message
    assert file.read_bytes() == b"old"
    assert list(small_disk.iterdir()) == [file]


def test_a_file_beyond_the_limit_of_the_process_keeps_the_old_content(tmp_path: Path) -> None:
    writes = (
        "import resource, sys; from pathlib import Path\n"
        "from sophia_kit.core.errors import StorageError; from sophia_kit.core.files import atomic_write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    atomic_write(Path(sys.argv[1]), bytes(2000))\n"
        "except StorageError as error:\n    print(error.message)"
    )
    file = tmp_path / "file"
    atomic_write(file, b"old")
    done = subprocess.run([sys.executable, "-c", writes, str(file)], capture_output=True, text=True)
    assert "larger than this process may write" in done.stdout, done.stderr
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_lock_is_held_by_one_and_says_by_whom(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with file_lock(lock, what="The job"), pytest.raises(Busy, match=str(os.getpid())), file_lock(lock, what="The job"):
        pass
    with file_lock(lock, what="The job"):
        pass


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from sophia_kit.core.files import file_lock\n"
            "with file_lock(Path(sys.argv[1]), what='x'):\n    print('held', flush=True); time.sleep(60)",
            str(lock),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Busy), file_lock(lock, what="The job"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with file_lock(lock, what="The job", wait_s=5):
        pass
