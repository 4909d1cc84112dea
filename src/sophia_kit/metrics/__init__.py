"""The metric layer: a number is defined once, and every value of it explains itself."""

from sophia_kit.metrics.format import UNKNOWN, display_change, display_relative, display_value
from sophia_kit.metrics.query import MetricQuery
from sophia_kit.metrics.value import (
    NOT_SET,
    Comparison,
    Freshness,
    MetricResult,
    MetricValue,
    Period,
    Provenance,
    Unknown,
)

__all__ = [
    "NOT_SET",
    "UNKNOWN",
    "Comparison",
    "Freshness",
    "MetricQuery",
    "MetricResult",
    "MetricValue",
    "Period",
    "Provenance",
    "Unknown",
    "display_change",
    "display_relative",
    "display_value",
]
