"""What is remembered of alerts, on both databases: whole, in order, and never changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import resources

import pytest

from sophia_kit.state import AlertEvent, AlertSeries, AlertSilence, State

OpenState = Callable[[], State]
NOON = datetime(2025, 12, 31, 12, tzinfo=UTC)
DAY = date(2025, 12, 2)

SERIES = AlertSeries(
    metric="failure_rate",
    rule="over_limit",
    members=(("processor", "Nörthgate"), ("region", "West")),
    rule_digest="ab",
    grain="day",
    severity="critical",
    status="firing",
    since=DAY,
    bad_periods=2,
    good_periods=0,
    evaluated_to=DAY,
    notified_on=None,
    summary="too many",
    unknown_code=None,
    unknown_reason=None,
    unknown_since=None,
    unknown_notified_on=None,
    updated_at=NOON,
)
EVENT = AlertEvent(
    sequence=0,
    at=NOON,
    run_id="r1",
    metric="failure_rate",
    rule="over_limit",
    members=(("processor", "Nörthgate"),),
    alert="rule",
    event="firing",
    severity="critical",
    grain="day",
    period_start=DAY,
    period_end=DAY,
    value=Decimal("0.12345678901234567890123456789"),
    unit="ratio",
    expected=None,
    threshold=Decimal("0.05"),
    percent=None,
    robust_sd=None,
    unknown_code=None,
    summary="too many",
    notified=True,
    silenced=False,
    snapshot_id="s1",
    known_at=NOON,
    definition_digest="cd",
)


def test_a_series_is_there_for_the_next_process_and_is_replaced(open_state: OpenState) -> None:
    open_state().alerts.save_series(SERIES)
    state = open_state()
    assert state.alerts.series() == [SERIES]
    later = replace(SERIES, status="ok", since=None, unknown_code="no_rows", unknown_since=DAY)
    other = replace(SERIES, members=())
    state.alerts.save_series(later)
    state.alerts.save_series(other)
    kept = state.alerts.series("failure_rate", "over_limit")
    assert {series.members: series for series in kept} == {later.members: later, (): other}
    assert state.alerts.series("failure_rate", "another") == []
    state.alerts.drop_series(later)
    assert state.alerts.series() == [other]


def test_events_keep_every_digit_and_their_order(open_state: OpenState) -> None:
    state = open_state()
    with state.transaction():
        first = state.alerts.append([EVENT, replace(EVENT, event="recovered", value=None, metric="volume")])
        second = state.alerts.append([replace(EVENT, event="reminder")])
    assert [event.sequence for event in first + second] == [1, 2, 3]
    assert open_state().alerts.events() == [*second, *first[::-1]]
    assert state.alerts.events(metric="failure_rate", limit=1) == second
    assert state.alerts.events(metric="volume", rule="over_limit") == [first[1]]


def test_events_of_a_transaction_that_fails_never_happened(open_state: OpenState) -> None:
    state = open_state()
    with pytest.raises(RuntimeError), state.transaction():
        state.alerts.append([EVENT])
        raise RuntimeError
    assert state.alerts.events() == []


def test_a_silence_is_in_force_from_its_beginning_until_before_its_end(open_state: OpenState) -> None:
    state = open_state()
    silence = AlertSilence(
        "a1", "failure_rate", "over_limit", (("region", "West"),), NOON, NOON + timedelta(days=1), "x"
    )
    state.alerts.add_silence(silence)
    moments = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(hours=23), NOON + timedelta(days=1)]
    assert [state.alerts.silences(at) for at in moments] == [[], [silence], [silence], []]
    state.alerts.end_silence("a1", NOON + timedelta(hours=1))
    assert open_state().alerts.silences(NOON + timedelta(hours=1)) == []


def test_a_state_from_before_alerts_gains_them_and_keeps_the_rest(open_state: OpenState) -> None:
    state = open_state()
    state.save_cursor("s", "r", "one", "1", saved_at=NOON)
    for file in sorted((resources.files("sophia_kit.state") / "migrations").iterdir(), key=lambda file: file.name)[1:]:
        for table in re.findall(r"CREATE TABLE (\w+)", file.read_text(encoding="utf-8")):
            state._engine.execute(f"DROP TABLE {table}")
    state._engine.execute("DELETE FROM schema_version WHERE version >= 2")
    upgraded = open_state()
    assert upgraded.alerts.series() == []
    assert upgraded.cursor("s", "r", "one") == "1"
