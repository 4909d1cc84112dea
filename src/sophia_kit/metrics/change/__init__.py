"""Why a metric changed: what a change consists of, exactly, and which dimension tells most of it."""

from sophia_kit.metrics.change.entry import explain_change
from sophia_kit.metrics.change.model import Breakdown, ChangeExplanation, Effect, Part

__all__ = ["Breakdown", "ChangeExplanation", "Effect", "Part", "explain_change"]
