"""Slack as the sandbox serves it: the company's chat in Slack's own shapes, pages and errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.slack_workspace import Workspace, channel_id, ts_of, user_id

GENERAL = channel_id("general")


@pytest.fixture
def slack(server: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sandbox"}
    with httpx.Client(base_url=f"{server.base_url}/api", headers=headers, trust_env=False) as client:
        yield client


def call(slack: httpx.Client, method: str, **params: Any) -> dict[str, Any]:
    answer = slack.get(f"/{method}", params=params)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def everything(slack: httpx.Client, method: str, key: str, **params: Any) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = call(slack, method, cursor=cursor, **params)
        assert body["ok"] is True
        found += body[key]
        cursor = body.get("response_metadata", {}).get("next_cursor", "")
        if not cursor:
            return found


def messages(slack: httpx.Client) -> dict[str, dict[str, Any]]:
    """All messages by channel and ts, replies too; those without a ts left out."""
    found: dict[str, dict[str, Any]] = {}
    for channel in everything(slack, "conversations.list", "channels", types="public_channel,private_channel"):
        if not channel["is_member"]:
            continue
        history = everything(slack, "conversations.history", "messages", channel=channel["id"], limit=999)
        parents = [one["ts"] for one in history if one.get("thread_ts", "") == one.get("ts")]
        for ts in parents:
            history += everything(slack, "conversations.replies", "messages", channel=channel["id"], ts=ts, limit=999)
        found |= {f"{channel['id']}:{one['ts']}": one for one in history if "ts" in one}
    return found


def test_every_message_that_was_not_deleted_is_there_with_its_author_and_text(
    company: Company, slack: httpx.Client
) -> None:
    served = messages(slack)
    table = company.table("messages")
    expected, deleted = {}, set()
    for row in table.iter_rows(named=True):
        key = f"{channel_id(row['channel'])}:{ts_of(row['source_id'], int(row['posted_at'].timestamp()))}"
        if row["is_deleted"]:
            deleted.add(key)
        else:
            expected[key] = (row["text"], row["author_id"] and user_id(row["author_id"]))
    written = {
        key: (one["text"], one.get("user"))
        for key, one in served.items()
        if one.get("subtype") not in ("channel_join", "tombstone")
    }
    assert written == expected
    assert len(expected) > 500
    assert deleted
    tombstones = {key for key, one in served.items() if one.get("subtype") == "tombstone"}
    assert tombstones == deleted & set(served)
    edited = {key for key, one in served.items() if "edited" in one}
    assert len(edited) == len(table.filter((table["modified_at"] > table["posted_at"]) & ~table["is_deleted"]))
    bots = {key for key, one in served.items() if one.get("subtype") == "bot_message"}
    nobody = table.filter(table["author_id"].is_null() & ~table["is_deleted"])
    assert len(bots) == len(nobody) > 0
    assert all("user" not in served[key] and "bot_id" in served[key] for key in bots)


def test_threads_hang_on_a_message_that_says_how_many_answered_and_when(slack: httpx.Client) -> None:
    served = messages(slack)
    parents = {key: one for key, one in served.items() if "reply_count" in one}
    assert len(parents) > 10
    for key, parent in parents.items():
        channel = key.partition(":")[0]
        replies = [
            one for where, one in served.items() if where != key and where.startswith(channel)
            and one.get("thread_ts") == parent["ts"]
        ]  # fmt: skip
        assert (parent["reply_count"], parent["latest_reply"]) == (len(replies), max(one["ts"] for one in replies))
        assert all(one["ts"] > parent["ts"] for one in replies)


def test_records_that_nobody_can_use_have_no_time(company: Company, slack: httpx.Client) -> None:
    (wart,) = company.truth.of("messages", "malformed")
    history = everything(slack, "conversations.history", "messages", channel=GENERAL, limit=999)
    assert {one["text"] for one in history if "ts" not in one} == {f"Imported: {key}" for key in wart.ids}
    assert wart.count == len(wart.ids) > 0


def test_history_is_newest_first_and_between_two_moments(slack: httpx.Client) -> None:
    whole = [one for one in everything(slack, "conversations.history", "messages", channel=GENERAL) if "ts" in one]
    stamps = [one["ts"] for one in whole]
    assert stamps == sorted(stamps, reverse=True)
    high, low = stamps[3], stamps[9]
    between = {"channel": GENERAL, "oldest": low, "latest": high}
    assert [one["ts"] for one in call(slack, "conversations.history", **between)["messages"]] == stamps[4:9]
    inclusive = call(slack, "conversations.history", **between, inclusive="true")
    assert [one["ts"] for one in inclusive["messages"]] == stamps[3:10]
    first = call(slack, "conversations.history", **between, inclusive="true", limit=5)
    assert (first["has_more"], [one["ts"] for one in first["messages"]]) == (True, stamps[3:8])
    rest = call(
        slack,
        "conversations.history",
        **between,
        inclusive="true",
        limit=5,
        cursor=first["response_metadata"]["next_cursor"],
    )
    assert (rest["has_more"], [one["ts"] for one in rest["messages"]]) == (False, stamps[8:10])


def test_employees_are_users_and_those_who_left_are_deactivated(company: Company, slack: httpx.Client) -> None:
    users = {one["id"]: one for one in everything(slack, "users.list", "members", limit=7)}
    staff = {user_id(key): status for key, status in company.table("employees").select("source_id", "status").rows()}
    assert {key: "left" if one["deleted"] else "active" for key, one in users.items() if key in staff} == staff
    assert {one["is_bot"] for key, one in users.items() if key not in staff} == {True, False}
    assert all(one["profile"]["email"].endswith("@larkfield.example") for key, one in users.items() if key in staff)


def test_the_incident_channel_is_private_and_begins_with_the_incident(company: Company) -> None:
    before, after = (set(_channels(company.at(day))) for day in (date(2025, 12, 1), date(2025, 12, 2)))
    assert after - before == {"incidents"}
    assert _channels(company)["incidents"]["is_private"] is True
    assert _channels(company)["launch-2023"]["is_archived"] is True


def _channels(company: Company) -> dict[str, dict[str, Any]]:
    return {channel.record["name"]: channel.record for channel in Workspace(company).channels.values()}


def test_permalinks_lead_to_a_message_and_its_thread(slack: httpx.Client) -> None:
    channel = channel_id("incidents")
    (parent,) = [
        one for one in call(slack, "conversations.history", channel=channel)["messages"] if "reply_count" in one
    ]
    replies = call(slack, "conversations.replies", channel=channel, ts=parent["ts"])["messages"]
    assert replies[0] == parent
    link = call(slack, "chat.getPermalink", channel=channel, message_ts=replies[1]["ts"])["permalink"]
    digits = replies[1]["ts"].replace(".", "")
    assert link == (
        f"https://larkfield-payments.slack.com/archives/{channel}/p{digits}?thread_ts={parent['ts']}&cid={channel}"
    )


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("chat.postMessage", {"channel": GENERAL, "text": "x"}, "unknown_method"),
        ("conversations.history", {}, "channel_not_found"),
        ("conversations.history", {"channel": "C0SB9000001"}, "not_in_channel"),
        ("conversations.history", {"channel": GENERAL, "oldest": "soon"}, "invalid_ts_oldest"),
        ("conversations.history", {"channel": GENERAL, "limit": 1001}, "invalid_limit"),
        ("conversations.history", {"channel": GENERAL, "cursor": "###"}, "invalid_cursor"),
        ("conversations.replies", {"channel": GENERAL, "ts": "1.000000"}, "thread_not_found"),
        ("conversations.list", {"types": "everything"}, "invalid_types"),
        ("chat.getPermalink", {"channel": GENERAL, "message_ts": "1.000000"}, "message_not_found"),
    ],
)
def test_errors_come_with_status_200_and_slack_s_code(
    slack: httpx.Client, method: str, params: dict[str, Any], code: str
) -> None:
    assert call(slack, method, **params) == {"ok": False, "error": code}


def test_a_token_is_asked_for(server: SandboxServer) -> None:
    for headers, code in (({}, "not_authed"), ({"Authorization": "Bearer other"}, "invalid_auth")):
        body = httpx.get(f"{server.base_url}/api/auth.test", headers=headers, trust_env=False).json()
        assert body == {"ok": False, "error": code}
