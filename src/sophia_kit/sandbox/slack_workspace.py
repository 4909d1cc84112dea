"""The company's chat as Slack keeps it: users, channels, messages and threads, made ready to be served.

Employees are users, and chat messages keep their texts and times; a message's `ts` is its second, and digits that
tell messages of one second apart. A deleted message is gone, or a tombstone where a thread hangs on it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic_core import to_json

from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.people import Employee
from sophia_kit.sandbox.phrases import CHANNELS
from sophia_kit.sandbox.tables import DELIVERED

__all__ = ["BOT_USER", "TEAM", "Channel", "Post", "Workspace", "channel_id", "ts_of", "user_id"]

TEAM = "T0SB0000001"
BOT_USER = "U0SBKIT0001"
_STATUS_BOT = "B0SB0000001"
_CHANNELS = (*CHANNELS, "incidents")
_PRIVATE = frozenset({"incidents"})
_BROADCAST = 9
"""Of replies, every so many is shown in the channel too."""


@dataclass(frozen=True, slots=True)
class Post:
    """A message: its `ts` in microseconds, and its JSON."""

    at: int
    content: bytes


@dataclass(slots=True)
class Channel:
    """A channel: its object, its members' ids, what its history shows (newest first), and its threads (parent first)
    by their `ts` in microseconds."""

    record: dict[str, Any]
    members: list[str] = field(default_factory=list)
    history: list[Post] = field(default_factory=list)
    threads: dict[int, list[Post]] = field(default_factory=dict)


def channel_id(name: str) -> str:
    """Of a channel that the company writes in."""
    return f"C0SB{_CHANNELS.index(name):07d}"


def user_id(employee: str) -> str:
    """Of an employee, by the key that the company's tables have."""
    return f"U0SB{int(employee.removeprefix('emp_')):07d}"


def ts_of(key: str, second: int) -> str:
    """Of a message, by the key that the company's table has."""
    return f"{second}.{int(key.rpartition('_')[2]) * 100 % 1_000_000:06d}"


class Workspace:
    """What Slack shows of the company on its day.

    Attributes:
        users: user objects.
        channels: by id.
    """

    def __init__(self, company: Company) -> None:
        self._company = company
        self._profile = company.profile
        self._opened = self._profile.calendar.at(self._profile.first, 7 * 3600)
        day = number(company.day)
        self._staff = [e for e in company.world.employees if e.hired <= day]
        self.users = [_slackbot(), _kit_bot(self._opened), *(self._user(e, day) for e in self._staff)]
        rows = self._rows()
        self.channels = {channel.record["id"]: channel for channel in self._make_channels(rows, day)}

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        """By channel's name, in order of time: the messages, and the records among them that nobody can use."""
        company = self._company
        broken = company.world.malformed("messages").frame.filter(pl.col(DELIVERED) <= company.moment)
        lost = {"channel": pl.lit("general"), "author_id": pl.lit(None, pl.String())}
        frame = pl.concat([company.table("messages"), broken.drop(DELIVERED).with_columns(**lost)])
        seconds = [pl.col(name).dt.epoch("s") for name in ("posted_at", "modified_at")]
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _CHANNELS}
        for row in frame.with_columns(seconds).sort(pl.coalesce("posted_at", "modified_at"), "source_id").to_dicts():
            rows[row["channel"]].append(row)
        return rows

    def _make_channels(self, rows: dict[str, list[dict[str, Any]]], day: int) -> list[Channel]:
        active = [user_id(e.key) for e in self._staff if e.active(day)]
        found = []
        for name in _CHANNELS:
            if name in _PRIVATE and not rows[name]:
                continue
            made = self._opened if name not in _PRIVATE else rows[name][0]["posted_at"] - 60
            wrote = {user_id(row["author_id"]) for row in rows[name] if row["author_id"]}
            members = active if name == "general" else [user for user in active if user in wrote]
            record = _channel(channel_id(name), name, made, private=name in _PRIVATE, members=len(members) + 1)
            channel = Channel(record, [*members, BOT_USER])
            self._fill(channel, rows[name], made)
            found.append(channel)
        away = _channel("C0SB9000001", "random", self._opened, members=len(active), member=False)
        closed = _channel("C0SB9000002", "launch-2023", self._opened, member=False) | {"is_archived": True}
        return [*found, Channel(away, active), Channel(closed)]

    def _fill(self, channel: Channel, rows: list[dict[str, Any]], made: int) -> None:
        ts = {row["source_id"]: ts_of(row["source_id"], row["posted_at"] or row["modified_at"]) for row in rows}
        replies: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["thread_id"] != row["source_id"] and row["thread_id"] in ts and not row["is_deleted"]:
                replies[row["thread_id"]].append(row)
        join = {"subtype": "channel_join", "text": f"<@{BOT_USER}> has joined the channel"}
        channel.history.append(_post({"type": "message", "user": BOT_USER, **join, "ts": f"{made}.000000"}, made))
        answers = {row["source_id"] for found in replies.values() for row in found}
        for row in rows:
            key = row["source_id"]
            if key in answers or (row["is_deleted"] and key not in replies):
                continue
            record, second = _message(row, ts[key]), row["posted_at"] or row["modified_at"]
            if key not in replies:
                channel.history.append(_post(record, second))
                continue
            record |= _thread(ts[key], [ts[one["source_id"]] for one in replies[key]], [*map(_writer, replies[key])])
            parent = _post(record, second)
            answered = {"thread_ts": ts[key], "parent_user_id": _writer(row)}
            channel.threads[parent.at] = [parent]
            channel.history.append(parent)
            for place, reply in enumerate(replies[key]):
                answer = _message(reply, ts[reply["source_id"]]) | answered
                shown = place % _BROADCAST == _BROADCAST - 1
                if shown:
                    answer |= {"subtype": "thread_broadcast", "root": record}
                post = _post(answer, reply["posted_at"])
                channel.threads[parent.at].append(post)
                channel.history += [post] if shown else []
        channel.history.sort(key=lambda post: -post.at)

    def _user(self, e: Employee, day: int) -> dict[str, Any]:
        at = self._profile.calendar.at
        gone = e.left is not None and e.left <= day
        updated = at(e.left, 17 * 3600 + e.index) if gone and e.left is not None else at(e.hired, 9 * 3600 + e.index)
        first, _, last = e.name.partition(" ")
        handle = e.email.partition("@")[0]
        profile = {
            "title": e.title, "phone": "", "skype": "", "real_name": e.name, "real_name_normalized": e.name,
            "display_name": handle, "display_name_normalized": handle, "first_name": first, "last_name": last,
            "email": e.email, "team": TEAM, "status_text": "", "status_emoji": "", "avatar_hash": f"{e.index:012x}",
        }  # fmt: skip
        record = {
            "id": user_id(e.key), "team_id": TEAM, "name": handle, "deleted": gone, "profile": profile,
            "is_bot": False, "is_app_user": False, "updated": updated,
        }  # fmt: skip
        if gone:
            return record
        return record | {
            "color": "9f69e7", "real_name": e.name, "tz": self._company.time_zone, "tz_label": "Local time",
            "tz_offset": 0, "is_admin": e.index == 0, "is_owner": e.index == 0, "is_primary_owner": e.index == 0,
            "is_restricted": False, "is_ultra_restricted": False, "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE",
        }  # fmt: skip


