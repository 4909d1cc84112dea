"""An example of an answer, made of the examples that its fields declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["example_of"]

_PREFIX: Final = "#/components/schemas/"


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """An instance of a JSON schema; `schemas` are those that it may refer to, by name.

    Raises:
        LookupError: a part declares no example, and isn't made of parts that do.
    """
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].removeprefix(_PREFIX)], schemas)
    if "anyOf" in schema:
        return example_of(next(one for one in schema["anyOf"] if one.get("type") != "null"), schemas)
    if schema.get("type") == "array":
        return [example_of(schema["items"], schemas)]
    if "properties" in schema:
        return {name: example_of(part, schemas) for name, part in schema["properties"].items()}
    raise LookupError(f"no example of {schema.get('title', 'a part')}")
