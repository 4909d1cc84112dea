"""Asks what a daily brief consists of: one question a metric, all on one snapshot."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Final

from sophia_kit.core.clock import Clock, SystemClock, company_day
from sophia_kit.core.errors import AccessRefused, InputError, UnknownName
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.metrics.answers import shared_answers
from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.catalogue import Catalogue
from sophia_kit.metrics.change.asked import Asked
from sophia_kit.metrics.change.entry import explain_value
from sophia_kit.metrics.definition import Definition, DerivedDefinition, RatioDefinition, RowsDefinition
from sophia_kit.metrics.engines import current_snapshot
from sophia_kit.metrics.evaluation import evaluate
from sophia_kit.metrics.principal import Filters, Principal
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.value import ComparisonKind, Grain, MetricValue
from sophia_kit.reports.compose import Grouped, MetricText, Quality, compose
from sophia_kit.reports.model import DailyBrief, Finding, FreshnessGate, Header, Kpi
from sophia_kit.reports.parameters import BriefParameters
from sophia_kit.reports.quality import find_quality, freshness_gate, late_tables
from sophia_kit.reports.why import Explained, movers_of

if TYPE_CHECKING:
    from sophia_kit.metrics.change import ChangeExplanation
    from sophia_kit.metrics.value import MetricResult
    from sophia_kit.warehouse import Warehouse

__all__ = ["BriefChoices", "brief_choices", "daily_brief", "segments"]

KEY_FIGURES: Final = (
    "arr",
    "mrr",
    "mrr_new",
    "mrr_expansion",
    "mrr_contraction",
    "mrr_churned",
    "nrr",
    "revenue",
    "rpe",
    "headcount",
    "open_pipeline",
    "pipeline_coverage",
    "win_rate",
    "payment_volume",
    "payment_success_rate",
    "failed_payments",
)
ON_THE_DAY: Final = ("payment_volume", "payment_success_rate", "failed_payments")
MOVERS: Final = (("arr", "account"), ("arr", "segment"), ("revenue", "stream"), ("payment_volume", "processor"))
FAILURES: Final = ("failed_payments", "reason")
NAMES: Final = frozenset({"account", "owner", "property"})
"""Dimensions whose members are single customers, people or places: too many to explain what moved a company."""
PERIODS: Final[dict[Grain, int]] = {"day": 30, "month": 13, "quarter": 9}


def daily_brief(
    settings: Settings | None = None,
    *,
    day: date | None = None,
    segment: str | None = None,
    warehouse: Warehouse | None = None,
    catalogue: Catalogue | None = None,
    clock: Clock | None = None,
    principal: Principal | None = None,
) -> DailyBrief:
    """The brief of a company day: key figures, trends, movers, data quality and the narrative about them.

    Months that are unfinished on `day` (default: today) are left out. With `segment`, every metric that can be
    split by segment is; the others stay whole and say so. `settings` default to the project's, `warehouse` to its
    current snapshot.

    `principal` is who reads it: every number is asked for it, and a finding says which were refused. Default: the owner
    of the process, who may see everything.

    Raises:
        NoSnapshot: nothing has been loaded.
        InputError: the day is in the future, or before the data of every metric begins.
        UnknownName: no such segment; suggests near ones.
        AccessRefused: the reader may not see that segment, or none of the figures.
    """
    settings = settings or load_settings()
    clock, warehouse = clock or settings.clock(), warehouse or current_snapshot(settings)
    day = day or company_day(clock.now(), warehouse.time_zone)
    _check_segment(segment, segments(warehouse, principal), principal)
    catalogue = catalogue or Catalogue.load(settings.metrics_folder)
    return _Asking(settings, warehouse, catalogue, clock, day, segment, principal).brief()


@dataclass(frozen=True, slots=True)
class BriefChoices:
    """What can be asked for: days up to `day`, today by the run's clock, and the segments that may be seen."""

    day: date
    segments: tuple[str, ...]


