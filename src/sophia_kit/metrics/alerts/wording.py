"""What an alert's summary may name, as text: numbers are shown as they are everywhere else."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sophia_kit.metrics.alerts.observation import Members
from sophia_kit.metrics.alerts.rule import ChangeRule, DeviationRule, FreshnessRule, Rule, ThresholdRule
from sophia_kit.metrics.format import display_relative, display_value

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.value import Period

__all__ = ["limit_of", "member_text", "name_text", "wording"]


def wording(
    definition: Definition,
    rule: Rule,
    period: Period,
    members: Members,
    unit: str,
    *,
    value: Decimal | None = None,
    expected: Decimal | None = None,
    percent: Decimal | None = None,
) -> tuple[tuple[str, str], ...]:
    """The texts of `{label}`, `{period}`, `{member}`, `{value}`, `{threshold}`, `{expected}` and `{change}`."""
    named = name_text(definition.label, members)
    shown = {
        "label": named,
        "period": period.label,
        "member": member_text(members),
        "value": display_value(value, definition.format, unit),
        "threshold": limit_text(definition, rule, unit),
        "expected": display_value(expected, definition.format, unit),
        "change": "unknown" if percent is None else display_relative(percent / 100),
    }
    return tuple(shown.items())


def name_text(label: str, members: Members) -> str:
    """`Payment volume (Northgate, West)`."""
    return f"{label} ({member_text(members)})" if members else label


def member_text(members: Members) -> str:
    """`Northgate, West`; `all` without a split."""
    return ", ".join(member for _, member in members) or "all"


def limit_of(rule: Rule) -> Decimal | None:
    """The rule's limit as a number: in the metric's unit, in percent, in robust standard deviations or in hours."""
    if isinstance(rule, ThresholdRule | ChangeRule):
        return rule.limit
    if isinstance(rule, DeviationRule):
        return rule.percent if rule.percent is not None else rule.robust_sd
    return rule.hours if isinstance(rule, FreshnessRule) else None


def limit_text(definition: Definition, rule: Rule, unit: str) -> str:
    """The rule's limit as a reader sees it."""
    if isinstance(rule, ThresholdRule):
        return display_value(rule.limit, definition.format, unit)
    if isinstance(rule, ChangeRule):
        return display_relative(rule.limit / 100)
    if isinstance(rule, DeviationRule):
        percent = None if rule.percent is None else f"{rule.percent.normalize():f} %"
        spread = None if rule.robust_sd is None else f"{rule.robust_sd.normalize():f} robust standard deviations"
        return " and ".join(text for text in (percent, spread) if text is not None)
    assert isinstance(rule, FreshnessRule)
    return "its contract's" if rule.hours is None else f"{rule.hours.normalize():f} h"
