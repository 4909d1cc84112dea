"""Where a metric's numbers come from, column by column: from its definition to the vendors' fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sophia_kit.ingest import load_contracts
from sophia_kit.metrics.compile import Shape
from sophia_kit.metrics.definition import CohortDefinition, DerivedDefinition, RowsDefinition
from sophia_kit.warehouse import models
from sophia_kit.warehouse.lineage import Column, statement_columns, view_sources

if TYPE_CHECKING:
    from sophia_kit.ingest.contract import Contract
    from sophia_kit.metrics import Catalogue

__all__ = ["LineageNode", "metric_lineage", "walk"]

NodeKind = Literal["metric", "dimension", "column", "rows", "raw", "field", "record"]


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A thing, and what it is made of.

    Attributes:
        kind: `metric`; `dimension` of it; `column` of a canonical view; `rows`: what decides which rows a view has;
            `raw`: a column of a raw table; `field`: a vendor's; `record`: the kit's own record of a load.
        name: unique among its kind: `arr`, `arr by segment`, `subscriptions.mrr`, `raw.subscriptions.mrr`,
            `billing: subscriptions.mrr`.
        sources: what it is made of; empty for fields and records alone.
    """

    kind: NodeKind
    name: str
    sources: tuple[LineageNode, ...] = ()


def metric_lineage(catalogue: Catalogue, name: str, contracts: Mapping[str, Contract] | None = None) -> LineageNode:
    """The tree from a metric to the fields it stands on. Nothing has to be loaded.

    Raises:
        UnknownName: no such metric.
    """
    return _Tree(catalogue, load_contracts() if contracts is None else contracts).metric(name)


def walk(node: LineageNode) -> Iterator[LineageNode]:
    """The node and all below it."""
    yield node
    for source in node.sources:
        yield from walk(source)


class _Tree:
    def __init__(self, catalogue: Catalogue, contracts: Mapping[str, Contract]) -> None:
        self._catalogue = catalogue
        self._contracts = contracts
        self._known: dict[Column, LineageNode] = {}

    def metric(self, name: str) -> LineageNode:
        definition = self._catalogue.get(name)
        if isinstance(definition, DerivedDefinition):
            inputs = dict.fromkeys(item.metric for item in definition.inputs.values())
            return LineageNode("metric", definition.name, tuple(self.metric(each) for each in inputs))
        assert isinstance(definition, RowsDefinition)
        undivided = self._read(definition, ())
        sources = [*self._columns(undivided), *self._rows(undivided)]
        for dimension in definition.dimensions:
            further = self._read(definition, (dimension,)) - undivided
            # A dimension that is a column which the number reads anyway adds nothing.
            if further:
                sources.append(
                    LineageNode("dimension", f"{definition.name} by {dimension}", tuple(self._columns(further)))
                )
        return LineageNode("metric", definition.name, tuple(sources))

    def _read(self, definition: RowsDefinition, by: tuple[str, ...]) -> frozenset[Column]:
        single = not isinstance(definition, CohortDefinition)
        return statement_columns(self._catalogue.compile(definition, Shape(by, single=single)).sql)

    def _columns(self, columns: Iterable[Column]) -> list[LineageNode]:
        return [self._column(column) for column in sorted(columns)]

    def _rows(self, columns: Iterable[Column]) -> list[LineageNode]:
        """For each view that is more than a table's columns, what decides which rows it has."""
        found = []
        for view in sorted({view for view, _ in columns}):
            deciding = next(iter(view_sources(view).values())).rows
            named = [column for column in deciding if column[0] in models()]
            if named:
                found.append(LineageNode("rows", f"rows of {view}", tuple(self._columns(named))))
        return found

    def _column(self, column: Column) -> LineageNode:
        found = self._known.get(column)
        if found is None:
            found = self._known[column] = self._traced(column)
        return found

    def _traced(self, column: Column) -> LineageNode:
        owner, name = column
        if owner in models():
            return LineageNode("column", f"{owner}.{name}", tuple(self._columns(view_sources(owner)[name].values)))
        return LineageNode("raw", f"{owner}.{name}", (self._origin(owner, name),))

    def _origin(self, table: str, column: str) -> LineageNode:
        contract = self._contracts.get(table.removeprefix("raw."))
        if not table.startswith("raw.") or contract is None:
            return LineageNode("record", f"sophia-kit: {table}.{column}")
        days = dict(contract.days)
        fields = {each.name: each.field for each in contract.columns}
        field = fields.get(days.get(column, column))
        if column == "is_deleted":
            field = contract.deleted_field
        if field is None:
            return LineageNode("record", f"sophia-kit: {table}.{column}")
        return LineageNode("field", f"{contract.source_system}: {contract.resource}.{field}")
