"""The one function that answers a metric query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sophia_kit.core.clock import Clock, company_day
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.core.spans import told_span
from sophia_kit.metrics.answers import Answer, Answers
from sophia_kit.metrics.calendar import Calendar, day_is_over, require_reckonable
from sophia_kit.metrics.cells import RATES_TABLE, Cell, Members, Reader
from sophia_kit.metrics.comparison import COMPARISONS, Base, base_of, compare, mean_cell
from sophia_kit.metrics.format import UNKNOWN, display_value
from sophia_kit.metrics.freshness import freshness_over
from sophia_kit.metrics.number import decimal_of
from sophia_kit.metrics.principal import permitted
from sophia_kit.metrics.quality import marks
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.targets import Targets
from sophia_kit.metrics.value import (
    Comparison,
    ComparisonKind,
    Freshness,
    Grain,
    MetricResult,
    MetricValue,
    Period,
    Provenance,
    Unknown,
)

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.warehouse import Engine

__all__ = ["COMPARISONS", "check_query", "decimal_of", "evaluate", "provenance_of", "unanswered", "unit_of"]

_MOST_PERIODS = 400
_MOST_TRAILING = 60


def evaluate(
    warehouse: Engine,
    catalogue: Catalogue,
    query: MetricQuery,
    clock: Clock,
    calendar: Calendar = Calendar(),  # noqa: B008  # frozen
    answers: Answers | None = None,
) -> MetricResult:
    """Answer `query` from the warehouse.

    The values stand in order of period, then of members; every period carries every member that has rows in any
    of them. With `answers`, what was asked before is answered from there.

    Raises:
        AccessRefused: who asks may not see what is asked for.
        UnknownName: no such metric, dimension, grain, comparison or dimension member; suggests near ones.
        InputError: the day lies in the future or before the data begins, or no periods are asked for.
    """
    definition = catalogue.get(query.metric)
    grain = check_query(definition, query)
    today = company_day(clock.now(), warehouse.time_zone)
    if query.day > today:
        raise InputError(f"{query.day} has not come yet: today is {today}.", hint=f"Ask for a day up to {today}.")
    reader = Reader(warehouse, catalogue, calendar, query.day, query.principal)
    first = reader.first_day(definition)
    if first is not None and query.day < first:
        raise InputError(
            f"{query.metric} has no data on {query.day}: its data begins on {first}.",
            hint=f"Ask for a day from {first} on.",
        )
    asked = _periods(calendar, grain, query, day_over=day_is_over(query.day, clock.now(), warehouse.time_zone))
    bases = _bases(calendar, definition, query, asked)
    with told_span("metric", sophia__metric=definition.name):
        answer = _answer(reader, catalogue, definition, query, asked, bases, answers)
    members: list[Members] = sorted(answer.cells.members()) or [()]
    drafts: list[tuple[Period, Members, Cell, tuple[Comparison, ...]]] = []
    for period in asked:
        for key in members:
            cell = answer.cells.at(period, key)
            compared = []
            for kind in query.compare:
                base = bases[kind, period]
                other = answer.targets[period] if kind == "target" else mean_cell(definition, answer.cells, base, key)
                compared.append(compare(definition, kind, cell, other, period, base.shown))
            drafts.append((period, key, cell, tuple(compared)))
    freshness, provenance = _freshness(reader, clock), provenance_of(reader, catalogue, definition, warehouse)
    unit = unit_of(definition, warehouse.currency)
    restricted = bool(permitted(query.principal, definition, ()))
    quality = marks(warehouse, (sql for sql, _ in reader.statements), restricted=restricted)
    values = []
    for period, key, cell, compared_with in drafts:
        value = decimal_of(cell.value)
        values.append(
            MetricValue(
                metric=definition.name,
                label=definition.label,
                value=value,
                unknown=cell.unknown,
                unit=unit,
                format=definition.format,
                period=period,
                day=query.day,
                known_at=warehouse.known_at,
                freshness=freshness,
                members=tuple(zip(query.by, key, strict=False)),
                demo=warehouse.demo,
                provenance=provenance,
                comparisons=compared_with,
                display=display_value(value, definition.format, unit),
                quality=quality,
            )
        )
    return MetricResult(query, tuple(values))


def _bases(
    calendar: Calendar, definition: Definition, query: MetricQuery, asked: Sequence[Period]
) -> dict[tuple[ComparisonKind, Period], Base]:
    """What each period is compared with."""
    trailing = query.trailing or definition.trailing_periods
    passed = {
        period: period if period.complete else replace(period, end_inclusive=min(period.end_inclusive, query.day))
        for period in asked
    }
    return {
        (kind, period): base_of(calendar, kind, period, passed[period], trailing)
        for kind in query.compare
        for period in asked
    }


def _answer(
    reader: Reader,
    catalogue: Catalogue,
    definition: Definition,
    query: MetricQuery,
    asked: Sequence[Period],
    bases: Mapping[tuple[ComparisonKind, Period], Base],
    answers: Answers | None,
) -> Answer:
    """What the query's statements find, or found when they ran before; the reader knows of them either way."""
    warehouse = reader.warehouse
    may_see = permitted(query.principal, definition, query.filters)
    key = (
        warehouse.snapshot, catalogue.schema, catalogue.digest(definition), query, may_see, tuple(asked),
        reader.calendar, warehouse.currency, warehouse.time_zone,
    )  # fmt: skip
    kept = answers if warehouse.snapshot is not None else None
    found = kept.get(key) if kept is not None else None
    if found is not None:
        reader.recall(found.statements, found.views)
        return found
    every = dict.fromkeys([*asked, *(period for base in bases.values() for period in base.of)])
    # A part of a period begins where the whole does, and a statement tells periods by where they begin.
    parts = [period for period in every if not period.complete and period not in asked]
    cells = reader.cells(definition, query.by, query.filters, [period for period in every if period not in parts])
    if parts:
        cells = cells.joined(reader.cells(definition, query.by, query.filters, parts))
    targets: dict[Period, Cell] = {}
    if "target" in query.compare:
        planned = Targets(reader, definition, unit_of(definition, warehouse.currency), query)
        planned.load(asked)
        targets = {period: planned.at(period) for period in asked}
    answer = Answer(cells, targets, tuple(reader.statements), tuple(reader.views))
    if kept is not None:
        kept.keep(key, answer)
    return answer


