"""What a definition is checked for before anything is asked: its columns, its paths, its expressions, its promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlglot import exp

from sophia_kit.core.suggest import nearest
from sophia_kit.metrics.compile import PERIOD_NAMES
from sophia_kit.metrics.definition import (
    Aggregate,
    CohortDefinition,
    Conversion,
    CumulativeDefinition,
    Definition,
    DerivedDefinition,
    DistinctCountDefinition,
    FlowDefinition,
    PercentileDefinition,
    PointInTimeDefinition,
    RatioDefinition,
    RowsDefinition,
    SimpleDefinition,
)
from sophia_kit.metrics.expression import (
    ExpressionError,
    adds_up,
    parse_aggregate,
    parse_condition,
    parse_formula,
    parse_requirement,
)
from sophia_kit.metrics.value import Grain

if TYPE_CHECKING:
    from sophia_kit.core.source_file import SourceFile
    from sophia_kit.metrics.schema import Schema

__all__ = ["check_inputs", "check_rows", "check_tests", "derives_from"]


def check_rows(definition: RowsDefinition, schema: Schema, source: SourceFile, where: tuple[str, ...]) -> None:
    """Refuse a definition over rows that names what isn't there or promises what doesn't hold.

    Raises:
        DefinitionError: the first mistake.
    """

    def at(*field: str) -> _Located:
        return _Located(source, (*where, *field))

    with at("base"):
        known = schema.columns(definition.base)
    named: dict[tuple[str, ...], str] = {}
    if isinstance(definition, FlowDefinition):
        named[("time",)] = definition.time
    if isinstance(definition, PercentileDefinition | DistinctCountDefinition):
        named[("of",)] = definition.of
    if isinstance(definition, PointInTimeDefinition | CohortDefinition):
        named |= {("valid", "from"): definition.valid.from_, ("valid", "to"): definition.valid.to}
    if isinstance(definition, CohortDefinition):
        named |= {("entity",): definition.entity, ("amount",): definition.amount}
    rule = definition.currency
    balance = isinstance(definition, PointInTimeDefinition | CohortDefinition)
    if isinstance(rule, Conversion):
        named |= {("currency", "code"): rule.code}
        named |= {("currency", "amounts", str(index)): name for index, name in enumerate(rule.amounts)}
        if not (balance and rule.day == "period_end"):
            named |= {("currency", "day"): rule.day}
    elif rule is not None:
        named |= {("currency", "missing_rate"): rule.missing_rate}
    if rule is None and definition.unit == "money":
        raise source.error((*where, "unit"), "money without a currency rule", "Add currency: {amounts, code, day}.")
    for field, column in named.items():
        if column not in known:
            message = f"unknown column {column!r} of {definition.base}"
            raise source.error((*where, *field), message, nearest(column, known))
    for name, path in definition.dimensions.items():
        with at("dimensions", name):
            resolved = schema.resolve_path(definition.base, path)
            if isinstance(definition, CohortDefinition) and resolved.first_column != definition.entity:
                raise ExpressionError(
                    f"{path!r} isn't a property of {definition.entity}",
                    "A cohort's dimension must stay the same while its rows change: reach it over the entity.",
                )
    period_names: tuple[str, ...] = PERIOD_NAMES if isinstance(definition, PointInTimeDefinition) else ()
    if definition.filter is not None:
        with at("filter"):
            parse_condition(definition.filter, (*known, *period_names))
    tree = None
    if isinstance(
        definition, SimpleDefinition | CumulativeDefinition | DistinctCountDefinition | PointInTimeDefinition
    ):
        with at("expression"):
            tree = parse_aggregate(definition.expression, known)
    if isinstance(definition, RatioDefinition):
        for part in ("numerator", "denominator"):
            aggregate: Aggregate = getattr(definition, part)
            with at(part, "expression"):
                _check_single(parse_aggregate(aggregate.expression, known))
            if aggregate.filter is not None:
                with at(part, "filter"):
                    parse_condition(aggregate.filter, known)
    with at("additive"):
        _check_additive(definition, tree, schema)


def _check_additive(definition: RowsDefinition, tree: exp.Expression | None, schema: Schema) -> None:
    """Refuse a promise that values add up where they can't.

    A distinct count adds up over dimensions that are properties of what it counts.
    """
    if definition.additive == "none":
        return
    first = {schema.resolve_path(definition.base, path).first_column for path in definition.dimensions.values()}
    counted_once = first if definition.additive == "dimensions" and len(first) == 1 else ()
    if tree is None or not adds_up(tree, counted_once):
        kind = f"a {definition.kind.replace('_', ' ')}" if tree is None else "what isn't a sum of sums or counts"
        raise ExpressionError(f"{kind} doesn't add up: a total is computed anew", "Say additive: none.")
    if definition.additive == "full" and isinstance(definition, CumulativeDefinition):
        raise ExpressionError("a running total doesn't add up over time", "Say additive: dimensions.")
    if definition.additive == "full" and isinstance(definition, PointInTimeDefinition):
        raise ExpressionError("a balance doesn't add up over time", "Say additive: dimensions.")


def _check_single(tree: exp.Expression) -> None:
    if not isinstance(tree, exp.Sum | exp.Count | exp.Avg | exp.Min | exp.Max):
        raise ExpressionError("a ratio's part is one aggregate", "Say e.g. sum(amount), and its filter beside it.")


def _check_movements(definition: PointInTimeDefinition, known: dict[str, Definition], source: SourceFile) -> None:
    """A movement has to be a sum over a month: those of several months sum to the change between their ends."""
    for name in definition.movements:
        path = ("metrics", definition.name, "movements", name)
        movement = known.get(name)
        if movement is None:
            raise source.error(path, f"unknown metric {name!r}", nearest(name, known))
        if movement.additive != "full" or "month" not in movement.grains or movement.unit != definition.unit:
            message = f"{name} is no movement of {definition.name}"
            raise source.error(path, message, "A movement adds up over months, in the unit of the balance.")


def check_inputs(definition: Definition, known: dict[str, Definition], source: SourceFile) -> None:
    """Refuse a derived definition whose inputs aren't there, lack a grain or a dimension, or go in a circle.

    Refuse a balance whose movements aren't there, or can't be.

    Raises:
        DefinitionError: the first mistake.
    """
    if isinstance(definition, PointInTimeDefinition):
        _check_movements(definition, known, source)
    if not isinstance(definition, DerivedDefinition):
        return
    where = ("metrics", definition.name)
    with _Located(source, (*where, "expression")):
        parse_formula(definition.expression, definition.inputs)
    for index, rule in enumerate(definition.requires):
        with _Located(source, (*where, "requires", str(index), "condition")):
            parse_requirement(rule.condition, definition.inputs)
    for name, item in definition.inputs.items():
        target = known.get(item.metric)
        path = (*where, "inputs", name, "metric")
        if target is None:
            raise source.error(path, f"unknown metric {item.metric!r}", nearest(item.metric, known))
        if definition.name in derives_from(target, known):
            raise source.error(path, f"{item.metric} derives from {definition.name} in turn", "Break the circle.")
        needed: tuple[Grain, ...] = ("month",) if item.window is not None else definition.grains
        for grain in needed:
            if grain not in target.grains:
                raise source.error(path, f"{item.metric} has no grain {grain!r}", f"Known: {', '.join(target.grains)}.")
    with _Located(source, (*where, "additive")):
        _check_derived_additive(definition, known)
    for dimension in definition.dimensions:
        for name, item in definition.inputs.items():
            if dimension not in known[item.metric].dimensions:
                place = (*where, "dimensions", dimension)
                raise source.error(place, f"input {name} has no dimension {dimension!r}", "All inputs need it.")


def _check_derived_additive(definition: DerivedDefinition, known: Mapping[str, Definition]) -> None:
    """Refuse a promise that what is derived adds up where its formula or its inputs don't.

    Over time no input that looks at other periods does: of months it sees others than of their quarter.
    """
    if definition.additive == "none":
        return
    over_time = definition.additive == "full"
    enough = ("full",) if over_time else ("full", "dimensions")
    inputs = {
        name
        for name, item in definition.inputs.items()
        if known[item.metric].additive in enough and not (over_time and (item.offset or item.window))
    }
    if not adds_up(parse_formula(definition.expression, definition.inputs), (), inputs):
        raise ExpressionError(
            "what isn't a sum of inputs that add up doesn't add up: a total is computed anew", "Say additive: none."
        )


def check_tests(definition: Definition, source: SourceFile, where: tuple[str, ...]) -> None:
    """Refuse a test that asks for a grain or a dimension which the metric doesn't offer.

    Raises:
        DefinitionError: the first such test.
    """
    for index, test in enumerate(definition.tests):
        here: tuple[str | int, ...] = (*where, "tests", index)
        if test.grain is not None and test.grain not in definition.grains:
            message = f"{definition.name} has no grain {test.grain!r}"
            raise source.error((*here, "grain"), message, f"Known: {', '.join(definition.grains)}.")
        for name in test.filters:
            if name not in definition.dimensions:
                message = f"{definition.name} has no dimension {name!r}"
                raise source.error((*here, "filters"), message, nearest(name, definition.dimensions))


def derives_from(definition: Definition, known: Mapping[str, Definition]) -> set[str]:
    """The name of the definition and of all that it derives from, as far as they are known."""
    found: set[str] = set()
    ahead = [definition.name]
    while ahead:
        name = ahead.pop()
        item = known.get(name)
        if name not in found and isinstance(item, DerivedDefinition):
            ahead += [below.metric for below in item.inputs.values()]
        found.add(name)
    return found


class _Located:
    """Turns an ExpressionError inside it into a DefinitionError at its place."""

    def __init__(self, source: SourceFile, where: tuple[str, ...]) -> None:
        self._source, self._where = source, where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ExpressionError):
            raise self._source.error(self._where, str(error), error.hint) from None
