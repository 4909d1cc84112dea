"""From what was seen to what has to be told: a pure function, which knows neither warehouse nor state.

A series has two tracks. On the one its rule is `ok`, `pending` or `firing`; on the other its metric is known or
unknown. What is unknown never moves the first track towards firing, and never ends what fires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sophia_kit.metrics.alerts.observation import LEARNING, Members, Observation, judge, ordinal
from sophia_kit.metrics.alerts.rule import (
    ChangeRule,
    DeviationRule,
    FreshnessRule,
    PeriodicRule,
    Rule,
    ThresholdRule,
)
from sophia_kit.metrics.alerts.summary import DEFAULTS, fill_summary
from sophia_kit.state import AlertEventKind, AlertKind, AlertSeries, AlertSilence

__all__ = ["Transition", "advance", "new_series", "silenced_by"]


@dataclass(frozen=True, slots=True)
class Transition:
    """Something that happened to a series.

    Attributes:
        seen: the period that made it happen; None when it was time alone, or a change of the rule.
        notified: whether it is to be told; `silenced` whether only a silence keeps it from that.
    """

    alert: AlertKind
    event: AlertEventKind
    seen: Observation | None
    summary: str
    notified: bool
    silenced: bool


def new_series(metric: str, rule: Rule, members: Members, at: datetime) -> AlertSeries:
    """A series that nothing is known of yet."""
    return AlertSeries(
        metric=metric,
        rule=rule.name,
        members=members,
        rule_digest=rule.judging_digest,
        grain=rule.grain if isinstance(rule, PeriodicRule) else "day",
        severity=rule.severity,
        status="ok",
        since=None,
        bad_periods=0,
        good_periods=0,
        evaluated_to=None,
        notified_on=None,
        summary=None,
        unknown_code=None,
        unknown_reason=None,
        unknown_since=None,
        unknown_notified_on=None,
        updated_at=at,
    )


def silenced_by(series: AlertSeries, silences: Sequence[AlertSilence], at: datetime) -> AlertSilence | None:
    """The silence that keeps the series from being told at `at`."""
    for item in silences:
        same = (item.metric, item.rule) == (series.metric, series.rule)
        if same and set(item.members) <= set(series.members) and item.begins_at <= at < item.ends_at:
            return item
    return None


def advance(
    rule: Rule,
    prior: AlertSeries,
    observations: Sequence[Observation],
    now: datetime,
    silences: Sequence[AlertSilence] = (),
) -> tuple[AlertSeries, tuple[Transition, ...]]:
    """Judge the periods, oldest first, that come after the last one judged.

    A period that was judged is never judged again, so that the same call on its own result changes nothing. A
    freshness rule is about the present and is judged each time.
    """
    track = _Track(rule, prior, now, silenced_by(prior, silences, now) is not None)
    for seen in observations:
        judged_to = track.series.evaluated_to
        present = isinstance(rule, FreshnessRule)
        if judged_to is not None and seen.period.start <= judged_to and not present:
            continue
        track.unknown(seen) if seen.unknown is not None else track.known(seen)
        if seen.final:
            track.series = replace(track.series, evaluated_to=seen.period.start)
    track.owed()
    changed = replace(track.series, updated_at=prior.updated_at) != prior
    return (replace(track.series, updated_at=now) if changed else prior), tuple(track.transitions)


class _Track:
    """The series as it moves, and what has happened to it."""

    def __init__(self, rule: Rule, series: AlertSeries, now: datetime, silenced: bool) -> None:
        self.rule = rule
        self.series = replace(series, severity=rule.severity)
        self.transitions: list[Transition] = []
        self._silenced = silenced

    def unknown(self, seen: Observation) -> None:
        """The period can't be judged: that is an alert of its own. One that waits for its data breaks no row yet."""
        assert seen.unknown is not None
        series, why = self.series, seen.unknown
        if series.status == "pending" and seen.final:
            self._tell("rule", "cleared", seen, f"{_label(seen)} is unknown in {seen.period.label}", quiet=True)
            series = replace(series, status="ok", bad_periods=0)
        text = f"{_label(seen)} is unknown for {seen.period.label}: {why.reason}"
        quiet = why.code in LEARNING
        if series.unknown_code is None:
            told = self._tell("unknown", "firing", seen, text, quiet=quiet)
            series = replace(
                series, unknown_since=seen.period.start, unknown_notified_on=seen.period.start if told else None
            )
        elif not quiet and self._due(series.unknown_notified_on, seen):
            self._tell("unknown", "reminder", seen, text)
            series = replace(series, unknown_notified_on=seen.period.start)
        good = 0 if seen.final else series.good_periods
        self.series = replace(series, good_periods=good, unknown_code=why.code, unknown_reason=why.reason)

    def known(self, seen: Observation) -> None:
        """The period is bad, good, between the two, or too thin to tell."""
        series = self.series
        text = fill_summary(self.rule.summary or DEFAULTS[self.rule.kind], dict(seen.shown))
        if seen.doubts:
            text += f" (its data failed a check: {'; '.join(seen.doubts)})"
        if series.unknown_code is not None:
            quiet = series.unknown_notified_on is None
            self._tell("unknown", "recovered", seen, f"{_label(seen)} is known again", quiet=quiet)
            series = replace(
                series, unknown_code=None, unknown_reason=None, unknown_since=None, unknown_notified_on=None
            )
        if seen.thin:
            self.series = series
            return
        verdict = judge(self.rule, seen)
        if series.status == "firing":
            series = self._while_firing(series, seen, verdict, text)
        elif verdict == "bad":
            series = self._worse(series, seen, text)
        elif series.status == "pending":
            self._tell("rule", "cleared", seen, text, quiet=True)
            series = replace(series, status="ok", bad_periods=0)
        self.series = series

    def owed(self) -> None:
        """What fires or is unknown and was kept back by a silence is told once the silence is over."""
        series = self.series
        if series.status == "firing" and series.notified_on is None and not self._silenced:
            self._tell("rule", "reminder", None, series.summary or "")
            self.series = series = replace(series, notified_on=series.evaluated_to or series.since)
        code = series.unknown_code
        if code is not None and code not in LEARNING and series.unknown_notified_on is None and not self._silenced:
            self._tell("unknown", "reminder", None, series.unknown_reason or "")
            self.series = replace(series, unknown_notified_on=series.unknown_since)

    def _worse(self, series: AlertSeries, seen: Observation, text: str) -> AlertSeries:
        needed = self.rule.for_ if isinstance(self.rule, PeriodicRule) else 1
        bad = series.bad_periods + 1
        if bad < needed:
            if series.status == "ok":
                self._tell("rule", "pending", seen, text, quiet=True)
            return replace(series, status="pending", bad_periods=bad, summary=text)
        told = self._tell("rule", "firing", seen, text)
        start = seen.period.start
        return replace(
            series,
            status="firing",
            since=start,
            bad_periods=bad,
            good_periods=0,
            notified_on=start if told else None,
            summary=text,
        )

    def _while_firing(self, series: AlertSeries, seen: Observation, verdict: str, text: str) -> AlertSeries:
        if verdict == "good":
            good = series.good_periods + 1
            if good < self._good_needed():
                return replace(series, good_periods=good)
            self._tell("rule", "recovered", seen, text, quiet=series.notified_on is None)
            return replace(
                series, status="ok", since=None, bad_periods=0, good_periods=0, notified_on=None, summary=text
            )
        bad = series.bad_periods + 1 if verdict == "bad" else series.bad_periods
        series = replace(series, good_periods=0, bad_periods=bad, summary=text)
        if self._due(series.notified_on, seen):
            self._tell("rule", "reminder", seen, text)
            series = replace(series, notified_on=seen.period.start)
        return series

    def _good_needed(self) -> int:
        rule = self.rule
        return rule.recovery.for_ if isinstance(rule, ThresholdRule | ChangeRule | DeviationRule) else 1

    def _due(self, notified_on: date | None, seen: Observation) -> bool:
        """Whether it is time to tell again. What was never told is told by `owed`."""
        if self.rule.renotify is None or notified_on is None or self._silenced:
            return False
        return ordinal(seen.period) - ordinal(replace(seen.period, start=notified_on)) >= self.rule.renotify

    def _tell(
        self, alert: AlertKind, event: AlertEventKind, seen: Observation | None, text: str, *, quiet: bool = False
    ) -> bool:
        told = not quiet and not self._silenced
        self.transitions.append(Transition(alert, event, seen, text, told, self._silenced and not quiet))
        return told


def _label(seen: Observation) -> str:
    return dict(seen.shown)["label"]
