"""`metric` and `explain`: what notebooks, scripts and other services call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from sophia_kit.core.clock import company_day
from sophia_kit.core.errors import NoSnapshot, Unconfigured
from sophia_kit.metrics.answers import shared_answers
from sophia_kit.metrics.calendar import Calendar, day_is_over
from sophia_kit.metrics.catalogue import Catalogue
from sophia_kit.metrics.engines import current_engine, engine_at
from sophia_kit.metrics.evaluation import check_query, evaluate, unanswered
from sophia_kit.metrics.explanation import Explanation, explain_metric
from sophia_kit.metrics.principal import Principal
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.value import ComparisonKind, Grain, MetricResult

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.warehouse import Engine

__all__ = ["current_engine", "explain", "metric"]


def metric(
    name: str,
    *,
    by: str | Iterable[str] = (),
    grain: str | None = None,
    compare: str | Iterable[str] = (),
    day: date | None = None,
    filters: Mapping[str, str | Iterable[str]] | None = None,
    known_at: datetime | None = None,
    include_unfinished: bool = False,
    periods: int = 1,
    trailing: int | None = None,
    principal: Principal | None = None,
    settings: Settings | None = None,
    warehouse: Engine | None = None,
    catalogue: Catalogue | None = None,
) -> MetricResult:
    """Ask the catalogue for a number.

    Args:
        by: dimensions to group by.
        grain: `day`, `week`, `month`, `quarter` or `year`; default: the metric's first.
        compare: any of `prior_period`, `prior_year`, `trailing_average`, `to_date`, `prior_year_to_date`, `target`.
        day: the company day the question is about; default: today by the settings' clock.
        filters: dimension to member, or to several members.
        known_at: answer from the snapshot that was current at this moment (with its time zone); default: the
            current one. Older than the oldest kept gives unknown.
        include_unfinished: take the period that holds `day` even though it isn't over.
        periods: how many periods, up to that one.
        trailing: how many periods a trailing average is made of; default: what the metric's definition says.
        principal: who asks, and may see some members only; default: the owner of the process, who may see everything.
        settings: default: those of the project around the working directory.
        warehouse: an open warehouse to ask, instead of opening a snapshot of the settings.
        catalogue: default: the package's metrics and the project's own.

    Raises:
        UnknownName: no such metric, dimension, grain, comparison or dimension member; suggests near ones.
        AccessRefused: the principal may not see what is asked for.
        InputError: the day lies in the future or before the data begins.
        NoSnapshot: nothing was loaded yet.
    """
    settings = _settings(settings)
    catalogue = catalogue or Catalogue.load(settings.metrics_folder)
    clock, calendar = settings.clock(), Calendar.of(settings.company)
    restricted = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in (filters or {}).items()}
    query = MetricQuery(
        metric=catalogue.get(name).name,
        day=day or company_day(clock.now(), settings.company.time_zone),
        grain=cast("Grain | None", grain),
        by=(by,) if isinstance(by, str) else tuple(by),
        compare=cast("tuple[ComparisonKind, ...]", (compare,) if isinstance(compare, str) else tuple(compare)),
        filters=tuple(restricted.items()),
        include_unfinished=include_unfinished,
        periods=periods,
        trailing=trailing,
        principal=principal,
    )
    check_query(catalogue.get(query.metric), query)
    if warehouse is None:
        warehouse = engine_at(settings, known_at)
        if warehouse is None:
            assert known_at is not None
            over = day_is_over(query.day, clock.now(), settings.company.time_zone)
            return unanswered(catalogue, query, calendar, settings, known_at, day_over=over)
    return evaluate(warehouse, catalogue, query, clock, calendar, shared_answers())


def explain(
    name: str,
    *,
    settings: Settings | None = None,
    warehouse: Engine | None = None,
    catalogue: Catalogue | None = None,
    principal: Principal | None = None,
) -> Explanation:
    """Explain a metric: definition, formula, SQL, sources and their freshness, owner, synonyms.

    Works before anything was loaded; then it says nothing of freshness.

    Raises:
        UnknownName: no such metric.
        AccessRefused: the principal may not see the metric.
    """
    settings = _settings(settings)
    catalogue = catalogue or Catalogue.load(settings.metrics_folder)
    catalogue.get(name)
    if warehouse is None:
        with suppress(NoSnapshot, Unconfigured):
            warehouse = current_engine(settings)
    return explain_metric(catalogue, name, settings.clock(), warehouse, demo=settings.demo, principal=principal)


def _settings(settings: Settings | None) -> Settings:
    if settings is not None:
        return settings
    from sophia_kit.core.settings import load_settings

    return load_settings()
