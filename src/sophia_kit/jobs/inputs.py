"""What a run worked with: digests of files, and the state of the code."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from sophia_kit.core.files import storage_errors
from sophia_kit.proofs import CodeState, FileDigest, Subject

__all__ = ["code_state", "file_digest", "file_subject"]

_GIT_PATIENCE_S = 10.0


def _sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits.

    Raises:
        StorageError: it can't be read.
    """
    with storage_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_subject(path: Path, root: Path) -> Subject:
    """The file as a subject, named by its path below the project's `root`.

    Raises:
        StorageError: it can't be read.
        ValueError: it isn't below `root`.
    """
    return Subject(path.resolve().relative_to(root.resolve()).as_posix(), _sha256(path))


def file_digest(path: Path, root: Path) -> FileDigest:
    """The digest of a file that had a part in the run; one that is absent is stated as such."""
    resolved = path.resolve()
    inside = resolved.is_relative_to(root.resolve())
    name = resolved.relative_to(root.resolve()).as_posix() if inside else resolved.as_posix()
    if not path.is_file():
        return FileDigest(name, None, "there is no such file")
    return FileDigest(name, _sha256(path))


def code_state(root: Path) -> CodeState:
    """The git commit of the project at `root`, and whether its work tree is as committed.

    Untracked files count as a change, ignored ones don't.
    """
    commit, reason = _git(root, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return CodeState(None, None, reason)
    changes, reason = _git(root, "status", "--porcelain", "--untracked-files=normal")
    return CodeState(commit, None if changes is None else not changes, reason)


def _git(root: Path, *arguments: str) -> tuple[str | None, str | None]:
    """What git answers, or None and why there is no answer."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_PATIENCE_S,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        return None, "git is not installed"
    except subprocess.TimeoutExpired:
        return None, f"git did not answer within {_GIT_PATIENCE_S:g} s"
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        return None, f"git: {said[0].removeprefix('fatal: ')}"
    return done.stdout.strip(), None
