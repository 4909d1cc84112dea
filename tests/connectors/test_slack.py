"""Slack's messages while people go on writing: threads, edits, deletions, channels that come and go."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.slack_team import DAY, NOW, Team
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors import Batch
from sophia_kit.connectors.slack import PER_MINUTE, Slack
from sophia_kit.connectors.slack_reach import Reach
from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    InputError,
    MalformedAnswer,
    ProviderError,
    ProviderFailing,
    RateLimited,
    RequestRejected,
    Unconfigured,
)
from sophia_kit.core.policy import READS
from sophia_kit.core.settings import HttpSettings, Settings, load_settings

DOCS = Path(__file__).parents[2] / "docs" / "slack.md"
FIELDS = ("id", "channel", "thread_id", "user", "subtype", "text", "posted_at", "modified_at", "deleted")


@pytest.fixture
async def team() -> AsyncIterator[Team]:
    found = Team()
    async with WireServer(found) as server:
        found.server = server
        yield found


@pytest.fixture
def settings(team: Team, tmp_path: Path) -> Settings:
    return settings_for(team, tmp_path)


def settings_for(team: Team, root: Path, **slack: Any) -> Settings:
    return load_settings(
        root,
        slack={"base_url": team.server.url, "token": "sandbox", "tier_factor": 60_000, **slack},
        privacy={"messages": True},
        http=HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02),
    )


@pytest.fixture
async def slack(settings: Settings) -> AsyncIterator[Slack]:
    async with Slack(settings) as connector:
        yield connector


async def read(slack: Slack, since: str | None = None, until: datetime | None = None) -> Reading:
    return Reading([batch async for batch in slack.read("messages", since, FIELDS, until=until)])


class Reading:
    """What one reading brought: texts and records by `ts`, its cursor, from when on it is complete."""

    def __init__(self, batches: list[Batch]) -> None:
        self.records = [record for batch in batches for record in batch.records]
        self.texts = sorted(record["text"] for record in self.records)
        self.by_ts = {str(record["id"]).partition(":")[2]: record for record in self.records}
        self.cursor = batches[-1].cursor_high
        self.image_since = batches[-1].image_since


def iso(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


async def test_a_message_has_an_id_a_time_and_its_thread(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW + 0.0001, "question")
    reply = team.say("C1", NOW + 60, "answer", parent)
    found = (await read(slack)).by_ts
    assert found[parent] == {
        "id": f"C1:{parent}",
        "channel": "C1",
        "thread_id": f"C1:{parent}",
        "user": "U1",
        "subtype": None,
        "text": "question",
        "posted_at": iso(NOW),
        "modified_at": iso(NOW),
        "deleted": False,
    }
    assert (found[reply]["thread_id"], found[reply]["posted_at"]) == (f"C1:{parent}", iso(NOW + 60))


async def test_a_reply_that_was_shown_in_the_channel_too_comes_once(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW, "question")
    team.say("C1", NOW + 60, "answer", parent)
    team.say("C1", NOW + 120, "answer for all", parent, subtype="thread_broadcast")
    team.page_limit = 2
    assert (await read(slack)).texts == ["answer", "answer for all", "question"]


async def test_threads_without_replies_cost_no_request(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    for turn in range(5):
        team.say("C1", NOW + turn)
    parent = team.say("C1", NOW + 60)
    team.say("C1", NOW + 61, thread=parent)
    assert len((await read(slack)).records) == 7
    assert [asked["ts"] for asked in team.asked("conversations.replies")] == [parent]


async def test_a_late_reply_is_found_as_long_as_its_message_lies_in_the_window(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW - 6 * DAY, "question")
    team.say("C1", NOW, "something else")
    first = await read(slack)
    team.say("C1", NOW + 100, "late answer", parent)
    assert (await read(slack, first.cursor)).texts == ["late answer", "question", "something else"]


async def test_a_reply_to_an_old_message_is_found_while_somebody_answers_it(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW - 90 * DAY, "old question")
    team.say("C1", NOW - 80 * DAY, "old answer", parent)
    team.say("C1", NOW - DAY, "answer of yesterday", parent)
    silent = team.say("C1", NOW - 60 * DAY, "forgotten question")
    team.say("C1", NOW, "something else")
    first = await read(slack)
    assert len(first.records) == 5
    team.say("C1", NOW + DAY, "one more answer", parent)
    team.say("C1", NOW + DAY, "nobody answered for weeks", silent)
    second = await read(slack, first.cursor)
    assert second.texts == ["answer of yesterday", "one more answer", "something else"]
    # It stays known without being looked for, for as long as it has an answer in the window.
    team.say("C1", NOW + 5 * DAY, "and one more", parent)
    third = await read(slack, second.cursor)
    assert "and one more" in third.texts
    assert "nobody answered for weeks" in (await read(slack)).texts


async def test_a_reply_shown_in_the_channel_leads_to_its_old_thread(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW - 90 * DAY, "old question")
    team.say("C1", NOW, "something else")
    first = await read(slack)
    team.say("C1", NOW + 50, "quiet answer", parent)
    team.say("C1", NOW + 60, "answer for all", parent, subtype="thread_broadcast")
    assert (await read(slack, first.cursor)).texts == ["answer for all", "quiet answer", "something else"]


async def test_an_edit_says_when(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    ts = team.say("C1", NOW, "now with a comma,", edited={"user": "U1", "ts": f"{NOW + 300}.000000"})
    record = (await read(slack)).by_ts[ts]
    assert (record["posted_at"], record["modified_at"]) == (iso(NOW), iso(NOW + 300))


async def test_a_window_is_a_complete_image_so_that_what_it_lacks_was_deleted(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    team.say("C1", NOW - 30 * DAY, "old")
    parent = team.say("C1", NOW - 90 * DAY, "old question")
    reply = team.say("C1", NOW - DAY, "answer", parent)
    taken_back = team.say("C1", NOW - DAY + 5, "oops")
    team.say("C1", NOW, "newest")
    first = await read(slack)
    assert first.image_since is None
    team.take_back("C1", taken_back)
    second = await read(slack, first.cursor)
    assert second.image_since == datetime.fromtimestamp(NOW - 7 * DAY, UTC)
    assert second.texts == ["answer", "newest"]
    team.take_back("C1", reply)
    third = await read(slack, second.cursor)
    assert (third.image_since, third.texts) == (second.image_since, ["newest"])


async def test_the_cursor_stays_where_it_was_when_the_newest_message_is_taken_back(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    team.say("C1", NOW - DAY, "before")
    newest = team.say("C1", NOW, "newest")
    first = await read(slack)
    team.take_back("C1", newest)
    second = await read(slack, first.cursor)
    assert (second.texts, second.cursor) == (["before"], first.cursor)


async def test_a_deleted_message_on_which_a_thread_hangs_is_marked(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW, "question")
    reply = team.say("C1", NOW + 1, "answer", parent)
    team.take_back("C1", parent)
    found = (await read(slack)).by_ts
    assert {ts: record["deleted"] for ts, record in found.items()} == {parent: True, reply: False}


async def test_a_placeholder_is_the_last_version_of_a_message_however_late_that_was_edited(
    team: Team, slack: Slack
) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW, "question", edited={"user": "U1", "ts": f"{NOW + 9 * DAY}.000000"})
    team.say("C1", NOW + 1, "answer", parent)
    edited = (await read(slack)).by_ts[parent]
    team.take_back("C1", parent)
    gone = (await read(slack)).by_ts[parent]
    assert gone["deleted"]
    assert datetime.fromisoformat(gone["modified_at"]) > datetime.fromisoformat(edited["modified_at"])


async def test_a_thread_whose_latest_reply_is_not_told_is_read(team: Team, slack: Slack) -> None:
    def untold(_request: Request) -> Reply:
        message = {"type": "message", "user": "U1", "text": "q", "ts": parent, "thread_ts": parent, "reply_count": 1}
        return Reply(body={"ok": True, "messages": [message], "has_more": False})

    team.open("C1", "general")
    parent = team.say("C1", NOW, "question")
    reply = team.say("C1", NOW + 1, "answer", parent)
    team.overrides["conversations.history"] = untold
    assert set((await read(slack)).by_ts) == {parent, reply}


async def test_a_thread_that_is_gone_as_a_whole_is_passed_over(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    parent = team.say("C1", NOW - 90 * DAY)
    reply = team.say("C1", NOW - DAY, thread=parent)
    team.say("C1", NOW, "newest")
    first = await read(slack)
    team.take_back("C1", reply)
    team.take_back("C1", parent)
    assert (await read(slack, first.cursor)).texts == ["newest"]


async def test_a_channel_that_the_bot_joins_later_is_read_from_its_beginning(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    team.say("C1", NOW, "here")
    team.open("C2", "late")
    team.members.remove("C2")
    team.say("C2", NOW - 500 * DAY, "long ago")
    first = await read(slack)
    assert first.texts == ["here"]
    team.members.add("C2")
    second = await read(slack, first.cursor)
    assert second.texts == ["here", "long ago"]
    assert second.image_since is not None
    assert (await read(slack, second.cursor)).texts == ["here"]


async def test_a_channel_that_the_bot_has_left_keeps_its_messages_and_goes_on_where_it_ended(
    team: Team, slack: Slack
) -> None:
    for channel, name in (("C1", "general"), ("C2", "lost")):
        team.open(channel, name)
        team.say(channel, NOW, f"in {name}")
    first = await read(slack)
    team.members.remove("C2")
    team.say("C1", NOW + 2 * DAY, "later")
    second = await read(slack, first.cursor)
    assert (second.image_since, second.texts) == (None, ["in general", "later"])
    team.say("C2", NOW + DAY, "meanwhile")
    team.members.add("C2")
    third = await read(slack, second.cursor)
    assert third.texts == ["in general", "in lost", "later", "meanwhile"]
    assert third.image_since == datetime.fromtimestamp(NOW - 5 * DAY, UTC)
    # Once its last messages have left the window, the reading is a complete image without it.
    team.members.remove("C2")
    team.say("C1", NOW + 30 * DAY, "much later")
    fourth = await read(slack, third.cursor)
    assert fourth.image_since is None
    fifth = await read(slack, fourth.cursor)
    assert fifth.image_since == datetime.fromtimestamp(NOW + 23 * DAY, UTC)


async def test_a_moment_stands_for_a_cursor_and_an_end_for_a_backfill(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    for day in range(5):
        team.say("C1", NOW + day * DAY, f"day {day}")
    found = await read(slack, iso(NOW + DAY), until=datetime.fromtimestamp(NOW + 3 * DAY, UTC))
    assert (found.texts, found.image_since) == (["day 1", "day 2"], None)
    (asked,) = team.asked("conversations.history")
    assert (asked["oldest"], asked["latest"]) == (f"{NOW + DAY}.000000", f"{NOW + 3 * DAY - 1}.999999")
    assert (await read(slack, iso(NOW + 3 * DAY))).texts == ["day 3", "day 4"]


@pytest.mark.parametrize("cursor", ["yesterday", "{}", '{"at": "2025-01-01T00:00:00Z"}', '{"at": 1}', "{"])
async def test_what_is_no_cursor_is_refused(cursor: str, team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    with pytest.raises(InputError) as caught:
        await read(slack, cursor)
    assert caught.value.hint


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - a zone is given below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@given(
    MOMENTS,
    st.frozensets(st.text()),
    st.dictionaries(st.text(), MOMENTS),
    st.frozensets(st.tuples(st.text(), st.text())),
)
def test_a_cursor_is_read_as_it_was_written(
    at: datetime, channels: frozenset[str], lost: dict[str, datetime], threads: frozenset[tuple[str, str]]
) -> None:
    reach = Reach(at, channels, lost, threads)
    assert Reach.parse(reach.text()) == reach


@pytest.mark.parametrize("named", ["wanted", "#wanted", "C2"])
async def test_settings_choose_channels_by_name_or_id(named: str, team: Team, tmp_path: Path) -> None:
    for channel, name in (("C1", "general"), ("C2", "wanted")):
        team.open(channel, name)
        team.say(channel, NOW, f"in {name}")
    async with Slack(settings_for(team, tmp_path, channels=(named,))) as slack:
        assert (await read(slack)).texts == ["in wanted"]
        members = [batch async for batch in slack.read("channel_members", None, ("id", "user"))]
    assert [record["id"] for record in members[0].records] == ["C2:U1", "C2:U2"]


async def test_a_chosen_channel_that_the_bot_is_not_in_is_an_error(team: Team, tmp_path: Path) -> None:
    team.open("C1", "general")
    async with Slack(settings_for(team, tmp_path, channels=("general", "secret"))) as slack:
        with pytest.raises(ConfigError, match="no channel secret") as caught:
            await read(slack)
    assert "invite" in (caught.value.hint or "")


async def test_a_bot_without_channels_reads_nothing(slack: Slack) -> None:
    found = await read(slack)
    assert (found.records, found.cursor) == ([], None)


async def test_messages_are_read_only_where_that_is_asked_for(team: Team, tmp_path: Path) -> None:
    settings = settings_for(team, tmp_path)
    off = settings.model_copy(update={"privacy": settings.privacy.model_copy(update={"messages": False})})
    async with Slack(off) as slack:
        with pytest.raises(Unconfigured) as caught:
            await read(slack)
    assert caught.value.missing == ("SOPHIA_PRIVACY__MESSAGES",)
    assert team.server.requests == []


async def test_lists_are_read_as_a_whole_each_time(team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    profile = {"email": "u1@example.com", "nickname": "new at Slack", "phone": "not asked for"}
    team.users = [{"id": f"U{n}", "updated": NOW + n, "profile": profile, "shoe_size": 44} for n in range(3)]
    team.page_limit = 2
    (users,) = [batch async for batch in slack.read("users", "2030-01-01T00:00:00Z", ("id", "profile.email", "tz"))]
    assert users.records[2] == {
        "id": "U2",
        "profile.email": "u1@example.com",
        "tz": None,
        "modified_at": iso(NOW + 2),
        "profile.nickname": "new at Slack",
        "shoe_size": 44,
    }
    assert (len(users.records), users.cursor_high) == (3, "2025-01-01T00:00:02.000Z")
    assert users.image_since == datetime(1970, 1, 1, tzinfo=UTC)
    (channels,) = [batch async for batch in slack.read("channels", None, ("id", "created_at"))]
    assert channels.records == [{"id": "C1", "created_at": iso(NOW - 900 * DAY), "modified_at": iso(NOW - 900 * DAY)}]
    assert channels.image_since is None


async def test_a_permalink_is_asked_for_by_name(team: Team, slack: Slack) -> None:
    team.overrides["chat.getPermalink"] = lambda request: Reply(
        body={"ok": True, "channel": request.query["channel"], "permalink": f"https://x/p{request.query['message_ts']}"}
    )
    assert await slack.permalink("C1", "1735689600.000100") == "https://x/p1735689600.000100"


@pytest.mark.parametrize(
    ("code", "kind", "requests"),
    [
        ("invalid_auth", AuthFailed, 2),
        ("token_revoked", AuthFailed, 2),
        ("account_inactive", AuthFailed, 2),
        ("not_in_channel", RequestRejected, 1),
        ("channel_not_found", RequestRejected, 1),
        ("some_new_code", RequestRejected, 1),
        ("ratelimited", RateLimited, 3),
        ("internal_error", ProviderFailing, 3),
        ("fatal_error", ProviderFailing, 3),
    ],
)
async def test_a_refusal_with_status_200_is_the_error_it_is(
    code: str, kind: type[ProviderError], requests: int, team: Team, slack: Slack
) -> None:
    team.open("C1", "general")
    team.overrides["conversations.history"] = lambda _request: Reply(body={"ok": False, "error": code})
    with pytest.raises(ProviderError) as caught:
        await read(slack)
    assert type(caught.value) is kind
    assert code in caught.value.message
    assert caught.value.hint
    assert len(team.asked("conversations.history")) == requests


async def test_a_missing_scope_is_named(team: Team, slack: Slack) -> None:
    refusal = {"ok": False, "error": "missing_scope", "needed": "groups:read", "provided": "channels:read"}
    team.overrides["conversations.list"] = lambda _request: Reply(body=refusal)
    with pytest.raises(RequestRejected, match="needs groups:read") as caught:
        await read(slack)
    assert "install" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("scopes", "state", "said"),
    [
        ("channels:read,groups:read,users:read,channels:history,groups:history", "reachable", "of Team answers."),
        ("channels:read,groups:read,users:read", "failing", "channels:history and groups:history"),
        (
            "channels:read,groups:read,users:read,channels:history,groups:history,chat:write",
            "reachable",
            "more than the kit ever does: chat:write",
        ),
        ("", "reachable", "of Team answers."),
    ],
)
async def test_health_says_what_the_token_permits(scopes: str, state: str, said: str, team: Team, slack: Slack) -> None:
    team.overrides["auth.test"] = lambda _request: Reply(
        body={"ok": True, "user": "kit", "team": "Team"}, headers={"X-OAuth-Scopes": scopes}
    )
    health = await slack.health()
    assert (health.state, said in health.detail) == (state, True)


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"ok": "yes", "messages": []},
        {"ok": True},
        {"ok": True, "messages": {}},
        {"ok": True, "messages": [None]},
        {"ok": True, "messages": [], "has_more": True},
        {"ok": True, "messages": [], "has_more": True, "response_metadata": {"next_cursor": ""}},
        [],
    ],
    ids=str,
)
async def test_an_answer_that_can_t_be_relied_on_is_no_answer(body: Any, team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    team.overrides["conversations.history"] = lambda _request: Reply(body=body)
    with pytest.raises(MalformedAnswer):
        await read(slack)


@pytest.mark.parametrize("ts", [None, "", "soon", 1735689600.0001, "1735689600", "99999999999999.000000"], ids=str)
async def test_a_message_whose_time_can_t_be_read_is_handed_on_without(ts: Any, team: Team, slack: Slack) -> None:
    team.open("C1", "general")
    page = {"ok": True, "messages": [{"text": "when?", "ts": ts}], "has_more": False}
    team.overrides["conversations.history"] = lambda _request: Reply(body=page)
    (record,) = (await read(slack)).records
    assert (record["id"], record["posted_at"], record["modified_at"], record["text"]) == (None, None, None, "when?")


def test_each_method_that_may_be_called_has_its_tier_here_and_in_the_docs() -> None:
    allowed = {rule.path.removeprefix("/api/") for rule in READS if rule.provider == "slack"}
    assert allowed == set(PER_MINUTE)
    page = DOCS.read_text(encoding="utf-8")
    stated = {
        method: int(count)
        for methods, count in re.findall(r"^\| (`[^|]+) \| [^|]+ \| (\d+) \|$", page, re.MULTILINE)
        for method in re.findall(r"`([\w.]+)`", methods)
    }
    assert stated == PER_MINUTE


async def test_requests_keep_to_the_tier_of_their_method(team: Team, tmp_path: Path) -> None:
    team.open("C1", "general")
    for turn in range(8):
        team.say("C1", NOW + turn)
    team.page_limit = 1
    begun = time.monotonic()
    # Six times 50 a minute are five a second: five of the pages at once, and a fifth of a second before each other.
    async with Slack(settings_for(team, tmp_path, tier_factor=6)) as slack:
        await read(slack)
    assert time.monotonic() - begun >= 0.5


class Chatter:
    """People who write, answer, correct, and invite the bot, at random; who either take back or remove the bot too:
    what is taken back while the bot has just been removed is found by a full load only."""

    def __init__(self, team: Team, seed: int, *, removes: bool) -> None:
        self.team = team
        self.removes = removes
        self.random = random.Random(seed)
        self.second = float(NOW)
        self.known: dict[str, dict[str, str]] = {}

    def written(self, channel: str) -> dict[str, str]:
        """Texts by id."""
        kept = (one for one in self.team.said[channel] if one.get("subtype") != "tombstone")
        return {f"{channel}:{one['ts']}": one["text"] for one in kept}

    def visible(self) -> dict[str, str]:
        """What a reader who misses nothing holds now: of a channel without the bot what was read there last."""
        self.known |= {channel: self.written(channel) for channel in self.team.members}
        return {key: text for texts in self.known.values() for key, text in texts.items()}

    def day(self, since: float) -> None:
        """A day goes by, in which nobody touches what has been quiet since before that moment."""
        for _ in range(self.random.randint(1, 6)):
            self.second += self.random.randint(600, 20_000)
            channel = self.random.choice(sorted(self.team.members))
            recent = [one for one in self.team.said[channel] if float(one["ts"]) > since]
            last = "say" if self.removes else "take back"
            deed = self.random.choice(("say", "say", "answer", "answer", "broadcast", "edit", last))
            if deed == "say" or not recent:
                self.team.say(channel, self.second, f"said {self.second}")
                continue
            one = self.random.choice(recent)
            if deed in ("answer", "broadcast"):
                more = {"subtype": "thread_broadcast"} if deed == "broadcast" else {}
                self.team.say(channel, self.second, f"answered {self.second}", one.get("thread_ts", one["ts"]), **more)
            elif one.get("subtype") != "tombstone":
                if deed == "edit":
                    one |= {"text": f"edited {self.second}", "edited": {"user": "U1", "ts": f"{self.second:.6f}"}}
                else:
                    self.team.take_back(channel, one["ts"])
        if self.random.random() < 0.15:
            self.team.members ^= {self.random.choice(("C2", "C3"))} if self.removes else {"C3"} - self.team.members


@pytest.mark.parametrize(("seed", "removes"), [(1, False), (0, True)])
async def test_load_after_load_holds_what_was_written_and_nothing_that_was_taken_back(
    seed: int, removes: bool, team: Team, slack: Slack
) -> None:
    chatter = Chatter(team, seed, removes=removes)
    for channel in ("C1", "C2", "C3"):
        team.open(channel, f"channel {channel}")
        team.say(channel, NOW - 100 * DAY, "first")
    team.members.remove("C3")
    held: dict[str, tuple[datetime, str]] = {}
    cursor: str | None = None
    for _ in range(25):
        reading = await read(slack, cursor)
        found = {record["id"]: record for record in reading.records}
        if reading.image_since is not None:
            held = {key: one for key, one in held.items() if one[0] < reading.image_since or key in found}
        held |= {key: (datetime.fromisoformat(one["posted_at"]), one["text"]) for key, one in found.items()}
        held = {key: one for key, one in held.items() if key not in found or not found[key]["deleted"]}
        assert {key: text for key, (_, text) in held.items()} == chatter.visible()
        cursor = reading.cursor
        reach = Reach.parse(cursor or "")
        assert reach is not None
        chatter.day(reach.at.timestamp() - 6 * DAY)


def test_the_cursor_is_json_with_moments_that_can_be_read() -> None:
    reach = Reach(datetime(2025, 1, 1, tzinfo=UTC), frozenset({"C2", "C1"}))
    assert json.loads(reach.text()) == {
        "at": "2025-01-01T00:00:00.000Z",
        "channels": ["C1", "C2"],
        "lost": {},
        "threads": [],
    }