def unanswered(
    catalogue: Catalogue,
    query: MetricQuery,
    calendar: Calendar,
    settings: Settings,
    known_at: datetime,
    *,
    day_over: bool,
) -> MetricResult:
    """The answer when no snapshot as old as `known_at` is kept: unknown, for every period asked."""
    definition = catalogue.get(query.metric)
    reason = f"No snapshot is kept from {known_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC or before."
    if settings.engine == "snowflake":
        reason = "Snowflake keeps no snapshots: only what it holds now can be asked."
    why = Unknown("no_snapshot_at", reason)
    tables = catalogue.schema.tables(catalogue.views_below(definition))
    provenance = Provenance(
        "", (), None, tables, (), catalogue.digest(definition), catalogue.own_definitions(definition)
    )
    values = []
    asked = _periods(calendar, check_query(definition, query), query, day_over=day_over)
    bases = _bases(calendar, definition, query, asked)
    for period in asked:
        shown = {kind: bases[kind, period].shown for kind in query.compare}
        values.append(
            MetricValue(
                metric=definition.name,
                label=definition.label,
                value=None,
                unknown=why,
                unit=unit_of(definition, settings.company.currency),
                format=definition.format,
                period=period,
                day=query.day,
                known_at=None,
                freshness=Freshness("unknown", None),
                members=(),
                demo=settings.demo,
                provenance=provenance,
                comparisons=tuple(Comparison(kind, None, None, None, None, why, base) for kind, base in shown.items()),
                display=UNKNOWN,
            )
        )
    return MetricResult(query, tuple(values))


def unit_of(definition: Definition, currency: str) -> str:
    """The unit of the metric's values: the company's currency for money."""
    return currency if definition.unit == "money" else definition.unit


