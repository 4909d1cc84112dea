"""What a metric is: its definition in words and as a formula, its SQL, and what it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from sophia_kit.metrics.compile import Shape
from sophia_kit.metrics.definition import (
    Aggregate,
    CohortDefinition,
    Conversion,
    CumulativeDefinition,
    Definition,
    DerivedDefinition,
    DistinctCountDefinition,
    Input,
    PercentileDefinition,
    PointInTimeDefinition,
    RatioDefinition,
    RowsDefinition,
    SimpleDefinition,
)
from sophia_kit.metrics.format import display_value
from sophia_kit.metrics.principal import Filters, Principal, permitted
from sophia_kit.metrics.quality import marks, results_on
from sophia_kit.metrics.value import Freshness, Grain, QualityMark
from sophia_kit.warehouse import Dialect

if TYPE_CHECKING:
    from sophia_kit.core.clock import Clock
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.compile import Compiled
    from sophia_kit.warehouse import Engine
    from sophia_kit.warehouse.checks import CheckResult

__all__ = ["Explanation", "TableState", "explain_metric", "formula", "statements"]


@dataclass(frozen=True, slots=True)
class TableState:
    """A raw table that a metric stands on.

    Attributes:
        last_success_at: when it was last loaded completely (UTC); None when it never was.
        freshness_hours: how old its last load may be.
        rows: of the whole table; None to a principal who may not see them all.
        because: why it isn't fresh; None when it is.
    """

    table: str
    source_system: str
    last_success_at: datetime | None
    freshness_hours: float
    rows: int | None
    status: str
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A metric, explained.

    Attributes:
        formula: the computation in one line.
        sql: the statements, by the metric they compute; dates, currency and filters are bound as `$name`.
        tables: what it stands on in the snapshot; empty when nothing was loaded yet.
        freshness: over all tables; None when nothing was loaded yet.
        checks: what the checks of the data it stands on found, by its undivided number; empty where none ran, and to
            a principal who may not see all rows, since it tells of all.
        quality: those of them that mark its values.
        file: where the definition stands, `file:line`; None when it was made in memory.
        own_definitions: see Provenance.
        row_filter: the members, by dimension, that whoever asks may see; empty where that is everything.
    """

    name: str
    label: str
    description: str
    source: str
    owner: str
    kind: str
    formula: str
    unit: str
    higher_is_better: bool | None
    additive: str
    grains: tuple[Grain, ...]
    dimensions: tuple[str, ...]
    target: str | None
    synonyms: tuple[str, ...]
    sql: tuple[tuple[str, str], ...]
    definition_digest: str
    tables: tuple[TableState, ...]
    freshness: Freshness | None
    checks: tuple[CheckResult, ...]
    quality: tuple[QualityMark, ...]
    snapshot_id: str | None
    known_at: datetime | None
    demo: bool
    file: str | None
    own_definitions: tuple[str, ...]
    row_filter: Filters = ()

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What it says in words, as pairs of a label and a text for a reader."""
        direction = {True: "higher is better", False: "lower is better", None: "neither direction is better"}
        own = [text for text in self.own_definitions if text != f"{self.name} ({self.file})"]
        return (
            ("Formula", self.formula),
            ("Definition", self.source),
            ("Owner", self.owner),
            ("Unit", f"{self.unit}, {direction[self.higher_is_better]}"),
            ("Adds up", self.additive),
            ("Grains", ", ".join(self.grains)),
            ("Dimensions", ", ".join(self.dimensions) or "none"),
            ("Target", self.target or "none"),
            ("Also called", ", ".join(self.synonyms) or "nothing else"),
            ("File", self.file or "none"),
            *(("Own", text) for text in own),
            ("Digest", self.definition_digest),
        )

    def _repr_html_(self) -> str:
        from sophia_kit.metrics.explanation_markup import as_html

        return as_html(self)


def explain_metric(
    catalogue: Catalogue,
    name: str,
    clock: Clock,
    warehouse: Engine | None = None,
    *,
    demo: bool = False,
    principal: Principal | None = None,
) -> Explanation:
    """Explain a metric; with a warehouse, also how fresh what it stands on is; to a principal, with its row filter.

    Raises:
        UnknownName: no such metric.
        AccessRefused: the principal may not see the metric.
    """
    definition = catalogue.get(name)
    row_filter = permitted(principal, definition, ())
    rows = catalogue.rows_below(definition)
    restricted = tuple(dimension for dimension, _ in row_filter)
    compiled = {row.name: _compiled(catalogue, row, filters=restricted) for row in rows}
    names = catalogue.schema.tables(view for item in compiled.values() for view in item.views)
    states = () if warehouse is None else _states(warehouse, names, clock, restricted=bool(row_filter))
    statements = [item.sql for item in compiled.values()]
    return Explanation(
        name=definition.name,
        label=definition.label,
        description=definition.description,
        source=definition.source,
        owner=definition.owner,
        kind=definition.kind.replace("_", " "),
        formula=formula(definition),
        unit=definition.unit,
        higher_is_better=definition.higher_is_better,
        additive={"full": "over time and dimensions", "dimensions": "over dimensions", "none": "no"}[
            definition.additive
        ],
        grains=definition.grains,
        dimensions=tuple(definition.dimensions),
        target=_target(definition),
        synonyms=definition.synonyms,
        sql=tuple((name, item.sql) for name, item in compiled.items()),
        definition_digest=catalogue.digest(definition),
        tables=states,
        freshness=_overall(states) if states else None,
        checks=() if warehouse is None or row_filter else results_on(warehouse, statements),
        quality=() if warehouse is None else marks(warehouse, statements, restricted=bool(row_filter)),
        snapshot_id=warehouse.snapshot.snapshot_id if warehouse and warehouse.snapshot else None,
        known_at=warehouse.known_at if warehouse else None,
        demo=warehouse.demo if warehouse else demo,
        file=None if (origin := catalogue.origin(name)) is None else str(origin),
        own_definitions=catalogue.own_definitions(definition),
        row_filter=row_filter,
    )


def statements(catalogue: Catalogue, definition: Definition) -> dict[Dialect, dict[str, str]]:
    """By dialect and by the metric over rows that it computes, the statement for one period of the whole company."""
    dialects: tuple[Dialect, ...] = get_args(Dialect)
    rows = catalogue.rows_below(definition)
    return {dialect: {row.name: _compiled(catalogue, row, dialect).sql for row in rows} for dialect in dialects}


def _compiled(
    catalogue: Catalogue, row: RowsDefinition, dialect: Dialect = "duckdb", filters: tuple[str, ...] = ()
) -> Compiled:
    return catalogue.compile(row, Shape(filters=filters, single=not isinstance(row, CohortDefinition)), dialect)


def formula(definition: Definition) -> str:
    """The computation in one line."""
    if isinstance(definition, DerivedDefinition):
        told = {name: _input(item) for name, item in definition.inputs.items()}
        inputs = ", ".join(f"{name} = {text}" for name, text in told.items() if text != name)
        needed = "".join(f"; unknown unless {rule.condition}" for rule in definition.requires)
        return f"{definition.expression}{f' where {inputs}' if inputs else ''}{needed}"
    assert isinstance(definition, RowsDefinition)
    if isinstance(definition, RatioDefinition):
        core = f"{_aggregate(definition.numerator)} / {_aggregate(definition.denominator)}"
        time = f"{definition.time} in the period"
    elif isinstance(definition, CohortDefinition):
        then = f"{definition.lookback_months} months ago"
        core = {
            "net": f"sum({definition.amount}) now / sum({definition.amount}) {then}, of each {definition.entity} that "
            "had some then",
            "gross": f"sum({definition.amount}) now, each {definition.entity} for at most what it had {then}, / "
            f"sum({definition.amount}) {then}",
            "lost": f"share of each {definition.entity} that had {definition.amount} {then} and has none now",
        }[definition.measure]
        time = f"in force from {definition.valid.from_} to {definition.valid.to}"
    elif isinstance(definition, CumulativeDefinition):
        core, time = definition.expression, f"{definition.time} {_window(definition)}"
    elif isinstance(definition, PointInTimeDefinition):
        core = definition.expression
        time = f"in force from {definition.valid.from_} to {definition.valid.to} on the period's last day"
    else:
        assert isinstance(definition, SimpleDefinition | PercentileDefinition | DistinctCountDefinition)
        core, time = definition.expression, f"{definition.time} in the period"
    where = f", where {definition.filter}" if definition.filter else ""
    rule = definition.currency
    converted = f", converted at the rate of {rule.day.replace('_', ' ')}" if isinstance(rule, Conversion) else ""
    return f"{core} over {definition.base} with {time}{where}{converted}"


def _window(definition: CumulativeDefinition) -> str:
    if definition.since is not None:
        begin = {"fiscal_year": "the fiscal year's first day", "beginning": "the beginning"}[definition.since]
        return f"from {begin} to the period's last day"
    count, unit = definition.trailing_months, "months"
    if count is None:
        count, unit = definition.trailing_days, "days"
    return f"in the {count} {unit} up to the period's last day"


def _aggregate(part: Aggregate) -> str:
    return f"{part.expression} where {part.filter}" if part.filter else part.expression


def _input(item: Input) -> str:
    if item.window is not None:
        earlier = f", {-item.offset} months before" if item.offset < 0 else ""
        return f"{item.combine} of {item.metric} over {item.window} months{earlier}"
    if item.offset == 1:
        return f"{item.metric} of the next period"
    return item.metric if not item.offset else f"{item.metric} {item.offset} periods on"


def _target(definition: Definition) -> str | None:
    target = definition.target
    if target is None:
        return None
    if target.plan is not None:
        return (
            f"the plan of {target.plan}, {'summed over the months' if target.combine == 'sum' else 'of the last month'}"
        )
    if target.unit is None:
        return display_value(target.value, definition.format, definition.unit)
    return f"{target.value:,} {target.unit}"


def _states(warehouse: Engine, names: tuple[str, ...], clock: Clock, *, restricted: bool) -> tuple[TableState, ...]:
    freshness, now = warehouse.freshness(), clock.now()
    states = []
    for name in names:
        state = freshness.get(name)
        if state is None:
            continue
        rows = None if restricted else state.row_count
        states.append(
            TableState(
                name,
                state.source_system,
                state.last_success_at,
                state.freshness_hours,
                rows,
                state.status(now),
                state.because(now),
            )
        )
    return tuple(states)


def _overall(states: tuple[TableState, ...]) -> Freshness:
    never = tuple(state.table for state in states if state.last_success_at is None)
    moments = [state.last_success_at for state in states if state.last_success_at is not None]
    if never:
        return Freshness("unknown", min(moments, default=None), never)
    stale = tuple(state.table for state in states if state.status == "stale")
    return Freshness("stale" if stale else "fresh", min(moments), stale)
