"""Judging every rule of the catalogue once, and keeping what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from sophia_kit.core.errors import SophiaError
from sophia_kit.metrics.alerts.machine import Transition, advance, new_series, silenced_by
from sophia_kit.metrics.alerts.observation import LEARNING, Members
from sophia_kit.metrics.alerts.observe import Observed, Observer
from sophia_kit.metrics.alerts.rule import FreshnessRule, PeriodicRule, Rule
from sophia_kit.metrics.alerts.wording import limit_of
from sophia_kit.state import AlertEvent, AlertSeries, AlertSilence

if TYPE_CHECKING:
    from sophia_kit.core.clock import Clock
    from sophia_kit.metrics.calendar import Calendar
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.state import State
    from sophia_kit.warehouse import Engine

__all__ = ["ActiveAlert", "AlertRun", "RuleFailure", "active_alerts", "run_alerts"]


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """A series that fires, is on its way to, or can't be judged.

    Attributes:
        silence: what keeps it from being told; None when nothing does.
    """

    series: AlertSeries
    silence: AlertSilence | None

    @property
    def loud(self) -> bool:
        """Whether someone should act: it fires, or is unknown for more than want of history; and isn't silenced."""
        series = self.series
        unknown = series.unknown_code is not None and series.unknown_code not in LEARNING
        return self.silence is None and (series.status == "firing" or unknown)


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A rule that could not be judged because of an error; the others were."""

    metric: str
    rule: str
    error: SophiaError


@dataclass(frozen=True, slots=True)
class AlertRun:
    """What one run found.

    Attributes:
        day: the company day that it was about.
        rules: how many rules were judged, and `periods` how many periods of their series.
        events: what happened, in order.
        active: where things stand after it.
    """

    run_id: str
    at: datetime
    day: date
    demo: bool
    rules: int
    periods: int
    events: tuple[AlertEvent, ...]
    active: tuple[ActiveAlert, ...]
    failures: tuple[RuleFailure, ...]


def run_alerts(
    warehouse: Engine,
    catalogue: Catalogue,
    state: State,
    clock: Clock,
    calendar: Calendar,
    *,
    run_id: str,
    metric: str | None = None,
    day: date | None = None,
    since: date | None = None,
    dry: bool = False,
) -> AlertRun:
    """Judge each rule on the closed periods that it has not judged yet, oldest first, and remember the outcome.

    What a rule brings is written in one transaction, after asking the state again how far it is: two runs at once, or
    a run after one that was killed, judge every period once. With `dry` nothing is written.

    Args:
        metric: only this metric's rules.
        since: where a rule begins that was never judged; default: with as many periods as it needs to fire.

    Raises:
        UnknownName: no such metric.
        InputError: `day` lies in the future.
    """
    watched = [catalogue.get(metric)] if metric is not None else catalogue
    observer = Observer(warehouse, catalogue, calendar, clock, day)
    now = clock.now()
    kept: dict[tuple[str, str], list[AlertSeries]] = {}
    events: list[AlertEvent] = []
    failures: list[RuleFailure] = []
    rules = periods = 0
    for definition in watched:
        for rule in definition.alerts:
            rules += 1
            prior = _prior(state, definition, rule)
            try:
                observed = _observe(observer, definition, rule, prior, since)
            except SophiaError as error:
                failures.append(RuleFailure(definition.name, rule.name, error))
                kept[definition.name, rule.name] = list(prior.values())
                continue
            step = _Step(definition, rule, observed, now, run_id)
            with nullcontext() if dry else state.transaction():
                step.take(_stored(state, definition.name, rule.name), state.alerts.silences(now))
                found = step.events if dry else state.alerts.append(step.events)
                if not dry:
                    step.write(state)
            events += found
            periods += sum(len(seen) for seen in observed.due.values())
            kept[definition.name, rule.name] = step.after
    events += _forget_removed(state, catalogue, now, run_id, dry=dry)
    silences = state.alerts.silences(now)
    return AlertRun(
        run_id=run_id,
        at=now,
        day=observer.day,
        demo=warehouse.demo,
        rules=rules,
        periods=periods,
        events=tuple(events),
        active=_active((series for group in kept.values() for series in group), silences, now),
        failures=tuple(failures),
    )


def active_alerts(state: State, at: datetime) -> tuple[ActiveAlert, ...]:
    """The series that fire, are pending or unknown, and which of them are silenced at `at`."""
    return _active(state.alerts.series(), state.alerts.silences(at), at)


def _active(series: Iterable[AlertSeries], silences: Sequence[AlertSilence], at: datetime) -> tuple[ActiveAlert, ...]:
    standing = [item for item in series if item.status != "ok" or item.unknown_code is not None]
    return tuple(ActiveAlert(item, silenced_by(item, silences, at)) for item in standing)


def _stored(state: State, metric: str, rule: str) -> dict[Members, AlertSeries]:
    return {series.members: series for series in state.alerts.series(metric, rule)}


def _prior(state: State, definition: Definition, rule: Rule) -> dict[Members, AlertSeries]:
    """The rule's series; those that another version of it judged don't count."""
    stored = _stored(state, definition.name, rule.name)
    return {key: series for key, series in stored.items() if series.rule_digest == rule.judging_digest}


def _observe(
    observer: Observer, definition: Definition, rule: Rule, prior: dict[Members, AlertSeries], since: date | None
) -> Observed:
    if isinstance(rule, FreshnessRule):
        return observer.freshness(definition, rule)
    assert isinstance(rule, PeriodicRule)
    return observer.periods(definition, rule, prior, since)


class _Step:
    """What was observed of one rule, taken from where its series stand to where they stand then."""

    def __init__(self, definition: Definition, rule: Rule, observed: Observed, now: datetime, run_id: str) -> None:
        self._definition, self._rule, self._observed = definition, rule, observed
        self._now, self._run_id = now, run_id
        self.events: list[AlertEvent] = []
        self.after: list[AlertSeries] = []
        self._saved: list[AlertSeries] = []
        self._dropped: list[AlertSeries] = []

    def take(self, stored: dict[Members, AlertSeries], silences: Sequence[AlertSilence]) -> None:
        rule = self._rule
        for members, series in stored.items():
            if series.rule_digest != rule.judging_digest:
                self._withdraw(series, "the rule was changed; it is judged anew")
            elif members in self._observed.gone:
                self._withdraw(series, "its member is no longer known")
        for members in dict.fromkeys([*stored, *self._observed.due]):
            if members in self._observed.gone:
                continue
            known = stored.get(members)
            if known is None or known.rule_digest != rule.judging_digest:
                if members not in self._observed.due:
                    continue
                known = new_series(self._definition.name, rule, members, self._now)
            elif self._observed.due and members not in self._observed.due:
                # Its member has no rows any more, and nothing is open: it would hold back where the rule begins.
                self._dropped.append(known)
                continue
            seen = self._observed.due.get(members, ())
            series, transitions = advance(rule, known, seen, self._now, silences)
            self.events += [
                _event(self._definition.name, rule, series, item, self._now, self._run_id)
                for item in _told_once(transitions)
            ]
            self.after.append(series)
            if series != known or members not in stored:
                self._saved.append(series)

    def write(self, state: State) -> None:
        for series in self._dropped:
            state.alerts.drop_series(series)
        for series in self._saved:
            state.alerts.save_series(series)

    def _withdraw(self, series: AlertSeries, why: str) -> None:
        self._dropped.append(series)
        self.events += _withdrawn(series, why, self._now, self._run_id)


def _told_once(transitions: Iterable[Transition]) -> Iterator[Transition]:
    """After missed runs many reminders are due at once: what was just told isn't told again."""
    told: set[str] = set()
    for item in transitions:
        if item.event == "reminder" and item.alert in told:
            yield replace(item, notified=False)
            continue
        if item.notified:
            told.add(item.alert)
        yield item


