"""What the state hands out about alerts: one frozen record a row. Times are UTC, with their zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

__all__ = ["AlertEvent", "AlertEventKind", "AlertKind", "AlertSeries", "AlertSilence", "AlertStatus", "Members"]

AlertStatus = Literal["ok", "pending", "firing"]
AlertKind = Literal["rule", "unknown"]
AlertEventKind = Literal["pending", "cleared", "firing", "reminder", "recovered", "withdrawn"]
Members = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AlertSeries:
    """Where a rule stands for one combination of members. Periods are named by their first day.

    Attributes:
        members: pairs of a dimension and its member; empty when the rule doesn't split.
        rule_digest: of the rule that judged it.
        status: what the rule found; whether the metric is unknown is told apart from it.
        since: the period in which it began to fire.
        bad_periods: bad periods in a row; `good_periods` the same of good ones while it fires.
        evaluated_to: the last period that was judged.
        notified_on: the period of the last notification; None while one is owed.
        summary: what was said last.
        unknown_code: why the metric is unknown; None while it is known.
    """

    metric: str
    rule: str
    members: Members
    rule_digest: str
    grain: str
    severity: str
    status: AlertStatus
    since: date | None
    bad_periods: int
    good_periods: int
    evaluated_to: date | None
    notified_on: date | None
    summary: str | None
    unknown_code: str | None
    unknown_reason: str | None
    unknown_since: date | None
    unknown_notified_on: date | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One thing that happened to an alert.

    Attributes:
        sequence: its place in the history, from 1.
        at: when it was found, by the clock of the run.
        alert: `unknown` tells that the metric couldn't be judged, `rule` everything else.
        event: `pending` a bad period that doesn't suffice yet; `cleared` it didn't come to more; `firing`,
            `reminder`, `recovered`; `withdrawn` the rule was changed or removed.
        expected: what the value was compared with: a baseline, or an earlier period's value.
        percent: how far the value lies from it, in percent of it.
        robust_sd: the same in robust standard deviations.
        notified: whether it is to be told; what is pending or silenced is not.
    """

    sequence: int
    at: datetime
    run_id: str
    metric: str
    rule: str
    members: Members
    alert: AlertKind
    event: AlertEventKind
    severity: str
    grain: str
    period_start: date | None
    period_end: date | None
    value: Decimal | None
    unit: str | None
    expected: Decimal | None
    threshold: Decimal | None
    percent: Decimal | None
    robust_sd: Decimal | None
    unknown_code: str | None
    summary: str
    notified: bool
    silenced: bool
    snapshot_id: str | None
    known_at: datetime | None
    definition_digest: str | None


@dataclass(frozen=True, slots=True)
class AlertSilence:
    """A rule that is judged and not told, from `begins_at` until before `ends_at`.

    Attributes:
        members: which series; empty silences all of the rule.
    """

    silence_id: str
    metric: str
    rule: str
    members: Members
    begins_at: datetime
    ends_at: datetime
    reason: str