def check_query(definition: Definition, query: MetricQuery) -> Grain:
    """The grain asked for; refuses what the definition doesn't offer.

    Raises:
        UnknownName: a dimension, grain or comparison that isn't offered.
        InputError: no periods, too many, a dimension twice, a filter without members, or a day outside of the calendar.
        AccessRefused: the principal may not see what is asked for.
    """
    require_reckonable(query.day)
    grain = query.grain or definition.grains[0]
    if grain not in definition.grains:
        raise UnknownName(f"grain of {definition.name}", grain, definition.grains)
    for name in (*query.by, *(name for name, _ in query.filters)):
        if name not in definition.dimensions:
            raise UnknownName(f"dimension of {definition.name}", name, definition.dimensions)
    for kind in query.compare:
        if kind not in COMPARISONS:
            raise UnknownName("comparison", kind, COMPARISONS)
    if query.trailing is not None and "trailing_average" not in query.compare:
        raise InputError(
            "`trailing` says of how many periods a trailing average is made, and none is asked for.",
            hint="Compare with trailing_average, or leave it out.",
        )
    if query.trailing is not None and not 2 <= query.trailing <= _MOST_TRAILING:
        raise InputError(
            f"A trailing average can't be made of {query.trailing} periods.", hint=f"Ask for 2 to {_MOST_TRAILING}."
        )
    if not 1 <= query.periods <= _MOST_PERIODS:
        raise InputError(f"{query.periods} periods can't be shown.", hint=f"Ask for 1 to {_MOST_PERIODS}.")
    if len(set(query.by)) < len(query.by) or len({name for name, _ in query.filters}) < len(query.filters):
        raise InputError("A dimension is named twice.", hint="Name each once; a filter takes several members.")
    for name, members in query.filters:
        if not members:
            raise InputError(f"The filter on {name} permits no member.", hint="Name at least one.")
    permitted(query.principal, definition, query.filters)
    return grain


def _periods(calendar: Calendar, grain: Grain, query: MetricQuery, *, day_over: bool) -> list[Period]:
    """The periods asked for, oldest first. `day_over` says whether `query.day` itself has passed."""
    last = calendar.period(grain, query.day)
    finished = last.end_inclusive < query.day or (last.end_inclusive == query.day and day_over)
    if not finished:
        if query.include_unfinished:
            last = Period(grain, last.start, last.end_inclusive, complete=False)
        else:
            last = calendar.shift(last, -1)
    return [*(calendar.shift(last, -back) for back in range(query.periods - 1, 0, -1)), last]


def _freshness(reader: Reader, clock: Clock) -> Freshness:
    """Of all tables read. Rates count only once they were loaded: without need, none are missing."""
    states = [reader.freshness[name] for name in reader.tables(reader.views) if name in reader.freshness]
    states = [state for state in states if state.table_name != RATES_TABLE or state.last_success_at is not None]
    return freshness_over(states, clock.now())


def provenance_of(reader: Reader, catalogue: Catalogue, definition: Definition, warehouse: Engine) -> Provenance:
    tables = reader.tables(reader.views or catalogue.views_below(definition))
    systems = {reader.freshness[name].source_system for name in tables if name in reader.freshness}
    params = [
        (name if position == 0 else f"{position + 1}.{name}", tuple(value) if isinstance(value, list) else value)
        for position, (_, bound) in enumerate(reader.statements)
        for name, value in bound.items()
    ]
    return Provenance(
        sql=";\n\n".join(sql for sql, _ in reader.statements),
        params=tuple(params),
        snapshot_id=warehouse.snapshot.snapshot_id if warehouse.snapshot else None,
        tables=tables,
        source_systems=tuple(sorted(systems)),
        definition_digest=catalogue.digest(definition),
        own_definitions=catalogue.own_definitions(definition),
        engine=warehouse.dialect,
        query_ids=tuple(reader.query_ids),
        ran_at=None if warehouse.snapshot else reader.ran_at,
    )
