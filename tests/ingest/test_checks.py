"""Checks at a load: faults are delivered, and what stands on them is marked, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.ingest.conftest import Workplace
from typer.testing import CliRunner

from sophia_kit.cli.main import app
from sophia_kit.core.errors import DefinitionError, IngestError
from sophia_kit.core.settings import CompanySettings, LandingSettings, load_settings
from sophia_kit.ingest import load_contracts
from sophia_kit.metrics import metric
from sophia_kit.warehouse import Warehouse
from sophia_kit.warehouse.checks import CheckResult, read_results

NOW = datetime(2025, 7, 1, 2, tzinfo=UTC)
NOON = datetime(2025, 6, 30, 12, tzinfo=UTC).replace(tzinfo=None)
Rows = Sequence[Mapping[str, Any]]


def payment(number: int, **changes: Any) -> dict[str, Any]:
    """A payment on 30 June that nothing is wrong with, but for the changes."""
    return {
        "source_id": f"p{number:02}", "property_id": "maple", "account_id": "acme", "amount": Decimal("100.00"),
        "currency": "USD", "status": "succeeded", "failure_reason": None, "method": "card", "processor": "Halyard",
        "processor_fee": Decimal("1.0000"), "processing_ms": 500, "risk_score": 10, "attempted_at": NOON,
        "modified_at": NOON, "is_deleted": False,
    } | changes  # fmt: skip


def building(name: str) -> dict[str, Any]:
    return {
        "source_id": name, "account_id": "acme", "name": name, "region": "Texas", "units": 5,
        "opened_day": date(2020, 1, 1), "closed_day": None, "modified_at": NOON, "is_deleted": False,
    }  # fmt: skip


def rate(key: str, day: date, value: str) -> dict[str, Any]:
    return {
        "source_id": key, "from_currency": "CAD", "to_currency": "USD", "day": day, "rate": Decimal(value),
        "modified_at": NOON, "is_deleted": False,
    }  # fmt: skip


GOOD = [payment(number) for number in range(20)]
RATES = [rate("r1", date(2025, 6, 30), "0.73")]


def place(root: Path, now: datetime = NOW) -> Workplace:
    """A workspace of the project at `root`, on tables that are delivered to its landing zone."""
    root.mkdir(exist_ok=True)
    (root / "sophia.toml").touch()
    settings = load_settings(
        root,
        workspace="demo",
        frozen_at=now,
        company=CompanySettings(time_zone="UTC", currency="USD"),
        landing=LandingSettings(path=root / "landing"),
    )
    return Workplace(settings)


def deliver(work: Workplace, day: str = "2025-06-30", **tables: Rows) -> None:
    landing = work.settings.landing.path
    assert landing is not None
    for name, rows in tables.items():
        contract = load_contracts()[name]
        schema: dict[str, Any] = {column.field: column.dtype for column in contract.columns} | {
            "is_deleted": pl.Boolean
        }
        (landing / name).mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows, schema=schema).write_parquet(landing / name / f"{day}.parquet")
    (landing / "_manifest.json").write_text(json.dumps({"demo": True}))


def results(work: Workplace) -> dict[str, CheckResult]:
    with Warehouse.open(work.store.current(), work.settings) as warehouse:
        return {each.check_id: each for each in read_results(warehouse)}


def failed(work: Workplace) -> set[str]:
    return {key for key, each in results(work).items() if each.status == "failed"}


def marked(work: Workplace, name: str, **query: Any) -> list[str]:
    value = metric(name, day=date(2025, 6, 30), grain="day", settings=work.settings, **query).values[0]
    assert all(mark.status == "failed" for mark in value.quality)
    return [mark.check for mark in value.quality]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Twenty good payments, and four that the contract lets pass."""
    work = place(tmp_path_factory.mktemp("faulty") / "work")
    wrong = [
        payment(20, method="barter"),
        payment(21, status="failed"),
        payment(22, property_id="nowhere"),
        payment(23, processing_ms=700_000),
    ]
    deliver(work, payments=[*GOOD, *wrong], properties=[building("maple")], fx_rates=RATES)
    work.load()
    return work


