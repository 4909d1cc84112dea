"""What a vendor doesn't show any more in a range that it read again was deleted; a range again moves nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.chat import NOTES, Chat, at, deleted, load, moment, note, query

from sophia_kit.core.errors import IngestError, InputError
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.ingest import Span
from sophia_kit.state import State


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path)


async def test_a_row_of_the_window_that_a_reading_lacks_was_deleted(settings: Settings) -> None:
    await load(settings, Chat([note(day) for day in range(1, 8)]))
    # 2 is before the window, 5 broke its contract but is there, 6 is gone, 7 was edited.
    again = [note(4), note(5, words="many"), note(7, words=70, edited=at(9))]
    report = (await load(settings, Chat(again, image_since=moment(4)))).tables[0]
    assert (report.rows_deleted, report.rows_quarantined) == (1, 1)
    assert deleted(settings) == ["n06"]
    assert query(settings, "SELECT words FROM raw.notes WHERE source_id = 'n07'") == [(70,)]
    # It was shown again: it is back.
    await load(settings, Chat([note(4), note(5), note(6), note(7)], image_since=moment(4)))
    assert deleted(settings) == []


@pytest.mark.parametrize(("pruned", "gone"), [(False, ["n02"]), (True, [])], ids=["keeps all", "prunes"])
async def test_a_full_reading_concludes_unless_its_vendor_prunes(
    settings: Settings, pruned: bool, gone: list[str]
) -> None:
    await load(settings, Chat([note(1), note(2)], pruned=pruned))
    await load(settings, Chat([note(1)], pruned=pruned), full=True)
    assert deleted(settings) == gone


@pytest.mark.parametrize(
    "chat",
    [
        Chat([], image_since=moment(1)),
        Chat([note(1, words="many"), note(2, words="many")], image_since=moment(1)),
        Chat([note(1)]),
    ],
    ids=["empty", "every record refused", "no window"],
)
async def test_nothing_is_concluded_from_what_says_nothing(settings: Settings, chat: Chat) -> None:
    await load(settings, Chat([note(day) for day in range(1, 4)]))
    assert (await load(settings, chat)).tables[0].rows_deleted == 0
    assert deleted(settings) == []


async def test_nothing_is_concluded_from_a_reading_that_failed(settings: Settings) -> None:
    await load(settings, Chat([note(day) for day in range(1, 4)]))
    with pytest.raises(IngestError, match="No source could be read"):
        await load(settings, Chat([note(1)], image_since=moment(1), fails=True))
    assert deleted(settings) == []


async def test_a_contract_without_the_windows_time_is_an_error(settings: Settings) -> None:
    columns = tuple(column for column in NOTES.columns if column.name != "posted_at")
    with pytest.raises(IngestError, match="has no column of slack's posted"):
        await load(settings, Chat([note(1)], image_since=moment(1)), contract=replace(NOTES, columns=columns))


async def test_a_range_again_moves_no_cursor_and_concludes_nothing_beyond_it(settings: Settings) -> None:
    await load(settings, Chat([note(day) for day in range(1, 10)]))
    fresh = query(settings, "SELECT last_success_at FROM meta.freshness WHERE table_name = 'notes'")
    span = Span(moment(3), moment(6))
    backfill = Chat([note(3), note(4, words=40)], image_since=moment(3))
    report = (await load(settings, backfill, span=span)).tables[0]
    assert backfill.asked == [("2025-06-03T00:00:00.000Z", moment(6))]
    assert (report.status, report.rows_merged, report.rows_deleted) == ("complete", 2, 1)
    assert deleted(settings) == ["n05"]
    assert query(settings, "SELECT last_success_at FROM meta.freshness WHERE table_name = 'notes'") == fresh
    with State.open(settings.state_location) as state:
        last = state.attempts(table_name="notes")[0]
    assert (last.mode, last.cursor_from, last.cursor_to) == ("backfill", at(9), at(9))
    following = Chat([note(9)])
    await load(settings, following)
    assert following.asked == [(at(9), None)]


@pytest.mark.parametrize("until", [moment(6), None])
async def test_a_range_concludes_nothing_of_what_was_read_before_it(settings: Settings, until: datetime | None) -> None:
    await load(settings, Chat([note(day) for day in range(1, 8)]))
    more = Chat([note(2), note(4), note(7)], image_since=moment(1))
    await load(settings, more, span=Span(moment(3), until))
    assert deleted(settings) == (["n03", "n05"] if until else ["n03", "n05", "n06"])


async def test_a_range_of_a_table_that_was_never_loaded_makes_it_no_loaded_one(settings: Settings) -> None:
    await load(settings, Chat([note(3)]), span=Span(moment(3)))
    assert query(settings, "SELECT last_success_at FROM meta.freshness WHERE table_name = 'notes'") == [(None,)]
    following = Chat([note(1), note(3)])
    await load(settings, following)
    assert following.asked == [(None, None)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"span": Span(moment(3), moment(3))}, "ends before it starts"),
        ({"span": Span(moment(3)), "full": True}, "together with everything"),
    ],
)
async def test_a_range_that_is_none_is_refused(settings: Settings, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        await load(settings, Chat([]), **options)
