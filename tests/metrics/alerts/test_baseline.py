"""What a day was to be expected to bring, on rents that are due on the first."""

from __future__ import annotations

import random
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.metrics.alerts.till import JUNE_1, catalogue, judge, till, words

from sophia_kit.core.errors import ConfigError
from sophia_kit.metrics.alerts import DeviationRule
from sophia_kit.metrics.alerts.baseline import Expectation, baseline_of
from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.value import Grain, Period
from sophia_kit.state import State

FIRST, DAYS = date(2023, 1, 1), 3 * 365
OUTAGE = date(2025, 6, 2)


def rents(seed: int = 7) -> list[tuple[Period, float]]:
    """Three years that grow by a quarter each; most is paid in the first days of a month; noise of 5 %."""
    draws = random.Random(seed)
    found = []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        due = {1: 16.0, 2: 13.0, 3: 10.0, 4: 8.0, 5: 7.0}.get(day.day, 1.0)
        level = 1000 * 1.25 ** (number / 365) * due * draws.gauss(1, 0.05)
        found.append((Period("day", day, day), level * (0.6 if day == OUTAGE else 1)))
    return found


RENTS = rents()
RULE = DeviationRule.model_validate(
    {"name": "r", "kind": "deviation", "grain": "day", "season": "day_of_month", "percent": 25, "robust_sd": 4}
)


def expect(day: date, rule: DeviationRule = RULE, series: list[tuple[Period, float]] = RENTS) -> Expectation:
    place = (day - FIRST).days
    period, value = series[place]
    found = baseline_of(rule).expect(series[:place], period, value, multiplicative=True)
    assert found is not None
    return found


def test_no_first_of_a_month_is_a_surprise_and_an_outage_is_one() -> None:
    for month in range(1, 13):
        for day in (1, 2, 15):
            if date(2025, month, day) != OUTAGE:
                assert abs(expect(date(2025, month, day)).percent or 0) < 25, (month, day)
    found = expect(OUTAGE)
    assert found.percent == pytest.approx(-40, abs=8)
    assert found.robust_sd < -4


def test_a_week_as_the_season_is_surprised_by_every_first() -> None:
    """Why the season has to be named: by weekdays alone, rent day looks like an anomaly."""
    weekly = DeviationRule.model_validate({"name": "r", "kind": "deviation", "grain": "day", "percent": 25})
    assert weekly.seasons == ("day_of_week",)
    assert all((expect(date(2025, month, 1), weekly).percent or 0) > 100 for month in (3, 6, 9))


def test_what_comes_afterwards_is_not_looked_at() -> None:
    day = date(2025, 6, 1)
    place = (day - FIRST).days
    changed = [*RENTS[: place + 1], *((period, value * 50) for period, value in RENTS[place + 1 :])]
    whole = baseline_of(RULE).expect(changed, *RENTS[place], multiplicative=True)
    assert whole == expect(day)


def test_an_outage_does_not_bend_what_is_expected_afterwards() -> None:
    calm = [(period, value / 0.6 if period.start == OUTAGE else value) for period, value in RENTS]
    for day in (OUTAGE + timedelta(days=1), date(2025, 7, 2)):
        assert expect(day).expected == pytest.approx(expect(day, series=calm).expected, rel=0.06)


def test_the_last_day_of_a_month_may_vary_with_the_months_length() -> None:
    """Where what is due on a 31st falls on a 30th, both last days are ordinary."""
    shifted = []
    for period, value in RENTS:
        ends = (period.start + timedelta(days=1)).day == 1
        shifted.append((period, value * (3 if ends and period.start.day < 31 else 1)))
    for day in (date(2025, 4, 30), date(2025, 5, 31), date(2025, 9, 30)):
        found = expect(day, series=shifted)
        assert abs(found.robust_sd) < 4, day


def test_too_little_history_is_no_baseline() -> None:
    period, value = RENTS[61]
    assert baseline_of(RULE).expect(RENTS[:61], period, value, multiplicative=True) is None
    period, value = RENTS[62]
    assert baseline_of(RULE).expect(RENTS[:62], period, value, multiplicative=True) is not None


def test_unknown_days_are_left_out() -> None:
    with_gaps = [pair for pair in RENTS if pair[0].start.day not in (7, 20)]
    place = len([pair for pair in with_gaps if pair[0].start < date(2025, 6, 1)])
    found = baseline_of(RULE).expect(with_gaps[:place], *with_gaps[place], multiplicative=True)
    assert found is not None
    assert found.expected == pytest.approx(expect(date(2025, 6, 1)).expected, rel=0.03)


@pytest.mark.parametrize(("grain", "length"), [("week", 52), ("month", 12), ("quarter", 4)])
def test_other_grains_have_their_year(grain: Grain, length: int) -> None:
    rule = DeviationRule.model_validate({"name": "r", "kind": "deviation", "grain": grain, "percent": 20})
    calendar, periods = Calendar(), [Calendar().period(grain, date(2015, 1, 7))]
    while len(periods) <= 3 * length:
        periods.append(calendar.shift(periods[-1], 1))
    values = [(period, 100.0 * (3 if place % length == 0 else 1)) for place, period in enumerate(periods)]
    found = baseline_of(rule).expect(values[:-1], *values[-1], multiplicative=True)
    assert found is not None
    assert found.expected == pytest.approx(300, rel=0.02)


def test_without_statsmodels_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.seasonal", None)
    with pytest.raises(ConfigError, match="needs statsmodels") as caught:
        expect(OUTAGE)
    assert "sophia-kit[alerts]" in (caught.value.hint or "")


def test_values_of_zero_are_expected_on_their_own_scale() -> None:
    quiet = [(period, float(place % 7 == 0)) for place, (period, _) in enumerate(RENTS[:200])]
    rule = DeviationRule.model_validate({"name": "r", "kind": "deviation", "grain": "day", "robust_sd": 4})
    found = baseline_of(rule).expect(quiet, RENTS[200][0], 0.0, multiplicative=True)
    assert found is not None
    assert found.expected == pytest.approx(0, abs=0.05)


def test_a_deviation_is_told_with_what_was_expected(tmp_path: Path) -> None:
    rules = catalogue({"name": "odd", "kind": "deviation", "grain": "day", "percent": 25, "robust_sd": 4})
    usual = [100 + day % 3 for day in range(28)]
    with State.open(str(tmp_path / "state.sqlite")) as state:
        run = judge(till({"a": [*usual, 20, 101]}), rules, state, 30, since=JUNE_1 + timedelta(days=27))
    assert words(run.events) == ["29 firing", "30 recovered"]
    event = run.events[0]
    assert float(event.expected or 0) == pytest.approx(101, abs=2)
    assert float(event.percent or 0) == pytest.approx(-80, abs=2)
    assert (event.robust_sd or 0) < -4
