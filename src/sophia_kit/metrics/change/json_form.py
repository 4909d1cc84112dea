"""The JSON form of an explained change: one for the command line, REST and MCP."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sophia_kit.metrics.json_form import value_record

if TYPE_CHECKING:
    from sophia_kit.metrics.change.model import Breakdown, ChangeExplanation, Effect, Part

__all__ = ["change_record"]


def change_record(item: ChangeExplanation) -> dict[str, Any]:
    """An explanation: both values, the change, and every way to take it apart with all parts."""
    return {
        "metric": item.value.metric,
        "versus": item.versus,
        "value": value_record(item.value),
        "base": value_record(item.base),
        "change": _number(item.change)
        | {
            "display": item.display,
            "relative": item.relative,
            "good": item.good,
            "unknown": item.unknown.reason if item.unknown else None,
        },
        "drivers": [_breakdown(found) for found in item.drivers],
        "dimensions": [_breakdown(found) for found in item.dimensions],
    }


def _breakdown(item: Breakdown) -> dict[str, Any]:
    parts = item.parts if item.rest is None else (*item.parts, item.rest)
    ran = item.provenance
    return {
        "by": item.by,
        "method": item.method,
        "named": list(item.named),
        "excess": None if item.excess is None else _decimal(item.excess),
        "score": round(item.score, 4),
        "unknown": item.unknown.reason if item.unknown else None,
        "effects": [_effect(effect) for effect in item.effects],
        "parts": [_part(part) for part in parts],
        "provenance": None if ran is None else {"sql": ran.sql, "params": dict(ran.params)},
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "label": part.label,
        "presence": part.presence,
        **_number(part.exact),
        "display": part.display,
        "unknown": part.unknown.reason if part.unknown else None,
        "base": None if part.base is None else _decimal(part.base),
        "value": None if part.value is None else _decimal(part.value),
        "effects": [_effect(effect) for effect in part.effects],
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {"kind": effect.kind, **_number(effect.exact), "display": effect.display}


def _number(number: Fraction | None) -> dict[str, Any]:
    """As a fraction, which is exact, and as a decimal of ten places."""
    return {
        "exact": None if number is None else str(number),
        "decimal": None if number is None else _decimal(number),
    }


def _decimal(number: Fraction) -> Decimal:
    return Decimal(round(number * 10**10)).scaleb(-10)