def _post(record: dict[str, Any], second: int) -> Post:
    _, _, rest = record.get("ts", "").partition(".")
    return Post(second * 1_000_000 + int(rest or 0), to_json(record))


def _writer(row: dict[str, Any]) -> str:
    return user_id(row["author_id"]) if row["author_id"] else _STATUS_BOT


def _message(row: dict[str, Any], ts: str) -> dict[str, Any]:
    record: dict[str, Any] = {"type": "message"}
    if row["is_deleted"]:
        deleted = {"subtype": "tombstone", "text": "This message was deleted.", "hidden": True}
        return record | {"user": "USLACKBOT", **deleted, "ts": ts}
    if row["author_id"] is None:
        record |= {"subtype": "bot_message", "bot_id": _STATUS_BOT, "username": "status", "text": row["text"]}
    else:
        record |= {"user": _writer(row), "text": row["text"], "team": TEAM}
    if row["posted_at"] is None:
        return record | {"text": f"Imported: {row['source_id']}"}
    if row["modified_at"] > row["posted_at"]:
        record["edited"] = {"user": _writer(row), "ts": f"{row['modified_at']}.000000"}
    return record | {"ts": ts}


def _thread(ts: str, replies: list[str], writers: list[str]) -> dict[str, Any]:
    people = list(dict.fromkeys(writers))
    return {
        "thread_ts": ts, "reply_count": len(replies), "reply_users_count": len(people), "latest_reply": max(replies),
        "reply_users": people[:5], "is_locked": False, "subscribed": False,
    }  # fmt: skip


def _channel(
    identifier: str, name: str, made: int, *, private: bool = False, members: int = 0, member: bool = True
) -> dict[str, Any]:
    set_by = {"creator": BOT_USER, "last_set": made}
    return {
        "id": identifier, "name": name, "is_channel": not private, "is_group": private, "is_im": False,
        "is_mpim": False, "is_private": private, "created": made, "is_archived": False,
        "is_general": name == "general", "unlinked": 0, "name_normalized": name, "is_shared": False,
        "is_org_shared": False, "is_pending_ext_shared": False, "pending_shared": [], "context_team_id": TEAM,
        "updated": made * 1000, "parent_conversation": None, "creator": BOT_USER, "is_ext_shared": False,
        "shared_team_ids": [TEAM], "pending_connected_team_ids": [], "is_member": member,
        "topic": {"value": "", **set_by}, "purpose": {"value": f"All about {name}", **set_by}, "properties": {},
        "previous_names": [], "num_members": members,
    }  # fmt: skip


def _slackbot() -> dict[str, Any]:
    profile = {"real_name": "Slackbot", "display_name": "Slackbot", "first_name": "slackbot", "team": TEAM}
    return {
        "id": "USLACKBOT", "team_id": TEAM, "name": "slackbot", "deleted": False, "real_name": "Slackbot",
        "profile": profile, "is_bot": False, "is_app_user": False, "updated": 0,
    }  # fmt: skip


def _kit_bot(made: int) -> dict[str, Any]:
    profile = {"real_name": "Sophia Kit", "display_name": "", "bot_id": "B0SB0000002", "team": TEAM}
    return {
        "id": BOT_USER, "team_id": TEAM, "name": "sophia_kit", "deleted": False, "real_name": "Sophia Kit",
        "profile": profile, "is_bot": True, "is_app_user": False, "updated": made,
    }  # fmt: skip
