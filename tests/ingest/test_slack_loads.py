"""Slack from its API to the raw tables: what a load may conclude of replies that it has not read again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.slack_team import DAY, NOW, Team
from tests.ingest.chat import query
from tests.wire import WireServer

from sophia_kit.core.settings import HttpSettings, Settings, load_settings
from sophia_kit.ingest import IngestReport, Span, ingest
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore


@pytest.fixture
async def team() -> AsyncIterator[Team]:
    found = Team()
    async with WireServer(found) as server:
        found.server = server
        found.open("C1", "general")
        yield found


def settings_for(team: Team, root: Path, **privacy: Any) -> Settings:
    return load_settings(
        root,
        slack={"base_url": team.server.url, "token": "sandbox", "tier_factor": 60_000},
        privacy={"messages": True, **privacy},
        http=HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02),
    )


async def load(settings: Settings, **options: Any) -> IngestReport:
    with State.open(settings.state_location) as state:
        store = SnapshotStore(settings.snapshots_dir, keep=2)
        return await ingest(settings, state, store, settings.clock(), only=["slack"], **options)


def gone(settings: Settings) -> set[str]:
    """The texts that are marked as deleted."""
    return {text for (text,) in query(settings, "SELECT text FROM raw.slack_messages WHERE is_deleted")}


async def test_a_reply_that_a_range_brought_is_not_taken_for_deleted_by_the_next_load(
    team: Team, tmp_path: Path
) -> None:
    settings = settings_for(team, tmp_path)
    quiet = team.say("C1", NOW - 90 * DAY, "old question")
    team.say("C1", NOW - DAY, "oops")
    parent = team.say("C1", NOW - DAY + 60, "question")
    taken_back = team.say("C1", NOW - DAY + 120, "wrong answer", parent)
    team.say("C1", NOW, "newest")
    await load(settings)
    reply = team.say("C1", NOW + 60, "late answer", quiet)
    await load(settings, span=Span(datetime.fromtimestamp(NOW - 100 * DAY, UTC)))
    assert query(settings, "SELECT count(*) FROM raw.slack_messages WHERE text = 'late answer'") == [(1,)]

    # The next load reads nothing of the old thread. What lies in the window, and what hangs on that, it does read.
    team.take_back("C1", taken_back)
    team.said["C1"] = [one for one in team.said["C1"] if one["text"] != "oops"]
    await load(settings)
    assert gone(settings) == {"oops", "wrong answer"}
    assert quiet not in {asked["ts"] for asked in team.asked("conversations.replies")[-1:]}

    team.take_back("C1", reply)
    await load(settings)
    assert gone(settings) == {"oops", "wrong answer"}
    await load(settings, full=True)
    assert gone(settings) == {"oops", "wrong answer", "late answer"}


async def test_a_reply_in_an_old_thread_that_is_remembered_is_marked_when_it_is_taken_back(
    team: Team, tmp_path: Path
) -> None:
    settings = settings_for(team, tmp_path)
    old = team.say("C1", NOW - 90 * DAY, "old question")
    answers = [team.say("C1", NOW - DAY + second, f"answer {second}", old) for second in (0, 1)]
    team.say("C1", NOW, "newest")
    await load(settings)
    team.take_back("C1", answers[0])
    await load(settings)
    assert gone(settings) == {"answer 0"}
    # The thread is gone as a whole: Slack finds none of that name, which is an answer too.
    team.said["C1"] = [one for one in team.said["C1"] if one["text"] == "newest"]
    await load(settings)
    assert gone(settings) == {"answer 0", "answer 1"}


async def test_a_longer_window_concludes_nothing_of_threads_that_were_forgotten_before_it(
    team: Team, tmp_path: Path
) -> None:
    settings = settings_for(team, tmp_path)
    old = team.say("C1", NOW - 90 * DAY, "old question")
    team.say("C1", NOW - 10 * DAY, "answer", old)
    team.say("C1", NOW, "newest")
    await load(settings)
    longer = settings.model_copy(update={"slack": settings.slack.model_copy(update={"repull_days": 30})})
    await load(longer)
    assert gone(settings) == set()


async def test_where_it_is_not_stored_what_a_message_hangs_on_deletions_can_t_be_told(
    team: Team, tmp_path: Path
) -> None:
    settings = settings_for(team, tmp_path, hash_key="canary-of-sixteen-", fields={"slack_messages.thread_id": "hash"})
    team.say("C1", NOW, "newest")
    assert not (await load(settings)).failed
    (failed,) = (await load(settings)).failed
    assert "slack_messages has no column of slack's thread_id" in (failed.note or "")
