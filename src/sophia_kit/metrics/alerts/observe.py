"""What a rule's series brought in the periods that are due: asked of the metric layer like any other number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sophia_kit.core.clock import Clock, company_day
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.metrics.alerts.baseline import Baseline, baseline_of
from sophia_kit.metrics.alerts.observation import Members, Observation, Reason
from sophia_kit.metrics.alerts.rule import ChangeRule, DeviationRule, FreshnessRule, PeriodicRule, ThresholdRule
from sophia_kit.metrics.alerts.wording import wording
from sophia_kit.metrics.calendar import Calendar, day_is_over
from sophia_kit.metrics.cells import RATES_TABLE, Reader
from sophia_kit.metrics.evaluation import evaluate, unit_of
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.value import MetricValue, Period

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.state import AlertSeries
    from sophia_kit.warehouse import Engine

__all__ = ["Observed", "Observer"]

_MOST_PERIODS = 400
_MOST_MEMBERS = 500
_MEMBERS_OF = 30  # periods; a member without rows in the judged one still has a value, which is often 0
_SHARES = ("ratio", "points", "score")  # units of which growth is no share

Prior = Mapping[Members, "AlertSeries"]
Values = Mapping[tuple[Members, Period], MetricValue]


@dataclass(frozen=True, slots=True)
class Observed:
    """The periods that are due, by series, oldest first; and the series whose members are no longer known."""

    due: Mapping[Members, tuple[Observation, ...]]
    gone: frozenset[Members] = frozenset()


class Observer:
    """Asks one warehouse, for one day.

    A period is due once it has been over for the rule's `settle_days` on `day`. It is judged once the tables below the
    metric were loaded after that; until then it is unknown, and waits.
    """

    def __init__(
        self, warehouse: Engine, catalogue: Catalogue, calendar: Calendar, clock: Clock, day: date | None = None
    ) -> None:
        self._warehouse = warehouse
        self._catalogue = catalogue
        self._calendar = calendar
        self._clock = clock
        self._tables = warehouse.freshness()
        self.today = company_day(clock.now(), warehouse.time_zone)
        self.day = day or self.today
        if self.day > self.today:
            raise InputError(
                f"{self.day} has not come yet: today is {self.today}.", hint=f"Judge a day up to {self.today}."
            )
        over = day_is_over(self.day, clock.now(), warehouse.time_zone)
        self._last_day = self.day if over else self.day - timedelta(days=1)

    def freshness(self, definition: Definition, rule: FreshnessRule) -> Observed:
        """How old the data below the metric is, now."""
        named = self._catalogue.schema.tables(self._catalogue.views_below(definition))
        states = [self._tables[name] for name in named if name in self._tables]
        loaded = {state.table_name: state.last_success_at for state in states if state.last_success_at is not None}
        never = [name for name in named if name not in loaded and name != RATES_TABLE]
        period = Period("day", self.today, self.today)
        bare = self._bare(definition, rule, period, ())
        if never:
            reason = Reason("not_loaded", f"{', '.join(never)} was never loaded.")
            return Observed({(): (replace(bare, unknown=reason, final=False),)})
        now, limit = self._clock.now(), None if rule.hours is None else float(rule.hours)
        ages = {name: (now - at).total_seconds() / 3600 for name, at in loaded.items()}
        over = {
            state.table_name: ages[state.table_name] - (state.freshness_hours if limit is None else limit)
            for state in states
            if state.table_name in loaded
        }
        oldest = min(loaded.values()).astimezone(UTC)
        worst = max(over, key=lambda name: over[name])
        contract = self._tables[worst].freshness_hours if limit is None else limit
        shown = dict(bare.shown) | {
            "as_of": f"{oldest:%Y-%m-%d %H:%M} UTC",
            "threshold": f"{contract:g} h ({worst})",
            "value": f"{ages[worst]:.0f} h",
        }
        seen = replace(
            bare,
            shown=tuple(shown.items()),
            value=round(Decimal(ages[worst]), 2),
            unit="hours",
            stale=over[worst] > 0,
        )
        return Observed({(): (seen,)})

    def periods(self, definition: Definition, rule: PeriodicRule, prior: Prior, since: date | None = None) -> Observed:
        """The periods after the last that was judged, up to the last that is due.

        A rule that was never judged begins with as many periods as it needs to fire, or with the one that holds
        `since`.

        Raises:
            InputError: the split has too many members.
        """
        last = self._last_due(rule, self._last_day)
        first = self._first_due(rule, prior, last, since)
        if first.start > last.start:
            return Observed({})
        loaded_day, why = self._loaded_until(definition)
        covered = None if loaded_day is None else self._last_due(rule, loaded_day)
        found: dict[Members, list[Observation]] = {}
        gone: set[Members] = set()
        if covered is not None:
            for chunk in self._chunks(rule, first, min(last, covered, key=lambda period: period.start)):
                for members, seen in self._judgeable(definition, rule, chunk, prior, gone).items():
                    found.setdefault(members, []).extend(seen)
        if covered is None or covered.start < last.start:
            reason = Reason("not_loaded" if covered is None else "not_covered", why)
            for members in [*found, *(key for key in prior if key not in found)] or [()]:
                bare = self._bare(definition, rule, last, members)
                found.setdefault(members, []).append(replace(bare, unknown=reason, final=False))
        if rule.by and any(found) and () in prior and () not in found:
            gone.add(())
        return Observed({members: tuple(seen) for members, seen in found.items()}, frozenset(gone))

    def _last_due(self, rule: PeriodicRule, day: date) -> Period:
        """The last period that has been over for `settle_days` when `day` is over."""
        settled = day - timedelta(days=rule.settle_days)
        period = self._calendar.period(rule.grain, settled)
        return period if period.end_inclusive <= settled else self._calendar.shift(period, -1)

    def _first_due(self, rule: PeriodicRule, prior: Prior, last: Period, since: date | None) -> Period:
        judged = [series.evaluated_to for series in prior.values() if series.evaluated_to is not None]
        if judged:
            return self._calendar.shift(self._calendar.period(rule.grain, min(judged)), 1)
        if since is not None:
            return self._calendar.period(rule.grain, since)
        return self._calendar.shift(last, 1 - rule.for_)

    def _loaded_until(self, definition: Definition) -> tuple[date | None, str]:
        """The last day that was over when the tables with the metric's rows were loaded; and what to say of it."""
        bases = [row.base for row in self._catalogue.rows_below(definition)]
        needed = [name for name in self._catalogue.schema.tables(bases) if name != RATES_TABLE]
        days = {}
        for name in needed:
            state = self._tables.get(name)
            if state is None or state.last_success_at is None:
                return None, f"{name} was never loaded."
            day = company_day(state.last_success_at, self._warehouse.time_zone)
            over = day_is_over(day, state.last_success_at, self._warehouse.time_zone)
            days[name] = day if over else day - timedelta(days=1)
        oldest = min(days, key=lambda name: days[name])
        return days[oldest], f"{oldest} was last loaded before it had settled: it is complete to {days[oldest]}."

    def _chunks(self, rule: PeriodicRule, first: Period, last: Period) -> Iterator[tuple[Period, ...]]:
        """The due periods, in runs that can be asked for at once together with what they are compared with."""
        size = _MOST_PERIODS - _looks_back(rule)
        here = first
        while here.start <= last.start:
            chunk = [here]
            while len(chunk) < size and chunk[-1].start < last.start:
                chunk.append(self._calendar.shift(chunk[-1], 1))
            yield tuple(chunk)
            here = self._calendar.shift(chunk[-1], 1)

    def _judgeable(
        self, definition: Definition, rule: PeriodicRule, chunk: Sequence[Period], prior: Prior, gone: set[Members]
    ) -> dict[Members, list[Observation]]:
        begins = Reader(self._warehouse, self._catalogue, self._calendar, self.day).first_day(definition)
        if begins is not None and chunk[-1].end_inclusive < begins:
            reason = Reason("before_data", f"its data begins on {begins}.")
            bare = [self._bare(definition, rule, period, ()) for period in chunk]
            return {(): [replace(seen, unknown=reason) for seen in bare]}
        baseline = baseline_of(rule) if isinstance(rule, DeviationRule) else None
        values = self._values(definition, rule, chunk, rule.where, rule.by)
        members = list(dict.fromkeys(key for key, _ in values))
        for absent, series in prior.items():
            if absent in members or not absent or (series.status == "ok" and series.unknown_code is None):
                continue
            where = {**rule.where, **{name: (member,) for name, member in absent}}
            try:
                alone = self._values(definition, rule, chunk, where, ())
            except UnknownName:
                gone.add(absent)
                continue
            values |= {(absent, period): value for (_, period), value in alone.items()}
            members.append(absent)
        if len(members) > _MOST_MEMBERS:
            raise InputError(
                f"{definition.name} has {len(members):,} members by {', '.join(rule.by)}.",
                hint=f"An alert takes up to {_MOST_MEMBERS}: split it by less, or restrict it with where.",
            )
        thin = self._thin(definition, rule, chunk, members)
        known = _known(values) if baseline else {}
        return {
            key: [
                replace(self._bare(definition, rule, period, key), thin=True)
                if (key, period) in thin
                else self._seen(definition, rule, key, values[key, period], baseline, known.get(key, ()))
                for period in chunk
            ]
            for key in members
        }

    def _thin(
        self, definition: Definition, rule: PeriodicRule, chunk: Sequence[Period], members: Sequence[Members]
    ) -> set[tuple[Members, Period]]:
        """The periods in which the ratio divides by less than the rule wants to see."""
        if rule.minimum_denominator is None:
            return set()
        reader = Reader(self._warehouse, self._catalogue, self._calendar, self.day)
        cells = reader.cells(definition, rule.by, tuple(rule.where.items()), chunk)
        found = set()
        for key in members:
            for period in chunk:
                cell = cells.at(period, tuple(member for _, member in key))
                nothing = cell.unknown is not None and cell.unknown.code == "no_rows"
                if nothing or (cell.denominator is not None and cell.denominator < rule.minimum_denominator):
                    found.add((key, period))
        return found

    def _values(
        self,
        definition: Definition,
        rule: PeriodicRule,
        chunk: Sequence[Period],
        where: Mapping[str, tuple[str, ...]],
        by: tuple[str, ...],
    ) -> dict[tuple[Members, Period], MetricValue]:
        query = MetricQuery(
            metric=definition.name,
            day=chunk[-1].end_inclusive,
            grain=rule.grain,
            by=by,
            compare=(rule.versus,) if isinstance(rule, ChangeRule) else (),
            filters=tuple(where.items()),
            periods=len(chunk) + _looks_back(rule),
        )
        result = evaluate(self._warehouse, self._catalogue, query, self._clock, self._calendar)
        return {(value.members, value.period): value for value in result.values}

    def _bare(
        self, definition: Definition, rule: PeriodicRule | FreshnessRule, period: Period, members: Members
    ) -> Observation:
        """An observation that holds nothing but where it comes from."""
        snapshot = self._warehouse.snapshot
        unit = unit_of(definition, self._warehouse.currency)
        return Observation(
            period,
            members,
            wording(definition, rule, period, members, unit),
            unit=unit,
            snapshot_id=None if snapshot is None else snapshot.snapshot_id,
            known_at=self._warehouse.known_at,
            definition_digest=self._catalogue.digest(definition),
        )

    def _seen(
        self,
        definition: Definition,
        rule: PeriodicRule,
        members: Members,
        value: MetricValue,
        baseline: Baseline | None,
        known: Sequence[tuple[Period, float]],
    ) -> Observation:
        period = value.period
        bare = self._bare(definition, rule, period, members)
        if value.value is None:
            assert value.unknown is not None
            return replace(bare, unknown=Reason(value.unknown.code, value.unknown.reason))
        doubts = tuple(mark.text for mark in value.quality if mark.status == "failed")
        measured = replace(bare, value=value.value, doubts=doubts)
        if isinstance(rule, ThresholdRule) and rule.unit is not None and rule.unit != value.unit:
            text = f"the limit is in {rule.unit}, and the company reports in {value.unit}."
            return replace(measured, unknown=Reason("other_currency", text))
        if isinstance(rule, ChangeRule):
            measured = _changed(rule, measured, value)
        elif isinstance(rule, DeviationRule):
            assert baseline is not None
            measured = _deviating(rule, definition, measured, baseline, known)
        if measured.unknown is not None:
            return measured
        shown = wording(
            definition, rule, period, members, value.unit,
            value=measured.value, expected=measured.expected, percent=measured.percent,
        )  # fmt: skip
        return replace(measured, shown=shown)


