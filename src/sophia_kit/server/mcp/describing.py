"""What records there are, as resources: which fields each has, and its JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from sophia_kit.core.errors import UnknownName

if TYPE_CHECKING:
    from sophia_kit.server.mcp.given import Given
    from sophia_kit.server.mcp.kit_server import KitServer

__all__ = ["offer_descriptions"]

_JSON = "application/json"
_SCHEMA = "application/schema+json"


def offer_descriptions(server: KitServer, vendor: str, given: Mapping[str, Given]) -> None:
    """Offer `<vendor>://records`, what is given, and `<vendor>://records/{name}`, the JSON schema of its rows."""

    @server.resource(
        f"{vendor}://records",
        name="records",
        title="Records",
        description="Which records are given, with their fields and filters.",
        mime_type=_JSON,
    )
    def records() -> str:
        return to_json([_described(one) for one in given.values()]).decode()

    @server.resource(
        f"{vendor}://records/{{name}}",
        name="schema",
        title="Schema of records",
        description="The JSON schema of a row.",
        mime_type=_SCHEMA,
    )
    def schema(name: str) -> str:
        found = given.get(name)
        if found is None:
            raise UnknownName("set of records", name, given)
        return to_json(found.row_model.model_json_schema()).decode()


def _described(one: Given) -> dict[str, Any]:
    return {
        "name": one.resource.name,
        "description": one.resource.description,
        "fields": {column.name: column.doc for column in one.columns},
        "filters": {item.name: item.doc for item in one.filters},
        "notes": one.resource.notes,
    }