def brief_choices(
    asked: BriefParameters, settings: Settings | None = None, principal: Principal | None = None
) -> BriefChoices:
    """What a reader may choose from, given that `asked` is among it. `principal` is the reader.

    Raises:
        NoSnapshot: nothing has been loaded.
        InputError: the day asked for has not come yet.
        UnknownName: no such segment; suggests near ones.
        AccessRefused: the reader may not see the segment asked for.
    """
    settings = settings or load_settings()
    warehouse = current_snapshot(settings)
    found = BriefChoices(company_day(settings.clock().now(), warehouse.time_zone), segments(warehouse, principal))
    if asked.day is not None and asked.day > found.day:
        raise InputError(
            f"{asked.day} has not come yet: today is {found.day}.", hint=f"Ask for a day up to {found.day}."
        )
    _check_segment(asked.segment, found.segments, principal)
    return found


def _check_segment(segment: str | None, known: tuple[str, ...], principal: Principal | None) -> None:
    if segment is None or segment in known:
        return
    if principal is not None and principal.attributes:
        raise AccessRefused(
            f"{principal.name} may not see segment {segment!r}.", hint=f"Permitted: {', '.join(known) or 'none'}."
        )
    raise UnknownName("segment", segment, known)


def segments(warehouse: Warehouse, principal: Principal | None = None) -> tuple[str, ...]:
    """The segments that accounts have, in order of name; those alone that the principal may see.

    Who is restricted by another dimension is told of none: which segments it reaches is in rows that it may not see.
    """
    permitted = None if principal is None else principal.permits("segment")
    if permitted is None and principal is not None and principal.attributes:
        return ()
    found = warehouse.query(_SEGMENTS).frame["segment"].to_list()
    return tuple(segment for segment in found if permitted is None or segment in permitted)


_SEGMENTS: Final = "SELECT DISTINCT segment FROM accounts WHERE segment IS NOT NULL ORDER BY segment"


