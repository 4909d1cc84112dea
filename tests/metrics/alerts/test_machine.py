"""From what was seen to what has to be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.metrics.alerts.series import NOW, days, fresh, rule, seen, silence, told, word

from sophia_kit.metrics.alerts import ThresholdRule
from sophia_kit.metrics.alerts.machine import advance

PROPERTY = settings(max_examples=60)
GOOD, BETWEEN, BAD, LOST = 5.0, 9.0, 20.0, None

VALUES = st.lists(st.sampled_from([GOOD, BETWEEN, BAD, LOST]), max_size=40)
RULES = st.builds(
    lambda needed, back, good, again: rule(
        **{"for": needed, "recovery": {"threshold": back, "for": good}, "renotify": again}
    ),
    needed=st.integers(1, 4),
    back=st.sampled_from([8, 10]),
    good=st.integers(1, 3),
    again=st.none() | st.integers(1, 5),
)


@pytest.mark.parametrize(
    ("fields", "values", "happened"),
    [
        ({}, [GOOD, BAD, BAD, GOOD], [(1, "firing"), (3, "recovered")]),
        ({"for": 2}, [BAD, GOOD, BAD, BAD], [(0, "pending"), (1, "cleared"), (2, "pending"), (3, "firing")]),
        ({"for": 2}, [BAD, LOST, BAD], [(0, "pending"), (1, "cleared"), (1, "unknown"), (2, "known"), (2, "pending")]),
        ({}, [BAD, LOST, BAD, GOOD], [(0, "firing"), (1, "unknown"), (2, "known"), (3, "recovered")]),
        ({"recovery": {"threshold": 8}}, [BAD, BETWEEN, BETWEEN, GOOD], [(0, "firing"), (3, "recovered")]),
        ({"recovery": {"for": 2}}, [BAD, GOOD, BAD, GOOD, GOOD], [(0, "firing"), (4, "recovered")]),
        ({"recovery": {"for": 2}}, [BAD, GOOD, LOST, GOOD, GOOD],
         [(0, "firing"), (2, "unknown"), (3, "known"), (4, "recovered")]),
        ({"renotify": 2}, [BAD] * 6, [(0, "firing"), (2, "reminder"), (4, "reminder")]),
        ({"renotify": 2}, [LOST] * 4, [(0, "unknown"), (2, "unknown reminder")]),
        ({}, [LOST] * 4, [(0, "unknown")]),
    ],
)  # fmt: skip
def test_what_happens(fields: dict[str, object], values: list[float | None], happened: list[tuple[int, str]]) -> None:
    assert told(rule(**fields), values)[1] == happened


@pytest.mark.parametrize(
    ("value", "fields", "status"), [(BAD, {"for": 2}, "firing"), (GOOD, {"recovery": {"for": 2}}, "ok")]
)
def test_data_that_comes_late_breaks_no_row_of_periods(value: float, fields: dict[str, object], status: str) -> None:
    given_rule = rule(**fields)
    series, _ = advance(given_rule, fresh(given_rule), [seen(0, BAD), seen(1, value)][value == BAD :], NOW)
    day = 2
    waiting, transitions = advance(given_rule, series, [seen(day, LOST, "not_covered", final=False)], NOW)
    assert [word(item) for item in transitions] == ["unknown"]
    assert waiting.status == series.status
    judged, transitions = advance(given_rule, waiting, [seen(day, value)], NOW)
    assert judged.status == status
    assert [word(item) for item in transitions] == ["known", "firing" if status == "firing" else "recovered"]


@PROPERTY
@given(RULES, st.lists(st.sampled_from([GOOD, LOST]), max_size=30))
def test_unknown_never_fires(given_rule: ThresholdRule, values: list[float | None]) -> None:
    series, happened = told(given_rule, values)
    assert series.status == "ok"
    assert {event for _, event in happened} <= {"unknown", "known", "unknown reminder"}


@PROPERTY
@given(RULES, VALUES)
def test_it_fires_when_enough_bad_periods_follow_each_other_and_not_before(
    given_rule: ThresholdRule, values: list[float | None]
) -> None:
    happened = told(given_rule, values)[1]
    needed, firing, run = given_rule.for_, False, 0
    for day, value in enumerate(values):
        events = [event for at, event in happened if at == day]
        run = run + 1 if value == BAD else 0
        assert ("firing" in events) == (not firing and run >= needed)
        if "firing" in events:
            firing = True
        if "recovered" in events:
            firing, run = False, 0


@PROPERTY
@given(RULES, VALUES)
def test_it_recovers_after_as_many_good_periods_as_it_says(
    given_rule: ThresholdRule, values: list[float | None]
) -> None:
    happened = told(given_rule, values)[1]
    recovery = given_rule.recovery
    good_enough = given_rule.recovery_limit
    for day, event in happened:
        if event == "recovered":
            last = values[day + 1 - recovery.for_ : day + 1]
            assert len(last) == recovery.for_
            assert all(value is not None and value <= good_enough for value in last)


@PROPERTY
@given(RULES, VALUES)
def test_an_alert_begins_and_ends_in_turn(given_rule: ThresholdRule, values: list[float | None]) -> None:
    happened = told(given_rule, values)[1]
    for begin, end in (("firing", "recovered"), ("unknown", "known")):
        turns = [event for _, event in happened if event in (begin, end)]
        assert turns == [begin, end] * (len(turns) // 2) + [begin] * (len(turns) % 2)


@PROPERTY
@given(RULES, VALUES, st.integers(0, 40))
def test_a_run_that_was_missed_changes_nothing_but_when(
    given_rule: ThresholdRule, values: list[float | None], cut: int
) -> None:
    """Judged at once or in two runs, judged again or not: the same events in the same order."""
    every = days(values)
    at_once, all_transitions = advance(given_rule, fresh(given_rule), every, NOW)
    first, before = advance(given_rule, fresh(given_rule), every[:cut], NOW)
    second, after = advance(given_rule, first, every, NOW)
    assert (second, before + after) == (at_once, all_transitions)
    assert advance(given_rule, second, every, NOW + timedelta(days=1)) == (second, ())


@PROPERTY
@given(RULES, VALUES)
def test_a_silence_changes_what_is_told_and_nothing_else(given_rule: ThresholdRule, values: list[float | None]) -> None:
    hush = silence(NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    loud, silent = (advance(given_rule, fresh(given_rule), days(values), NOW, silences) for silences in ((), (hush,)))
    assert (silent[0].status, silent[0].unknown_code) == (loud[0].status, loud[0].unknown_code)
    assert not any(item.notified for item in silent[1])
    without_reminders = [(word(item), item.seen) for item in loud[1] if item.event != "reminder"]
    assert [(word(item), item.seen) for item in silent[1]] == without_reminders


def test_what_a_silence_kept_back_is_told_once_when_it_is_over() -> None:
    given_rule, hush = rule(), silence(NOW, NOW + timedelta(days=1))
    series, transitions = advance(given_rule, fresh(given_rule), days([BAD]), NOW, [hush])
    assert [(item.event, item.notified, item.silenced) for item in transitions] == [("firing", False, True)]
    later = NOW + timedelta(days=1)
    series, transitions = advance(given_rule, series, [], later, [hush])
    assert [(item.event, item.notified) for item in transitions] == [("reminder", True)]
    assert advance(given_rule, series, [], later, [hush]) == (series, ())


def test_what_only_time_removes_is_shown_and_told_to_no_one() -> None:
    given_rule = rule()
    learning = [seen(day, None, "not_enough_history") for day in range(3)]
    series, transitions = advance(given_rule, fresh(given_rule), learning, NOW)
    assert series.unknown_code == "not_enough_history"
    assert [(word(item), item.notified) for item in transitions] == [("unknown", False)]
    _, transitions = advance(given_rule, series, [seen(3, GOOD)], NOW)
    assert [(word(item), item.notified) for item in transitions] == [("known", False)]


def test_a_period_whose_data_is_late_waits_and_is_judged_when_it_comes() -> None:
    given_rule = rule()
    late = seen(0, None, "not_covered", final=False)
    series, transitions = advance(given_rule, fresh(given_rule), [late], NOW)
    assert [word(item) for item in transitions] == ["unknown"]
    assert advance(given_rule, series, [late], NOW) == (series, ())
    series, transitions = advance(given_rule, series, [seen(0, BAD)], NOW)
    assert [word(item) for item in transitions] == ["known", "firing"]


def test_a_thin_period_is_passed_over() -> None:
    given_rule = rule(**{"for": 2})
    thin = replace(seen(1, None), unknown=None, thin=True)
    series, transitions = advance(given_rule, fresh(given_rule), [seen(0, BAD), thin, seen(2, BAD)], NOW)
    assert [word(item) for item in transitions] == ["pending", "firing"]
    assert series.status == "firing"


def test_a_value_that_stands_on_doubtful_data_says_so() -> None:
    doubtful = replace(seen(0, BAD), doubts=("amounts are negative",))
    _, (firing,) = advance(rule(), fresh(rule()), [doubtful], NOW)
    assert firing.summary.endswith("the limit is 10 (its data failed a check: amounts are negative)")
