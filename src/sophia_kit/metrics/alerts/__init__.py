"""Alerts: rules that stand in a metric's definition, judged on closed periods, and what becomes of them.

The definition imports the rules' models from here, so that what evaluates metrics is loaded when it is first used.
"""

from __future__ import annotations

from sophia_kit.metrics.alerts.rule import (
    AlertRule,
    ChangeRule,
    DeviationRule,
    FreshnessRule,
    PeriodicRule,
    Rule,
    ThresholdRule,
)

__all__ = [
    "AlertRule",
    "ChangeRule",
    "DeviationRule",
    "FreshnessRule",
    "PeriodicRule",
    "Rule",
    "ThresholdRule",
]
