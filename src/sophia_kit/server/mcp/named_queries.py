"""Queries with a name, declared in the settings: each is a tool of its own, and reads what it says and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sophia_kit.core.errors import ConfigError
from sophia_kit.core.suggest import nearest
from sophia_kit.server.mcp.record_tools import Shape, offer_records
from sophia_kit.server.records import RESOURCES

if TYPE_CHECKING:
    from sophia_kit.core.mcp_settings import McpQuerySettings, McpSettings
    from sophia_kit.server.mcp.given import Given
    from sophia_kit.server.mcp.kit_server import KitServer

__all__ = ["offer_queries"]


def offer_queries(
    server: KitServer, given: Mapping[str, Given], settings: McpSettings, *, shapes: Mapping[str, Shape] | None = None
) -> None:
    """Offer the named queries over what is given.

    Args:
        shapes: what is made of rows before they are sent, by the records.

    Raises:
        ConfigError: a query reads what there isn't or what isn't given, or bears the name of another tool.
    """
    for name, query in settings.queries.items():
        if query.of not in RESOURCES:
            raise _wrong(name, f"of names {query.of!r}, and there are no such records", nearest(query.of, RESOURCES))
        if settings.records and query.of not in settings.records:
            raise _wrong(name, f"it reads {query.of}, which mcp.records doesn't give")
        records = given.get(query.of)
        if records is None:
            continue
        if name in server.offered:
            raise _wrong(name, "a tool has this name already", "Call it otherwise.")
        offer_records(
            server,
            records.narrowed(_known(name, "fields", query.fields, records.fields)) if query.fields else records,
            name=name,
            title=name.replace("_", " ").capitalize(),
            description=query.description,
            fixed=_fixed(name, query, records),
            parameters=_known(name, "parameters", query.parameters, [item.name for item in records.filters]),
            shape=(shapes or {}).get(query.of),
        )


def _known(query: str, setting: str, names: tuple[str, ...], known: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise _wrong(query, f"{setting} names {name!r}, which isn't given", nearest(name, known))
    return names


def _fixed(name: str, query: McpQuerySettings, records: Given) -> dict[str, Any]:
    """The filters that hold always, read as the records' own tool reads them."""
    _known(name, "filters", tuple(query.filters), [item.name for item in records.filters])
    try:
        read = records.resource.query_model.model_validate(query.filters)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _wrong(name, f"filters.{where}: {first['msg']}") from None
    return {item: getattr(read, item) for item in query.filters}


def _wrong(query: str, what: str, hint: str | None = None) -> ConfigError:
    return ConfigError(f"mcp.queries.{query}: {what}.", hint=hint)
