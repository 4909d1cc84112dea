"""Reports: the daily brief as data, as prose and as a page that explains every number it shows."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sophia_kit.reports.daily import daily_brief, segments
from sophia_kit.reports.facts import Explanation, Facts
from sophia_kit.reports.model import DailyBrief, Finding, FreshnessGate, Kpi, Mover
from sophia_kit.reports.narrative import Narrative, narrate
from sophia_kit.reports.parameters import (
    BriefParameters,
    parse_arguments,
    resolve_parameters,
    started_as_script,
)
from sophia_kit.reports.prose import Part, fill, plain_text

if TYPE_CHECKING:
    from sophia_kit.reports.brief import render
    from sophia_kit.reports.charts import breakdown_chart, movements_chart, trend_chart
    from sophia_kit.reports.result import Published, publish

__all__ = [
    "BriefParameters",
    "DailyBrief",
    "Explanation",
    "Facts",
    "Finding",
    "FreshnessGate",
    "Kpi",
    "Mover",
    "Narrative",
    "Part",
    "Published",
    "breakdown_chart",
    "daily_brief",
    "fill",
    "movements_chart",
    "narrate",
    "parse_arguments",
    "plain_text",
    "publish",
    "render",
    "resolve_parameters",
    "segments",
    "started_as_script",
    "trend_chart",
]

# These need Altair and Jinja, which take a second to import and belong to the extra `notebooks`.
_DRAWN = {
    "Published": "result",
    "breakdown_chart": "charts",
    "movements_chart": "charts",
    "publish": "result",
    "render": "brief",
    "trend_chart": "charts",
}


def __getattr__(name: str) -> Any:
    if name in _DRAWN:
        return getattr(import_module(f"{__name__}.{_DRAWN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
