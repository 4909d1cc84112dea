"""`explain_change`: why a metric is not what it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

from sophia_kit.core.clock import company_day
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.metrics.calendar import Calendar, day_is_over, require_reckonable
from sophia_kit.metrics.catalogue import Catalogue
from sophia_kit.metrics.change.asked import Asked
from sophia_kit.metrics.change.dimensions import by_dimension
from sophia_kit.metrics.change.drivers import drivers_of
from sophia_kit.metrics.change.model import Breakdown, ChangeExplanation, Versus
from sophia_kit.metrics.change.parts import Draft, assemble, own
from sophia_kit.metrics.change.periods import parse_period
from sophia_kit.metrics.change.rounding import nearest
from sophia_kit.metrics.change.targets import against_target
from sophia_kit.metrics.engines import engine_at
from sophia_kit.metrics.evaluation import decimal_of, evaluate, unanswered
from sophia_kit.metrics.format import UNKNOWN, change_scale, display_relative
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.value import Grain, MetricValue, Period, Unknown

if TYPE_CHECKING:
    from sophia_kit.core.settings import Settings
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.principal import Principal
    from sophia_kit.warehouse import Engine

__all__ = ["explain_change", "explain_value"]

KINDS = ("prior_period", "prior_year", "target")


def explain_change(
    metric: str,
    period: Period | str | None = None,
    versus: Period | str = "prior_period",
    *,
    dimensions: str | Iterable[str] | None = None,
    day: date | None = None,
    grain: str | None = None,
    filters: Mapping[str, str | Iterable[str]] | None = None,
    known_at: datetime | None = None,
    principal: Principal | None = None,
    settings: Settings | None = None,
    warehouse: Engine | None = None,
    catalogue: Catalogue | None = None,
) -> ChangeExplanation:
    """Explain why a metric changed: what the change consists of, exactly, and which dimension tells most of it.

    Args:
        period: the later period: a Period, or text (`2025-12-02`, `2025-W49`, `2025-12`, `2025-Q3`, `2025`); default:
            the last finished one of `grain` on `day`, as `metric` takes them.
        versus: what it is held against: `prior_period`, `prior_year`, `target`, or an earlier period of the same grain.
        dimensions: to take the change apart by; default: all that the metric has. They come back ranked.
        filters: dimension to member, or to several members.
        known_at: explain from what was known at this moment (with its time zone); default: now. Older than the oldest
            snapshot kept gives unknown.
        principal: who asks, and may see some members only; default: the owner of the process, who may see everything.
        settings: default: those of the project around the working directory.
        warehouse: an open warehouse to ask, instead of opening a snapshot of the settings.
        catalogue: default: that of the settings.

    Raises:
        UnknownName: no such metric, dimension, grain, comparison or dimension member; suggests near ones.
        InputError: the period isn't over, or isn't written as a period; or `versus` isn't earlier or of another grain.
        AccessRefused: the principal may not see what is asked for.
        NoSnapshot: nothing was loaded yet.
    """
    if settings is None:
        from sophia_kit.core.settings import load_settings

        settings = load_settings()
    catalogue = catalogue or Catalogue.load(settings.metrics_folder)
    definition = catalogue.get(metric)
    engine = warehouse or engine_at(settings, known_at)
    clock, calendar = settings.clock(), Calendar.of(settings.company)
    asked = parse_period(period, calendar) if isinstance(period, str) else period
    if asked is not None:
        day, grain = asked.end_inclusive, asked.grain
    kind = _kind(versus)
    restricted = {key: (item,) if isinstance(item, str) else tuple(item) for key, item in (filters or {}).items()}
    query = MetricQuery(
        metric=definition.name,
        day=day or company_day(clock.now(), engine.time_zone if engine else settings.company.time_zone),
        grain=cast("Grain | None", grain),
        compare=() if kind is None else (kind,),
        filters=tuple(restricted.items()),
        principal=principal,
    )
    require_reckonable(query.day)
    if engine is None:
        assert known_at is not None
        over = day_is_over(query.day, clock.now(), settings.company.time_zone)
        value = unanswered(catalogue, query, calendar, settings, known_at, day_over=over).value
    else:
        value = evaluate(engine, catalogue, query, clock, calendar).value
    if asked is not None and value.period.start != asked.start:
        raise InputError(f"{asked.label} isn't over yet.", hint=f"Ask for a period up to {value.period.label}.")
    if kind is not None:
        compared = value.comparison(kind)
        assert compared is not None
        assert compared.base_period is not None
        base_period = compared.base_period
    else:
        base_period = parse_period(versus, calendar) if isinstance(versus, str) else versus
        _check_earlier(base_period, value.period)
    by = definition.dimensions if dimensions is None else dimensions
    names: tuple[str, ...] = (by,) if isinstance(by, str) else tuple(by)
    if engine is None:
        why = value.unknown
        told = tuple(Draft(name, "contribution", unknown=why) for name in names)
        return _conclude(definition, value, kind or "period", replace(value, period=base_period), None, why, (), told)
    whole = Asked(engine, catalogue, calendar, definition, value, base_period, query.filters, principal)
    return explain_value(whole, kind or "period", names)


def explain_value(asked: Asked, versus: Versus, dimensions: tuple[str, ...]) -> ChangeExplanation:
    """Explain the change of a value that was answered already; with `target`, it carries that comparison.

    Raises:
        UnknownName: the metric has no such dimension.
    """
    definition = asked.definition
    for name in dimensions:
        if name not in definition.dimensions:
            raise UnknownName(f"dimension of {definition.name}", name, definition.dimensions)
    if versus == "target":
        return _conclude(definition, asked.value, versus, *against_target(asked, dimensions))
    reader = asked.reader()
    before, after = asked.pair(asked.cells(reader))
    base = _at(asked, before.value, before.unknown)
    base = replace(base, provenance=asked.provenance(reader))
    why = after.unknown or before.unknown
    change = None if before.value is None or after.value is None else after.value - before.value
    drivers = drivers_of(asked)
    told = tuple(by_dimension(asked, name) for name in dimensions)
    return _conclude(definition, asked.value, versus, base, change, why, drivers, told)


def _conclude(
    definition: Definition,
    value: MetricValue,
    versus: Versus,
    base: MetricValue,
    change: Fraction | None,
    unknown: Unknown | None,
    drivers: tuple[Draft, ...],
    dimensions: tuple[Draft, ...],
) -> ChangeExplanation:
    """Round, rank, and say the change in words."""
    largest = max((draft.largest for draft in (*drivers, *dimensions)), default=Fraction(0))
    scale = change_scale(change or largest, definition.format, value.unit)
    if change is None and unknown is not None:
        dimensions = tuple(replace(draft, unknown=draft.unknown or unknown) for draft in dimensions)
        drivers = tuple(replace(draft, unknown=draft.unknown or unknown) for draft in drivers)
    shown = tuple(assemble(draft, change, scale) for draft in dimensions)
    count = None if change is None else nearest(change, scale.ulp)
    relative = None
    if change is not None and base.value:
        relative = decimal_of(change / abs(Fraction(base.value)))
    return ChangeExplanation(
        value=value,
        versus=versus,
        base=base,
        change=change,
        unknown=unknown,
        higher_is_better=definition.higher_is_better,
        good=_good(definition, change),
        scale=scale,
        count=count,
        display=UNKNOWN if count is None else scale.text(count),
        relative=UNKNOWN if change is None else display_relative(relative),
        drivers=tuple(assemble(draft, change, scale) for draft in drivers),
        dimensions=tuple(sorted(shown, key=_rank)),
    )


def _rank(item: Breakdown) -> tuple[bool, float, int, str]:
    return (item.unknown is not None, -item.score, len(item.parts), item.by)


def _good(definition: Definition, change: Fraction | None) -> bool | None:
    if not change or definition.higher_is_better is None:
        return None
    return (change > 0) == definition.higher_is_better


def _at(asked: Asked, number: Fraction | None, unknown: Unknown | None) -> MetricValue:
    """The metric's value in the earlier period."""
    shown = own(number, asked.definition, asked.engine.currency)
    return replace(
        asked.value,
        value=decimal_of(number),
        unknown=unknown,
        period=asked.base_period,
        comparisons=(),
        display=shown.display,
    )


def _kind(versus: Period | str) -> Literal["prior_period", "prior_year", "target"] | None:
    """The comparison that `versus` names; None when it is a period."""
    if not isinstance(versus, str) or versus[:1].isdigit():
        return None
    if versus not in KINDS:
        raise UnknownName("comparison", versus, KINDS)
    return cast("Literal['prior_period', 'prior_year', 'target']", versus)


def _check_earlier(base: Period, value: Period) -> None:
    if base.grain != value.grain:
        raise InputError(
            f"A {value.grain} isn't compared with a {base.grain}.",
            hint=f"Name a {value.grain} before {value.label}.",
        )
    if base.start >= value.start:
        raise InputError(f"{base.label} isn't before {value.label}.", hint="Name the earlier period as `versus`.")
