"""Slack, by its Web API and a bot token: channels, their members, users, and messages with their threads.

Reference: Slack, "Web API" (docs.slack.dev/apis/web-api: pagination, rate limits) and the pages of the methods in
`PER_MINUTE` (docs.slack.dev/reference/methods). All of them are called by `GET`; so could those that write be, which
is why the policy names the methods one by one.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sophia_kit.connectors import slack_fields as fields_
from sophia_kit.connectors.api import ApiConnector, Page, Token
from sophia_kit.connectors.base import Batch, Resource
from sophia_kit.connectors.slack_fields import Shape, second_of
from sophia_kit.connectors.slack_reach import Plan, Reach
from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    InputError,
    MalformedAnswer,
    ProviderError,
    ProviderFailing,
    RateLimited,
    RequestRejected,
)
from sophia_kit.core.http import Answer, HttpClient

__all__ = ["PER_MINUTE", "Slack"]

PROVIDER = "slack"
PER_MINUTE = {
    "auth.test": 300,
    "chat.getPermalink": 300,
    "conversations.history": 50,
    "conversations.list": 20,
    "conversations.members": 100,
    "conversations.replies": 50,
    "users.list": 20,
}
"""Requests a minute by method: Slack's tiers 2 (20 and more), 3 (50) and 4 (100) as the page of each method names it
("Rate limits", docs.slack.dev/apis/web-api/rate-limits); "hundreds" for auth.test and chat.getPermalink."""

_RESOURCES = {
    name: Resource(name, table, moment)
    for name, table, moment in (
        ("channels", "slack_channels", "modified_at"),
        ("channel_members", "slack_channel_members", "modified_at"),
        ("users", "slack_users", "modified_at"),
    )
} | {"messages": Resource("messages", "slack_messages", "posted_at", "messages", found_by="thread_id")}
_SHAPES: Mapping[str, Shape] = {
    "channels": fields_.CHANNELS,
    "channel_members": fields_.MEMBERS,
    "users": fields_.USERS,
    "messages": fields_.MESSAGES,
}
_LIST_PAGE = 200
_MESSAGE_PAGE = 999
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_READ_SCOPES = ("channels:read", "groups:read", "users:read")
_HISTORY_SCOPES = ("channels:history", "groups:history")
_SIGNED_OUT = frozenset({"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"})
_PASSING = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"})


class _ThreadGone(RequestRejected):
    """A thread whose messages are all deleted."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a page of a list holds, and when Slack sent it."""

    records: list[Any]
    answer: Answer


