"""Whether a metric's alert rules fit the metric: its grains, its dimensions, its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sophia_kit.core.suggest import nearest
from sophia_kit.metrics.alerts.rule import PeriodicRule, ThresholdRule
from sophia_kit.metrics.definition import Definition, RatioDefinition

if TYPE_CHECKING:
    from sophia_kit.core.source_file import SourceFile

__all__ = ["check_rules"]


def check_rules(definition: Definition, source: SourceFile, where: tuple[str, ...]) -> None:
    """
    Raises:
        DefinitionError: the first rule that doesn't fit, located.
    """
    seen: set[str] = set()
    for index, rule in enumerate(definition.alerts):
        here: tuple[str | int, ...] = (*where, "alerts", index)
        if rule.name in seen:
            raise source.error((*here, "name"), f"alert {rule.name!r} is defined twice", "Each needs its own name.")
        seen.add(rule.name)
        if not isinstance(rule, PeriodicRule):
            continue
        if rule.grain not in definition.grains:
            message = f"{definition.name} has no grain {rule.grain!r}"
            raise source.error((*here, "grain"), message, f"Known: {', '.join(definition.grains)}.")
        for key, names in (("by", rule.by), ("where", tuple(rule.where))):
            for name in names:
                if name not in definition.dimensions:
                    message = f"{definition.name} has no dimension {name!r}"
                    raise source.error((*here, key), message, nearest(name, definition.dimensions))
        if rule.minimum_denominator is not None and not isinstance(definition, RatioDefinition):
            message = f"{definition.name} is no ratio, and has no denominator"
            raise source.error((*here, "minimum_denominator"), message, "Leave minimum_denominator out.")
        if isinstance(rule, ThresholdRule) and (rule.unit is None) == (definition.unit == "money"):
            if rule.unit is None:
                raise source.error(here, "a limit in money needs its currency", "Add unit: USD, or which it is.")
            raise source.error((*here, "unit"), f"{definition.name} is no money", "Leave unit out.")