def _forget_removed(state: State, catalogue: Catalogue, now: datetime, run_id: str, *, dry: bool) -> list[AlertEvent]:
    """Close what rules have left behind that the catalogue no longer has."""
    rules = {(definition.name, rule.name) for definition in catalogue for rule in definition.alerts}
    with nullcontext() if dry else state.transaction():
        left = [series for series in state.alerts.series() if (series.metric, series.rule) not in rules]
        events = [event for series in left for event in _withdrawn(series, "the rule was removed", now, run_id)]
        if dry or not left:
            return events
        for series in left:
            state.alerts.drop_series(series)
        return state.alerts.append(events)


def _withdrawn(series: AlertSeries, why: str, now: datetime, run_id: str) -> list[AlertEvent]:
    """The last events of a series that isn't judged any more; none when there is nothing to close."""
    closed = []
    if series.status != "ok":
        told = series.status == "firing" and series.notified_on is not None
        closed.append(Transition("rule", "withdrawn", None, why, told, silenced=False))
    if series.unknown_code is not None:
        told = series.unknown_notified_on is not None
        closed.append(Transition("unknown", "withdrawn", None, why, told, silenced=False))
    return [_event(series.metric, None, series, item, now, run_id) for item in closed]


def _event(
    metric: str, rule: Rule | None, series: AlertSeries, item: Transition, now: datetime, run_id: str
) -> AlertEvent:
    seen = item.seen
    event = AlertEvent(
        sequence=0,
        at=now,
        run_id=run_id,
        metric=metric,
        rule=series.rule,
        members=series.members,
        alert=item.alert,
        event=item.event,
        severity=series.severity,
        grain=series.grain,
        period_start=None,
        period_end=None,
        value=None,
        unit=None,
        expected=None,
        threshold=None if rule is None else limit_of(rule),
        percent=None,
        robust_sd=None,
        unknown_code=None,
        summary=item.summary,
        notified=item.notified,
        silenced=item.silenced,
        snapshot_id=None,
        known_at=None,
        definition_digest=None,
    )
    if seen is None:
        return event
    return replace(
        event,
        period_start=seen.period.start,
        period_end=seen.period.end_inclusive,
        value=seen.value,
        unit=seen.unit,
        expected=seen.expected,
        percent=seen.percent,
        robust_sd=seen.robust_sd,
        unknown_code=None if seen.unknown is None else seen.unknown.code,
        snapshot_id=seen.snapshot_id,
        known_at=seen.known_at,
        definition_digest=seen.definition_digest,
    )
