"""GitHub's REST API, as far as a reader needs it.

Behaviour follows docs.github.com/rest, version 2022-11-28: Apps (Create an installation access token), Repositories
(Get a repository), Commits (List commits), Git trees and blobs, Pulls, Issues, Workflow runs (List workflow runs for a
repository), Rate limit; "Using pagination" (a `Link` names the repository by its id), "Rate limits", "Troubleshooting"
(what may not be seen is not found), and "Generating a JSON Web Token". Shapes: see `github_records`. Wording that
GitHub's pages leave open is the sandbox's own.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from sophia_kit.sandbox import github_records as shapes
from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.days import DAY
from sophia_kit.sandbox.engineering import Engineering, Repository, make_engineering
from sophia_kit.sandbox.git_tree import GitTree, make_tree
from sophia_kit.sandbox.github_app import INSTALLATION_ID, refused
from sophia_kit.sandbox.vendor import Request, Response, json_response

__all__ = ["FORMER_NAMES", "GITHUB_TOKEN", "GitHub"]

GITHUB_TOKEN = "sandbox"  # noqa: S105 - opens nothing but the sandbox
FORMER_NAMES = {"larkfield/rentals": "larkfield/payments"}
"""What a repository was called before."""

_VERSION = "2022-11-28"
_SEARCH_RESULTS = 1000
_HOURLY = 5000
_PAGE, _MOST = 30, 100
_NEEDS = {
    "": "metadata",
    "commits": "contents",
    "git/trees": "contents",
    "git/blobs": "contents",
    "pulls": "pull_requests",
    "issues": "issues",
    "actions/runs": "actions",
}


@dataclass(frozen=True, slots=True)
class _Grant:
    """What an installation's token may do, and until when."""

    ends: float
    repositories: frozenset[str]
    permissions: dict[str, str]