def test_each_fault_fails_its_check_and_no_other(faulty: Workplace) -> None:
    assert failed(faulty) == {
        "payments.method_known",
        "payments.reason_given",
        "payments.property_exists",
        "payments.processing_in_range",
    }


@pytest.mark.parametrize(
    ("check", "detail"),
    [
        ("payments.method_known", "1 of 24 rows: method is none of the 3 accepted values, e.g. 'barter'."),
        ("payments.reason_given", "1 of 1 rows where status = 'failed': failure_reason is empty, e.g. p21."),
        ("payments.property_exists", "1 of 24 rows: property_id isn't in properties.source_id, e.g. p22."),
        ("payments.processing_in_range", "1 of 24 rows: processing_ms is above 600000, e.g. p23."),
        ("payments.amount_in_range", "All 24 rows."),
        ("payments.account_exists", "salesforce_accounts was never loaded."),
        ("payments.rows_keep", "No rows in an earlier load to compare 24 with."),
        ("payments.attempts_arrive", "The latest attempted_at is 2025-06-30 12:00, 14.0 hours before the load."),
        ("subscriptions.mrr_in_range", "subscriptions was never loaded."),
    ],
)
def test_what_was_found_is_said(faulty: Workplace, check: str, detail: str) -> None:
    assert results(faulty)[check].detail == detail


@pytest.mark.parametrize(
    ("name", "query", "checks"),
    [
        ("payment_volume", {}, []),
        ("payment_volume", {"by": "method"}, ["payments.method_known"]),
        ("payment_volume", {"by": "region"}, ["payments.property_exists"]),
        ("payment_volume", {"filters": {"method": "card"}}, ["payments.method_known"]),
        ("failed_payments", {}, []),
        ("failed_payments", {"by": "reason"}, ["payments.reason_given"]),
        ("payment_success_rate", {}, []),
        ("processing_time_p95", {}, ["payments.processing_in_range"]),
    ],
)
def test_a_value_is_marked_by_the_columns_it_reads(
    faulty: Workplace, name: str, query: dict[str, Any], checks: list[str]
) -> None:
    assert marked(faulty, name, **query) == checks


def test_the_view_tells_what_was_found(faulty: Workplace) -> None:
    sql = "SELECT status, failed_rows, stands_on FROM check_results WHERE check_id = 'payments.method_known'"
    with Warehouse.open(faulty.store.current(), faulty.settings) as warehouse:
        assert warehouse.query(sql).frame.rows() == [("failed", 1, "payments.method")]


