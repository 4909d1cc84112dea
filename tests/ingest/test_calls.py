"""Calls, loaded on several days: the views hold what the company knows of them, and nothing of those it deleted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import polars as pl
import pytest
from tests.ingest.conftest import NewWorkplace, Workplace

from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.gong_calls import gong_id

SAME = (
    "started_at", "duration_s", "talk_ratio", "longest_monologue_s", "interactivity", "questions_asked", "sentiment",
    "topics", "competitor_mentions", "account_id", "opportunity_id", "owner_id",
)  # fmt: skip


def view(name: str) -> str:
    return files("sophia_kit.warehouse").joinpath(f"models/{name}.sql").read_text(encoding="utf-8")


def key_of(call: str) -> str:
    return gong_id("call", int(call.removeprefix("call_")))


def live(company: Company) -> pl.DataFrame:
    return company.table("calls").filter(~pl.col("is_deleted"))


def known(company: Company) -> set[tuple[Any, ...]]:
    """The company's calls, under Gong's ids."""
    calls = live(company).with_columns(pl.col("started_at").dt.replace_time_zone(None))
    return {(key_of(row[0]), *row[1:]) for row in calls.select("source_id", *SAME).iter_rows()}


def held(work: Workplace) -> set[tuple[Any, ...]]:
    return set(work.rows(f"SELECT source_id, {', '.join(SAME)} FROM ({view('calls')})"))


def first(company: Company, wart: str) -> date:
    """The day on which the first call is late, corrected or deleted."""
    moments = getattr(company.world.blemished("calls"), wart)["at"]
    return datetime.fromtimestamp(min(moments), UTC).date()


@pytest.fixture(scope="module")
def days(company: Company) -> list[date]:
    """Before a call comes late, before one is deleted, before one is corrected, and after all that."""
    late, deleted, corrected = (first(company, wart) for wart in ("late", "deleted", "corrected"))
    night = timedelta(days=1)
    assert late < deleted - night < deleted < corrected - night
    return [late - night, deleted - night, corrected - night, corrected + night]


def test_late_corrected_and_deleted_calls_arrive_with_the_next_load(
    new_workplace: NewWorkplace, company: Company, days: list[date]
) -> None:
    deleted = 0
    with SandboxServer(company.at(days[0])) as server:
        work = Workplace(connected(new_workplace().settings, server.base_url))
        for day in days:
            server.advance((day - server.company.day).days)
            work = work.on(server.company)
            report = work.load(only=("gong", "salesforce") if day == days[0] else ("gong",))
            assert report.complete
            assert held(work) == known(server.company)
            tables = {table.table: table for table in report.tables}
            deleted += tables["gong_calls"].rows_deleted
            calls = sorted(key for key, *_ in known(server.company))
            for name in ("call_participants", "call_turns"):
                assert work.rows(f"SELECT DISTINCT call_id FROM ({view(name)}) ORDER BY 1") == [(key,) for key in calls]
    assert deleted == 1


def test_who_took_part_and_what_was_said_are_the_company_s(
    new_workplace: NewWorkplace, server: SandboxServer, company: Company
) -> None:
    work = Workplace(connected(new_workplace().settings, server.base_url))
    work.load(only=("gong",))
    names = {row["source_id"]: row for row in company.table("call_participants").iter_rows(named=True)}
    calls = set(live(company)["source_id"])
    expected = {
        (key_of(row["call_id"]), names[row["participant_id"]]["role"], row["started_s"], row["ended_s"], row["text"])
        for row in company.table("call_turns").iter_rows(named=True)
        if row["call_id"] in calls
    }
    said = work.rows(
        f"SELECT t.call_id, p.role, t.started_s, t.ended_s, t.text FROM ({view('call_turns')}) AS t "
        f"JOIN ({view('call_participants')}) AS p ON p.source_id = t.participant_id"
    )
    assert set(said) == expected
    people = work.rows(f"SELECT call_id, role, name, email FROM ({view('call_participants')})")
    inside = {(key_of(row["call_id"]), row["name"]) for row in names.values() if row["role"] == "internal"}
    assert {(call, name) for call, role, name, _ in people if role == "internal"} <= inside
    stored = [text for _, role, name, email in people for text in ((name, email) if role == "external" else (email,))]
    assert len(stored) > 600
    assert all(text.startswith("hmac-sha256:") for text in stored)


def test_transcripts_are_read_only_where_that_is_asked_for(new_workplace: NewWorkplace, server: SandboxServer) -> None:
    settings = connected(new_workplace().settings, server.base_url)
    private = settings.privacy.model_copy(update={"transcripts": False})
    work = Workplace(settings.model_copy(update={"privacy": private}))
    assert work.load(only=("gong",)).complete
    assert work.rows("SELECT count(*) FROM raw.gong_call_turns") == [(0,)]
    assert work.rows("SELECT count(*) > 100 FROM raw.gong_calls") == [(True,)]
    assert not [one for one in server.requests if one.target == "/v2/calls/transcript"]
