"""The JSON form of answers: one for the command line, REST and MCP, so that no two of them differ.

Decimals are strings in plain notation, so that no digit is lost; times and days are in ISO 8601.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from sophia_kit.metrics.catalogue import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.explanation import Explanation
    from sophia_kit.metrics.value import MetricResult, MetricValue

__all__ = [
    "definition_record",
    "explanation_record",
    "json_text",
    "plain",
    "result_record",
    "value_record",
]


def result_record(result: MetricResult) -> dict[str, Any]:
    """An answer: the metric's name and its values."""
    return {"metric": result.query.metric, "values": [value_record(value) for value in result.values]}


def value_record(value: MetricValue) -> dict[str, Any]:
    """A value: its fields, with what is named as mappings."""
    record = _fields_of(value)
    record["period"]["label"] = value.period.label
    for item, comparison in zip(value.comparisons, record["comparisons"], strict=True):
        if item.base_period is not None:
            comparison["base_period"]["label"] = item.base_period.label
    record["members"] = dict(value.members)
    record["provenance"]["params"] = dict(value.provenance.params)
    return record


def definition_record(catalogue: Catalogue, definition: Definition) -> dict[str, Any]:
    """A metric as a list of the catalogue has it."""
    origin = catalogue.origin(definition.name)
    return {
        "name": definition.name,
        "label": definition.label,
        "description": definition.description,
        "kind": definition.kind,
        "unit": definition.unit,
        "owner": definition.owner,
        "grains": definition.grains,
        "dimensions": tuple(definition.dimensions),
        "higher_is_better": definition.higher_is_better,
        "synonyms": definition.synonyms,
        "file": None if origin is None else str(origin),
        "own": origin is not None and origin.own,
    }


def explanation_record(explanation: Explanation) -> dict[str, Any]:
    """What a metric is: its fields, with the SQL by metric."""
    return asdict(explanation) | {"sql": dict(explanation.sql)}


def _fields_of(item: DataclassInstance) -> dict[str, Any]:
    """As `dataclasses.asdict`, which copies what can't be changed."""
    return {field.name: _part(getattr(item, field.name)) for field in fields(item)}


def _part(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_part(one) for one in value)
    return _fields_of(value) if is_dataclass(value) and not isinstance(value, type) else value


def json_text(content: Mapping[str, Any]) -> str:
    """The records above, and mappings of them, as indented JSON that ends in a line feed."""
    return json.dumps(content, default=plain, indent=2) + "\n"


def plain(value: object) -> str:
    """What JSON has no form for, as text.

    Raises:
        TypeError: it is neither a decimal nor a day or time.
    """
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
