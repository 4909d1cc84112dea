"""What a rule is told of one period of one series, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sophia_kit.metrics.alerts.rule import ChangeRule, DeviationRule, FreshnessRule, Rule, ThresholdRule
from sophia_kit.metrics.value import Period

__all__ = ["LEARNING", "Members", "Observation", "Reason", "Verdict", "judge", "ordinal"]

Members = tuple[tuple[str, str], ...]
Verdict = Literal["bad", "between", "good"]

LEARNING = ("not_enough_history", "before_data")
"""Reasons that only time removes: shown, and not told to anyone."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a period can't be judged: one of a metric's codes of unknown, or one of these:

    `not_enough_history` too few known periods for a baseline; `no_base` a change from zero has no percentage;
    `other_currency` the limit is in another currency than the company's.
    """

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Observation:
    """A closed period of a series.

    Attributes:
        value: the metric's; None when unknown, and for a freshness rule.
        shown: what a summary may name, as text.
        expected: a baseline or an earlier period's value; None for other rules.
        percent: how far the value lies from it, in percent of it.
        robust_sd: the same in robust standard deviations.
        thin: whether it stands on too little to be judged: neither bad nor good, nor unknown.
        stale: for a freshness rule, whether the data is too old.
        doubts: checks that the data failed on which the value stands, one sentence each.
        unknown: why there is nothing to judge; None when there is.
        final: whether the period is over for good; false while its data is still to be loaded.
    """

    period: Period
    members: Members
    shown: tuple[tuple[str, str], ...] = ()
    value: Decimal | None = None
    unit: str | None = None
    expected: Decimal | None = None
    percent: Decimal | None = None
    robust_sd: Decimal | None = None
    thin: bool = False
    stale: bool = False
    doubts: tuple[str, ...] = ()
    unknown: Reason | None = None
    final: bool = True
    snapshot_id: str | None = None
    known_at: datetime | None = None
    definition_digest: str | None = None


def ordinal(period: Period) -> int:
    """A number that grows by one from period to period of a grain."""
    start = period.start
    if period.grain == "day":
        return start.toordinal()
    if period.grain == "week":
        return start.toordinal() // 7
    return (start.year * 12 + start.month - 1) // {"month": 1, "quarter": 3, "year": 12}[period.grain]


def judge(rule: Rule, seen: Observation) -> Verdict:
    """Whether a known period is bad, good enough to end an alert, or neither."""
    if isinstance(rule, FreshnessRule):
        return "bad" if seen.stale else "good"
    if isinstance(rule, ThresholdRule | ChangeRule):
        measured = seen.value if isinstance(rule, ThresholdRule) else seen.percent
        assert measured is not None
        if rule.above is not None:
            return "bad" if measured > rule.limit else "good" if measured <= rule.recovery_limit else "between"
        return "bad" if measured < rule.limit else "good" if measured >= rule.recovery_limit else "between"
    assert isinstance(rule, DeviationRule)
    if _beyond(rule, seen, rule.percent, rule.robust_sd):
        return "bad"
    back = rule.recovery
    within = not _beyond(rule, seen, back.percent or rule.percent, back.robust_sd or rule.robust_sd)
    return "good" if within else "between"


def _beyond(rule: DeviationRule, seen: Observation, percent: Decimal | None, robust_sd: Decimal | None) -> bool:
    limits = [(seen.percent, percent), (seen.robust_sd, robust_sd)]
    for measured, limit in limits:
        if limit is None:
            continue
        assert measured is not None
        size = {"both": abs(measured), "above": measured, "below": -measured}[rule.side]
        if size <= limit:
            return False
    return True
