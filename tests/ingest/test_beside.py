"""Vendors are read beside each other; one that fails, or is off, leaves the others complete."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from tests.ingest.chat import Chat, load, note, query

from sophia_kit.core.errors import IngestError, JobFailed
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.ingest import ProgressEvent
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore, Warehouse


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path)


async def test_vendors_are_read_at_the_same_time(settings: Settings) -> None:
    both = asyncio.Barrier(2)
    events: list[ProgressEvent] = []
    chats = [Chat([note(1)], provider=name, meeting=both.wait) for name in ("slack", "gong")]
    report = await asyncio.wait_for(load(settings, *chats, progress=events.append), 30)
    assert [(table.table, table.status) for table in report.tables] == [
        ("notes", "complete"),
        ("gong_notes", "complete"),
    ]
    assert {event.source for event in events[:2]} == {"slack", "gong"}
    last = {event.source: (event.source_done, event.source_tables) for event in events if event.source}
    assert last == {"slack": (1, 1), "gong": (1, 1)}
    with State.open(settings.state_location) as state:
        assert len({attempt.attempt_id for attempt in state.attempts()}) == 2


async def test_one_that_fails_in_the_middle_leaves_the_other_complete(settings: Settings) -> None:
    await load(settings, Chat([note(1)]), Chat([note(1)], provider="gong"))
    broken = Chat([note(1, words=10, edited="2025-06-20T00:00:00Z"), note(2)], fails=True)
    report = await load(settings, broken, Chat([note(2)], provider="gong"))
    assert [table.table for table in report.failed] == ["notes"]
    assert query(settings, "SELECT source_id, words FROM raw.notes") == [("n01", 1)]
    assert query(settings, "SELECT source_id FROM raw.gong_notes ORDER BY ALL") == [("n01",), ("n02",)]

    now = settings.clock().now()
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        found = warehouse.freshness()
    # It was loaded a moment ago, and is stale all the same.
    assert now - (found["notes"].last_success_at or now) < timedelta(hours=1)
    assert (found["notes"].status(now), found["gong_notes"].status(now)) == ("stale", "fresh")
    assert "failed: The vendor failed." in str(found["notes"].because(now))

    # What isn't read doesn't change, and what is read again is fresh again.
    await load(settings, Chat([note(3)], provider="gong"))
    assert query(settings, "SELECT table_name FROM meta.behind") == [("notes",)]
    await load(settings, Chat([note(2)]))
    assert query(settings, "SELECT table_name FROM meta.behind") == []


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Chat([note(2)], fails=KeyError("canary-of-a-record")), id="while it is read"),
        pytest.param(Chat([note(2)], fails=ExceptionGroup("several", [KeyError("canary-of-a-record")])), id="a group"),
        # Keys that no JSON has: they can't be put in order when the refused record is kept.
        pytest.param(Chat([note(2, edited={"canary": 1, 2: 3})]), id="while it is typed"),
    ],
)
async def test_a_mistake_of_the_kit_s_own_in_one_leaves_the_other_complete(
    broken: Chat, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await load(settings, Chat([note(1)]), Chat([note(1)], provider="gong"))
    report = await load(settings, broken, Chat([note(2)], provider="gong"))
    (failed,) = report.failed
    assert failed.table == "notes"
    assert "mistake of the kit's own" in (failed.note or "")
    assert "canary" not in (failed.note or "")
    assert query(settings, "SELECT source_id FROM raw.notes") == [("n01",)]
    assert query(settings, "SELECT source_id FROM raw.gong_notes ORDER BY ALL") == [("n01",), ("n02",)]
    assert query(settings, "SELECT table_name FROM meta.behind") == [("notes",)]
    # Its traceback is in the log, once.
    assert [record.exc_info is not None for record in caplog.records if record.name.startswith("sophia_kit")] == [True]


async def test_a_mistake_in_the_only_source_is_one_clear_error(settings: Settings) -> None:
    with pytest.raises(IngestError, match=r"slack: .*mistake of the kit's own \(KeyError\): the log says where"):
        await load(settings, Chat([note(1)], fails=KeyError("id")))


async def test_one_that_is_off_is_reported_and_leaves_the_other_complete(settings: Settings) -> None:
    off = Chat([note(1)], why_off="nobody wants it")
    report = await load(settings, off, Chat([note(1)], provider="gong"))
    assert [(table.status, table.note) for table in report.tables] == [
        ("off", "nobody wants it"),
        ("complete", None),
    ]
    assert report.complete
    assert off.asked == []
    with pytest.raises(IngestError, match="slack: nobody wants it"):
        await load(settings, off)
    now = settings.clock().now()
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        because = warehouse.freshness()["notes"].because(now)
    assert because == "never loaded: nobody wants it"


async def test_a_load_that_is_cancelled_lets_go_of_every_vendor(settings: Settings) -> None:
    reached = asyncio.Barrier(3)
    never = asyncio.Event()

    async def wait() -> None:
        await reached.wait()
        await never.wait()

    chats = [Chat([note(1)], provider=name, meeting=wait) for name in ("slack", "gong")]
    loading = asyncio.create_task(load(settings, *chats))
    await asyncio.wait_for(reached.wait(), 30)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert not list(settings.snapshots_dir.rglob("*.duckdb*"))
    with State.open(settings.state_location) as state:
        assert {(attempt.status, attempt.error) for attempt in state.attempts()} == {("failed", "interrupted")}
    assert (await load(settings, Chat([note(1)]))).complete


async def test_vendors_are_read_while_the_landing_zone_is_still_delivered(settings: Settings, tmp_path: Path) -> None:
    chat = Chat([note(1)])
    landing = tmp_path / "landing"

    async def delivered() -> None:
        while not chat.asked:  # noqa: ASYNC110  # a list has no event to wait for
            await asyncio.sleep(0.01)
        landing.mkdir()

    report = await asyncio.wait_for(load(settings, chat, landing=landing, delivered=delivered), 30)
    assert [(table.source, table.status) for table in report.tables] == [("slack", "complete")]


async def test_a_delivery_that_fails_ends_the_load(settings: Settings, tmp_path: Path) -> None:
    async def delivered() -> None:
        raise JobFailed("The delivery failed.")

    with pytest.raises(JobFailed):
        await load(settings, Chat([note(1)]), landing=tmp_path / "landing", delivered=delivered)
    assert not list(settings.snapshots_dir.rglob("*.duckdb*"))
    with State.open(settings.state_location) as state:
        assert {attempt.status for attempt in state.attempts()} <= {"failed"}
