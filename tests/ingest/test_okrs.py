"""OKRs and the wiki, loaded from Notion on several days: the views hold what the company says, nothing thrown away."""

from __future__ import annotations

from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import polars as pl
import pytest
from tests.ingest.conftest import NewWorkplace, Workplace

from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.notion_workspace import notion_id

VIEWS = {
    "objectives": ("title", "owner", "starts_day", "ends_day"),
    "key_results": (
        "objective_id", "title", "metric", "unit", "baseline", "target", "higher_is_better", "owner",
    ),
    "key_result_checkins": ("key_result_id", "checked_at", "current_value", "confidence", "note", "author"),
    "knowledge_pages": ("title", "body", "author"),
}  # fmt: skip
DAYS = (date(2025, 9, 20), date(2025, 12, 31), date(2026, 2, 1))


def written(company: Company, view: str) -> set[tuple[Any, ...]]:
    """What the company says, under Notion's ids, its times cut to the minute."""
    table = company.table(view).with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))

    def page(key: str) -> str:
        return notion_id(company.profile.seed, "page", key)

    return {
        (
            page(row["source_id"]),
            *(page(row[name]) if name.endswith("_id") else row[name] for name in VIEWS[view]),
            row["modified_at"].replace(second=0),
        )
        for row in table.iter_rows(named=True)
    }


def held(work: Workplace, view: str) -> set[tuple[Any, ...]]:
    model = files("sophia_kit.warehouse").joinpath(f"models/{view}.sql").read_text(encoding="utf-8")
    return set(work.rows(f"SELECT source_id, {', '.join(VIEWS[view])}, modified_at FROM ({model})"))


def test_on_every_day_the_views_hold_what_the_company_says(new_workplace: NewWorkplace, company: Company) -> None:
    read = []
    with SandboxServer(company.at(DAYS[0])) as server:
        work = Workplace(connected(new_workplace().settings, server.base_url))
        for day in DAYS:
            server.advance((day - server.company.day).days)
            work = work.on(server.company)
            report = work.load(only=("notion",))
            assert report.complete
            assert {view: held(work, view) for view in VIEWS} == {view: written(server.company, view) for view in VIEWS}
            read.append({table.table: table.rows_read for table in report.tables})
    pages = [sum(n for table, n in tables.items() if table != "notion_users") for tables in read]
    assert 0 < pages[1] < pages[0] / 4
    assert 0 < pages[2] < pages[0] / 4
    reasons = dict(work.rows("SELECT table_name, string_agg(reason, ' | ') FROM meta.quarantine GROUP BY ALL"))
    assert set(reasons) == {"notion_check_ins", "notion_key_results"}
    assert "target is required and empty" in reasons["notion_key_results"]
    assert "confidence 7.00 is above the maximum 1" in reasons["notion_check_ins"]


@pytest.fixture
def loaded(new_workplace: NewWorkplace, server: SandboxServer) -> Workplace:
    work = Workplace(connected(new_workplace().settings, server.base_url))
    assert work.load(only=("notion",)).complete
    return work


def test_what_was_thrown_away_is_gone_after_the_next_load(
    loaded: Workplace, server: SandboxServer, company: Company
) -> None:
    gone = [notion_id(company.profile.seed, "page", key) for key in ("page_how_01", "ci_2024_1_1_01")]
    for page in gone:
        server.notion.trash(page)
    again = loaded.load(only=("notion",))
    assert sum(table.rows_deleted for table in again.tables) == 2
    for view in ("knowledge_pages", "key_result_checkins"):
        assert held(loaded, view) == {row for row in written(company, view) if row[0] not in gone}


def test_who_left_is_marked_and_mail_addresses_are_stored_hashed(
    loaded: Workplace, server: SandboxServer, company: Company
) -> None:
    left = [one for one in company.world.employees if one.left is not None and one.active(one.left - 1)]
    days = {one.name: date(1970, 1, 1) + timedelta(one.left) for one in left if one.left is not None}
    name, day = next((name, day) for name, day in days.items() if day > company.day)
    server.advance((day - company.day).days)
    loaded.on(server.company).load(only=("notion",))
    assert loaded.rows(f"SELECT is_deleted FROM raw.notion_users WHERE name = '{name}'") == [(True,)]
    assert loaded.rows("SELECT is_deleted FROM raw.notion_users WHERE name = 'Ada Abara'") == [(False,)]
    emails = [row[0] for row in loaded.rows("SELECT email FROM raw.notion_users WHERE user_type = 'person'")]
    assert len(emails) > 50
    assert not [email for email in emails if email is None or "@" in email]
