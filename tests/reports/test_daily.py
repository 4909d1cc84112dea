"""The brief of a loaded company: what is late, refused and unknown is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.settings import CompanySettings, Settings, load_settings
from sophia_kit.reports import daily_brief, render
from sophia_kit.warehouse import SnapshotStore, Warehouse
from sophia_kit.warehouse.checks import read_results

DAY = date(2025, 12, 31)


@pytest.fixture(scope="module")
def settings(demo: Any) -> Settings:
    return load_settings(
        demo.root,
        workspace="demo",
        frozen_at=datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC),
        company=CompanySettings(name="Larkfield Payments", time_zone="America/Chicago"),
    )


@pytest.fixture(scope="module")
def warehouse(settings: Settings) -> Iterator[Warehouse]:
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as opened:
        yield opened


def test_fresh_sources_open_the_gate(settings: Settings, warehouse: Warehouse) -> None:
    brief = daily_brief(settings, day=DAY, warehouse=warehouse)
    assert brief.gate.open
    assert {kpi.value.freshness.status for kpi in brief.kpis} == {"fresh"}
    assert brief.header.snapshot_id == warehouse.snapshot.snapshot_id


def test_two_days_later_the_gate_is_closed_by_what_is_late(settings: Settings, warehouse: Warehouse) -> None:
    later = FrozenClock(datetime(2026, 1, 3, 5, 59, 59, tzinfo=UTC))
    brief = daily_brief(settings, day=DAY, warehouse=warehouse, clock=later)
    late = {state.table for state in brief.gate.closed_by}
    assert "payments" in late, "payments may be 36 hours old"
    assert "subscriptions" not in late, "subscriptions may be 72 hours old"
    volume, arr = brief.kpi("payment_volume"), brief.kpi("arr")
    assert volume is not None
    assert arr is not None
    assert (volume.value.freshness.status, arr.value.freshness.status) == ("stale", "fresh")
    page = render(brief)
    assert "Not fresh." in page
    assert "Stale: stands on <bdi>payments</bdi>" in page


def test_every_open_record_of_the_quarantine_is_counted_once(settings: Settings, warehouse: Warehouse) -> None:
    brief = daily_brief(settings, day=DAY, warehouse=warehouse)
    open_records = warehouse.query("SELECT source_id FROM meta.quarantine WHERE resolved_at IS NULL").frame.height
    assert open_records > 0
    counted = [finding.count for finding in brief.findings if finding.kind == "quarantine"]
    values = [brief.facts.numbers[name].value for name in counted if name]
    assert sum(value or 0 for value in values) == open_records
    assert brief.facts.numbers["quality.quarantined"].value == open_records


def test_every_failed_check_is_a_finding_with_its_records_counted(settings: Settings, warehouse: Warehouse) -> None:
    brief = daily_brief(settings, day=DAY, warehouse=warehouse)
    failed = {each.check_id: each for each in read_results(warehouse) if each.status == "failed"}
    found = {finding.subject: finding for finding in brief.findings if finding.kind == "failed check"}
    assert found.keys() == failed.keys()
    assert "payments.risk_given" in found
    for name, finding in found.items():
        assert finding.count is not None
        assert brief.facts.numbers[finding.count].value == failed[name].failed_rows
        assert "Only a warning" in finding.text, "what fails in the demo marks no number"
    assert all(kpi.value.quality == () for kpi in (*brief.kpis, *brief.day_kpis))


def test_a_month_without_a_rate_is_unknown_and_nothing_else_is(settings: Settings, warehouse: Warehouse) -> None:
    brief = daily_brief(settings, day=date(2024, 8, 31), warehouse=warehouse)
    volume = brief.kpi("payment_volume")
    assert volume is not None
    assert volume.value.unknown is not None
    assert volume.value.unknown.code == "missing_rate"
    assert ("unknown", volume.value.label, volume.value.unknown.reason) in {
        (finding.kind, finding.subject, finding.text) for finding in brief.findings
    }
    failed = brief.kpi("failed_payments")
    assert failed is not None
    assert failed.value.value is not None
    assert "Residents paid" not in render(brief)


def test_an_unfinished_month_is_left_out(settings: Settings, warehouse: Warehouse) -> None:
    brief = daily_brief(settings, day=date(2025, 12, 15), warehouse=warehouse)
    assert {kpi.value.period.label for kpi in brief.kpis if kpi.value.period.grain == "month"} == {"Nov 2025"}
    assert {kpi.value.period.label for kpi in brief.day_kpis} == {"15 Dec 2025"}
