"""n8n, by its public API: workflows without their contents, and executions without their data.

Reference: n8n's "n8n API" pages (docs.n8n.io/api: Authentication, Pagination, Workflow, Execution) and the OpenAPI
description that they are made from (github.com/n8n-io/n8n, packages/cli/src/public-api/v1).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sophia_kit.connectors.api import ApiConnector, Page, Token, moment_of, moment_text
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.core.errors import AuthFailed, ProviderError, RequestRejected
from sophia_kit.core.http import HttpClient

__all__ = ["N8n"]

_RESOURCES = {
    "workflows": Resource("workflows", "n8n_workflows", "updatedAt"),
    "executions": Resource("executions", "n8n_executions", "changedAt", pruned=True),
}
_PAGE_RECORDS = 250
_EVERYTHING = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = frozenset({"id", "workflowId", "retryOf", "retrySuccessId"})
_HINTS = {
    401: "The key was deleted or has expired: create one and set SOPHIA_N8N__API_KEY; see docs/n8n.md.",
    403: "Give the key the scopes workflow:list and execution:list; see docs/n8n.md.",
    404: "Check SOPHIA_N8N__BASE_URL, and that the instance's public API is enabled; see docs/n8n.md.",
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is read of a record.

    Attributes:
        given: fields handed on as n8n sends them.
        optional: those of them that not every version of n8n sends; empty where one is missing.
        derived: fields made from the others, by name.
        dropped: fields of the reference that never leave this file: contents, data, what may hold a secret.
        opaque: whether of a field that the reference doesn't name only its name is handed on.
    """

    given: tuple[str, ...]
    optional: frozenset[str]
    derived: Mapping[str, Callable[[dict[str, Any]], Any]]
    dropped: frozenset[str]
    opaque: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(sorted((*self.given, *self.derived)))

    def record(self, sent: dict[str, Any], asked: Iterable[str]) -> dict[str, Any]:
        """The fields asked for, and those that are new."""
        found: dict[str, Any] = {}
        for name in asked:
            if name in self.derived:
                found[name] = self.derived[name](sent)
            elif name in self.given and (name in sent or name in self.optional):
                value = sent.get(name)
                # Numbers in the reference, texts in what instances send.
                found[name] = str(value) if name in _IDS and type(value) is int else value
        known = self.dropped.union(self.given, self.derived)
        return found | {name: None if self.opaque else sent[name] for name in sent if name not in known}


def _tags(workflow: dict[str, Any]) -> Any:
    tags = workflow.get("tags")
    if not isinstance(tags, list):
        return None
    return ", ".join(sorted(str(tag["name"]) for tag in tags if isinstance(tag, dict) and "name" in tag)) or None


def _nodes(workflow: dict[str, Any]) -> int | None:
    nodes = workflow.get("nodes")
    return len(nodes) if isinstance(nodes, list) else None


def _changed(execution: dict[str, Any]) -> str | None:
    moments = [found for name in ("startedAt", "stoppedAt") if (found := moment_of(execution.get(name)))]
    return moment_text(max(moments)) if moments else None


_SHAPES = {
    "workflows": _Shape(
        given=(
            "id",
            "name",
            "active",
            "activeVersionId",
            "isArchived",
            "triggerCount",
            "versionId",
            "createdAt",
            "updatedAt",
        ),
        optional=frozenset({"activeVersionId", "isArchived", "triggerCount", "versionId"}),
        derived={"tags.name": _tags, "nodes.count": _nodes},
        dropped=frozenset(
            {
                "activeVersion",
                "connections",
                "description",
                "externalId",
                "meta",
                "nodeGroups",
                "nodes",
                "pinData",
                "settings",
                "shared",
                "staticData",
                "tags",
            }
        ),
        opaque=True,
    ),
    "executions": _Shape(
        given=(
            "id",
            "workflowId",
            "status",
            "mode",
            "startedAt",
            "stoppedAt",
            "waitTill",
            "retryOf",
            "retrySuccessId",
            "finished",
            "workflowVersionId",
        ),
        optional=frozenset({"retryOf", "retrySuccessId", "stoppedAt", "waitTill", "workflowVersionId"}),
        derived={"changedAt": _changed},
        dropped=frozenset({"customData", "data", "dataTooLargeToDisplay", "jsonSizeBytes", "storedAt", "workflowData"}),
    ),
}