@dataclass(slots=True)
class _Asking:
    """One brief being asked for. Metrics without data on the day, and those that its reader may not see, are kept in
    `without`.
    """

    settings: Settings
    warehouse: Warehouse
    catalogue: Catalogue
    clock: Clock
    day: date
    segment: str | None
    principal: Principal | None = None
    without: list[tuple[str, InputError | AccessRefused]] = field(default_factory=list)

    def brief(self) -> DailyBrief:
        kpis = [kpi for name in KEY_FIGURES if (kpi := self._kpi(name)) is not None]
        if not kpis:
            raise self.without[0][1]
        day_kpis = [kpi for name in ON_THE_DAY if (kpi := self._kpi(name, "day")) is not None]
        asked = {kpi.name for kpi in kpis}
        grouped = [self._grouped(*pair, ranked=True) for pair in MOVERS if pair[0] in asked]
        if FAILURES[0] in asked:
            grouped.append(self._grouped(*FAILURES, ranked=False))
        values = [kpi.value for kpi in (*kpis, *day_kpis)]
        values += [value for item in grouped for value in item.values[:1]]
        required = {table for value in values for table in value.provenance.tables}
        gate, limits = freshness_gate(self.warehouse, required, self.clock.now())
        quality = self._quality(gate)
        without = dict.fromkeys(
            Finding("refused" if isinstance(error, AccessRefused) else "unknown", label, error.message)
            for label, error in self.without
        )
        changes = [self._change(kpi, kind, kpis) for kpi, kind in movers_of(kpis)]
        return compose(
            self._header(),
            kpis=kpis,
            day_kpis=day_kpis,
            grouped=grouped,
            gate=gate,
            quality=replace(
                quality,
                findings=(*quality.findings, *without),
                explanations=(*quality.explanations, limits),
            ),
            texts={name: _text(self.catalogue.get(name)) for name in KEY_FIGURES},
            changes=changes,
        )

    def _quality(self, gate: FreshnessGate) -> Quality:
        if not self._audience:
            return find_quality(self.warehouse, gate)
        told = "Records set aside, failed checks and failed loads are counted over everybody's rows."
        return Quality((*late_tables(gate), Finding("refused", "data quality", told)), ())

    @property
    def _audience(self) -> Filters:
        return () if self.principal is None else self.principal.attributes

    def _change(self, kpi: Kpi, kind: Explained, kpis: Iterable[Kpi]) -> ChangeExplanation:
        definition, compared = self.catalogue.get(kpi.name), kpi.value.comparison(kind)
        assert compared is not None
        assert compared.base_period is not None
        filters = self._filters(definition)
        asked = Asked(
            engine=self.warehouse,
            catalogue=self.catalogue,
            calendar=Calendar.of(self.settings.company),
            definition=definition,
            value=kpi.value,
            base_period=compared.base_period,
            filters=filters,
            principal=self.principal,
            answered={item.name: item.trend for item in kpis},
        )
        restricted = {name for name, _ in filters}
        dimensions = tuple(name for name in definition.dimensions if name not in {*restricted, *NAMES})
        return explain_value(asked, kind, dimensions)

    def _filters(self, definition: Definition) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if self.segment is None or "segment" not in definition.dimensions:
            return ()
        return (("segment", (self.segment,)),)

    def _kpi(self, name: str, grain: Grain | None = None) -> Kpi | None:
        definition = self.catalogue.get(name)
        grain = grain or definition.grains[0]
        whole = self.segment is not None and "segment" not in definition.dimensions
        compare: tuple[ComparisonKind, ...] = ("prior_period", "prior_year")
        if grain != "day":
            compare = (*compare, "target")
        try:
            result = self._ask(name, grain=grain, periods=PERIODS[grain], compare=compare)
        except UnknownName:
            raise
        except (InputError, AccessRefused) as error:
            self.without.append((definition.label, error))
            return None
        trend = _without_comparisons(result.values[:-1])
        return Kpi(name, result.values[-1], (*trend, result.values[-1]), whole_company=whole)

    def _grouped(self, metric: str, dimension: str, *, ranked: bool) -> Grouped:
        result = self._ask(metric, grain="month", by=(dimension,), compare=("prior_period",))
        values = tuple(value for value in result.values if value.members)
        return Grouped(metric, dimension, values, ranked)

    def _ask(
        self,
        metric: str,
        *,
        grain: Grain,
        periods: int = 1,
        by: tuple[str, ...] = (),
        compare: tuple[ComparisonKind, ...],
    ) -> MetricResult:
        filters = self._filters(self.catalogue.get(metric))
        query = MetricQuery(
            metric,
            self.day,
            grain=grain,
            by=by,
            compare=compare,
            filters=filters,
            periods=periods,
            principal=self.principal,
        )
        calendar = Calendar.of(self.settings.company)
        return evaluate(self.warehouse, self.catalogue, query, self.clock, calendar, shared_answers())

    def _header(self) -> Header:
        return Header(
            company=self.settings.company.name,
            day=self.day,
            segment=self.segment,
            time_zone=self.warehouse.time_zone,
            currency=self.warehouse.currency,
            run_id=_run_id(),
            snapshot_id=self.warehouse.snapshot.snapshot_id,
            known_at=self.warehouse.snapshot.known_at,
            written_at=self.clock.now(),
            clock_frozen=self.clock.frozen,
            demo=self.warehouse.demo or self.settings.demo,
            audience=self._audience,
        )


def _without_comparisons(values: Iterable[MetricValue]) -> tuple[MetricValue, ...]:
    """The past of a trend: each month's own comparisons are not the brief's subject."""
    return tuple(replace(value, comparisons=()) for value in values)


def _run_id() -> str:
    """The run this process belongs to, or an id of its own."""
    given = os.environ.get("SOPHIA_RUN_ID")
    return given or f"{SystemClock().now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _text(definition: Definition) -> MetricText:
    return MetricText(f"{definition.description} Definition: {definition.source}.", _formula(definition))


def _formula(definition: Definition) -> str:
    if isinstance(definition, DerivedDefinition):
        parts = ", ".join(f"{name} is {item.metric}" for name, item in definition.inputs.items())
        return f"{definition.expression}, where {parts}"
    if isinstance(definition, RatioDefinition):
        return f"{definition.numerator.expression} / {definition.denominator.expression}"
    if isinstance(definition, RowsDefinition):
        told = getattr(definition, "expression", None) or f"{definition.kind} over {definition.base}"
        return f"{told} where {definition.filter}" if definition.filter else told
    return definition.kind
