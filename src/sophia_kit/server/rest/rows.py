"""Routes of vendors' rows: one for each resource, and the threads of a Slack channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.responses import Response

from sophia_kit.server import records
from sophia_kit.server.auth.caller import Caller, needs
from sophia_kit.server.records.threads import DEFAULT_THREADS, MESSAGES_SHOWN, MOST_THREADS
from sophia_kit.server.records.written import Moment, Token
from sophia_kit.server.rest.answers import Desk, standing_record
from sophia_kit.server.rest.document import scoped
from sophia_kit.server.rest.responses import responses_of
from sophia_kit.server.rest.value_models import Answer, StandsOn

if TYPE_CHECKING:
    from sophia_kit.server.services import Services

__all__ = ["PATHS", "row_routes"]

PATHS: Final = {
    "/slack/channels": records.SLACK_CHANNELS,
    "/slack/users": records.SLACK_USERS,
    "/slack/messages": records.SLACK_MESSAGES,
    "/salesforce/accounts": records.SALESFORCE_ACCOUNTS,
    "/salesforce/opportunities": records.SALESFORCE_OPPORTUNITIES,
    "/salesforce/contacts": records.SALESFORCE_CONTACTS,
    "/gong/calls": records.GONG_CALLS,
    "/repo/tree": records.REPOSITORY_TREE,
}
"""Where each resource is served."""

_NOTES = Field(description="What to know of the rows.", examples=[[]])
_NEXT = Field(description="What to send as `after` for the next page; null on the last.", examples=[None])

Endpoint = Callable[..., Awaitable[Response]]


_MESSAGES = f"The first {MESSAGES_SHOWN} of them, in order, with their authors; /slack/messages has all."

_Thread: Final = create_model(
    "SlackThread",
    __base__=Answer,
    __doc__="A message and what was answered to it.",
    thread_id=(str, Field(examples=["C0SB0000001:1766110684.059900"])),
    started_at=(datetime, Field(examples=["2025-12-19T02:18:04.059900+00:00"])),
    last_at=(datetime, Field(examples=["2025-12-19T02:18:04.059900+00:00"])),
    message_count=(int, Field(description="How many messages the snapshot has of it.", examples=[1])),
    messages=(list[records.SLACK_MESSAGES.row_model], Field(description=_MESSAGES)),  # type: ignore[name-defined]
)
_Threads: Final = create_model(
    "SlackThreads",
    __base__=Answer,
    __doc__="Threads of a channel, the newest first.",
    stands_on=(StandsOn, ...),
    notes=(list[str], _NOTES),
    channel=(records.SLACK_CHANNELS.row_model, ...),
    threads=(list[_Thread], ...),  # type: ignore[valid-type]
    next=(str | None, _NEXT),
)


class ThreadsQuery(BaseModel):
    """What a page of threads is asked for with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    started_from: Moment | None = Field(None, description="Only begun at this time or later.")
    started_before: Moment | None = Field(None, description="Only begun before this time.")
    limit: int = Field(DEFAULT_THREADS, ge=1, le=MOST_THREADS, description="How many threads a page has at most.")
    after: Token | None = Field(None, description="`next` of the page before; default: the first page.")


def row_routes(services: Services, desk: Desk) -> APIRouter:
    """The routes of vendors' rows."""
    routes = APIRouter()
    for path, resource in PATHS.items():
        _, tag, name = path.split("/")
        routes.add_api_route(
            path,
            _endpoint(services, desk, resource),
            operation_id=resource.name,
            tags=[tag],
            summary=f"{tag.capitalize()}: {name}",
            description=_told(resource),
            responses=responses_of(
                _page_model(resource),
                "never-loaded",
                "snapshot-gone",
                *(["unknown-name"] if any(item.named for item in resource.filters) else []),
            ),
            openapi_extra=scoped(resource.scope),
        )
    routes.add_api_route(
        "/slack/threads/{channel_id}",
        _threads_endpoint(services, desk),
        operation_id="slack_threads",
        tags=["slack"],
        summary="Slack: threads of a channel",
        description=" ".join(
            ["The threads of a channel, the newest first, with messages and authors.", *records.SLACK_MESSAGES.notes]
        ),
        responses=responses_of(_Threads, "unknown-name", "never-loaded", "snapshot-gone"),
        openapi_extra=scoped(records.SLACK_MESSAGES.scope),
    )
    return routes


def _endpoint(services: Services, desk: Desk, resource: records.Resource) -> Endpoint:
    async def read(query: Any, caller: Any) -> Response:
        asked = query.model_dump()
        limit, after = asked.pop("limit"), asked.pop("after")

        def make() -> dict[str, Any]:
            page = records.read_page(
                services.snapshots,
                services.clock,
                resource,
                caller.principal,
                filters=asked,
                limit=limit,
                after=after,
            )
            return {
                "stands_on": standing_record(page.standing),
                "notes": page.notes,
                "rows": page.rows,
                "next": page.next,
            }

        return await desk.answer(make)

    # What FastAPI reads of an endpoint; it differs from resource to resource, which no annotation can say.
    read.__annotations__ = {
        "query": Annotated[resource.query_model, Query()],
        "caller": Annotated[Caller, Depends(needs(resource.scope))],
        "return": Response,
    }
    read.__name__ = resource.name
    return read


def _threads_endpoint(services: Services, desk: Desk) -> Endpoint:
    async def slack_threads(
        channel_id: Annotated[str, Path(max_length=100, description="Slack's id of the channel.")],
        query: Annotated[ThreadsQuery, Query()],
        caller: Annotated[Caller, Depends(needs(records.SLACK_MESSAGES.scope))],
    ) -> Response:
        def make() -> dict[str, Any]:
            page = records.read_threads(
                services.snapshots,
                services.clock,
                channel_id,
                caller.principal,
                started_from=query.started_from,
                started_before=query.started_before,
                limit=query.limit,
                after=query.after,
            )
            return {
                "stands_on": standing_record(page.standing),
                "notes": page.notes,
                "channel": page.channel,
                "threads": [asdict(thread) for thread in page.threads],
                "next": page.next,
            }

        return await desk.answer(make)

    return slack_threads


def _page_model(resource: records.Resource) -> type[BaseModel]:
    rows: Any = list[resource.row_model]  # type: ignore[name-defined]
    fields: dict[str, Any] = {
        "stands_on": (StandsOn, ...),
        "notes": (list[str], _NOTES),
        "rows": (rows, ...),
        "next": (str | None, _NEXT),
    }
    return create_model(f"{resource.one}Page", __base__=Answer, __doc__=f"Rows: {resource.description}", **fields)


def _told(resource: records.Resource) -> str:
    order = ", ".join(resource.order)
    way = ", the last first" if resource.descending else ""
    dimensions = ", ".join(resource.dimensions)
    access = (
        f"A caller who may see some of {dimensions} only gets those rows."
        if dimensions
        else "A caller who may see some members of a dimension only is refused: these rows can't be told apart by any."
    )
    return " ".join([f"{resource.description} Ordered by {order}{way}.", access, *resource.notes])