def _looks_back(rule: PeriodicRule) -> int:
    """How many periods before the judged one are asked for."""
    history = baseline_of(rule).history if isinstance(rule, DeviationRule) else 0
    return max(history, _MEMBERS_OF) if rule.by else history


def _known(values: Values) -> dict[Members, list[tuple[Period, float]]]:
    """The known values of each series, oldest first."""
    found: dict[Members, list[tuple[Period, float]]] = {}
    for (members, period), value in sorted(values.items(), key=lambda item: item[0][1].start):
        if value.value is not None:
            found.setdefault(members, []).append((period, float(value.value)))
    return found


def _changed(rule: ChangeRule, seen: Observation, value: MetricValue) -> Observation:
    compared = value.comparison(rule.versus)
    assert compared is not None
    if compared.unknown is not None:
        return replace(seen, unknown=Reason(compared.unknown.code, compared.unknown.reason))
    if compared.relative is None:
        return replace(seen, unknown=Reason("no_base", "a change from zero has no percentage."))
    return replace(seen, expected=compared.base, percent=compared.relative * 100)


def _deviating(
    rule: DeviationRule,
    definition: Definition,
    seen: Observation,
    baseline: Baseline,
    known: Sequence[tuple[Period, float]],
) -> Observation:
    assert seen.value is not None
    found = baseline.expect(known, seen.period, float(seen.value), multiplicative=definition.unit not in _SHARES)
    if found is None:
        count = len(baseline.look_back(known, seen.period))
        text = f"its baseline needs {baseline.needed} known periods, and there are {count}."
        return replace(seen, unknown=Reason("not_enough_history", text))
    if found.percent is None and rule.percent is not None:
        return replace(seen, unknown=Reason("no_base", "nothing was expected, and from zero there is no percentage."))
    return replace(
        seen,
        expected=_decimal(found.expected),
        percent=None if found.percent is None else _decimal(found.percent),
        robust_sd=_decimal(found.robust_sd),
    )


def _decimal(number: float) -> Decimal:
    """A computed number to ten significant digits: it is an estimate, and its further digits mean nothing."""
    return Decimal(f"{number:.10g}")
