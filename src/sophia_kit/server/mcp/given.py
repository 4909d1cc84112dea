"""What is given of a set of records: the fields that the settings permit, and what they may be filtered by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, create_model, model_serializer

from sophia_kit.core.errors import ConfigError, UnknownName
from sophia_kit.core.suggest import nearest
from sophia_kit.server.records import RESOURCES, Column, Filter, Resource

if TYPE_CHECKING:
    from sophia_kit.core.mcp_settings import McpSettings

__all__ = ["Given", "given_of"]


class Row(BaseModel):
    """Base of rows: a field that wasn't asked for is absent, not null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_serializer(mode="wrap")
    def _as_asked(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        full: dict[str, Any] = handler(self)
        return {name: value for name, value in full.items() if name in self.model_fields_set}


# Not slotted: its model is made when it is first asked for.
@dataclass(frozen=True)
class Given:
    """A set of records, as far as it is given.

    Attributes:
        columns: the fields that are given.
        filters: those of the resource's that look at such a field.
    """

    resource: Resource
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = field(init=False)

    def __post_init__(self) -> None:
        hidden = {column.name for column in self.resource.columns} - {column.name for column in self.columns}
        open_ = tuple(item for item in self.resource.filters if item.column not in hidden)
        object.__setattr__(self, "filters", open_)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def chosen(self, fields: Sequence[str] | None) -> tuple[str, ...]:
        """The fields asked for, in the order of the columns; all that are given when none are named.

        Raises:
            UnknownName: one that isn't given; it isn't told whether it exists.
        """
        for name in fields or ():
            if name not in self.fields:
                raise UnknownName(f"field of {self.resource.name}", name, self.fields)
        return tuple(name for name in self.fields if not fields or name in fields)

    def narrowed(self, fields: Sequence[str]) -> Given:
        """With these of its fields alone."""
        kept = self.chosen(fields)
        return Given(self.resource, tuple(column for column in self.columns if column.name in kept))

    @cached_property
    def row_model(self) -> type[Row]:
        """A row, any of whose fields may be absent."""
        fields: dict[str, Any] = {
            column.name: (column.kind, Field(default=None, description=column.doc, examples=[column.example]))
            for column in self.columns
        }
        return create_model(self.resource.one, __base__=Row, __doc__=self.resource.description, **fields)


def given_of(resources: Iterable[Resource], settings: McpSettings) -> dict[str, Given]:
    """What the settings give of these records, by name.

    Raises:
        ConfigError: the settings name records or fields that there aren't.
    """
    for name in (*settings.records, *settings.fields):
        if name not in RESOURCES:
            raise _unknown("mcp.records" if name in settings.records else "mcp.fields", "records", name, RESOURCES)
    found = {}
    for resource in resources:
        if settings.records and resource.name not in settings.records:
            continue
        permitted = settings.fields.get(resource.name)
        known = {column.name: column for column in resource.columns}
        for name in permitted or ():
            if name not in known:
                raise _unknown(f"mcp.fields.{resource.name}", "field", name, known)
        columns = resource.columns if permitted is None else tuple(known[name] for name in known if name in permitted)
        if columns:
            found[resource.name] = Given(resource, columns)
    return found


def _unknown(setting: str, kind: str, name: str, known: Iterable[str]) -> ConfigError:
    return ConfigError(f"{setting} names {name!r}, and there is no such {kind}.", hint=nearest(name, known))
