"""What Slack's tools do beside reading rows: threads by their link, people and channels by what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AwareDatetime, Field, create_model

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.server.mcp.paging import fitting_count, page_size
from sophia_kit.server.mcp.record_tools import AFTER, LIMIT, Row, fitting_page, shortened
from sophia_kit.server.mcp.slack_names import Named, SlackNames, matching
from sophia_kit.server.mcp.slack_text import mentioned, readable, thread_of
from sophia_kit.server.mcp.standing_model import RecordsAnswer, standing_fields
from sophia_kit.server.mcp.value_models import Answered
from sophia_kit.server.records import SLACK_CHANNELS, SLACK_MESSAGES, SLACK_USERS, read_threads
from sophia_kit.server.records.standing import standing_of
from sophia_kit.server.records.threads import DEFAULT_THREADS, MOST_THREADS

if TYPE_CHECKING:
    from sophia_kit.server.mcp.given import Given
    from sophia_kit.server.mcp.kit_server import KitServer

__all__ = ["SlackTools"]

_MOST_NAMES: Final = 20


class Match(Answered):
    """Someone or something that a name may mean."""

    kind: str = Field(description="user or channel.")
    id: str = Field(description="Slack's id.")
    handle: str | None = Field(description="Of a user, the name after @.")
    name: str | None = Field(description="Of a channel without #.")
    active: bool | None = Field(description="False of a deactivated user or an archived channel.")


class Resolved(Answered):
    """What a name may mean."""

    name: str = Field(description="As it was given.")
    matches: list[Match] = Field(description="Exact ones when there are any; at most five, none when nobody has it.")


class Resolution(RecordsAnswer):
    """What names mean in this workspace."""

    resolved: list[Resolved]


class SlackTools:
    """The tools, over what is given of Slack.

    Args:
        given: what is given, by the name of the records.
    """

    def __init__(self, server: KitServer, given: Mapping[str, Given]) -> None:
        self._server = server
        self._given = given

    def offer(self) -> None:
        """Offer the tools whose records are given."""
        messages = self._given.get(SLACK_MESSAGES.name)
        if messages is not None:
            self._offer_thread(messages)
            if SLACK_CHANNELS.name in self._given:
                self._offer_threads(messages)
        if {SLACK_CHANNELS.name, SLACK_USERS.name} <= set(self._given):
            self._offer_resolution()

    def shaped(self, rows: Sequence[Row], version: str | None) -> list[Row]:
        """Messages with their texts as people read them: names in the place of ids.

        Args:
            version: the snapshot they were read from; None where the warehouse keeps none.
        """
        ids = mentioned(row.get("text") for row in rows)
        names: dict[str, str] = {}
        if ids:
            with self._server.services.snapshots.of(version or "") as engine:
                if engine is not None:
                    found = SlackNames(engine, self._given, self._server.caller.principal).users(ids)
                    names = {one.id: one.called for one in found if one.called}
        return [row | {"text": readable(row["text"], names)} if row.get("text") else row for row in rows]

    def _offer_thread(self, messages: Given) -> None:
        answer: Any = create_model(
            "SlackThreadPage",
            __base__=RecordsAnswer,
            __doc__="A thread's messages, the first first.",
            thread_id=(str, ...),
            rows=(list[messages.row_model], Field(description="The messages.")),  # type: ignore[name-defined]
            next=(str | None, Field(description="Send it as `after` for the next page; null on the last.")),
        )

        def read_thread(
            thread: Annotated[str, Field(description="A thread_id, or the link that Slack copies.", max_length=500)],
            limit: Annotated[int | None, LIMIT] = None,
            after: Annotated[str | None, AFTER] = None,
        ) -> Any:
            """Read a whole thread, from its id or from Slack's link to one of its messages."""
            thread_id = thread_of(thread)
            filters = {"thread_id": [thread_id]}
            page, rows = fitting_page(
                self._server, messages, filters, limit=page_size(limit), after=after, shape=self.shaped
            )
            if not rows and after is None:
                raise InputError(
                    f"No message is known of the thread {thread_id}.",
                    hint="A link to an answer has to carry thread_ts; channels that the bot isn't in aren't read.",
                )
            return answer(thread_id=thread_id, rows=rows, next=page.next, **standing_fields(page.standing, page.notes))

        read_thread.__annotations__["return"] = answer
        self._server.reads("Read a thread")(read_thread)

    def _offer_threads(self, messages: Given) -> None:
        message: Any = messages.row_model
        thread: Any = create_model(
            "SlackThreadStart",
            __base__=Answered,
            __doc__="How a thread begins.",
            thread_id=(str, ...),
            started_at=(AwareDatetime, ...),
            last_at=(AwareDatetime, Field(description="When its last message was posted.")),
            message_count=(int, Field(description="How many messages the snapshot has of it.")),
            first=(message | None, Field(description="Its first message.")),
        )
        answer: Any = create_model(
            "SlackThreadsPage",
            __base__=RecordsAnswer,
            __doc__="Threads of a channel, the newest first.",
            channel_id=(str, ...),
            channel=(str | None, ...),
            threads=(list[thread], ...),
            next=(str | None, Field(description="Send it as `after` for the next page; null on the last.")),
        )

        def list_threads(
            channel: Annotated[str, Field(description="The channel's id or #name.", max_length=100)],
            started_from: Annotated[
                AwareDatetime | None, Field(description="Only begun at this time or later.")
            ] = None,
            started_before: Annotated[AwareDatetime | None, Field(description="Only begun before this time.")] = None,
            limit: Annotated[
                int | None,
                Field(description=f"How many threads, 1 to {MOST_THREADS}; default {DEFAULT_THREADS}."),
            ] = None,
            after: Annotated[str | None, AFTER] = None,
        ) -> Any:
            """List a channel's threads, the newest first, each with its first message; read_thread has the rest."""
            found = self._channel(channel)
            services = self._server.services
            most = page_size(limit, default=DEFAULT_THREADS, most=MOST_THREADS)
            while True:
                page = read_threads(
                    services.snapshots,
                    services.clock,
                    found.id,
                    self._server.caller.principal,
                    started_from=started_from,
                    started_before=started_before,
                    limit=most,
                    after=after,
                )
                firsts = [
                    {name: row[name] for name in messages.fields} for one in page.threads for row in one.messages[:1]
                ]
                shown = [shortened(row) for row in self.shaped(firsts, page.standing.snapshot_id)]
                if (fits := fitting_count(shown)) == len(shown):
                    break
                most = fits
            starts = [
                thread(
                    thread_id=one.thread_id,
                    started_at=one.started_at,
                    last_at=one.last_at,
                    message_count=one.message_count,
                    first=first,
                )
                for one, first in zip(page.threads, shown, strict=True)
            ]
            return answer(
                channel_id=found.id,
                channel=found.name,
                threads=starts,
                next=page.next,
                **standing_fields(page.standing, page.notes),
            )

        list_threads.__annotations__["return"] = answer
        self._server.reads("List threads")(list_threads)

    def _offer_resolution(self) -> None:
        def resolve(
            names: Annotated[
                list[str],
                Field(
                    description="Ids, @handles, people's names, #channels, or mentions such as <@U0SB0000000>.",
                    min_length=1,
                    max_length=_MOST_NAMES,
                ),
            ],
        ) -> Resolution:
            """Tell whom and what names and ids mean: people and channels, with their ids."""
            services = self._server.services
            with services.snapshots.current() as engine:
                standing = standing_of(engine, SLACK_USERS, services.clock)
                known = SlackNames(engine, self._given, self._server.caller.principal)
                everyone = [*known.users(), *known.channels()]
            return Resolution(
                resolved=[
                    Resolved(name=name, matches=[Match(**asdict(one)) for one in matching(name, everyone)])
                    for name in names
                ],
                **standing_fields(standing, SLACK_USERS.notes),
            )

        self._server.reads("Resolve names")(resolve)

    def _channel(self, name: str) -> Named:
        """
        Raises:
            UnknownName: no channel is called so.
            InputError: several are.
        """
        with self._server.services.snapshots.current() as engine:
            known = SlackNames(engine, self._given, self._server.caller.principal).channels()
        found = matching(f"#{name.lstrip('#')}", known)
        if len(found) == 1:
            return found[0]
        if not found:
            raise UnknownName("channel", name, [f"#{one.name}" for one in known if one.name])
        meant = ", ".join(f"#{one.name} ({one.id})" for one in found)
        raise InputError(f"{name!r} names several channels.", hint=f"Meant may be {meant}.")
