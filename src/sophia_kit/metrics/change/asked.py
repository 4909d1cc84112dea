"""What all parts of one explanation share, and the exact cells of both periods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.cells import Cell, Cells, Reader
from sophia_kit.metrics.definition import Definition, DerivedDefinition
from sophia_kit.metrics.evaluation import provenance_of
from sophia_kit.metrics.principal import Filters, Principal
from sophia_kit.metrics.value import MetricValue, Period, Provenance

if TYPE_CHECKING:
    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.warehouse import Engine

__all__ = ["Asked", "renamed"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A change to explain.

    Attributes:
        value: the metric's answer for the later period.
        base_period: the earlier one, of the same grain.
        filters: what the metric is restricted to.
        principal: who asks; None is the owner of the process, who may see everything.
        answered: values of other metrics, by name, that were answered for the same filters and need no asking again.
    """

    engine: Engine
    catalogue: Catalogue
    calendar: Calendar
    definition: Definition
    value: MetricValue
    base_period: Period
    filters: Filters
    principal: Principal | None = None
    answered: Mapping[str, tuple[MetricValue, ...]] = field(default_factory=dict)

    @property
    def periods(self) -> tuple[Period, Period]:
        """The earlier and the later."""
        return self.base_period, self.value.period

    def reader(self) -> Reader:
        """A reader of its own for each breakdown, so that each keeps the statements that made it."""
        return Reader(self.engine, self.catalogue, self.calendar, self.value.day, self.principal)

    @property
    def restricted(self) -> tuple[str, ...]:
        """The dimensions of which some members only are asked for, or may be seen."""
        permitted = self.principal.attributes if self.principal else ()
        return tuple(dimension for dimension, _ in (*self.filters, *permitted))

    def cells(self, reader: Reader, definition: Definition | None = None, *by: str) -> Cells:
        """The metric's cells, or those of another definition, in both periods by one question."""
        return reader.cells(definition or self.definition, by, self.filters, self.periods)

    def pair(self, cells: Cells, *members: str) -> tuple[Cell, Cell]:
        """The earlier and the later cell."""
        return cells.at(self.base_period, members), cells.at(self.value.period, members)

    def provenance(self, reader: Reader) -> Provenance:
        """What the reader ran."""
        return provenance_of(reader, self.catalogue, self.definition, self.engine)


def renamed(definition: DerivedDefinition, expression: str, names: set[str]) -> DerivedDefinition:
    """The same derivation with a part of its formula alone, over the inputs that this part names."""
    inputs = {name: item for name, item in definition.inputs.items() if name in names}
    return definition.model_copy(update={"expression": expression, "inputs": inputs, "requires": ()})