class N8n(ApiConnector):
    """The connector. See `sophia_kit.connectors.base.Connector`.

    Fields beside n8n's own: `tags.name` (names, joined by commas), `nodes.count`, and `changedAt` of an execution,
    the later one of its start and its end: n8n doesn't say when an execution changed.
    """

    provider = "n8n"
    title = "n8n"
    resources = _RESOURCES
    required = ("base_url", "api_key")

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`.

        All workflows are read each time: n8n can't be asked for those that changed, and doesn't show those that were
        deleted. Executions come newest first, and are read back to `settings.n8n.repull_days` before the cursor. One
        that waits for its turn has no time yet: it is read once it has started.
        """
        asked = self._resource(resource)
        reached = self._since(since)
        shape = _SHAPES[resource]
        wanted = (*fields, asked.incremental_field)
        if resource == "executions":
            start = reached and reached - timedelta(days=self._settings.n8n.repull_days)
            pages = _selected(self._executions(start), asked.incremental_field, start, until)
            pages, image = _shaped(pages, shape, wanted), None
        else:
            # What is in the workflows isn't held.
            sent = _shaped(self._pages(resource, {"excludePinnedData": "true"}), shape, wanted)
            held = [page async for page in sent]
            pages = _selected(_again(held), asked.incremental_field, reached if until else None, until)
            # A list of several pages is read by position: one deleted meanwhile would hide another.
            image = _EVERYTHING if len(held) == 1 and until is None else None
        absent = tuple(name for name in dict.fromkeys(fields) if name not in shape.fields)
        async for batch in self._batches(asked, pages, absent=absent, image_since=image):
            yield batch

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`. What may hold a secret or a person's data is not among them."""
        self._resource(resource)
        await self._connected()
        return _SHAPES[resource].fields

    async def _probe(self) -> str:
        for resource in self.resources:
            await (await self._connected()).get(f"/api/v1/{resource}", {"limit": "1"})
        return "The key is accepted; workflows and executions can be read."

    async def _executions(self, start: datetime | None) -> AsyncIterator[Page]:
        async for page in self._pages("executions", {}):
            records = [
                record | {"changedAt": _changed(record)}
                for record in page.records
                if not (record.get("status") == "new" and record.get("startedAt") is None)
            ]
            yield replace(page, records=records)
            found = [moment for record in records if (moment := moment_of(record["changedAt"]))]
            if start is not None and found and max(found) < start:
                return

    async def _pages(self, resource: str, params: Mapping[str, str]) -> AsyncIterator[Page]:
        client = await self._connected()
        guard = self._guard(resource)
        asked = {"limit": str(_PAGE_RECORDS), **params}
        while True:
            answer = await client.get(f"/api/v1/{resource}", asked)
            body = answer.body if isinstance(answer.body, dict) else {}
            records, following = body.get("data"), body.get("nextCursor", ...)
            if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
                raise self._malformed(f"its page of {resource} holds no list of records")
            if following is not None and not isinstance(following, str):
                raise self._malformed(f"its page of {resource} does not say whether another follows")
            guard.page(str(record.get("id")) for record in records)
            yield Page(records, answer.demo, answer.date)
            if not following:
                return
            guard.step(following)
            asked = {**asked, "cursor": following}

    async def _open(self) -> HttpClient:
        given = self._settings.n8n
        if given.base_url is None or given.api_key is None:
            raise ValueError("a client needs complete settings")
        key = given.api_key.get_secret_value()
        return HttpClient(
            self.provider,
            given.base_url,
            self._settings.http,
            requests_per_second=given.requests_per_second,
            credentials=Token({"X-N8N-API-KEY": key}, (key,)),
            explain=_explain,
            clock=self._clock,
        )


async def _again(pages: Iterable[Page]) -> AsyncIterator[Page]:
    for page in pages:
        yield page


async def _selected(
    pages: AsyncIterator[Page], stamp: str, start: datetime | None, end: datetime | None
) -> AsyncIterator[Page]:
    """The records from `start` on and before `end`. One without a readable time goes with those on its page."""
    async for page in pages:
        times = [moment_of(record.get(stamp)) for record in page.records]
        within = [at is None or ((start is None or at >= start) and (end is None or at < end)) for at in times]
        if any(fits and at is not None for fits, at in zip(within, times, strict=True)) or (start is end is None):
            yield replace(page, records=[r for r, fits in zip(page.records, within, strict=True) if fits])
        else:
            yield replace(page, records=[])


async def _shaped(pages: AsyncIterator[Page], shape: _Shape, asked: Sequence[str]) -> AsyncIterator[Page]:
    async for page in pages:
        yield replace(page, records=[shape.record(record, asked) for record in page.records])


def _explain(status: int, body: Any) -> ProviderError | None:
    if status not in _HINTS:
        return None
    said = " ".join(str(body.get("message", "")).split())[:200] if isinstance(body, dict) else ""
    kind = RequestRejected if status == 404 else AuthFailed
    return kind(
        f"n8n answered {status}" + (f": {said}." if said else "."),
        provider="n8n",
        hint=_HINTS[status],
        http_status=status,
    )
