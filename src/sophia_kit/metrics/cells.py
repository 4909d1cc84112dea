"""From periods and members to exact numbers: runs the statements, and says why where there is no number."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.metrics.calendar import Calendar, day_is_over, months_before, year_before
from sophia_kit.metrics.catalogue import Catalogue
from sophia_kit.metrics.cell import Cell, Cells, Members, cell_of, key_of, window_cell
from sophia_kit.metrics.compile import Compiled, Shape, compile_members
from sophia_kit.metrics.definition import (
    CohortDefinition,
    CumulativeDefinition,
    Definition,
    DerivedDefinition,
    DistinctCountDefinition,
    FlowDefinition,
    Input,
    PointInTimeDefinition,
    RowsDefinition,
)
from sophia_kit.metrics.dialects import dialect_of
from sophia_kit.metrics.expression import (
    evaluate_formula,
    parse_formula,
    parse_requirement,
    requirement_holds,
)
from sophia_kit.metrics.principal import Filters, Principal, permitted
from sophia_kit.metrics.value import NOT_SET, Period, Unknown
from sophia_kit.warehouse import TableFreshness

if TYPE_CHECKING:
    from sophia_kit.warehouse import Engine

__all__ = ["RATES_TABLE", "Cell", "Cells", "Members", "Reader"]

RATES_TABLE = "fx_rates"


@dataclass(slots=True)
class _Known:
    """What is the same until other data are known, asked once."""

    known_at: datetime
    freshness: dict[str, TableFreshness]
    first_days: dict[str, date | None] = field(default_factory=dict)


_known: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()
_known_guard = threading.Lock()


class Reader:
    """Evaluates definitions on one warehouse, for one day and one principal, and keeps what it ran.

    Attributes:
        statements: what ran, with what was bound, in order.
        query_ids: the ids of what ran, where the warehouse gives them.
        ran_at: when the first statement ran; None while all was recalled.
        views: the canonical views read so far.
    """

    def __init__(
        self,
        warehouse: Engine,
        catalogue: Catalogue,
        calendar: Calendar,
        day: date,
        principal: Principal | None = None,
    ) -> None:
        self.statements: list[tuple[str, Mapping[str, Any]]] = []
        self.query_ids: list[str] = []
        self.ran_at: datetime | None = None
        self.views: dict[str, None] = {}
        self.warehouse = warehouse
        self._dialect = dialect_of(warehouse.dialect)
        self._catalogue = catalogue
        self.calendar = calendar
        self._day = day
        self._principal = principal
        with _known_guard:
            known = _known.get(warehouse)
            if known is None or known.known_at != warehouse.known_at:
                known = _known[warehouse] = _Known(warehouse.known_at, warehouse.freshness())
        self._snapshot = known

    @property
    def freshness(self) -> dict[str, TableFreshness]:
        return self._snapshot.freshness

    def tables(self, views: Iterable[str]) -> tuple[str, ...]:
        """The raw tables below views, without their schema, in order of name."""
        return self._catalogue.schema.tables(views)

    def recall(self, statements: Iterable[tuple[str, Mapping[str, Any]]], views: Iterable[str]) -> None:
        """Take what ran before as evidence."""
        self.statements += statements
        self.views |= dict.fromkeys(views)

    def run(self, sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run a statement and keep it as evidence."""
        self.statements.append((sql, params))
        found = self.warehouse.query(sql, params)
        if found.provenance.query_id is not None:
            self.query_ids.append(found.provenance.query_id)
        self.ran_at = self.ran_at or found.provenance.ran_at
        return found.frame.to_dicts()

    def first_day(self, definition: Definition) -> date | None:
        """The first day that the metric's rows know of; None when there are no rows. Never loaded counts as such."""
        days = [self._first_day(row) for row in self._catalogue.rows_below(definition)]
        known = [day for day in days if day is not None]
        return max(known) if len(known) == len(days) else None

    def cells(self, definition: Definition, by: Members, filters: Filters, periods: Sequence[Period]) -> Cells:
        """The metric's numbers for `periods`, which are distinct and of one grain.

        Raises:
            UnknownName: a filter names a member that no row of the metric has, whatever the period.
        """
        cells = self._cells(definition, by, filters, periods)
        # A member without rows may be misspelt, and one with rows hides another beside it.
        doubtful = tuple(pair for pair in filters if not cells.found or len(pair[1]) > 1)
        if doubtful and not all(cell.unknown and cell.unknown.code == "not_loaded" for cell in cells.absent.values()):
            self._check_members(definition, doubtful)
        return cells

    def _cells(self, definition: Definition, by: Members, filters: Filters, periods: Sequence[Period]) -> Cells:
        if isinstance(definition, DerivedDefinition):
            return self._derived(definition, by, filters, periods)
        assert isinstance(definition, RowsDefinition)
        return self._rows(definition, by, filters, periods)

    def _rows(self, definition: RowsDefinition, by: Members, asked_for: Filters, periods: Sequence[Period]) -> Cells:
        filters = permitted(self._principal, definition, asked_for)
        shape = self._shape(definition, by, filters, periods)
        compiled = self._catalogue.compile(definition, shape, self.warehouse.dialect)
        self.views |= dict.fromkeys(compiled.views)
        absent: dict[Period, Cell] = {}
        asked: list[Period] = []
        for period in periods:
            why = self._unanswerable(definition, compiled, period)
            absent[period] = Cell(None, why) if why else self._empty(definition, compiled, period)
            if why is None:
                asked.append(period)
        if not asked:
            return Cells({}, absent)
        if len(asked) < len(periods):
            shape = self._shape(definition, by, filters, asked)
            compiled = self._catalogue.compile(definition, shape, self.warehouse.dialect)
        params = self._params(definition, compiled, asked, filters)
        rows = self.run(compiled.sql, params)
        lacking: dict[tuple[date, Members], list[str]] = {}
        if any(row["missing_rates"] for row in rows):
            named = self._catalogue.compile(definition, replace(shape, named=True), self.warehouse.dialect)
            named_rows = self.run(named.sql, params)
            lacking = {key_of(row, by): self._dialect.read_texts(row["missing_rates"]) for row in named_rows}
        by_start = {period.start: period for period in asked}
        found: dict[tuple[Period, Members], Cell] = {}
        for row in rows:
            if row["row_count"]:
                start, members = key_of(row, by)
                found[by_start[start], members] = cell_of(definition, row, lacking.get((start, members), []))
        return Cells(found, absent)

    def _shape(self, definition: RowsDefinition, by: Members, filters: Filters, periods: Sequence[Period]) -> Shape:
        single = len(periods) == 1 and not isinstance(definition, CohortDefinition)
        shape = Shape(by, tuple(name for name, _ in filters), single=single)
        if not self._dialect.expands_lists:
            return shape
        return replace(shape, periods=len(periods), members=tuple(len(members) for _, members in filters))

    def _derived(
        self, definition: DerivedDefinition, by: Members, filters: Filters, periods: Sequence[Period]
    ) -> Cells:
        inputs = {name: self._input(item, by, filters, periods) for name, item in definition.inputs.items()}
        members = {key for cells in inputs.values() for key in cells.members()}
        formula = parse_formula(definition.expression, definition.inputs)
        required = [(parse_requirement(rule.condition, definition.inputs), rule) for rule in definition.requires]

        def compute(period: Period, key: Members) -> Cell:
            cells = {name: cells.at(period, key) for name, cells in inputs.items()}
            for name, cell in cells.items():
                if cell.unknown is not None:
                    label = self._catalogue.get(definition.inputs[name].metric).label
                    reason = cell.unknown.reason
                    return Cell(None, Unknown(cell.unknown.code, f"{label} is unknown: {reason}"))
            values = {name: cell.value for name, cell in cells.items() if cell.value is not None}
            try:
                for condition, rule in required:
                    if not requirement_holds(condition, values):
                        return Cell(None, Unknown("undefined", rule.otherwise))
                number = evaluate_formula(formula, values)
            except ZeroDivisionError:
                return Cell(None, Unknown("no_rows", f"{definition.label} has nothing to divide by in {period.label}."))
            return Cell(number, None, sum(cell.rows for cell in cells.values()))

        found = {(period, key): compute(period, key) for period in periods for key in members}
        return Cells(found, {period: compute(period, ()) for period in periods})

    def _input(self, item: Input, by: Members, filters: Filters, periods: Sequence[Period]) -> Cells:
        definition = self._catalogue.get(item.metric)
        if item.window is None:
            moved = {period: self.calendar.shift(period, item.offset) if item.offset else period for period in periods}
            cells = self._cells(definition, by, filters, list(moved.values()))
            found = {
                (period, key): cells.found[there, key]
                for period, there in moved.items()
                for key in cells.members()
                if (there, key) in cells.found
            }
            return Cells(found, {period: cells.absent[there] for period, there in moved.items()})
        months = {
            period: tuple(
                self.calendar.shift(month, item.offset)
                for month in self.calendar.months(self._end(period), item.window)
            )
            for period in periods
        }
        every = sorted({month for window in months.values() for month in window}, key=lambda month: month.start)
        cells = self._cells(definition, by, filters, every)
        keys = cells.members()
        found = {(p, key): window_cell(definition, item, cells, months[p], key) for p in periods for key in keys}
        return Cells(found, {p: window_cell(definition, item, cells, months[p], ()) for p in periods})

    def _unanswerable(self, definition: RowsDefinition, compiled: Compiled, period: Period) -> Unknown | None:
        needed = [table for table in self.tables(compiled.views) if table != RATES_TABLE]
        for table in needed:
            state = self.freshness.get(table)
            if state is None or state.last_success_at is None:
                system = f" ({state.source_system})" if state else ""
                noted = None if state is None else state.reason
                why = f"its source{system} hasn't delivered it." if noted is None else noted.rstrip(".") + "."
                return Unknown("not_loaded", f"{table} was never loaded: {why}")
        first = self._first_day(definition)
        if first is None:
            return Unknown("no_rows", f"{definition.base} was loaded, but holds no rows.")
        begins = f"{definition.base} begins on {first}"
        if period.end_inclusive < first:
            return Unknown("before_data", f"{begins}, after {period.label}.")
        opening = self._opening(definition, period)
        if isinstance(definition, CohortDefinition) and opening < first:
            return Unknown("before_data", f"{begins}; {opening} is needed.")
        if isinstance(definition, CumulativeDefinition):
            by_month = definition.trailing_days is None
            reached = self.calendar.period("month", opening).end_inclusive if by_month else opening
            if reached < first:
                return Unknown("before_data", f"{begins}; what counts for {period.label} begins on {opening}.")
        whole = self.calendar.history_begins
        if whole is not None and isinstance(definition, FlowDefinition) and opening < whole:
            return Unknown("before_data", f"Everything is kept from {whole} on; {opening} is needed.")
        if definition.base_grain == "month" and not period.complete:
            return Unknown("unfinished", f"{definition.label} is known when its month has ended.")
        return None

    def _empty(self, definition: RowsDefinition, compiled: Compiled, period: Period) -> Cell:
        """What no rows mean: a true zero where the tables cover the period and nothing is a number."""
        base = self.tables(compiled.views[:1])
        for table in base:
            loaded = self.freshness[table].last_success_at if table in self.freshness else None
            if table != RATES_TABLE and (
                loaded is None or not day_is_over(self._end(period), loaded, self.warehouse.time_zone)
            ):
                reason = f"{table} has no rows for {period.label} and was last loaded before it ended."
                return Cell(None, Unknown("not_covered", reason))
        if definition.additive == "none" and not isinstance(definition, DistinctCountDefinition):
            return Cell(None, Unknown("no_rows", f"{definition.label} has no rows in {period.label}."))
        return Cell(Fraction(0), None)

    def _opening(self, definition: RowsDefinition, period: Period) -> date:
        """The first day that counts for a period."""
        end = self._end(period)
        if isinstance(definition, CohortDefinition):
            return year_before(end)
        if not isinstance(definition, CumulativeDefinition):
            return period.start
        if definition.since == "fiscal_year":
            return self.calendar.period("year", end).start
        if definition.trailing_days is not None:
            return end - timedelta(days=definition.trailing_days - 1)
        if definition.trailing_months is not None:
            return months_before(end, definition.trailing_months) + timedelta(days=1)
        first = self._first_day(definition)
        return min(first, period.start) if first else period.start

    def _params(
        self, definition: RowsDefinition, compiled: Compiled, periods: Sequence[Period], filters: Filters
    ) -> dict[str, Any]:
        ends = [self._end(period) for period in periods]
        after = [self.calendar.shift(period, 1) for period in periods]
        openings = [self._opening(definition, period) for period in periods]
        days = {"first_day": periods[0].start, "last_day": max(ends), "opening": min(openings)}
        days |= {"next_start": after[0].start, "next_end": after[0].end_inclusive}
        lists = {
            "starts": [period.start for period in periods],
            "ends": ends,
            "openings": openings,
            "next_starts": [period.start for period in after],
            "next_ends": [period.end_inclusive for period in after],
        }
        given: dict[str, Any] = {**days, "currency": self.warehouse.currency, **self._filter_params(filters)}
        for name, items in lists.items():
            given |= self._dialect.bind(name, items)
        return {name: value for name, value in given.items() if name in compiled.parameters}

    def _filter_params(self, filters: Filters) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        for index, (_, members) in enumerate(filters):
            bound |= self._dialect.bind(f"filter_{index}", members)
        return bound

    def _end(self, period: Period) -> date:
        """The last day that counts: rows after the day asked about don't belong to an unfinished period."""
        return period.end_inclusive if period.complete else min(period.end_inclusive, self._day)

    def _first_day(self, definition: RowsDefinition) -> date | None:
        if isinstance(definition, PointInTimeDefinition | CohortDefinition):
            column = definition.valid.from_
        else:
            assert isinstance(definition, FlowDefinition)
            column = definition.time
        key = f"{definition.base}.{column}"
        days = self._snapshot.first_days
        if key not in days:
            sql = f"SELECT min({column}) FROM {definition.base}"  # noqa: S608  # both checked against the schema
            found = self.warehouse.query(sql).frame.item()
            if found is not None and type(found) is not date:
                raise _no_days(definition, column, self._catalogue.schema.columns(definition.base))
            days[key] = found
        first, whole = days[key], self.calendar.history_begins
        return max(first, whole) if first and whole else first

    def _check_members(self, definition: Definition, filters: Filters) -> None:
        rows = self._catalogue.rows_below(definition)
        for dimension, members in filters:
            known = {member for row in rows for member in self._members(row, dimension)}
            for member in members:
                if known and member not in known and member != NOT_SET:
                    raise UnknownName(dimension, member, sorted(known))

    def _members(self, definition: RowsDefinition, dimension: str) -> list[str]:
        """The members of a dimension that the principal may see."""
        restricted = permitted(self._principal, definition, ())
        shape = Shape((dimension,), tuple(name for name, _ in restricted))
        shape = replace(shape, members=tuple(len(items) for _, items in restricted))
        compiled = compile_members(definition, shape, self.warehouse.dialect, self._catalogue.schema)
        params = self._filter_params(restricted)
        return self.warehouse.query(compiled.sql, params).frame["member"].to_list()


def _no_days(definition: RowsDefinition, column: str, known: Sequence[str]) -> InputError:
    """A moment has no company day of its own: the views have a column of days beside it."""
    day = column.removesuffix("_at") + "_day"
    near = f": {day}, say" if day in known else ""
    return InputError(
        f"{definition.name} takes its days from {column} of {definition.base}, which holds no dates.",
        hint=f"Let its definition name a column of type DATE{near}.",
    )