def test_the_command_runs_checks_and_fails_with_them(faulty: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in faulty.settings.environment().items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke(app, ["checks", "run", "--view", "payments", "--format", "json"])
    found = {each["check_id"]: each["status"] for each in json.loads(run.stdout)}
    assert found == {key: each.status for key, each in results(faulty).items() if each.view == "payments"}
    assert run.exit_code == 1
    assert CliRunner().invoke(app, ["checks", "run", "--view", "fx_rates"]).exit_code == 0
    listed = CliRunner().invoke(app, ["checks", "list", "--view", "payments", "--format", "json"])
    assert {each["check_id"]: each["status"] for each in json.loads(listed.stdout)} == found


def test_the_commands_show_the_marks(faulty: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in faulty.settings.environment().items():
        monkeypatch.setenv(name, value)
    asked = ["metric", "payment_volume", "--by", "method", "--grain", "day", "--day", "2025-06-30"]
    said = "Check payments.method_known failed: 1 of 24 rows"
    shown = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    assert said in shown.stdout
    assert said not in CliRunner().invoke(app, [*asked[:2], *asked[4:]], env={"COLUMNS": "200"}).stdout
    (mark,) = json.loads(CliRunner().invoke(app, [*asked, "--format", "json"]).stdout)["values"][0]["quality"]
    assert (mark["check"], mark["view"], mark["status"]) == ("payments.method_known", "payments", "failed")
    explained = CliRunner().invoke(app, ["explain", "processing_time_p95"], env={"COLUMNS": "200"})
    assert "payments.processing_in_range failed: 1 of 24 rows" in explained.stdout


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workplace]:
    """A workspace on which nothing is wrong."""
    work = place(tmp_path / "work")
    deliver(work, payments=GOOD, properties=[building("maple")], fx_rates=RATES)
    yield work
    work.state.close()


def test_rows_that_vanish_or_are_doubled_mark_who_reads_the_view(work: Workplace) -> None:
    assert not work.load().checks[0].marks
    assert failed(work) == set()
    assert marked(work, "payment_volume") == []
    gone = [payment(number, is_deleted=True, modified_at=NOON + timedelta(hours=1)) for number in range(3)]
    doubled = [*RATES, rate("r1 again", date(2025, 6, 30), "0.74")]
    deliver(work, "2025-07-01", payments=gone, fx_rates=doubled)
    report = place(work.settings.root, NOW + timedelta(hours=1)).load()
    assert {each.check_id for each in report.checks if each.marks} == {"payments.rows_keep", "fx_rates.one_rate_a_day"}
    rows = results(work)["payments.rows_keep"]
    assert rows.detail == "20 rows in the snapshot before, 17 in this one (-15.0%)."
    assert marked(work, "payment_success_rate", by="method") == ["payments.rows_keep"]
    assert marked(work, "payment_volume") == ["fx_rates.one_rate_a_day", "payments.rows_keep"]


OWN = """\
view: payments
checks:
  only_cards:
    kind: accepted_values
    column: method
    values: [card]
    description: We take cards alone.
    {more}
"""


def own_checks(work: Workplace, text: str) -> None:
    (work.settings.root / "checks").mkdir(exist_ok=True)
    (work.settings.root / "checks" / "payments.yaml").write_text(text)


def test_a_blocking_check_keeps_the_snapshot_before(work: Workplace) -> None:
    own_checks(work, OWN.format(more="blocking: true"))
    before = work.load().snapshot
    deliver(work, "2025-07-01", payments=[payment(30, method="debit")])
    later = place(work.settings.root, NOW + timedelta(hours=1))
    with pytest.raises(IngestError, match=r"Check payments\.only_cards stops the load: 1 of 21 rows"):
        later.load()
    assert later.store.current() == before
    assert later.attempts("payments")[0].status == "failed"
    own_checks(later, OWN.format(more="severity: warn"))
    assert later.load().snapshot != before
    assert marked(later, "payment_volume", by="method") == []
    assert failed(later) == {"payments.only_cards"}


def test_a_wrong_file_of_checks_stops_the_load_before_anything_is_read(work: Workplace) -> None:
    own_checks(work, OWN.format(more="when: methd = 'card'"))
    with pytest.raises(DefinitionError, match=r"checks/payments\.yaml:8: unknown column 'methd' of payments"):
        work.load()
    assert work.attempts("payments") == []


def test_what_could_not_run_is_unknown_and_marks(work: Workplace) -> None:
    own_checks(work, OWN.format(more="when: CAST(processor AS INTEGER) = 1"))
    work.load()
    found = results(work)["payments.only_cards"]
    assert found.status == "unknown"
    assert "Halyard" in found.detail
    assert results(work)["payments.method_known"].status == "passed"
    (mark,) = metric("payment_volume", by="method", day=date(2025, 6, 30), settings=work.settings).values[0].quality
    assert (mark.check, mark.status) == ("payments.only_cards", "unknown")
    assert mark.text.startswith("Check payments.only_cards could not run: ")
