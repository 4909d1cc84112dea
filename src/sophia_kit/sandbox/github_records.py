"""GitHub's records of what the company's engineers do, as they stand at a moment.

Shapes follow the schemas `pull-request-simple`, `issue`, `workflow-run`, `full-repository`, `commit`, `git-tree` and
`blob` of github.com/github/rest-api-description (version 2022-11-28). Of users and repositories inside another record
the addresses of further requests are left out. The form of a node id is the sandbox's own.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sophia_kit.sandbox.engineering import BOT, Item, Repository, Run
from sophia_kit.sandbox.git_tree import Entry, GitTree

__all__ = ["blob", "commit", "iso", "issue", "node_id", "pull_request", "repository_of", "tree", "workflow_run"]


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, repository: Repository, serial: int) -> str:
    """Of an issue (`I`) or a pull request (`PR`), by its number."""
    return f"{kind}_sb{repository.id % 1000:03d}{serial:06d}"


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=256)
def _user(login: str) -> dict[str, Any]:
    number = int(_sha(login)[:7], 16)
    page = f"https://github.com/{login}" if login != BOT else "https://github.com/apps/dependabot"
    return {
        "login": login,
        "id": number,
        "node_id": f"U_sb{number:09d}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "gravatar_id": "",
        "url": f"https://api.github.com/users/{login}",
        "html_url": page,
        "type": "Bot" if login == BOT else "User",
        "site_admin": False,
    }


def repository_of(repository: Repository, made: int, pushed: int) -> dict[str, Any]:
    """The repository itself; `pushed` is when anybody last pushed to any branch."""
    return {
        "id": repository.id,
        "node_id": f"R_sb{repository.id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": True,
        "owner": _user(repository.owner) | {"type": "Organization"},
        "html_url": f"https://github.com/{repository.full_name}",
        "description": None,
        "fork": False,
        "url": f"https://api.github.com/repos/{repository.full_name}",
        "created_at": iso(made),
        "updated_at": iso(pushed),
        "pushed_at": iso(pushed),
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        "visibility": "private",
        "has_issues": True,
    }


def _labels(item: Item, page: str) -> list[dict[str, Any]]:
    return [
        {
            "id": int(_sha(name)[:7], 16),
            "node_id": f"LA_sb{_sha(name)[:8]}",
            "url": f"{page}/labels/{name.replace(' ', '%20')}",
            "name": name,
            "description": "",
            "color": _sha(name)[:6],
            "default": name in ("bug", "enhancement"),
        }
        for name in item.labels
    ]


def _common(item: Item, repository: Repository, moment: int, kind: str) -> dict[str, Any]:
    """What an issue and a pull request have alike."""
    closed = item.closed if item.closed is not None and item.closed <= moment else None
    api = f"https://api.github.com/repos/{repository.full_name}"
    return {
        "url": f"{api}/{'pulls' if kind == 'PR' else 'issues'}/{item.number}",
        "id": repository.id * 10_000 + item.number,
        "node_id": node_id(kind, repository, item.number),
        "html_url": f"https://github.com/{repository.full_name}/{'pull' if item.pull else 'issues'}/{item.number}",
        "comments_url": f"{api}/issues/{item.number}/comments",
        "number": item.number,
        "state": "open" if closed is None else "closed",
        "locked": False,
        "title": item.title,
        "user": _user(item.author),
        "body": None if item.pull else f"It happens since {iso(item.opened)[:10]}.\r\n\r\n*Expected*: it doesn't.",
        "labels": _labels(item, api),
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": iso(item.opened),
        "updated_at": iso(item.updated(moment)),
        "closed_at": None if closed is None else iso(closed),
        "author_association": "NONE" if item.author == BOT else "MEMBER",
    }


def pull_request(item: Item, repository: Repository, about: dict[str, Any], moment: int) -> dict[str, Any]:
    found = _common(item, repository, moment, "PR")
    done = item.closed is not None and item.closed <= moment
    here = f"https://api.github.com/repos/{repository.full_name}"
    head = _sha(f"{repository.full_name}#{item.number}.{sum(at <= moment for at in item.touched)}")
    owner = about["owner"]
    return found | {
        "diff_url": f"{found['html_url']}.diff",
        "patch_url": f"{found['html_url']}.patch",
        "issue_url": f"{here}/issues/{item.number}",
        "commits_url": f"{found['url']}/commits",
        "review_comments_url": f"{found['url']}/comments",
        "review_comment_url": f"{here}/pulls/comments{{/number}}",
        "statuses_url": f"{here}/statuses/{head}",
        "merged_at": found["closed_at"] if done and item.merged else None,
        "merge_commit_sha": _sha(f"{repository.full_name} merge {item.number} {head}"),
        "requested_reviewers": [],
        "requested_teams": [],
        "head": {
            "label": f"{repository.owner}:{item.branch}",
            "ref": item.branch,
            "sha": head,
            "user": owner,
            "repo": about,
        },
        "base": {
            "label": f"{repository.owner}:main",
            "ref": "main",
            "sha": _sha(f"{repository.full_name} before {item.number}"),
            "user": owner,
            "repo": about,
        },
        "_links": {"self": {"href": found["url"]}, "html": {"href": found["html_url"]}},
        "auto_merge": None,
        "draft": item.ready is not None and item.ready > moment,
    }


def issue(item: Item, repository: Repository, moment: int) -> dict[str, Any]:
    """An issue; a pull request is one too, told by its `pull_request`."""
    found = _common(item, repository, moment, "PR" if item.pull else "I")
    here = f"https://api.github.com/repos/{repository.full_name}"
    closed = found["closed_at"]
    found |= {
        "url": f"{here}/issues/{item.number}",
        "repository_url": here,
        "labels_url": f"{here}/issues/{item.number}/labels{{/name}}",
        "events_url": f"{here}/issues/{item.number}/events",
        "timeline_url": f"{here}/issues/{item.number}/timeline",
        "comments": sum(at <= moment for at in item.touched),
        "state_reason": None if closed is None or item.pull else "completed" if item.planned else "not_planned",
        "performed_via_github_app": None,
        "reactions": {"url": f"{here}/issues/{item.number}/reactions", "total_count": 0},
    }
    if item.pull:
        at = f"{here}/pulls/{item.number}"
        links = {name: f"{found['html_url']}{end}" for name, end in (("diff_url", ".diff"), ("patch_url", ".patch"))}
        merged = closed if item.merged else None
        found["pull_request"] = {"url": at, "html_url": found["html_url"], **links, "merged_at": merged}
        found["draft"] = item.ready is not None and item.ready > moment
    return found


def workflow_run(run: Run, repository: Repository, about: dict[str, Any], moment: int) -> dict[str, Any]:
    """A run; one that GitHub started again shows its last attempt."""
    tried = [attempt for attempt in run.attempts if attempt[0] <= moment] or [run.attempts[0]]
    start, end, outcome = tried[-1]
    status = "queued" if start > moment else "in_progress" if end > moment else "completed"
    api = f"https://api.github.com/repos/{repository.full_name}"
    url, actor = f"{api}/actions/runs/{run.id}", _user(run.actor)
    path = f".github/workflows/{run.workflow.lower()}.yml"
    workflow = int(_sha(f"{repository.full_name} {run.workflow}")[:7], 16)
    head = _sha(f"{repository.full_name} {run.branch} {run.created}")
    return {
        "id": run.id,
        "name": run.workflow,
        "node_id": f"WFR_sb{run.id}",
        "check_suite_id": run.id + 1,
        "check_suite_node_id": f"CS_sb{run.id + 1}",
        "head_branch": run.branch,
        "head_sha": head,
        "path": path,
        "run_number": "n/a" if run.spoilt else run.id % 100_000,
        "run_attempt": len(tried),
        "event": run.event,
        "display_title": run.title,
        "status": status,
        "conclusion": outcome if status == "completed" else None,
        "workflow_id": workflow,
        "url": url,
        "html_url": f"https://github.com/{repository.full_name}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": iso(run.created),
        "updated_at": iso(end if end <= moment else max(run.created, min(start, moment))),
        "run_started_at": iso(max(run.created, start)),
        "actor": actor,
        "triggering_actor": actor,
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/check-suites/{run.id + 1}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{len(tried) - 1}" if len(tried) > 1 else None,
        "workflow_url": f"{api}/actions/workflows/{workflow}",
        "head_commit": {"id": head, "tree_id": _sha(head), "message": run.title, "timestamp": iso(run.created)},
        "repository": about,
        "head_repository": about,
    }


def commit(found: GitTree, repository: Repository) -> dict[str, Any]:
    """The commit that the default branch stands at."""
    api = f"https://api.github.com/repos/{repository.full_name}"
    by = {"name": "GitHub", "email": "noreply@github.com", "date": iso(found.pushed)}
    return {
        "sha": found.commit,
        "node_id": f"C_sb{found.commit[:12]}",
        "url": f"{api}/commits/{found.commit}",
        "html_url": f"https://github.com/{repository.full_name}/commit/{found.commit}",
        "commit": {
            "author": by,
            "committer": by,
            "message": "Merge pull request",
            "tree": {"sha": found.root, "url": f"{api}/git/trees/{found.root}"},
            "url": f"{api}/git/commits/{found.commit}",
            "comment_count": 0,
        },
        "author": None,
        "committer": None,
        "parents": [],
    }


def tree(sha: str, entries: list[Entry], repository: Repository, *, truncated: bool) -> dict[str, Any]:
    api = f"https://api.github.com/repos/{repository.full_name}/git"
    listed = []
    for entry in entries:
        one: dict[str, Any] = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
        if entry.kind == "blob":
            one |= {"size": entry.size, "url": f"{api}/blobs/{entry.sha}"}
        elif entry.kind == "tree":
            one["url"] = f"{api}/trees/{entry.sha}"
        listed.append(one)
    return {"sha": sha, "url": f"{api}/trees/{sha}", "tree": listed, "truncated": truncated}


def blob(sha: str, encoded: str, size: int, repository: Repository) -> dict[str, Any]:
    url = f"https://api.github.com/repos/{repository.full_name}/git/blobs/{sha}"
    return {"sha": sha, "node_id": f"B_sb{sha}", "size": size, "url": url, "content": encoded, "encoding": "base64"}
