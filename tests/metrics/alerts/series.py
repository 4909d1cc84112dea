"""Rules and observations in one line, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sophia_kit.metrics.alerts import ThresholdRule
from sophia_kit.metrics.alerts.machine import Transition, advance, new_series
from sophia_kit.metrics.alerts.observation import Observation, Reason
from sophia_kit.metrics.alerts.rule import Rule
from sophia_kit.metrics.value import Period
from sophia_kit.state import AlertSeries, AlertSilence

NOW = datetime(2025, 6, 1, 6, tzinfo=UTC)
FIRST = date(2025, 1, 1)


def rule(**fields: Any) -> ThresholdRule:
    """A threshold of 10 from above on daily periods; `for` and other keys as in YAML."""
    given = {"name": "high", "kind": "threshold", "grain": "day", "above": 10, **fields}
    return ThresholdRule.model_validate(given)


def seen(day: int, value: float | None, code: str = "missing_rate", *, final: bool = True) -> Observation:
    """What day number `day` brought; None is unknown."""
    start = FIRST + timedelta(days=day)
    return Observation(
        Period("day", start, start),
        (),
        shown=(("label", "Volume"), ("period", f"{start}"), ("value", f"{value}"), ("threshold", "10")),
        value=None if value is None else Decimal(str(value)),
        unknown=None if value is not None else Reason(code, "no rate"),
        final=final,
    )


def days(values: Sequence[float | None]) -> list[Observation]:
    return [seen(day, value) for day, value in enumerate(values)]


def fresh(given: Rule) -> AlertSeries:
    return new_series("volume", given, (), NOW)


def told(
    given: Rule, values: Sequence[float | None], silences: Sequence[AlertSilence] = ()
) -> tuple[AlertSeries, list[tuple[int, str]]]:
    """Where the series stands after these days, and what happened on which: `unknown` is the other track's firing."""
    series, transitions = advance(given, fresh(given), days(values), NOW, silences)
    return series, [(_day(item), word(item)) for item in transitions]


def word(item: Transition) -> str:
    if item.alert == "rule":
        return item.event
    return {"firing": "unknown", "recovered": "known"}.get(item.event, f"unknown {item.event}")


def _day(item: Transition) -> int:
    return -1 if item.seen is None else (item.seen.period.start - FIRST).days


def silence(begins: datetime, ends: datetime) -> AlertSilence:
    return AlertSilence("s", "volume", "high", (), begins, ends, "known")
