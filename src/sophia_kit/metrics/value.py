"""What an evaluation answers: a value or the reason why there is none, and everything that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from sophia_kit.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from sophia_kit.metrics.query import MetricQuery

__all__ = [
    "NOT_SET",
    "Comparison",
    "ComparisonKind",
    "Format",
    "Freshness",
    "Grain",
    "MetricResult",
    "MetricValue",
    "Period",
    "Provenance",
    "QualityMark",
    "Unknown",
    "UnknownCode",
]

Grain = Literal["day", "week", "month", "quarter", "year"]
ComparisonKind = Literal["prior_period", "prior_year", "trailing_average", "to_date", "prior_year_to_date", "target"]
Format = Literal["money", "percent", "count", "decimal", "multiple", "score", "days", "months", "milliseconds"]
UnknownCode = Literal[
    "not_loaded",
    "before_data",
    "not_covered",
    "no_rows",
    "missing_rate",
    "missing_month",
    "no_snapshot_at",
    "no_target",
    "unfinished",
    "undefined",
    "not_additive",
]

NOT_SET = "(not set)"
"""The dimension member of rows that carry none."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why there is no value.

    Attributes:
        code: `not_loaded` a table it stands on was never loaded; `before_data` the period lies before the
            first row; `not_covered` the period lies after the last load; `no_rows` nothing to divide by;
            `missing_rate` an amount can't be converted; `missing_month` a month of a trailing window has no
            rows; `no_snapshot_at` older than the oldest snapshot kept; `no_target` nothing was planned;
            `unfinished` the period has to end first; `undefined` the formula has no meaning for these numbers;
            `not_additive` a change isn't the sum of such parts.
        reason: one sentence for a reader.
    """

    code: UnknownCode
    reason: str


@dataclass(frozen=True, slots=True)
class Period:
    """Calendar days from `start` to `end_inclusive`, in the company's time zone.

    Attributes:
        complete: whether the period had ended on the day the question is about.
    """

    grain: Grain
    start: date
    end_inclusive: date
    complete: bool = True

    @property
    def label(self) -> str:
        """The period for a reader: `31 Dec 2025`, `week of 29 Dec 2025`, `Dec 2025`, `Oct-Dec 2025`, `2025`.

        A part of a period, and several days or weeks, are told by their days: `1-15 Dec 2025`.
        """
        start, end = self.start, self.end_inclusive
        if self.grain == "week" and end - start == timedelta(days=6):
            return f"week of {start.day} {start:%b %Y}"
        if self.grain in ("day", "week") or start.day != 1 or (end + timedelta(days=1)).day != 1:
            return _days(start, end)
        if self.grain == "year" and start.month == 1 and start.year == end.year:
            return f"{start:%Y}"
        if (start.year, start.month) == (end.year, end.month):
            return f"{start:%b %Y}"
        if start.year == end.year:
            return f"{start:%b}-{end:%b %Y}"
        return f"{start:%b %Y}-{end:%b %Y}"


def _days(start: date, end: date) -> str:
    last = f"{end.day} {end:%b %Y}"
    if start == end:
        return last
    if start.year != end.year:
        return f"{start.day} {start:%b %Y}-{last}"
    return f"{start.day}-{last}" if start.month == end.month else f"{start.day} {start:%b}-{last}"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the data behind a value is.

    Attributes:
        status: `stale` when a table is older than its contract permits, or its last load failed; `unknown` when one was
            never loaded.
        as_of: the oldest last successful load of the tables read (UTC); None when nothing was loaded.
        tables: the raw tables that are not fresh.
        failures: a sentence for each of them whose last load failed: when, and why.
    """

    status: Literal["fresh", "stale", "unknown"]
    as_of: datetime | None
    tables: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a value comes from.

    Attributes:
        sql: the statements that ran, in order, separated by `;` where there are several.
        params: what was bound to them, by name; a further statement's parameters carry its position.
        tables: the raw tables read.
        source_systems: the systems that delivered those tables.
        definition_digest: sha256 (hex) of the metric's definition and those it derives from.
        own_definitions: which of these the project's own folder defines: `name (file:line)`, and what is replaced.
        engine: the warehouse's dialect.
        query_ids: under which the warehouse's history has the statements; empty on DuckDB, which keeps none.
        ran_at: when they ran (UTC), where rows may have changed since; None where a snapshot was read.
    """

    sql: str
    params: tuple[tuple[str, Any], ...]
    snapshot_id: str | None
    tables: tuple[str, ...]
    source_systems: tuple[str, ...]
    definition_digest: str
    own_definitions: tuple[str, ...] = ()
    engine: str = "duckdb"
    query_ids: tuple[str, ...] = ()
    ran_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QualityMark:
    """A check of the data that a value stands on, and that it didn't pass.

    Attributes:
        check: the check's id, e.g. `payments.amount_in_range`; empty when no check ran at all.
        view: the canonical view that was checked.
        detail: one sentence for a reader.
        status: `failed`, or `unknown` when the check could not run.
    """

    check: str
    view: str
    detail: str
    status: Literal["failed", "unknown"] = "failed"

    @property
    def text(self) -> str:
        """The mark as a reader sees it."""
        if not self.check:
            return self.detail
        return f"Check {self.check} {'failed' if self.status == 'failed' else 'could not run'}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A value set against its base.

    Attributes:
        base: the value compared with; None when it is unknown.
        absolute: value - base, in the metric's unit (a ratio's change is in ratio points: 0.01 is one point).
        relative: absolute / |base|; None when the base is 0 or unknown.
        good: whether the change is welcome; None when there is none, or the metric has no direction.
        unknown: why there is no comparison; None when there is one.
        base_period: the base's period; for a target, the value's own.
    """

    kind: ComparisonKind
    base: Decimal | None
    absolute: Decimal | None
    relative: Decimal | None
    good: bool | None
    unknown: Unknown | None
    base_period: Period | None


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One number, or why it is unknown: exactly one of `value` and `unknown` is None.

    Attributes:
        unit: a currency code, `ratio`, `count`, `fte` or `multiple`.
        day: the company day that the question is about.
        known_at: the moment of the snapshot it is answered from (UTC); None when there is no such snapshot.
        members: the dimension members it is restricted to by the grouping, in the order asked; empty without a
            grouping, and when nothing is known of any member.
        display: the text a reader sees; `unknown` when there is no value.
        quality: checks of the data it stands on that failed or could not run; empty when all passed.
    """

    metric: str
    label: str
    value: Decimal | None
    unknown: Unknown | None
    unit: str
    format: Format
    period: Period
    day: date
    known_at: datetime | None
    freshness: Freshness
    members: tuple[tuple[str, str], ...]
    demo: bool
    provenance: Provenance
    comparisons: tuple[Comparison, ...]
    display: str
    quality: tuple[QualityMark, ...] = ()

    def comparison(self, kind: ComparisonKind) -> Comparison | None:
        """The comparison of that kind, or None when it wasn't asked for."""
        return next((item for item in self.comparisons if item.kind == kind), None)

    def _repr_html_(self) -> str:
        from sophia_kit.metrics.markup import value_markup

        return value_markup(self)


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The answer to one query: a value for each period and dimension member.

    Ordered by period, then by members.
    """

    query: MetricQuery
    values: tuple[MetricValue, ...]

    @property
    def value(self) -> MetricValue:
        """The only value.

        Raises:
            InputError: there are several, or none.
        """
        if len(self.values) != 1:
            raise InputError(
                f"{self.query.metric} has {len(self.values)} values here, not one.",
                hint="Read .values or .frame(), or ask for one period without `by`.",
            )
        return self.values[0]

    @property
    def provenance(self) -> Provenance:
        """Where the values come from; they come from one place."""
        return self.values[0].provenance

    def frame(self) -> pl.DataFrame:
        """The values as a frame; `frame.sophia.provenance` says where they come from.

        Columns: period_start, period_end (Date), complete (Boolean), one column (String) for each dimension,
        value (Decimal with 10 places), unit (String), unknown_code (Enum), unknown_reason (String), freshness (Enum),
        failed_checks (String: checks of the data that failed or couldn't run, joined by commas), then for each
        comparison `<kind>_base`, `<kind>_absolute`, `<kind>_relative` (Decimal) and `<kind>_good` (Boolean). Exactly
        one of value and unknown_code is null.
        """
        from sophia_kit.metrics.frame import frame_of

        return frame_of(self)

    def arrow(self) -> pa.Table:
        """The same as an Arrow table; its schema carries `metadata()`."""
        from sophia_kit.metrics.frame import arrow_of

        return arrow_of(self)

    def metadata(self) -> dict[str, str]:
        """What was asked and where the answer comes from: JSON below the key `sophia_kit`.

        It holds metric, label, unit, day, grain, by, filters, compare, trailing, periods, include_unfinished,
        principal, row_filter (pairs of a dimension and the members that the principal may see), known_at, demo,
        freshness, failed_checks, engine, query_ids, ran_at, snapshot_id, definition_digest, own_definitions, tables,
        source_systems, sql and params. For files too:
        `result.frame().write_parquet(path, metadata=result.metadata())`.
        """
        from sophia_kit.metrics.frame import metadata_of

        return metadata_of(self)

    def _repr_html_(self) -> str:
        from sophia_kit.metrics.markup import result_markup

        return result_markup(self)
