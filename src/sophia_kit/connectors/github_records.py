"""What is read of GitHub's records: the fields of its reference, and what becomes of those that it doesn't name.

Reference: GitHub, "REST API" version 2022-11-28, schemas `pull-request-simple`, `issue`, `workflow-run` and `git-tree`
(github.com/github/rest-api-description).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SHAPES", "Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One resource.

    Attributes:
        key: the field that identifies a record.
        given: fields handed on, each by its path. `repository`, which the connector adds, comes first.
        optional: top-level fields that GitHub may leave out; empty where it does.
        known: the other top-level fields of the reference, which are never handed on: bodies, reactions, addresses.
    """

    key: str
    given: tuple[str, ...]
    optional: frozenset[str]
    known: frozenset[str]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(sorted(self.given))

    def record(self, sent: Mapping[str, Any], repository: str, asked: Iterable[str]) -> dict[str, Any]:
        """The fields asked for, and those that are new. One that GitHub should have sent and didn't is left out."""
        found: dict[str, Any] = {}
        for name in asked:
            top, _, rest = name.partition(".")
            if name == "repository":
                found[name] = repository
            elif name in self.given and (top in sent or top in self.optional):
                found[name] = _within(sent.get(top), rest)
        tops = {name.partition(".")[0] for name in self.given}
        return found | {name: sent[name] for name in sent if name not in tops and name not in self.known}


def _within(value: Any, path: str) -> Any:
    """The value at a path. Of a list, the values of its members, joined by commas; what has no such path stays."""
    if not path or value is None:
        return value
    if isinstance(value, list):
        names = [member.get(path) if isinstance(member, dict) else member for member in value]
        return ", ".join(str(name) for name in names) or None
    if not isinstance(value, dict):
        return value
    top, _, rest = path.partition(".")
    return _within(value.get(top), rest)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LINKS = _names("url html_url comments_url events_url labels_url repository_url")

SHAPES: Mapping[str, Shape] = {
    "files": Shape(
        key="id",
        given=("repository", "id", "path", "mode", "type", "sha", "size", "commit.sha", "pushed_at"),
        optional=_names("size"),
        known=_names("url"),
    ),
    "pull_requests": Shape(
        key="node_id",
        given=(
            "repository",
            "node_id",
            "number",
            "state",
            "draft",
            "locked",
            "title",
            "user.login",
            "author_association",
            "labels.name",
            "milestone.title",
            "head.ref",
            "head.sha",
            "base.ref",
            "base.sha",
            "merge_commit_sha",
            "created_at",
            "updated_at",
            "closed_at",
            "merged_at",
            "html_url",
        ),
        optional=_names("draft milestone merge_commit_sha"),
        known=_LINKS - {"html_url"}
        | _names("""
            _links active_lock_reason assignee assignees auto_merge body commits_url diff_url id issue_url patch_url
            requested_reviewers requested_teams review_comment_url review_comments_url stack statuses_url
        """),
    ),
    "issues": Shape(
        key="node_id",
        given=(
            "repository",
            "node_id",
            "number",
            "state",
            "state_reason",
            "locked",
            "title",
            "user.login",
            "author_association",
            "labels.name",
            "milestone.title",
            "type.name",
            "comments",
            "created_at",
            "updated_at",
            "closed_at",
            "html_url",
        ),
        optional=_names("state_reason author_association milestone type"),
        known=_LINKS - {"html_url"}
        | _names("""
            active_lock_reason assignee assignees body body_html body_text closed_by draft id issue_dependencies_summary
            issue_field_values parent_issue_url performed_via_github_app pinned_comment pull_request reactions
            sub_issues_summary timeline_url
        """),
    ),
    "workflow_runs": Shape(
        key="node_id",
        given=(
            "repository",
            "node_id",
            "id",
            "name",
            "path",
            "workflow_id",
            "run_number",
            "run_attempt",
            "event",
            "status",
            "conclusion",
            "head_branch",
            "head_sha",
            "display_title",
            "actor.login",
            "triggering_actor.login",
            "created_at",
            "updated_at",
            "run_started_at",
            "html_url",
        ),
        optional=_names("name run_attempt actor triggering_actor run_started_at"),
        known=_names("""
            artifacts_url cancel_url check_suite_id check_suite_node_id check_suite_url head_commit head_repository
            head_repository_id jobs_url logs_url previous_attempt_url pull_requests referenced_workflows rerun_url url
            workflow_url
        """),
    ),
}