class Slack(ApiConnector):
    """Reads a workspace. See `sophia_kit.connectors.base.Connector`.

    The cursor of messages is a JSON object: the newest message's time, the channels that were read up to it, and old
    threads that somebody wrote in lately. A channel that isn't in it is read from its beginning. A moment may stand
    in its place: all channels are read from then on.
    """

    provider = PROVIDER
    title = "Slack"
    resources = _RESOURCES
    required = ("token",)

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """See `Connector.read`. `id` and `modified_at` come in any case, with messages `posted_at` too.

        Users, channels and memberships are lists without a time to ask by: each reading has all of them. Messages are
        read from `repull_days` before the newest of the last reading.

        Raises:
            ConfigError: a channel of the settings can't be read.
            MalformedAnswer: also when pages repeat.
        """
        await self._connected()
        asked = self._resource(resource)
        if resource != "messages":
            image = None if since is None or until is not None else _BEGINNING
            async for batch in self._batches(asked, self._lists(resource, fields), image_since=image):
                yield batch
            return
        plan = await self._plan(since)
        image = plan.image_since if until is None else None
        async for batch in self._batches(asked, self._messages(plan, until, fields), image_since=image):
            newest = None if batch.cursor_high is None else datetime.fromisoformat(batch.cursor_high)
            cursor = None if newest is None else plan.reached(newest).text()
            yield replace(batch, cursor_high=cursor, image_of=plan.named())

    async def fields(self, resource: str) -> tuple[str, ...]:
        """See `Connector.fields`: what Slack's reference names, and the times and ids that the connector adds."""
        self._resource(resource)
        return tuple(sorted(_SHAPES[resource].fields))

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message, for people who may see it.

        Raises:
            ProviderError: as `read` does; also when Slack has no such message.
        """
        answer = await self._call("chat.getPermalink", {"channel": channel, "message_ts": ts})
        link = answer.body.get("permalink")
        if not isinstance(link, str):
            raise self._malformed("it holds no permalink")
        return link

    async def _probe(self) -> str:
        """Ask who the token belongs to, and what it permits."""
        answer = await self._call("auth.test", {})
        scopes = frozenset(re.findall(r"[\w:.]+", answer.headers.get("x-oauth-scopes", "")))
        needed = (*_READ_SCOPES, *(_HISTORY_SCOPES if self._settings.privacy.messages else ()))
        if scopes and (lacking := [name for name in needed if name not in scopes]):
            raise RequestRejected(
                f"Slack's token lacks the scope {' and '.join(lacking)}.", provider=PROVIDER, hint=_SCOPE_HINT
            )
        writes = sorted(name for name in scopes if ":write" in name or name.startswith("admin"))
        more = f" The token permits more than the kit ever does: {', '.join(writes)}." if writes else ""
        return f"{answer.body.get('user')} of {answer.body.get('team')} answers.{more}"

    async def _lists(self, resource: str, fields: Sequence[str]) -> AsyncIterator[Page]:
        shape = _SHAPES[resource]
        if resource == "channel_members":
            for channel in await self._readable():
                params = {"channel": channel["id"]}
                async for found in self._pages("conversations.members", params, "members", _MESSAGE_PAGE):
                    added = (fields_.member(channel, str(who)) for who in found.records)
                    yield _page(found, [shape.record({}, more, fields) for more in added])
            return
        pages, add = (
            (self._pages("users.list", {}, "members", _LIST_PAGE), fields_.user)
            if resource == "users"
            else (self._channel_pages(), fields_.channel)
        )
        async for found in pages:
            records = self._objects(found.records, resource)
            yield _page(found, [shape.record(one, add(one), fields) for one in records])

    async def _plan(self, since: str | None) -> Plan:
        reach = None if since is None else Reach.parse(since)
        if since is not None and since.startswith("{") and reach is None:
            raise InputError("This is not a cursor of Slack's messages.", hint="Run the load with --full.")
        repull = timedelta(days=self._settings.slack.repull_days)
        channels = [channel["id"] for channel in await self._readable()]
        return Plan(reach or self._since(since), channels, repull)

    async def _messages(self, plan: Plan, until: datetime | None, fields: Sequence[str]) -> AsyncIterator[Page]:
        for channel, start in plan.starts.items():
            window = _window(start, until)
            record = partial(_message, channel, start, until, fields)
            shown: set[str] = set()
            threads = plan.threads(channel)
            params = {"channel": channel, **window}
            async for found in self._pages("conversations.history", params, "messages", _MESSAGE_PAGE):
                messages = self._objects(found.records, "messages")
                for thread, latest in _threads(messages):
                    threads.add(thread)
                    plan.seen(channel, thread, latest)
                # A reply that was shown in the channel too comes again with its thread.
                shown.update(
                    str(one.get("ts")) for one in messages if one.get("thread_ts") not in (None, one.get("ts"))
                )
                yield _page(found, [made for one in messages if (made := record(one)) is not None])
            for thread in sorted(threads):
                with suppress(_ThreadGone):
                    params = {"channel": channel, "ts": thread, **window}
                    async for found in self._pages("conversations.replies", params, "messages", _MESSAGE_PAGE):
                        messages = self._objects(found.records, "messages")
                        for of, latest in _threads(messages):
                            plan.seen(channel, of, latest)
                        replies = [one for one in messages if one.get("ts") != thread and one.get("ts") not in shown]
                        yield _page(found, [made for one in replies if (made := record(one)) is not None])

    async def _readable(self) -> list[dict[str, Any]]:
        """The channels that the bot is in, or those of them that the settings name."""
        found: list[dict[str, Any]] = []
        async for page in self._channel_pages():
            found += self._objects(page.records, "channels")
        readable = [one for one in found if one.get("is_member") is True and isinstance(one.get("id"), str)]
        wanted = {name.removeprefix("#") for name in self._settings.slack.channels}
        if not wanted:
            return readable
        chosen = [one for one in readable if wanted & {one["id"], one.get("name")}]
        if missing := wanted - {name for one in chosen for name in (one["id"], one.get("name"))}:
            raise ConfigError(
                f"Slack shows the bot no channel {' and no channel '.join(sorted(missing))} to read.",
                hint="Invite the bot there (/invite @its-name in the channel), or correct SOPHIA_SLACK__CHANNELS.",
                provider=PROVIDER,
            )
        return chosen

    def _channel_pages(self) -> AsyncIterator[_Found]:
        return self._pages("conversations.list", {"types": "public_channel,private_channel"}, "channels", _LIST_PAGE)

    async def _pages(self, method: str, params: Mapping[str, str], key: str, size: int) -> AsyncIterator[_Found]:
        guard = self._guard(key)
        asked = {**params, "limit": str(size)}
        while True:
            answer = await self._call(method, asked)
            records = answer.body.get(key)
            if not isinstance(records, list):
                raise self._malformed(f"its page of {key} holds no list")
            guard.page(str(one.get("id", one.get("ts"))) if isinstance(one, dict) else str(one) for one in records)
            yield _Found(records, answer)
            metadata = answer.body.get("response_metadata")
            following = metadata.get("next_cursor") if isinstance(metadata, dict) else None
            if not following:
                if answer.body.get("has_more") is True:
                    raise self._malformed(f"it has more {key} and doesn't say how to ask for them")
                return
            guard.step(str(following))
            asked["cursor"] = str(following)

    def _objects(self, records: list[Any], what: str) -> list[dict[str, Any]]:
        if not all(isinstance(one, dict) for one in records):
            raise self._malformed(f"its page of {what} holds something else")
        return records

    async def _call(self, method: str, params: Mapping[str, str]) -> Answer:
        return await (await self._connected()).get(f"/api/{method}", params)

    async def _open(self) -> HttpClient:
        given = self._settings.slack
        if given.token is None:
            raise ValueError("a connection needs complete settings")
        token = given.token.get_secret_value()
        return HttpClient(
            PROVIDER,
            given.base_url,
            self._settings.http,
            rates={f"/api/{method}": count / 60 * given.tier_factor for method, count in PER_MINUTE.items()},
            credentials=Token({"Authorization": f"Bearer {token}"}, (token,)),
            explain=_explain,
            conceal=(given.token,),
            clock=self._clock,
        )


def _page(found: _Found, records: list[dict[str, Any]]) -> Page:
    return Page(records, found.answer.demo, found.answer.date)


def _window(start: datetime | None, end: datetime | None) -> dict[str, str]:
    """Both ends are part of what Slack is asked for; a `ts` has six digits after its second."""
    window = {"inclusive": "true"}
    if start is not None:
        window["oldest"] = f"{start.timestamp():.6f}"
    if end is not None:
        window["latest"] = f"{end.timestamp() - 0.000001:.6f}"
    return window


def _message(
    channel: str, start: datetime | None, end: datetime | None, fields: Sequence[str], found: Mapping[str, Any]
) -> dict[str, Any] | None:
    """A message's record; None outside of the window: a thread shows the message it hangs on in any case."""
    if start is not None or end is not None:
        posted = second_of(found.get("ts"))
        if posted is not None and (
            (start is not None and posted < start.timestamp()) or (end is not None and posted >= end.timestamp())
        ):
            return None
    return fields_.MESSAGES.record(found, fields_.message(found, channel), fields)