class GitHub:
    """Serves what a company's engineers do. Installation tokens live `token_life_s` seconds. Safe to use from several
    threads.

    Attributes:
        tree_limit: entries above which a recursive tree is truncated; 100,000 at GitHub.
    """

    prefixes = ("/repos/", "/repositories/", "/app/", "/rate_limit")

    def __init__(self, company: Company, *, token_life_s: float = 3600.0) -> None:
        self.tree_limit = 100_000
        self._company = company
        self._token_life_s = token_life_s
        self._lock = threading.RLock()
        self._work: Engineering | None = None
        self._records: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._trees: dict[str, GitTree | None] = {}
        self._tokens: dict[str, _Grant] = {}
        self._serial = itertools.count(1)
        self._calls = 0

    def show(self, company: Company) -> None:
        with self._lock:
            self._company = company
            self._records.clear()
            self._trees.clear()

    def expire_tokens(self) -> None:
        """Make every token given so far invalid, as uninstalling the app would."""
        with self._lock:
            self._tokens.clear()

    def answer(self, request: Request) -> Response:
        version = request.headers.get("x-github-api-version", _VERSION)
        if version != _VERSION:
            return self._said(400, f"{version!r} is not a valid API version")
        if request.path == "/rate_limit":
            core = {"limit": _HOURLY, "remaining": _HOURLY - self._calls, "reset": self._reset(), "used": self._calls}
            return json_response(200, {"resources": {"core": core}, "rate": core})
        if request.path.startswith("/app/"):
            return self._login(request)
        with self._lock:
            self._calls += 1
        if request.method != "GET":
            return self._said(404, "Not Found")
        grant = self._grant(request)
        if grant is None:
            return self.expired(request)
        match = re.fullmatch(r"/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(?:/(.+))?", request.path)
        name = (match[1] or "").lower() if match else ""
        if name in FORMER_NAMES:
            return self._moved(request, FORMER_NAMES[name], match[3] if match else None)
        repository = None if match is None else self._repository(name, match[2])
        if match is None or repository is None or repository.name not in grant.repositories:
            return self._said(404, "Not Found")
        return self._resource(request, grant, repository, match[3] or "")

    def expired(self, request: Request) -> Response:
        return self._said(401, "Bad credentials")

    def failed(self, status: int) -> Response:
        if status == 429:
            return self._said(
                429, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            )
        return self._said(status, "Server Error")

    def _resource(self, request: Request, grant: _Grant, repository: Repository, path: str) -> Response:
        tree = re.fullmatch(r"(git/trees|git/blobs)/([^/]+)", path)
        resource = path if tree is None else tree[1]
        if resource not in _NEEDS or (tree is None and resource.startswith("git/")):
            return self._said(404, "Not Found")
        if grant.permissions.get(_NEEDS[resource]) not in ("read", "write"):
            return self._said(403, "Resource not accessible by integration")
        if tree is not None:
            return self._git(request, repository, tree[1], tree[2])
        if resource == "":
            return self._json(self._about(repository))
        if resource == "commits":
            found = self._tree(repository)
            if found is None:
                return self._said(409, "Git Repository is empty.")
            return self._json([shapes.commit(found, repository)])
        return self._list(request, repository, resource)

    def _list(self, request: Request, repository: Repository, resource: str) -> Response:
        query = request.query
        try:
            page, size = int(query.get("page", 1)), min(_MOST, int(query.get("per_page", _PAGE)))
            records = self._all(repository, resource)
            if resource == "actions/runs":
                records = _created(records, query.get("created"))
            else:
                records = _selected(records, query)
        except ValueError:
            return self._said(422, "Validation Failed")
        total = len(records)
        if query.get("created"):
            records = records[:_SEARCH_RESULTS]
        size = request.page_size(max(1, size))
        shown = records[(page - 1) * size : page * size]
        last = -(-len(records) // size)
        headers = self._limits()
        if page < last:
            headers["Link"] = ", ".join(
                f'<{self._link(request, repository, resource, number)}>; rel="{name}"'
                for name, number in (("next", page + 1), ("last", last))
            )
        content: Any = {"total_count": total, "workflow_runs": shown} if resource == "actions/runs" else shown
        return json_response(200, content, headers)

    def _git(self, request: Request, repository: Repository, kind: str, sha: str) -> Response:
        found = self._tree(repository)
        if found is None:
            return self._said(409, "Git Repository is empty.")
        if kind == "git/blobs":
            if sha not in found.blobs:
                return self._said(404, "Not Found")
            content = found.blobs[sha]
            encoded = base64.encodebytes(content).decode()
            return self._json(shapes.blob(sha, encoded, len(content), repository))
        root = found.root if sha in ("main", "HEAD", found.commit) else sha
        if root not in found.folders:
            return self._said(404, "Not Found")
        if "recursive" not in request.query:
            return self._json(shapes.tree(root, list(found.folders[root]), repository, truncated=False))
        entries = list(found.below(root))
        limit = self.tree_limit
        return self._json(shapes.tree(root, entries[:limit], repository, truncated=len(entries) > limit))

    def _login(self, request: Request) -> Response:
        if request.method != "POST" or request.path != f"/app/installations/{INSTALLATION_ID}/access_tokens":
            return self._said(404, "Not Found")
        scheme, _, claim = request.headers.get("authorization", "").partition(" ")
        why = refused(claim) if scheme.lower() == "bearer" else "A JSON web token could not be decoded"
        if why is not None:
            return self._said(404 if why == "Integration not found" else 401, why)
        asked = json.loads(request.body or b"{}")
        names = {repository.name for repository in self._engineering().repositories}
        former = {name.partition("/")[2]: current.partition("/")[2] for name, current in FORMER_NAMES.items()}
        wanted = frozenset(former.get(name, name) for name in asked.get("repositories", names))
        if not wanted <= names:
            return self._said(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            )
        permissions = asked.get("permissions") or dict.fromkeys(_NEEDS.values(), "write")
        token = f"ghs_{hashlib.sha256(f'{id(self)}.{next(self._serial)}'.encode()).hexdigest()[:36]}"
        with self._lock:
            self._tokens[token] = _Grant(time.monotonic() + self._token_life_s, wanted, permissions)
        content = {
            "token": token,
            "expires_at": shapes.iso(int(time.time() + self._token_life_s)),
            "permissions": permissions,
            "repository_selection": "selected",
        }
        return json_response(201, content)

    def _grant(self, request: Request) -> _Grant | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token"):
            return None
        if token == GITHUB_TOKEN:
            names = frozenset(repository.name for repository in self._engineering().repositories)
            return _Grant(0.0, names, dict.fromkeys(_NEEDS.values(), "read"))
        with self._lock:
            found = self._tokens.get(token)
        return found if found is not None and found.ends > time.monotonic() else None

    def _engineering(self) -> Engineering:
        with self._lock:
            if self._work is None:
                self._work = make_engineering(self._company.profile, self._company.world.employees)
            return self._work

    def _repository(self, name: str, number: str | None) -> Repository | None:
        for one in self._engineering().repositories:
            if one.full_name == name or str(one.id) == number:
                return one
        return None

    def _about(self, repository: Repository) -> dict[str, Any]:
        moment = self._company.moment
        made = DAY * repository.made
        pushes = [
            at
            for item in self._engineering().items[repository.full_name]
            if item.pull
            for at in (item.opened, *item.touched, item.closed or 0)
            if at <= moment
        ]
        return shapes.repository_of(repository, made, max(pushes, default=made))

    def _tree(self, repository: Repository) -> GitTree | None:
        with self._lock:
            if repository.full_name not in self._trees:
                items = self._engineering().items[repository.full_name]
                self._trees[repository.full_name] = make_tree(repository, items, self._company.moment)
            return self._trees[repository.full_name]

    def _all(self, repository: Repository, resource: str) -> list[dict[str, Any]]:
        """The records, newest first."""
        with self._lock:
            place = (repository.full_name, resource)
            if place not in self._records:
                self._records[place] = self._make(repository, resource)
            return self._records[place]

    def _make(self, repository: Repository, resource: str) -> list[dict[str, Any]]:
        moment, about = self._company.moment, self._about(repository)
        if resource == "actions/runs":
            runs = self._engineering().runs[repository.full_name]
            return [
                shapes.workflow_run(run, repository, about, moment)
                for run in reversed(runs)
                if run.created <= moment and (run.deleted is None or run.deleted > moment)
            ]
        items = [item for item in self._engineering().items[repository.full_name] if item.opened <= moment]
        if resource == "pulls":
            return [shapes.pull_request(item, repository, about, moment) for item in reversed(items) if item.pull]
        return [shapes.issue(item, repository, moment) for item in reversed(items)]

    def _moved(self, request: Request, now: str, rest: str | None) -> Response:
        repository = self._repository(now, None)
        query = urlencode(request.query)
        where = f"{request.base_url}/repositories/{repository.id if repository else 0}"
        where += (f"/{rest}" if rest else "") + (f"?{query}" if query else "")
        return json_response(301, {"message": "Moved Permanently", "url": where}, {"Location": where})

    def _link(self, request: Request, repository: Repository, resource: str, page: int) -> str:
        query = urlencode({**request.query, "page": str(page)})
        return f"{request.base_url}/repositories/{repository.id}/{resource}?{query}"

    def _json(self, content: Any) -> Response:
        return json_response(200, content, self._limits())

    def _said(self, status: int, message: str) -> Response:
        content = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        return json_response(status, content, self._limits())

    def _limits(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(_HOURLY),
            "X-RateLimit-Remaining": str(max(0, _HOURLY - self._calls)),
            "X-RateLimit-Used": str(self._calls),
            "X-RateLimit-Reset": str(self._reset()),
            "X-RateLimit-Resource": "core",
            "X-GitHub-Media-Type": "github.v3; format=json",
        }

    def _reset(self) -> int:
        return int(time.time()) // 3600 * 3600 + 3600


def _selected(records: list[dict[str, Any]], query: Any) -> list[dict[str, Any]]:
    """Issues or pull requests as a list's parameters ask.

    Raises:
        ValueError: a parameter can't be read.
    """
    state, sort = query.get("state", "open"), query.get("sort", "created")
    direction, since = query.get("direction", "desc"), query.get("since")
    if state not in ("open", "closed", "all") or direction not in ("asc", "desc"):
        raise ValueError
    start = None if since is None else datetime.fromisoformat(since)
    found = [
        record
        for record in records
        if state in ("all", record["state"])
        and (start is None or datetime.fromisoformat(record["updated_at"]) >= start)
    ]
    field = {"created": "created_at", "updated": "updated_at"}[sort] if sort in ("created", "updated") else ""
    if not field:
        raise ValueError
    found.sort(key=lambda record: (record[field], record["number"]), reverse=direction == "desc")
    return found


def _created(records: list[dict[str, Any]], text: str | None) -> list[dict[str, Any]]:
    """Runs that were created within a range, as GitHub's search for dates spells it.

    Raises:
        ValueError: it is no range.
    """
    if text is None:
        return records
    low, high = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    if ".." in text:
        first, _, last = text.partition("..")
        low = low if first == "*" else datetime.fromisoformat(first)
        high = high if last == "*" else datetime.fromisoformat(last)
    elif text.startswith(">="):
        low = datetime.fromisoformat(text[2:])
    elif text.startswith("<="):
        high = datetime.fromisoformat(text[2:])
    else:
        raise ValueError
    return [record for record in records if low <= datetime.fromisoformat(record["created_at"]) <= high]
