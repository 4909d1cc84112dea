"""A run judges what is closed, once, and remembers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.metrics.alerts.till import JUNE_1, LOW, catalogue, judge, till, words
from tests.metrics.shops import NOW

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.metrics import Calendar
from sophia_kit.metrics.alerts.run import active_alerts, run_alerts
from sophia_kit.metrics.alerts.silence import end_silences, silence_rule
from sophia_kit.state import State

DAYS = [150, 150, 40, 30, 150, 150]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(str(tmp_path / "state.sqlite")) as opened:
        yield opened


def test_an_event_holds_what_explains_it(state: State) -> None:
    rules = catalogue(LOW)
    run = judge(till({"a": DAYS}), rules, state, 3)
    (event,) = run.events
    assert words([event]) == ["3 firing"]
    assert (event.value, event.threshold, event.unit) == (Decimal(40), Decimal(100), "count")
    assert event.summary == "Takings of 3 Jun 2025 is 40.0; the limit is 100.0"
    assert (event.run_id, event.known_at, event.severity) == ("run", NOW, "warning")
    assert event.definition_digest == rules.digest(rules.get("takings"))
    assert state.alerts.events() == [event]
    (active,) = run.active
    assert (active.series.status, active.series.since, active.loud) == ("firing", event.period_start, True)


def test_days_that_were_missed_are_judged_in_order_and_once(state: State, tmp_path: Path) -> None:
    shops, rules = till({"a": DAYS}), catalogue(LOW | {"for": 2})
    judge(shops, rules, state, 1)
    assert words(judge(shops, rules, state, 6).events) == ["3 pending", "4 firing", "5 recovered"]
    again = judge(shops, rules, state, 6)
    assert (again.events, again.periods) == ((), 0)
    with State.open(str(tmp_path / "nightly.sqlite")) as nightly:
        for day in range(1, 7):
            judge(shops, rules, nightly, day)
        assert words(nightly.alerts.events()) == words(state.alerts.events())


def test_reminders_that_were_missed_are_told_as_one(state: State) -> None:
    shops, rules = till({"a": [40] * 6}), catalogue(LOW | {"renotify": 1})
    judge(shops, rules, state, 1)
    missed = judge(shops, rules, state, 4).events
    assert words(missed) == ["2 reminder", "3 reminder", "4 reminder"]
    assert [event.notified for event in missed] == [True, False, False]
    assert [event.notified for event in judge(shops, rules, state, 5).events] == [True]


def test_the_day_that_runs_is_not_judged(state: State) -> None:
    shops, rules = till({"a": [150, 150, 1]}), catalogue(LOW)
    noon = FrozenClock(datetime(2025, 6, 3, 12, tzinfo=UTC))
    assert run_alerts(shops, rules, state, noon, Calendar(), run_id="noon").events == ()
    assert words(judge(shops, rules, state, 3).events) == ["3 firing"]


def test_a_rule_waits_until_its_period_has_settled(state: State) -> None:
    shops, rules = till({"a": [40, 150, 150, 150]}), catalogue(LOW | {"settle_days": 2})
    assert judge(shops, rules, state, 2, since=JUNE_1).events == ()
    assert words(judge(shops, rules, state, 3).events) == ["1 firing"]


def test_a_first_run_begins_with_what_it_needs_or_where_it_is_told(state: State, tmp_path: Path) -> None:
    shops = till({"a": [40, 150, 40, 40, 40]})
    run = judge(shops, catalogue(LOW | {"for": 2}), state, 5)
    assert (run.periods, words(run.events)) == (2, ["4 pending", "5 firing"])
    with State.open(str(tmp_path / "other.sqlite")) as other:
        run = judge(shops, catalogue(LOW), other, 5, since=JUNE_1)
        assert (run.periods, words(run.events)) == (5, ["1 firing", "2 recovered", "3 firing"])


def test_data_that_is_late_is_told_and_judged_when_it_comes(state: State) -> None:
    rules = catalogue(LOW)
    judge(till({"a": DAYS}), rules, state, 1)
    late = till({"a": DAYS[:2]}, loaded=datetime(2025, 6, 3, 1, tzinfo=UTC))
    run = judge(late, rules, state, 4)
    assert words(run.events) == ["4 unknown"]
    assert "sales was last loaded" in run.events[0].summary
    assert run.active[0].loud
    assert judge(late, rules, state, 4).events == ()
    assert words(judge(till({"a": DAYS}), rules, state, 4).events) == ["3 known", "3 firing"]


def test_what_was_never_loaded_is_unknown_and_fires_nothing(state: State) -> None:
    run = judge(till({}, loaded=None), catalogue(LOW), state, 4)
    assert words(run.events) == ["4 unknown"]
    assert run.events[0].unknown_code == "not_loaded"
    assert run.active[0].series.status == "ok"


def test_each_member_is_a_series(state: State) -> None:
    shops = till({"a": [150, 40, 150], "c": [150, 150, 40]})
    run = judge(shops, catalogue(LOW | {"by": "town"}), state, 3, since=JUNE_1)
    assert sorted(words(run.events)) == ["2 Ulm: firing", "3 Bonn: firing", "3 Ulm: recovered"]
    assert [item.series.members for item in run.active] == [(("town", "Bonn"),)]


def test_a_member_without_rows_is_judged_while_its_alert_is_open(state: State) -> None:
    rules = catalogue({"name": "high", "kind": "threshold", "grain": "day", "above": 100, "by": "shop"})
    shops = till({"a": [50] * 4, "b": [150, None, None, None]})
    assert words(judge(shops, rules, state, 1).events) == ["1 b: firing"]
    assert words(judge(shops, rules, state, 3).events) == ["2 b: recovered"]


def test_a_member_that_stops_altogether_is_noticed(state: State) -> None:
    rules = catalogue(LOW | {"by": "shop"})
    shops = till({"a": [150] * 4, "b": [150, 150, None, None]})
    for day in (1, 2):
        assert judge(shops, rules, state, day).events == ()
    run = judge(shops, rules, state, 3)
    assert words(run.events) == ["3 b: firing"]
    assert run.events[0].value == 0


def test_a_member_that_left_in_peace_is_forgotten_and_holds_nothing_up(state: State) -> None:
    rules = catalogue({"name": "high", "kind": "threshold", "grain": "day", "above": 100, "by": "shop"})
    shops = till({"a": [50] * 45, "b": [50, *[None] * 43, 50]}, loaded=datetime(2025, 8, 1, tzinfo=UTC))
    judged = [(day, judge(shops, rules, state, day).periods) for day in (1, 20, 40, 42, 44, 45)]
    assert judged == [(1, 2), (20, 2 * 19), (40, 2 * 20), (42, 2), (44, 2), (45, 2)]


def test_where_restricts_what_is_judged(state: State) -> None:
    shops = till({"a": [150], "c": [40]})
    assert judge(shops, catalogue(LOW | {"where": {"town": "Ulm"}}), state, 1).events == ()
    assert words(judge(shops, catalogue(LOW | {"name": "bonn", "where": {"town": "Bonn"}}), state, 1).events) == [
        "1 firing"
    ]


def test_a_change_against_the_period_before(state: State) -> None:
    rules = catalogue({"name": "fell", "kind": "change", "grain": "day", "versus": "prior_period", "below": -15})
    run = judge(till({"a": [100, 86, 70, 0, 50]}), rules, state, 5, since=JUNE_1 + timedelta(days=1))
    assert words(run.events) == ["3 firing", "5 unknown"]
    assert (run.events[0].expected, round(run.events[0].percent or 0, 1)) == (Decimal(86), Decimal("-18.6"))
    assert run.events[1].unknown_code == "no_base"
    assert run.active[0].series.status == "firing"


def test_too_little_history_is_shown_and_not_told(state: State) -> None:
    rules = catalogue({"name": "odd", "kind": "deviation", "grain": "day", "percent": 25})
    run = judge(till({"a": DAYS}), rules, state, 6)
    (event,) = run.events
    assert (event.unknown_code, event.notified) == ("not_enough_history", False)
    assert "needs 14 known periods, and there are 5" in event.summary
    assert not run.active[0].loud


def test_a_ratio_over_few_rows_is_passed_over(state: State) -> None:
    share = {"name": "few_large", "kind": "threshold", "grain": "day", "below": 0.5, "minimum_denominator": 2}
    shops = till({"a": [10, 10, 90], "b": [10, None, 90]})
    run = judge(shops, catalogue(share, large=True), state, 3, since=JUNE_1)
    assert words(run.events) == ["1 firing", "3 recovered"]


def test_a_limit_in_another_currency_judges_nothing(state: State) -> None:
    rule = LOW | {"unit": "EUR"}
    money = {"unit": "money", "format": "money", "currency": {"missing_rate": "buyer"}}
    run = judge(till({"a": [40]}, buyer=None), catalogue(rule, **money), state, 1)
    assert words(run.events) == ["1 unknown"]
    assert run.events[0].unknown_code == "other_currency"


def test_data_older_than_its_contract_fires_until_it_is_loaded(state: State) -> None:
    rules = catalogue({"name": "late", "kind": "freshness", "renotify": 1})
    stale = till({"a": DAYS}, loaded=datetime(2025, 6, 2, 1, tzinfo=UTC))
    run = judge(stale, rules, state, 3)
    assert [event.event for event in run.events] == ["firing"]
    assert run.events[0].summary == "Takings stands on data from 2025-06-02 01:00 UTC; the limit is 24 h (sales)"
    assert judge(stale, rules, state, 3).events == ()
    assert [event.event for event in judge(stale, rules, state, 4).events] == ["reminder"]
    assert [event.event for event in judge(till({"a": DAYS}), rules, state, 5).events] == ["recovered"]


def test_a_rule_that_changes_is_judged_anew_and_one_that_goes_is_closed(state: State) -> None:
    shops = till({"a": [40, 40, 40]})
    judge(shops, catalogue(LOW), state, 1)
    run = judge(shops, catalogue(LOW | {"below": 30}), state, 2)
    assert words(run.events) == ["withdrawn"]
    assert run.active == ()
    assert words(judge(shops, catalogue(LOW | {"severity": "critical", "below": 30}), state, 3).events) == []
    judge(shops, catalogue(LOW), state, 3)
    assert words(judge(shops, catalogue(), state, 3).events) == ["withdrawn"]
    assert state.alerts.series() == []


def test_a_rule_that_cannot_be_judged_does_not_stop_the_others(state: State) -> None:
    rules = catalogue(LOW | {"name": "typo", "where": {"town": "Ulmm"}}, LOW)
    run = judge(till({"a": [40]}), rules, state, 1)
    assert words(run.events) == ["1 firing"]
    (failure,) = run.failures
    assert failure.rule == "typo"
    assert isinstance(failure.error, UnknownName)


def test_a_dry_run_tells_the_same_and_remembers_nothing(state: State) -> None:
    shops, rules = till({"a": DAYS}), catalogue(LOW)
    dry = judge(shops, rules, state, 3, dry=True)
    assert words(dry.events) == ["3 firing"]
    assert (state.alerts.series(), state.alerts.events()) == ([], [])
    assert words(judge(shops, rules, state, 3).events) == ["3 firing"]


def test_a_day_to_come_is_refused(state: State) -> None:
    with pytest.raises(InputError, match="has not come yet"):
        judge(till({"a": DAYS}), catalogue(LOW), state, 3, up_to=JUNE_1 + timedelta(days=9))


def test_what_is_silenced_is_judged_and_told_when_the_silence_ends(state: State) -> None:
    shops, rules = till({"a": [150, 40, 40, 40]}), catalogue(LOW)
    now = datetime(2025, 6, 2, tzinfo=UTC)
    silence_rule(state, rules, "low", now=now, until=now + timedelta(days=9), reason="moving house")
    run = judge(shops, rules, state, 2)
    assert [(event.event, event.notified, event.silenced) for event in run.events] == [("firing", False, True)]
    assert not run.active[0].loud
    (listed,) = active_alerts(state, now + timedelta(days=1))
    assert listed.silence is not None
    assert listed.silence.reason == "moving house"
    (ended,) = end_silences(state, rules, "takings.low", now=datetime(2025, 6, 3, 12, tzinfo=UTC))
    assert ended.members == ()
    run = judge(shops, rules, state, 3)
    assert [(event.event, event.notified) for event in run.events] == [("reminder", True)]
    assert judge(shops, rules, state, 4).events == ()


def test_one_member_can_be_silenced(state: State) -> None:
    rules, now = catalogue(LOW | {"by": "town"}), datetime(2025, 6, 1, tzinfo=UTC)
    until = now + timedelta(days=9)
    silence_rule(state, rules, "low", members=(("town", "Ulm"),), now=now, until=until, reason="fair")
    run = judge(till({"a": [40], "c": [40]}), rules, state, 1)
    assert {(event.members[0][1], event.notified) for event in run.events} == {("Ulm", False), ("Bonn", True)}
    with pytest.raises(UnknownName, match=r"No town that takings\.low watches is called 'Bon'"):
        silence_rule(state, rules, "low", members=(("town", "Bon"),), now=now, until=until, reason="fair")


def test_a_silence_says_what_it_is_for_and_until_when(state: State) -> None:
    rules, now = catalogue(LOW), datetime(2025, 6, 1, tzinfo=UTC)
    later = now + timedelta(days=1)
    with pytest.raises(UnknownName, match="No alert rule is called 'lov'"):
        silence_rule(state, rules, "lov", now=now, until=later, reason="why")
    with pytest.raises(UnknownName, match="splits by"):
        silence_rule(state, rules, "low", members=(("town", "Ulm"),), now=now, until=later, reason="why")
    with pytest.raises(InputError, match="has passed"):
        silence_rule(state, rules, "low", now=now, until=now, reason="why")
    with pytest.raises(InputError, match="needs a reason"):
        silence_rule(state, rules, "low", now=now, until=later, reason=" ")
    with pytest.raises(InputError, match="isn't silenced"):
        end_silences(state, rules, "low", now=now)
