"""What a set of vendor rows is: its columns, what it may be filtered by, its order, and who may see which rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from sophia_kit.metrics.schema import canonical
from sophia_kit.server.records.written import Day, Moment, Token

__all__ = ["DEFAULT_LIMIT", "MOST_ROWS", "Column", "Filter", "Resource"]

DEFAULT_LIMIT: Final = 100
MOST_ROWS: Final = 500
"""The most rows of one page."""

_LONGEST_TEXT: Final = 300
_MOST_MEMBERS: Final = 50

FilterKind = Literal["among", "is", "from", "before", "contains", "under"]
Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT)]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the rows that are answered.

    Attributes:
        kind: its type in Python; with None where it may be empty.
        sql: where it comes from, over `base` and the resource's joins.
        doc: one sentence for who reads the API's description.
        separator: of a text that holds several, which are answered as a list.
    """

    name: str
    kind: Any
    sql: str
    doc: str
    example: Any
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What rows may be restricted by.

    Attributes:
        column: the column it looks at.
        kind: `among` some texts, `is` a truth value, `from` (inclusive) and `before` (exclusive) of days and times,
            `contains` a text whatever its case, `under` a folder of paths.
        dimension: the dimension whose members it names, which a principal may be restricted by.
        named: whether its texts are names, few and typed by people: one that no row has is an error, as it is with
            metrics. An id that no row has finds nothing.
    """

    name: str
    column: str
    kind: FilterKind
    doc: str
    dimension: str | None = None
    named: bool = False


# Not slotted: its models are made when they are first asked for.
@dataclass(frozen=True)
class Resource:
    """A set of vendor rows that can be read page by page.

    Attributes:
        name: a stable identifier, e.g. `salesforce_accounts`.
        one: what a row is called, in the names of its models: `SalesforceAccount`.
        description: one sentence: what a row is.
        scope: what a caller needs to read it.
        view: the canonical view or raw table that `base` is; `where`, what else its rows have to meet.
        required: the raw tables without which nothing is known of it.
        resolving: the raw tables that names come from; without them these are empty.
        order: the columns that pages are ordered by, never empty, the last of them unique.
        descending: whether the last come first.
        dimensions: dimensions of the metric layer, as paths from `view`; a principal who is restricted by another one
            is refused.
        notes: what a reader has to know of the rows.
    """

    name: str
    one: str
    description: str
    scope: str
    view: str
    required: tuple[str, ...]
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    order: tuple[str, ...]
    descending: bool = False
    joins: tuple[str, ...] = ()
    where: str | None = None
    resolving: tuple[str, ...] = ()
    dimensions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """
        Raises:
            KeyError: there is none.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """All raw tables that its rows stand on, those that decide who may see them among them."""
        schema = canonical()
        views = {hop.view for path in self.dimensions.values() for hop in schema.resolve_path(self.view, path).hops}
        return tuple(dict.fromkeys((*self.required, *self.resolving, *schema.tables(sorted(views)))))

    @cached_property
    def row_model(self) -> type[BaseModel]:
        """A row as pydantic describes it."""
        fields: dict[str, Any] = {
            column.name: (column.kind, Field(description=column.doc, examples=[column.example]))
            for column in self.columns
        }
        config = ConfigDict(extra="forbid")
        return create_model(self.one, __config__=config, __doc__=self.description, **fields)

    @cached_property
    def query_model(self) -> type[BaseModel]:
        """What a page is asked for with: every filter, `limit` and `after`; nothing else."""
        fields: dict[str, Any] = {item.name: (self._filter_type(item), _field(item)) for item in self.filters}
        fields["limit"] = (
            int,
            Field(DEFAULT_LIMIT, ge=1, le=MOST_ROWS, description="How many rows a page has at most."),
        )
        fields["after"] = (
            Token | None,
            Field(None, description="`next` of the page before; default: the first page."),
        )
        return create_model(f"{self.one}Query", __config__=ConfigDict(extra="forbid", frozen=True), **fields)

    def _filter_type(self, item: Filter) -> Any:
        match item.kind:
            case "among":
                return Annotated[list[Text], Field(max_length=_MOST_MEMBERS)]
            case "is":
                return bool | None
            case "contains" | "under":
                return Text | None
            case "from" | "before":
                return (Moment if self.column(item.column).kind is datetime else Day) | None


def _field(item: Filter) -> Any:
    if item.kind == "among":
        return Field(default_factory=list, description=f"{item.doc} May be repeated.")
    return Field(None, description=item.doc)
