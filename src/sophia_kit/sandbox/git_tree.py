"""The files of the company's repositories as git keeps them: blobs and trees, each by the SHA-1 of what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from sophia_kit.sandbox.engineering import Item, Repository

__all__ = ["Entry", "GitTree", "make_tree"]

_FOLDERS = ("ledger", "payouts", "cards", "banks", "refunds", "deposits", "reports", "imports", "webhooks", "sessions")
_FILES = ("models", "service", "routes", "errors", "settings", "jobs", "money", "queries", "views", "events")
_LARGE = 1_200_000
_ADDED_LATER = 12
_ALWAYS = (
    "README.md",
    "LICENSE",
    "pyproject.toml",
    ".github/workflows/ci.yml",
    ".github/workflows/deploy.yml",
    "docs/übersicht.md",
    "docs/日本語/手順.md",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a tree names; `size` is None of all but a blob."""

    path: str
    mode: str
    kind: str
    sha: str
    size: int | None


@dataclass(frozen=True, slots=True)
class GitTree:
    """A repository's files at one moment.

    Attributes:
        commit, pushed: the commit of the default branch, and the epoch second at which it came.
        root: the SHA of the whole tree.
        folders: what each folder holds, by its SHA.
        blobs: a blob's content, by its SHA.
    """

    commit: str
    pushed: int
    root: str
    folders: dict[str, tuple[Entry, ...]] = field(repr=False)
    blobs: dict[str, bytes] = field(repr=False)

    def below(self, sha: str, prefix: str = "") -> Iterable[Entry]:
        """Everything in a folder and its folders, by its path from there."""
        for entry in self.folders[sha]:
            yield Entry(prefix + entry.path, entry.mode, entry.kind, entry.sha, entry.size)
            if entry.kind == "tree":
                yield from self.below(entry.sha, f"{prefix}{entry.path}/")


def make_tree(repository: Repository, items: Iterable[Item], moment: int) -> GitTree | None:
    """The files at a moment: every pull request that was merged changed three. None when nothing was committed."""
    merged = sorted(
        (item.closed, item.number) for item in items if item.merged and item.closed and item.closed <= moment
    )
    if not merged:
        return None
    paths = [
        f"src/{repository.name}/{folder}/{name}.{kind}"
        for folder in _FOLDERS
        for name in _FILES
        for kind in (("py", "pyi") if repository.nightly else ("ts",))
    ]
    changes: dict[str, list[int]] = {}
    for _, serial in merged:
        for step in (0, 37, 91):
            changes.setdefault(paths[(serial * 13 + step) % len(paths)], []).append(serial)
    tree = _Builder()
    for path in (*_ALWAYS, *paths):
        # Files at the end of the list are there once a pull request has written them.
        if path in changes or path not in paths[-_ADDED_LATER:]:
            tree.put(path, _text(repository, path, changes.get(path, ())))
    tree.put("docs/logo.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)))
    tree.put("scripts/release.sh", b"#!/bin/sh\nexit 0\n", mode="100755")
    tree.put("docs/start.md", b"../README.md", mode="120000")
    tree.put("fixtures/large.csv", b"day,amount\n" + b"2025-01-01,12.50\n" * (_LARGE // 17))
    tree.put("vendor/contracts", b"a submodule", mode="160000")
    at, serial = merged[-1]
    root = tree.folder("")
    return GitTree(
        _sha("commit", f"{repository.full_name} {serial} {root}".encode()), at, root, tree.folders, tree.blobs
    )


def _text(repository: Repository, path: str, changes: Iterable[int]) -> bytes:
    lines = [
        f"# {path} of {repository.full_name}: Zoë's part, in €",
        *(f"# changed by #{number}" for number in changes),
    ]
    return ("\n".join(lines) + "\n").encode()


def _sha(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


class _Builder:
    def __init__(self) -> None:
        self.folders: dict[str, tuple[Entry, ...]] = {}
        self.blobs: dict[str, bytes] = {}
        self._content: dict[str, dict[str, Entry | None]] = {"": {}}

    def put(self, path: str, content: bytes, mode: str = "100644") -> None:
        folder, _, name = path.rpartition("/")
        self._make(folder)
        if mode == "160000":
            self._content[folder][name] = Entry(name, mode, "commit", _sha("commit", content), None)
            return
        sha = _sha("blob", content)
        self.blobs[sha] = content
        self._content[folder][name] = Entry(name, mode, "blob", sha, len(content))

    def folder(self, path: str) -> str:
        """Settle a folder and those in it; its SHA."""
        found = []
        for name, entry in self._content[path].items():
            inner = f"{path}/{name}" if path else name
            found.append(entry or Entry(name, "040000", "tree", self.folder(inner), None))
        # Git's order: a folder stands as if its name ended with a slash.
        found.sort(key=lambda entry: f"{entry.path}/".encode() if entry.kind == "tree" else entry.path.encode())
        lines = [f"{e.mode.lstrip('0')} {e.path}\0".encode() + bytes.fromhex(e.sha) for e in found]
        sha = _sha("tree", b"".join(lines))
        self.folders[sha] = tuple(found)
        return sha

    def _make(self, folder: str) -> None:
        if folder in self._content:
            return
        self._content[folder] = {}
        above, _, name = folder.rpartition("/")
        self._make(above)
        self._content[above][name] = None
