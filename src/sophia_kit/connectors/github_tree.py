"""The files of a repository, as git keeps them: the tree of the default branch, and a blob's content.

Reference: GitHub, "REST API" version 2022-11-28: Commits (List commits), Git trees (Get a tree), Git blobs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sophia_kit.core.errors import InputError, ProviderError, RequestRejected, UnknownName
from sophia_kit.core.http import Answer

__all__ = ["EMPTY_TREE", "RepositoryFile", "Trees"]

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git's name of a tree without files, which GitHub doesn't find."""


@dataclass(frozen=True, slots=True)
class RepositoryFile:
    """A file as it stands on the default branch.

    Attributes:
        sha: of git's blob.
        content: its bytes.
    """

    repository: str
    path: str
    sha: str
    content: bytes = field(repr=False)

    @property
    def text(self) -> str | None:
        """The content as UTF-8; None when the file is binary."""
        if b"\0" in self.content:
            return None
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return None


class Trees:
    """Reads trees and blobs.

    Args:
        get: asks GitHub for a path, with parameters.
        malformed: the error for an answer that can't be relied on.
    """

    def __init__(self, get: Callable[..., Awaitable[Answer]], malformed: Callable[[str], ProviderError]) -> None:
        self._get = get
        self._malformed = malformed

    async def file(self, repository: str, path: str, at_most: int) -> RepositoryFile:
        """See `GitHub.file`."""
        tree = await self.root(repository)
        entry: dict[str, Any] = {"type": "tree", "sha": None if tree is None else tree[1]}
        folder, near = "", list[str]()
        for name in path.split("/"):
            sha = entry["sha"] if entry["type"] == "tree" else None
            entries = [] if sha is None else (await self._tree(repository, str(sha), recursive=False))[0]
            named = {str(one["path"]): one for one in entries}
            near = [folder + one for one in named] or near
            if name not in named:
                raise UnknownName(f"file of {repository}", path, near)
            entry, folder = named[name], f"{folder}{name}/"
        size = entry.get("size")
        if entry["type"] != "blob":
            raise InputError(f"{path} of {repository} is no file, but a {entry['type']}.", hint="Name a file.")
        if isinstance(size, int) and size > at_most:
            raise InputError(
                f"{path} of {repository} has {size:,} bytes, more than {at_most:,}.", hint="Raise at_most to read it."
            )
        answer = await self._get(f"/repos/{repository}/git/blobs/{entry['sha']}")
        body = answer.body if isinstance(answer.body, dict) else {}
        try:
            if body["encoding"] != "base64":
                raise ValueError
            content = base64.b64decode("".join(body["content"].split()), validate=True)
        except (KeyError, ValueError, AttributeError, binascii.Error):
            raise self._malformed(f"its blob of {path} is not in base64") from None
        if len(content) != size:
            raise self._malformed(f"it announced {size} bytes of {path} and sent {len(content):,}")
        return RepositoryFile(repository, path, str(entry["sha"]), content)

    async def root(self, repository: str) -> tuple[str, str] | None:
        """The commit that the default branch stands at, and its tree; None when nothing was ever committed."""
        try:
            answer = await self._get(f"/repos/{repository}/commits", {"per_page": "1"})
        except RequestRejected as error:
            if error.http_status == 409:
                return None
            raise
        try:
            head = answer.body[0]
            return str(head["sha"]), str(head["commit"]["tree"]["sha"])
        except (LookupError, TypeError):
            raise self._malformed(f"it names no commit of {repository}") from None

    async def walk(self, repository: str, sha: str, folder: str) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
        """A folder's path, and what is in it and below it; of a tree too large for one answer folder by folder."""
        entries, truncated = await self._tree(repository, sha, recursive=True)
        if not truncated:
            yield folder, entries
            return
        entries, truncated = await self._tree(repository, sha, recursive=False)
        if truncated:
            raise self._malformed(f"it does not show all of the folder /{folder} of {repository}")
        yield folder, entries
        for entry in entries:
            if entry["type"] == "tree":
                async for below in self.walk(repository, str(entry["sha"]), f"{folder}{entry['path']}/"):
                    yield below

    async def _tree(self, repository: str, sha: str, *, recursive: bool) -> tuple[list[dict[str, Any]], bool]:
        params = {"recursive": "1"} if recursive else None
        answer = await self._get(f"/repos/{repository}/git/trees/{sha}", params)
        body = answer.body if isinstance(answer.body, dict) else {}
        entries, truncated = body.get("tree"), body.get("truncated")
        if not isinstance(entries, list) or not isinstance(truncated, bool):
            raise self._malformed(f"its tree of {repository} holds no list of files")
        if not all(isinstance(one, dict) and {"path", "type", "sha"} <= one.keys() for one in entries):
            raise self._malformed(f"its tree of {repository} holds what is no file")
        return entries, truncated
