"""GitHub's rows: the tree of the repositories that are read."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sophia_kit.server.records.resource import Column, Filter, Resource

__all__ = ["REPOSITORY_TREE"]

REPOSITORY_TREE: Final = Resource(
    name="repository_tree",
    one="RepositoryFile",
    description="A file of a repository, as it stands on the default branch; without its content.",
    scope="repo:read",
    view="raw.github_files",
    where="NOT base.is_deleted",
    required=("github_files",),
    columns=(
        Column("repository", str, "base.repository", "The repository, owner/name.", "larkfield/payments"),
        Column("path", str, "base.path", "The file's path from the repository's root.", "src/refunds.py"),
        Column("kind", str, "base.kind", "`blob` for a file, `commit` for a submodule.", "blob"),
        Column("mode", str | None, "base.mode", "Git's file mode.", "100644"),
        Column("bytes", int | None, "base.bytes", "Its size; empty of a submodule.", 1843),
        Column("sha", str, "base.sha", "Git's id of the content.", "9f2c1e7a8f0d4a6db7e1c2b3a4958677f0e1d2c3"),
        Column("commit_sha", str, "base.commit_sha", "The commit that was read.", "c0ffee0ddba11"),
        Column(
            "modified_at",
            datetime,
            "base.modified_at",
            "When the repository was last pushed to.",
            "2025-12-30T14:02:11Z",
        ),
    ),
    filters=(
        Filter("repository", "repository", "among", "Only of this repository, owner/name.", named=True),
        Filter("under", "path", "under", "Only this file, or what lies in this folder, e.g. `docs`."),
    ),
    order=("repository", "path"),
)
