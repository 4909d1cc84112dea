"""OKRs and the wiki, loaded from Notion on several days: the views hold what the company says, nothing thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.connectors.vendors import Gateway
from tests.ingest.conftest import Workplace
from tests.wire import Reply, WireServer

from sophia_kit.core.settings import CompanySettings, load_settings
from sophia_kit.ingest import IngestReport, ingest
from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.sandbox.days import number
from sophia_kit.sandbox.notion_workspace import notion_id
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

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


THROWN_AWAY = ("page_how_01", "ci_2024_1_1_01", "kr_2024_2_2")


@dataclass(frozen=True, slots=True)
class Day:
    """What the company said, what a load of that day read and what the views held after it."""

    company: Company
    report: IngestReport
    held: dict[str, set[tuple[Any, ...]]]
    written: dict[str, set[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class History:
    days: list[Day]
    work: Workplace


@pytest.fixture(scope="module")
def history(company: Company, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Loads on three days; before the last of them two pages are moved to the trash."""
    root = tmp_path_factory.mktemp("okrs")
    (root / "sophia.toml").touch()
    about = CompanySettings(name=company.name, time_zone=company.time_zone, currency=company.currency)
    days = []
    with SandboxServer(company.at(DAYS[0])) as server:
        settings = load_settings(root, workspace="demo", frozen_at=server.company.now, company=about)
        work = Workplace(connected(settings, server.base_url))
        for day in DAYS:
            server.advance((day - server.company.day).days)
            if day == DAYS[-1]:
                for key in THROWN_AWAY:
                    server.notion.trash(notion_id(company.profile.seed, "page", key))
            work = work.on(server.company)
            report = work.load(only=("notion",))
            days.append(
                Day(
                    server.company,
                    report,
                    {view: held(work, view) for view in VIEWS},
                    {view: written(server.company, view) for view in VIEWS},
                )
            )
    return History(days, work)


def test_on_every_day_the_views_hold_what_the_company_says(history: History) -> None:
    for day in history.days[:-1]:
        assert day.report.complete
        assert day.held == day.written


def test_what_was_thrown_away_is_gone_after_the_next_load(history: History, company: Company) -> None:
    day = history.days[-1]
    gone = {notion_id(company.profile.seed, "page", key) for key in THROWN_AWAY}
    assert gone < {row[0] for rows in day.written.values() for row in rows}
    assert day.held == {view: {row for row in rows if row[0] not in gone} for view, rows in day.written.items()}
    assert sum(table.rows_deleted for table in day.report.tables if table.table != "notion_users") == len(gone)


def test_of_what_is_much_a_later_load_reads_what_was_edited_since(history: History) -> None:
    tables = ("notion_check_ins", "notion_knowledge_pages")
    read = [sum(table.rows_read for table in day.report.tables if table.table in tables) for day in history.days]
    assert 0 < read[1] < read[0] / 4
    assert 0 < read[2] < read[0] / 4


def test_rows_that_somebody_began_are_kept_in_quarantine_with_their_reason(history: History) -> None:
    reasons = dict(history.work.rows("SELECT table_name, string_agg(reason, ' | ') FROM meta.quarantine GROUP BY ALL"))
    assert set(reasons) == {"notion_check_ins", "notion_key_results"}
    assert "target is required and empty" in reasons["notion_key_results"]
    assert "confidence 7.00 is above the maximum 1" in reasons["notion_check_ins"]


def test_who_left_is_marked_and_mail_addresses_are_stored_hashed(history: History) -> None:
    first, last = number(DAYS[0]), number(DAYS[-1])
    there = {one.name: one.active(last) for one in history.days[0].company.world.employees if one.active(first)}
    assert False in there.values()
    found = dict(history.work.rows("SELECT name, NOT is_deleted FROM raw.notion_users"))
    assert {name: found[name] for name in there} == there
    emails = [row[0] for row in history.work.rows("SELECT email FROM raw.notion_users WHERE user_type = 'person'")]
    assert len(emails) > 50
    assert not [email for email in emails if email is None or "@" in email]


async def test_a_page_that_goes_while_it_is_read_is_left_out_and_the_load_says_so(
    company: Company, tmp_path: Path
) -> None:
    gone = notion_id(company.profile.seed, "page", "page_how_01")
    refusal = {"object": "error", "status": 404, "code": "object_not_found", "message": "Could not find it."}
    with SandboxServer(company) as server:
        gateway = Gateway(server.base_url)
        async with WireServer(gateway) as wire:
            gateway.url = wire.url
            gateway.before = lambda request: Reply(404, body=refusal) if f"/pages/{gone}" in request.path else None
            settings = connected(load_settings(tmp_path, workspace="demo", frozen_at=company.now), wire.url)
            with State.open(settings.state_location) as state:
                store = SnapshotStore(settings.snapshots_dir)
                report = await ingest(settings, state, store, settings.clock(), only=["notion"])
    (table,) = [table for table in report.tables if table.table == "notion_knowledge_pages"]
    assert (table.status, table.note) == ("complete", f"1 left out that went while being read: {gone}")
    assert table.rows_read == len(company.table("knowledge_pages")) - 1
