"""GitHub, by its REST API: files, pull requests, issues and workflow runs of the repositories that are configured.

Reference: GitHub, "REST API" version 2022-11-28: Repositories, Commits, Git trees and blobs, Pulls, Issues, Workflow
runs; "Using pagination", "Rate limits" and "Best practices for using the REST API".
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sophia_kit.connectors.api import ApiConnector, Page, Token, moment_of
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.connectors.github_answers import explain, following, wish
from sophia_kit.connectors.github_login import HEADERS, Session
from sophia_kit.connectors.github_reach import Reach, cursor_text
from sophia_kit.connectors.github_records import SHAPES
from sophia_kit.connectors.github_tree import EMPTY_TREE, RepositoryFile, Trees
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import InputError, RequestRejected, UnknownName
from sophia_kit.core.http import Answer, HttpClient
from sophia_kit.core.settings import Settings

__all__ = ["OVERLAP", "REPULL", "GitHub", "RepositoryFile"]

PROVIDER = "github"
OVERLAP = timedelta(hours=1)
"""How far before its cursor an incremental read begins: GitHub names no time after which a change is in every list."""

REPULL = timedelta(days=65)
"""How far back workflow runs are read again. A run can be started again for 30 days after it was created, and may then
take 35 ("Re-running workflows and jobs", "Actions limits")."""

_SEARCH_RESULTS = 1000
_PAGE_RECORDS = 100
_FILE_BYTES = 1_000_000
_EVERYTHING = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


class GitHub(ApiConnector):
    """The connector. See `sophia_kit.connectors.base.Connector`.

    Records are those of all configured repositories. Fields beside GitHub's own: `repository`, as it is configured; and
    of a file `id` (`<repository>:<path>`), `commit.sha`, and `pushed_at` of its repository, since a tree has no time.
    """

    provider = PROVIDER
    title = "GitHub"
    resources = {  # noqa: RUF012 - a ClassVar of the base
        "files": Resource("files", "github_files", "pushed_at"),
        "pull_requests": Resource("pull_requests", "github_pull_requests", "updated_at"),
        "issues": Resource("issues", "github_issues", "updated_at"),
        "workflow_runs": Resource("workflow_runs", "github_workflow_runs", "created_at", pruned=True),
    }
    required = ("repositories",)

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(settings, clock=clock)
        self._session: Session | None = None
        self._repositories = tuple(dict.fromkeys(settings.github.repositories))

    @classmethod
    def missing(cls, settings: Settings) -> tuple[str, ...]:
        """See `ConnectorKind.missing`. A token stands for the app's three settings."""
        given = settings.github
        app = ("app_id", "installation_id", "private_key")
        names = ("repositories",) if given.token is not None else ("repositories", *app)
        return tuple(cls.variable(name) for name in names if not getattr(given, name))

    async def aclose(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        await super().aclose()
        if session is not None:
            await session.aclose()

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`.

        Files are read as they are now, each time. Pull requests and issues are read from `OVERLAP` before the cursor,
        workflow runs from `REPULL` before it. A repository that the cursor doesn't name is read from its beginning.
        """
        asked = self._resource(resource)
        reached = None if since is None else self._reached(since)
        await self._connected()
        shape = SHAPES[resource]
        wanted = tuple(dict.fromkeys((*fields, shape.key, asked.incremental_field)))
        absent = tuple(name for name in dict.fromkeys(fields) if name not in shape.given)
        image: datetime | None = None
        pages: AsyncIterator[Page]

        def begins(repository: str, overlap: timedelta) -> datetime | None:
            return None if reached is None else reached.start(repository, overlap)

        if resource == "files":
            pages = self._each(wanted, resource, lambda repository: self._files(repository, until))
            image = _EVERYTHING if until is None else None
        elif resource == "workflow_runs":
            lost: list[str] = []
            pages = self._each(wanted, resource, lambda name: self._runs(name, begins(name, REPULL), until, lost))
            if reached is not None and until is None:
                held = [page async for page in pages]
                pages, image = _again(held), None if lost else reached.at - REPULL
        else:
            pages = self._each(
                wanted, resource, lambda name: self._changed(resource, name, begins(name, OVERLAP), until)
            )
        async for batch in self._batches(asked, pages, absent=absent, image_since=image):
            if resource != "files" and batch.cursor_high is not None:
                batch = replace(batch, cursor_high=cursor_text(batch.cursor_high, self._repositories))
            yield batch

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`. What people write in bodies is not among them."""
        self._resource(resource)
        await self._connected()
        return SHAPES[resource].fields

    async def file(self, repository: str, path: str, *, at_most: int = _FILE_BYTES) -> RepositoryFile:
        """A file as it stands on the default branch now. A symbolic link's content is the path it leads to.

        Args:
            repository: one of those configured.
            path: from the repository's root, without a leading slash.
            at_most: size above which it isn't fetched, in bytes; GitHub gives none over 100 MB.

        Raises:
            UnknownName: no such repository is configured, or it has no such file.
            InputError: it is a folder, a submodule, or larger than `at_most`.
            Unconfigured, ProviderError: as `read` does.
        """
        if repository not in self._repositories:
            raise UnknownName("configured repository", repository, self._repositories)
        return await self._trees().file(repository, path, at_most)

    async def _probe(self) -> str:
        for repository in self._repositories:
            await self._get(f"/repos/{repository}")
        first = self._repositories[0]
        for what in ("pulls", "issues", "actions/runs"):
            await self._get(f"/repos/{first}/{what}", {"per_page": "1"})
        login = "The app is logged in" if self._session is not None else "The token is accepted"
        count = len(self._repositories)
        return f"{login}; {count} {'repository' if count == 1 else 'repositories'} can be read."

    def _reached(self, since: str) -> Reach:
        found = Reach.parse(since)
        if found is None:
            raise InputError(
                f"{since[:60]!r} is not a cursor of GitHub.",
                hint="Give a time such as 2025-12-31T23:59:59Z, or run the load with --full.",
            )
        return found

    async def _each(
        self, wanted: Sequence[str], resource: str, read: Callable[[str], AsyncIterator[tuple[list[Any], Answer]]]
    ) -> AsyncIterator[Page]:
        """The records of every repository, as they are handed on."""
        shape = SHAPES[resource]
        for repository in self._repositories:
            async for records, answer in read(repository):
                shaped = [shape.record(record, repository, wanted) for record in records]
                yield Page(shaped, answer.demo, answer.date)

    async def _changed(
        self, resource: str, repository: str, start: datetime | None, end: datetime | None
    ) -> AsyncGenerator[tuple[list[Any], Answer], None]:
        """Pull requests or issues. Those that changed come by falling time of that: one that changes meanwhile moves to
        the front, where the next reading finds it, and moves no other out of sight. All of them come in the order of
        their creation, in which none moves: a full load takes what it lacks for deleted."""
        params = {"state": "all", "sort": "created", "direction": "asc"}
        if start is not None:
            params |= {"sort": "updated", "direction": "desc"}
            if resource == "issues":
                params["since"] = _stamp(start)
        what = "pulls" if resource == "pull_requests" else "issues"
        async with aclosing(self._listed(repository, what, params)) as pages:
            async for sent, answer in pages:
                times = [moment_of(record.get("updated_at")) for record in sent]
                within = [at is None or ((start is None or at >= start) and (end is None or at < end)) for at in times]
                dated = any(fits and at is not None for fits, at in zip(within, times, strict=True))
                kept = [record for record, fits in zip(sent, within, strict=True) if fits and (dated or start is end)]
                yield [r for r in kept if resource == "pull_requests" or not _is_pull_request(r)], answer
                if start is not None and (known := [at for at in times if at is not None]) and max(known) < start:
                    return

    async def _runs(
        self, repository: str, start: datetime | None, end: datetime | None, lost: list[str]
    ) -> AsyncGenerator[tuple[list[Any], Answer], None]:
        """Runs by ranges of the time they were created, each so small that GitHub shows all of it. A repository of
        which fewer came than were announced is put on `lost`."""
        ranges = [(start, end and end - _SECOND)]
        while ranges:
            low, high = ranges.pop()
            announced, received = None, 0
            params = {"exclude_pull_requests": "true", **_created(low, high)}
            async with aclosing(self._listed(repository, "actions/runs", params, "workflow_runs")) as pages:
                async for sent, answer in pages:
                    total = answer.body.get("total_count")
                    if not isinstance(total, int) or isinstance(total, bool):
                        raise self._malformed("its page of workflow runs does not say how many there are")
                    if announced is None and total > _SEARCH_RESULTS:
                        ranges += await self._halves(repository, low, high, sent, answer)
                        break
                    announced = total if announced is None else max(announced, total)
                    received += len(sent)
                    yield sent, answer
            if announced is not None and received < announced:
                lost.append(repository)

    async def _halves(
        self, repository: str, low: datetime | None, high: datetime | None, sent: list[Any], answer: Answer
    ) -> list[tuple[datetime | None, datetime | None]]:
        """A range in two, the older one last."""
        if low is None:
            about = await self._get(f"/repos/{repository}")
            low = moment_of(about.body.get("created_at")) if isinstance(about.body, dict) else None
        times = [at for record in sent if (at := moment_of(record.get("created_at")))]
        last = high or max([*times, *([answer.date] if answer.date else [])], default=None)
        if low is None or last is None:
            raise self._malformed("it does not say when its workflow runs were created")
        if last - low < 2 * _SECOND:
            raise self._malformed(f"it has over {_SEARCH_RESULTS:,} workflow runs of one second and shows no more")
        middle = (low + (last - low) / 2).replace(microsecond=0)
        return [(middle + _SECOND, high), (low, middle)]

    async def _files(self, repository: str, end: datetime | None) -> AsyncIterator[tuple[list[Any], Answer]]:
        about = await self._get(f"/repos/{repository}")
        pushed = about.body.get("pushed_at") if isinstance(about.body, dict) else None
        at = moment_of(pushed)
        trees = self._trees()
        found = None if end is not None and at is not None and at >= end else await trees.root(repository)
        if found is None or found[1] == EMPTY_TREE:
            yield [], about
            return
        commit, root = found
        async for folder, entries in trees.walk(repository, root, ""):
            files = [entry for entry in entries if entry["type"] != "tree"]
            paths = [f"{folder}{entry['path']}" for entry in files]
            yield (
                [
                    entry | {"id": f"{repository}:{path}", "path": path, "commit": {"sha": commit}, "pushed_at": pushed}
                    for entry, path in zip(files, paths, strict=True)
                ],
                about,
            )

    def _trees(self) -> Trees:
        return Trees(self._get, self._malformed)

    async def _listed(
        self, repository: str, what: str, params: Mapping[str, str], within: str | None = None
    ) -> AsyncGenerator[tuple[list[dict[str, Any]], Answer], None]:
        """The pages of a list, to the end. `within` names the list in an answer that is an object."""
        guard = self._guard(f"{what} of {repository}")
        answer = await self._get(f"/repos/{repository}/{what}", {"per_page": str(_PAGE_RECORDS), **params})
        while True:
            records = answer.body.get(within) if within and isinstance(answer.body, dict) else answer.body
            if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
                raise self._malformed(f"its page of {what} of {repository} holds no list of records")
            guard.page(str(record.get("node_id")) for record in records)
            yield records, answer
            link = following(answer.headers.get("link", ""))
            if link is None:
                return
            guard.step(link)
            # At the configured address alone.
            path = (await self._connected()).path_of(link)
            if path is None:
                raise self._malformed("its next page is elsewhere")
            answer = await self._get(path)

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        try:
            return await (await self._connected()).get(path, params, headers=HEADERS)
        except RequestRejected as error:
            if error.http_status != 404 or not path.startswith("/repos/"):
                raise
            name = "/".join(path.split("/")[2:4])
            raise RequestRejected(
                f"GitHub shows no {name}, or not all of it: it answered 404.",
                provider=PROVIDER,
                hint=error.hint,
                http_status=404,
            ) from None

    async def _open(self) -> HttpClient:
        given = self._settings.github
        secret = None if given.token is None else given.token.get_secret_value()
        if secret is None:
            self._session = self._session or Session(given, self._settings.http, self._clock)
        return HttpClient(
            PROVIDER,
            given.base_url,
            self._settings.http,
            requests_per_second=given.requests_per_second,
            credentials=self._session if secret is None else Token({"Authorization": f"Bearer {secret}"}, (secret,)),
            explain=explain,
            wish=wish,
            clock=self._clock,
        )


async def _again(pages: Iterable[Page]) -> AsyncIterator[Page]:
    for page in pages:
        yield page


def _is_pull_request(issue: Mapping[str, Any]) -> bool:
    """Whether an issue is one; GitHub may say of those that are none where it would be, in nulls."""
    told = issue.get("pull_request")
    return any(told.values()) if isinstance(told, dict) else told is not None


def _created(low: datetime | None, high: datetime | None) -> dict[str, str]:
    """The filter by creation, both ends included."""
    if low is not None:
        return {"created": f"{_stamp(low)}..{_stamp(high)}" if high is not None else f">={_stamp(low)}"}
    return {} if high is None else {"created": f"<={_stamp(high)}"}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
