"""Chat, loaded on several days: the view of messages holds what the company wrote, and nothing that it took back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import polars as pl
from tests.ingest.conftest import NewWorkplace, Workplace

from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.slack_workspace import channel_id, ts_of, user_id

VIEW = files("sophia_kit.warehouse").joinpath("models/messages.sql").read_text(encoding="utf-8")


def written(company: Company) -> set[tuple[Any, ...]]:
    """The company's messages, under Slack's names."""
    times = pl.col("posted_at", "modified_at").dt.replace_time_zone(None)
    table = company.table("messages").with_columns(times, second=pl.col("posted_at").dt.epoch("s"))
    ids = {
        key: f"{channel_id(channel)}:{ts_of(key, second)}"
        for key, channel, second in table.select("source_id", "channel", "second").rows()
    }
    return {
        (
            ids[row["source_id"]],
            row["channel"],
            ids.get(row["thread_id"], ids[row["source_id"]]),
            row["author_id"] and user_id(row["author_id"]),
            row["posted_at"],
            row["text"],
            row["modified_at"],
        )
        for row in table.iter_rows(named=True)
        if not row["is_deleted"]
    }


def held(work: Workplace) -> set[tuple[Any, ...]]:
    columns = "source_id, channel, thread_id, author_id, posted_at, text, modified_at"
    return set(work.rows(f"SELECT {columns} FROM ({VIEW})"))


def first(company: Company, wart: str) -> date:
    """The day on which the first message is late, corrected or deleted."""
    moments = getattr(company.world.blemished("messages"), wart)["at"]
    return datetime.fromtimestamp(min(moments), UTC).date()


def test_late_corrected_and_deleted_messages_arrive_with_the_next_load(
    new_workplace: NewWorkplace, company: Company
) -> None:
    late, deleted, corrected = (first(company, wart) for wart in ("late", "deleted", "corrected"))
    assert late < deleted < corrected
    reports = []
    with SandboxServer(company.at(late - timedelta(days=1))) as server:
        work = Workplace(connected(new_workplace().settings, server.base_url))
        for day in (late - timedelta(days=1), deleted + timedelta(days=1), corrected + timedelta(days=1)):
            server.advance((day - server.company.day).days)
            work = work.on(server.company)
            report = work.load(only=("slack",))
            assert report.complete
            assert held(work) == written(server.company)
            reports.append({table.table: table for table in report.tables}["slack_messages"])
        assert [table.rows_deleted for table in reports] == [0, 1, 0]
        assert "(edited)" in str(held(work))


def test_messages_are_read_only_where_that_is_asked_for_and_mail_addresses_are_stored_hashed(
    new_workplace: NewWorkplace, server: SandboxServer
) -> None:
    settings = connected(new_workplace().settings, server.base_url)
    work = Workplace(settings.model_copy(update={"privacy": settings.privacy.model_copy(update={"messages": False})}))
    work.load(only=("slack",))
    assert work.rows("SELECT count(*) FROM raw.slack_messages") == [(0,)]
    assert not [one for one in server.requests if "conversations.history" in one.target]
    emails = [row[0] for row in work.rows("SELECT email FROM raw.slack_users WHERE email IS NOT NULL")]
    assert len(emails) > 50
    assert not [one for one in emails if "@" in one]
