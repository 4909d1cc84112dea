"""Tries definitions on a warehouse: they compile for each dialect, answer at each grain, and have the right values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Literal, get_args

from sophia_kit.core.clock import Clock, company_day
from sophia_kit.core.errors import SophiaError
from sophia_kit.metrics.compile import Shape
from sophia_kit.metrics.definition import CohortDefinition, Definition, ValueTest
from sophia_kit.metrics.evaluation import evaluate
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.value import MetricValue
from sophia_kit.warehouse import Dialect

if TYPE_CHECKING:
    from sophia_kit.metrics.calendar import Calendar
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.warehouse import Engine

__all__ = ["Check", "Trial", "trials"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        subject: `compile`, a grain, or a test as `2025-12-31 month segment=Enterprise`.
        status: `skipped` for a test of the other company, the demo's or the real one.
        detail: the value, or what is wrong.
    """

    subject: str
    status: Literal["passed", "failed", "skipped"]
    detail: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A metric and what was tried of it: compiling, a value at each grain, each of its tests."""

    metric: str
    file: str | None
    demo: bool
    compiled: Check
    values: tuple[Check, ...]
    tests: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.status != "failed" for check in (self.compiled, *self.values, *self.tests))


def trials(
    catalogue: Catalogue, names: Iterable[str], engine: Engine, clock: Clock, calendar: Calendar
) -> Iterator[Trial]:
    """Try each metric of `names`, one after the other, on the engine's company day.

    Raises:
        UnknownName: no such metric.
    """
    today = company_day(clock.now(), engine.time_zone)

    def ask(query: MetricQuery) -> MetricValue:
        return evaluate(engine, catalogue, query, clock, calendar).value

    for definition in [catalogue.get(name) for name in names]:
        origin = catalogue.origin(definition.name)
        yield Trial(
            metric=definition.name,
            file=None if origin is None else str(origin),
            demo=engine.demo,
            compiled=_compiled(catalogue, definition),
            values=tuple(_valued(ask, MetricQuery(definition.name, today, grain)) for grain in definition.grains),
            tests=tuple(_tested(ask, definition, test, demo=engine.demo) for test in definition.tests),
        )


Ask = Callable[[MetricQuery], MetricValue]


def _compiled(catalogue: Catalogue, definition: Definition) -> Check:
    """Its statements, and those of what it derives from, by each dimension, in each dialect."""
    dialects: tuple[Dialect, ...] = get_args(Dialect)
    try:
        for row in catalogue.rows_below(definition):
            single = not isinstance(row, CohortDefinition)
            shapes = [Shape(single=single), *(Shape(by=(name,), single=single) for name in definition.dimensions)]
            for dialect in dialects:
                for shape in shapes:
                    catalogue.compile(row, shape, dialect)
    except SophiaError as error:
        return Check("compile", "failed", error.message)
    return Check("compile", "passed", ", ".join(dialects))


def _valued(ask: Ask, query: MetricQuery) -> Check:
    assert query.grain is not None
    try:
        value = ask(query)
    except SophiaError as error:
        return Check(query.grain, "failed", error.message)
    return Check(query.grain, "passed", _told(value))


def _tested(ask: Ask, definition: Definition, test: ValueTest, *, demo: bool) -> Check:
    grain = test.grain or definition.grains[0]
    filters = tuple(test.filters.items())
    subject = " ".join([str(test.day), grain, *(f"{name}={'|'.join(members)}" for name, members in filters)])
    if test.demo != demo:
        return Check(subject, "skipped", "a value of the demo company" if test.demo else "a value of the real company")
    try:
        value = ask(MetricQuery(definition.name, test.day, grain, filters=filters))
    except SophiaError as error:
        return Check(subject, "failed", error.message)
    if test.expect is None or value.value is None:
        if test.expect is None and value.value is None:
            return Check(subject, "passed", _told(value))
    elif _rounded(value.value, test.expect) == test.expect:
        return Check(subject, "passed", f"{test.expect:,f}")
    expected = "unknown" if test.expect is None else f"{test.expect:,f}"
    found = (
        _told(value) if value.value is None else f"{_rounded(value.value, test.expect or Decimal(), 4).normalize():,f}"
    )
    return Check(subject, "failed", f"expected {expected}, found {found}")


def _rounded(value: Decimal, expected: Decimal, more: int = 0) -> Decimal:
    """The value at the places that `expected` is written with, and some more."""
    exponent = expected.as_tuple().exponent
    assert isinstance(exponent, int)
    return value.quantize(Decimal(1).scaleb(min(exponent, 0) - more), rounding=ROUND_HALF_UP)


def _told(value: MetricValue) -> str:
    return value.display if value.unknown is None else f"unknown: {value.unknown.reason}"
