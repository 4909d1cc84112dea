"""The brief of a loaded company: what is late, refused and unknown is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import AccessRefused, InputError
from sophia_kit.core.settings import CompanySettings, Settings, load_settings
from sophia_kit.metrics import MetricValue, Principal, metric
from sophia_kit.reports import (
    BriefParameters,
    Surface,
    brief_choices,
    daily_brief,
    publish,
    reader_of,
    render,
    told_reader,
)
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


def test_a_reader_s_brief_holds_what_the_metric_layer_answers_that_reader(
    settings: Settings, warehouse: Warehouse
) -> None:
    ann = Principal("ann", (("segment", ("Enterprise",)),))
    brief = daily_brief(settings, day=DAY, warehouse=warehouse, principal=ann)
    asked = [
        (value, metric(value.metric, **_question(value), settings=settings, principal=ann))
        for value in brief.latest_values
    ]
    assert len(asked) > 20
    for shown, answer in asked:
        assert shown.value in {value.value for value in answer.values if value.members == shown.members}, shown.metric
    assert brief.latest_values[0].value != metric("arr", day=DAY, settings=settings).value.value
    refused = {finding.subject: finding.text for finding in brief.findings if finding.kind == "refused"}
    assert "headcount can't be told apart by it" in refused["Headcount (FTE)"]
    assert brief.kpi("headcount") is None
    assert refused.keys() >= {"data quality", "Revenue per employee"}
    assert not {"quarantine", "failed check", "failed load"} & {finding.kind for finding in brief.findings}
    page = render(brief)
    assert "Only what you may see: segment Enterprise" in page
    assert "Mid-Market" not in page
    with pytest.raises(InputError, match="what one reader may see"):
        publish(brief, settings)


def _question(value: MetricValue) -> dict[str, Any]:
    return {"day": value.period.end_inclusive, "grain": value.period.grain, "by": [name for name, _ in value.members]}


def test_a_reader_chooses_among_the_segments_it_may_see(settings: Settings) -> None:
    two = Principal("max", (("segment", ("Mid-Market", "Small Business")),))
    assert brief_choices(BriefParameters(), settings, two).segments == ("Mid-Market", "Small Business")
    assert brief_choices(BriefParameters(), settings, Principal("own", (("owner", ("x",)),))).segments == ()
    with pytest.raises(AccessRefused, match="max may not see segment 'Enterprise'"):
        brief_choices(BriefParameters(segment="Enterprise"), settings, two)
    with pytest.raises(AccessRefused, match="max may not see segment 'Enterprise'"):
        daily_brief(settings, day=DAY, segment="Enterprise", principal=two)


def test_a_reader_who_may_see_nothing_gets_no_brief(settings: Settings) -> None:
    with pytest.raises(AccessRefused, match="may see no segment at all"):
        daily_brief(settings, day=DAY, principal=Principal("nobody", (("segment", ()),)))


@pytest.mark.parametrize("attributes", [(), (("segment", ("Enterprise", "Mid-Market")), ("owner", ("Ann Öz",)))])
def test_a_reader_told_of_is_the_reader_read(attributes: Any) -> None:
    who = Principal("ann", attributes)
    assert reader_of(json.loads(json.dumps(told_reader(who)))) == who


def test_another_server_s_user_is_nobody_and_a_broken_one_is_refused() -> None:
    assert reader_of({"username": "user", "is_authenticated": True}) is None
    assert reader_of(None) is None
    broken = told_reader(Principal("ann")) | {"sophia_principal": {"name": "ann"}}
    with pytest.raises(AccessRefused, match="can't be read"):
        reader_of(broken)


def _app(user: Any, mode: str = "run") -> Surface:
    """A notebook's surface where marimo says that it is shown to this user."""
    meta = SimpleNamespace(mode=mode, request=SimpleNamespace(user=user))
    return Surface(None, SimpleNamespace(running_in_notebook=lambda: True, app_meta=lambda: meta))  # type: ignore[arg-type]


def test_where_readers_sign_in_an_app_shows_nothing_to_nobody(demo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPHIA_ROOT", str(demo.root))
    ann, stranger = Principal("ann", (("segment", ("Enterprise",)),)), {"username": "user"}
    assert _app(told_reader(ann)).principal() == ann
    assert _app(stranger).principal() is None, "the owner of the process looks at an app of their own"
    monkeypatch.setenv("SOPHIA_SERVER__AUTHENTICATION", "tokens")
    assert _app(told_reader(ann)).principal() == ann
    assert _app(stranger, mode="edit").principal() is None
    with pytest.raises(AccessRefused, match="nobody told who this one is"):
        _app(stranger).principal()
