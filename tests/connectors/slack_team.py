"""A small Slack workspace that people write in while a test goes on; served as the sandbox serves the company's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.wire import Reply, Request, WireServer

from sophia_kit.sandbox import vendor
from sophia_kit.sandbox.slack import Slack
from sophia_kit.sandbox.slack_workspace import Channel, Post

DAY = 86_400
NOW = 1_735_689_600  # 2025-01-01T00:00:00Z


class Team(Slack):
    """Messages by channel; a test changes them, and what it wants to be answered otherwise.

    Attributes:
        said: message objects by channel, in any order.
        members: the channels that the bot is in.
        users: user objects.
        overrides: answers by method, before all else.
        page_limit: the most that a page holds.
    """

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.said: dict[str, list[dict[str, Any]]] = {}
        self.names: dict[str, str] = {}
        self.members: set[str] = set()
        self.users: list[dict[str, Any]] = []
        self.overrides: dict[str, Callable[[Request], Reply | None]] = {}
        self.page_limit = 1000
        self.server: WireServer

    def open(self, channel: str, name: str) -> None:
        """A channel that the bot is in."""
        self.names[channel] = name
        self.members.add(channel)
        self.said.setdefault(channel, [])

    def say(self, channel: str, second: float, text: str = "hello", thread: str | None = None, **more: Any) -> str:
        """A message; its `ts`."""
        ts = f"{second:.6f}"
        answer = {} if thread is None else {"thread_ts": thread}
        self.said[channel].append({"type": "message", "user": "U1", "text": text, "ts": ts, **answer, **more})
        return ts

    def take_back(self, channel: str, ts: str) -> None:
        """A message is deleted; where replies hang on it a placeholder stays."""
        kept = [one for one in self.said[channel] if one["ts"] != ts]
        if any(one.get("thread_ts") == ts for one in kept):
            kept.append({"type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "gone", "ts": ts})
        self.said[channel] = kept

    @property
    def channels(self) -> Mapping[str, Channel]:
        return _Channels(self)

    @property
    def workspace(self) -> Any:
        return self

    def __call__(self, request: Request) -> Reply:
        method = request.path.removeprefix("/api/")
        if method in self.overrides and (reply := self.overrides[method](request)) is not None:
            return reply
        answer = self.answer(
            vendor.Request(
                request.method, request.path, request.query, request.headers, b"", self.server.url, self.page_limit
            )
        )
        return Reply(answer.status, body=answer.body, headers=dict(answer.headers))

    def asked(self, method: str) -> list[dict[str, str]]:
        """The parameters of the requests to a method."""
        return [request.query for request in self.server.requests if request.path == f"/api/{method}"]

    def channel_of(self, identifier: str) -> Channel:
        """A channel as it is now."""
        record = {
            "id": identifier, "name": self.names[identifier], "created": NOW - 900 * DAY, "is_archived": False,
            "is_private": False, "is_member": identifier in self.members, "updated": (NOW - 900 * DAY) * 1000,
        }  # fmt: skip
        made = Channel(record, ["U1", "U2"])
        said = sorted(self.said[identifier], key=lambda one: float(one["ts"]))
        for one in said:
            replies = [other for other in said if other.get("thread_ts") == one["ts"] and other is not one]
            if "thread_ts" in one and one["thread_ts"] != one["ts"]:
                if one.get("subtype") == "thread_broadcast":
                    made.history.insert(0, _post(one))
                continue
            if replies:
                thread = {"thread_ts": one["ts"], "reply_count": len(replies), "latest_reply": replies[-1]["ts"]}
                one = one | thread
                made.threads[_post(one).at] = [_post(one), *map(_post, replies)]
            made.history.insert(0, _post(one))
        return made


class _Channels(Mapping[str, Channel]):
    """By id; each is made when it is looked at."""

    def __init__(self, team: Team) -> None:
        self._team = team

    def __getitem__(self, identifier: str) -> Channel:
        return self._team.channel_of(identifier)

    def __iter__(self) -> Iterator[str]:
        return iter(self._team.names)

    def __len__(self) -> int:
        return len(self._team.names)


def _post(record: dict[str, Any]) -> Post:
    second, _, rest = record["ts"].partition(".")
    return Post(int(second) * 1_000_000 + int(rest), vendor.json_response(200, record).body)
