"""Slack's Web API, as far as a reader needs it.

Shapes follow Slack's own reference: the pages of the methods auth.test, conversations.list, conversations.members,
conversations.history, conversations.replies, users.list and chat.getPermalink (docs.slack.dev/reference/methods),
of the conversation and user objects (docs.slack.dev/reference/objects), of the message subtypes (bot_message,
channel_join, thread_broadcast), of pagination and rate limits (docs.slack.dev/apis/web-api), and the response types
of Slack's own node-slack-sdk. Errors come with status 200 and `ok: false`, but for 429. Where the reference leaves a
choice (what a cursor holds) the sandbox's is its own.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from pydantic_core import to_json

from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.slack_workspace import BOT_USER, TEAM, Channel, Post, Workspace
from sophia_kit.sandbox.vendor import Request, Response

__all__ = ["SCOPES", "TOKEN", "Slack"]

TOKEN = "sandbox"  # noqa: S105 - opens nothing but the sandbox
SCOPES = (
    "channels:history",
    "channels:read",
    "groups:history",
    "groups:read",
    "users:read",
    "users:read.email",
)
_HISTORY_PAGE, _LIST_PAGE = 999, 1000
_DEFAULT_PAGE = 100
_TYPES = frozenset({"public_channel", "private_channel", "mpim", "im"})


class _Refused(Exception):
    """Slack's own code for what is wrong."""