def _threads(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, datetime]]:
    """The threads that messages tell of, with the moment of a reply."""
    for one in messages:
        thread, ts = one.get("thread_ts"), one.get("ts")
        if not isinstance(thread, str) or second_of(thread) is None:
            continue
        reply = second_of(one.get("latest_reply")) if ts == thread else None
        # A message with a thread that doesn't tell of its last reply may well have one.
        reply = second_of(ts) if reply is None else reply
        if reply:
            yield thread, datetime.fromtimestamp(reply, UTC)


_SCOPE_HINT = "Add the scope to the Slack app, install it again, and set its token; see docs/slack.md."
_REFUSALS = {
    "not_in_channel": "Invite the bot to the channel: /invite @its-name.",
    "channel_not_found": "The channel is gone, or private and without the bot. Run the load again.",
    "invalid_cursor": "A page expired while it was read. Run the load again.",
    "missing_scope": _SCOPE_HINT,
}


def _explain(status: int, body: Any) -> ProviderError | None:
    """Slack says with status 200 that it refused."""
    if status >= 400:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("ok"), bool):
        return MalformedAnswer(
            "Slack's answer doesn't say whether it succeeded.",
            provider=PROVIDER,
            hint="A proxy or login page may have answered in Slack's place. Check SOPHIA_SLACK__BASE_URL.",
            http_status=status,
        )
    if body["ok"]:
        return None
    code = re.sub(r"[^\w.:-]", "?", str(body.get("error", "")))[:60]
    message = f"Slack answered {code}."
    if code in _SIGNED_OUT:
        # What other vendors say with 401, and handled as there: sent once more, then final.
        hint = "Set SOPHIA_SLACK__TOKEN to the app's bot token; see docs/slack.md."
        return AuthFailed(message, provider=PROVIDER, hint=hint, http_status=401)
    if code == "ratelimited":
        hint = "Try again later, or lower SOPHIA_SLACK__TIER_FACTOR."
        return RateLimited(message, provider=PROVIDER, hint=hint, http_status=status)
    if code in _PASSING:
        return ProviderFailing(message, provider=PROVIDER, hint="Slack has a problem. Try later.", http_status=status)
    if code == "missing_scope":
        needed = re.sub(r"[^\w:.,-]", "?", str(body.get("needed", "one")))[:120]
        message = f"Slack answered missing_scope: it needs {needed}."
    hint = _REFUSALS.get(code, "See Slack's page of the method.")
    kind = _ThreadGone if code == "thread_not_found" else RequestRejected
    return kind(message, provider=PROVIDER, hint=hint, http_status=status)
