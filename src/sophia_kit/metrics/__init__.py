"""The metric layer: a number is defined once, and every value of it explains itself."""

from sophia_kit.metrics.calendar import Calendar
from sophia_kit.metrics.catalogue import Catalogue
from sophia_kit.metrics.entry import explain, metric
from sophia_kit.metrics.evaluation import evaluate
from sophia_kit.metrics.explanation import Explanation, TableState
from sophia_kit.metrics.format import UNKNOWN, display_change, display_relative, display_value
from sophia_kit.metrics.principal import Principal
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
    "Calendar",
    "Catalogue",
    "Comparison",
    "Explanation",
    "Freshness",
    "MetricQuery",
    "MetricResult",
    "MetricValue",
    "Period",
    "Principal",
    "Provenance",
    "TableState",
    "Unknown",
    "display_change",
    "display_relative",
    "display_value",
    "evaluate",
    "explain",
    "metric",
]