class Slack:
    """Serves a company's chat. Safe to use from several threads."""

    prefixes = ("/api/",)

    def __init__(self, company: Company) -> None:
        self._company = company
        self._lock = threading.Lock()
        self._held: Workspace | None = None
        self._methods: dict[str, Callable[[Request, Mapping[str, str]], bytes]] = {
            "auth.test": self._auth,
            "chat.getPermalink": self._permalink,
            "conversations.history": self._history,
            "conversations.list": self._channels,
            "conversations.members": self._members,
            "conversations.replies": self._replies,
            "users.list": self._users,
        }

    def show(self, company: Company) -> None:
        with self._lock:
            self._company, self._held = company, None

    def answer(self, request: Request) -> Response:
        try:
            method = self._methods.get(request.path.removeprefix("/api/"))
            if method is None:
                raise _Refused("unknown_method")
            self._sign_in(request)
            sent = parse_qs(request.body.decode("utf-8", "replace")) if request.method == "POST" else {}
            body = method(request, {**request.query, **{name: values[0] for name, values in sent.items()}})
        except _Refused as refusal:
            return self._error(200, str(refusal))
        return self._response(200, body)

    def expired(self, request: Request) -> Response:
        return self._error(200, "token_expired")

    def failed(self, status: int) -> Response:
        return self._error(status, "ratelimited" if status == 429 else "internal_error")

    def _sign_in(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _Refused("not_authed")
        if token != TOKEN:
            raise _Refused("invalid_auth")

    def _auth(self, request: Request, sent: Mapping[str, str]) -> bytes:
        said = {"url": self._address, "team": self._company.name, "user": "sophia_kit", "team_id": TEAM}
        return to_json({"ok": True, **said, "user_id": BOT_USER, "bot_id": "B0SB0000002"})

    def _channels(self, request: Request, sent: Mapping[str, str]) -> bytes:
        types = set(sent.get("types", "public_channel").split(","))
        if not types <= _TYPES:
            raise _Refused("invalid_types")
        found = [
            channel.record
            for channel in self.workspace.channels.values()
            if ("private_channel" if channel.record["is_private"] else "public_channel") in types
            and not (channel.record["is_archived"] and _true(sent.get("exclude_archived")))
        ]
        return _listed("channels", found, request, sent)

    def _users(self, request: Request, sent: Mapping[str, str]) -> bytes:
        return _listed("members", self.workspace.users, request, sent)

    def _members(self, request: Request, sent: Mapping[str, str]) -> bytes:
        return _listed("members", self._channel(sent).members, request, sent)

    def _history(self, request: Request, sent: Mapping[str, str]) -> bytes:
        channel = self._channel(sent)
        if not channel.record["is_member"]:
            raise _Refused("not_in_channel")
        low, high = _window(sent)
        if (position := _cursor(sent)) is not None:
            high = min(high, position)
        posts = channel.history
        start = bisect.bisect_left(posts, -high, key=lambda post: -post.at)
        end = bisect.bisect_right(posts, -low, key=lambda post: -post.at)
        until = min(end, start + request.page_size(_limit(sent, _HISTORY_PAGE)))
        following = posts[until].at if until < end else None
        return _messages(posts[start:until], following)

    def _replies(self, request: Request, sent: Mapping[str, str]) -> bytes:
        channel = self._channel(sent)
        if not channel.record["is_member"]:
            raise _Refused("not_in_channel")
        parent = _moment(sent.get("ts", ""))
        if parent is None:
            raise _Refused("invalid_arguments")
        thread = channel.threads.get(parent) or [post for post in channel.history if post.at == parent]
        if not thread:
            raise _Refused("thread_not_found")
        low, high = _window(sent)
        if (position := _cursor(sent)) is not None:
            low = max(low, position)
        replies = [post for post in thread[1:] if low <= post.at <= high]
        size = max(1, request.page_size(_limit(sent, _HISTORY_PAGE)) - 1)
        following = replies[size].at if size < len(replies) else None
        return _messages([thread[0], *replies[:size]], following)

    def _permalink(self, request: Request, sent: Mapping[str, str]) -> bytes:
        channel, at = self._channel(sent), _moment(sent.get("message_ts", ""))
        thread = next((p for p, posts in channel.threads.items() if any(one.at == at for one in posts[1:])), None)
        if at is None or (thread is None and all(post.at != at for post in channel.history)):
            raise _Refused("message_not_found")
        identifier = channel.record["id"]
        link = f"{self._address}archives/{identifier}/p{at}"
        if thread is not None:
            link += f"?thread_ts={thread // 1_000_000}.{thread % 1_000_000:06d}&cid={identifier}"
        return to_json({"ok": True, "channel": identifier, "permalink": link})

    def _channel(self, sent: Mapping[str, str]) -> Channel:
        found = self.workspace.channels.get(sent.get("channel", ""))
        if found is None:
            raise _Refused("channel_not_found")
        return found

    @property
    def workspace(self) -> Workspace:
        """What is shown on the company's day."""
        with self._lock:
            if self._held is None:
                self._held = Workspace(self._company)
            return self._held

    @property
    def _address(self) -> str:
        return f"https://{re.sub('[^a-z]+', '-', self._company.name.lower())}.slack.com/"

    def _error(self, status: int, code: str) -> Response:
        return self._response(status, to_json({"ok": False, "error": code}))

    def _response(self, status: int, body: bytes) -> Response:
        headers = {"Content-Type": "application/json; charset=utf-8", "X-OAuth-Scopes": ",".join(SCOPES)}
        return Response(status, body, headers)


def _listed(name: str, records: list[Any], request: Request, sent: Mapping[str, str]) -> bytes:
    start = _cursor(sent) or 0
    until = start + request.page_size(_limit(sent, _LIST_PAGE))
    following = _cursor_text(until) if until < len(records) else ""
    return to_json({"ok": True, name: records[start:until], "response_metadata": {"next_cursor": following}})


def _messages(posts: list[Post], following: int | None) -> bytes:
    rest: dict[str, Any] = {"has_more": following is not None}
    if following is not None:
        rest["response_metadata"] = {"next_cursor": _cursor_text(following)}
    return b'{"ok":true,"messages":[' + b",".join(post.content for post in posts) + b"]," + to_json(rest)[1:]


def _limit(sent: Mapping[str, str], most: int) -> int:
    text = sent.get("limit", str(_DEFAULT_PAGE))
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise _Refused("invalid_limit")
    return int(text)


def _window(sent: Mapping[str, str]) -> tuple[int, int]:
    """The first and last moment asked for, in microseconds."""
    low, high = _moment(sent.get("oldest", "0")), _moment(sent.get("latest", "99999999999"))
    if low is None:
        raise _Refused("invalid_ts_oldest")
    if high is None:
        raise _Refused("invalid_ts_latest")
    beside = 0 if _true(sent.get("inclusive")) else 1
    return low + beside, high - beside


def _moment(text: str) -> int | None:
    match = re.fullmatch(r"(\d{1,11})(?:\.(\d{1,6}))?", text)
    return None if match is None else int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0"))


def _true(text: str | None) -> bool:
    return text in ("1", "true")


def _cursor(sent: Mapping[str, str]) -> int | None:
    if not sent.get("cursor"):
        return None
    try:
        return int(base64.b64decode(sent["cursor"], validate=True).decode().removeprefix("next:"))
    except (binascii.Error, ValueError):
        raise _Refused("invalid_cursor") from None


def _cursor_text(position: int) -> str:
    return base64.b64encode(f"next:{position}".encode()).decode()
