"""Reports: the daily brief as data, as prose and as a page that explains every number it shows."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sophia_kit.reports.analysis import with_analysis
from sophia_kit.reports.daily import BriefChoices, brief_choices, daily_brief, segments
from sophia_kit.reports.facts import Explanation, Facts
from sophia_kit.reports.model import DailyBrief, Finding, FreshnessGate, Kpi, Mover
from sophia_kit.reports.narrative import Author, Narrative, narrate
from sophia_kit.reports.parameters import (
    BriefParameters,
    parse_arguments,
    resolve_parameters,
)
from sophia_kit.reports.prose import Part, fill, plain_text
from sophia_kit.reports.reader import reader_of, told_reader
from sophia_kit.reports.script import Surface, print_summary, script_errors, started_as_script
from sophia_kit.reports.views import (
    change_texts,
    explanation_markup,
    finding_rows,
    gate_markup,
    heading_markup,
    mover_rows,
    narrative_markup,
    reason_rows,
    refusals_markup,
    source_rows,
    tiles_markup,
    why_heading,
    why_rows,
)

if TYPE_CHECKING:
    from sophia_kit.reports.brief import render
    from sophia_kit.reports.charts import Drawing, breakdown_chart, trend_charts
    from sophia_kit.reports.connector_views import (
        attempt_rows,
        freshness_kind,
        freshness_markup,
        health_rows,
        look_rows,
        look_text,
        print_connectors,
        quarantine_rows,
        reading_rows,
        refused_rows,
        setup_rows,
        stored_rows,
    )
    from sophia_kit.reports.connectors import (
        CONNECTOR_OPTIONS,
        ConnectorParameters,
        check_vendors,
        chosen_resource,
        chosen_vendor,
        connector_parameters,
        look_at,
        past_of,
        reading_of,
        vendor_setups,
    )
    from sophia_kit.reports.lab import (
        LAB_OPTIONS,
        LabParameters,
        answer_on_snowflake,
        ask_draft,
        chosen_metric,
        draft_definition,
        explain_draft,
        lab_day,
        lab_parameters,
        sql_of,
    )
    from sophia_kit.reports.lab_views import answer_rows, findings_markup, print_draft, result_chart
    from sophia_kit.reports.readiness import get_ready
    from sophia_kit.reports.result import Published, publish
    from sophia_kit.reports.waterfall import waterfall_chart

__all__ = [
    "CONNECTOR_OPTIONS",
    "LAB_OPTIONS",
    "Author",
    "BriefChoices",
    "BriefParameters",
    "ConnectorParameters",
    "DailyBrief",
    "Drawing",
    "Explanation",
    "Facts",
    "Finding",
    "FreshnessGate",
    "Kpi",
    "LabParameters",
    "Mover",
    "Narrative",
    "Part",
    "Published",
    "Surface",
    "answer_on_snowflake",
    "answer_rows",
    "ask_draft",
    "attempt_rows",
    "breakdown_chart",
    "brief_choices",
    "change_texts",
    "check_vendors",
    "chosen_metric",
    "chosen_resource",
    "chosen_vendor",
    "connector_parameters",
    "daily_brief",
    "draft_definition",
    "explain_draft",
    "explanation_markup",
    "fill",
    "finding_rows",
    "findings_markup",
    "freshness_kind",
    "freshness_markup",
    "gate_markup",
    "get_ready",
    "heading_markup",
    "health_rows",
    "lab_day",
    "lab_parameters",
    "look_at",
    "look_rows",
    "look_text",
    "mover_rows",
    "narrate",
    "narrative_markup",
    "parse_arguments",
    "past_of",
    "plain_text",
    "print_connectors",
    "print_draft",
    "print_summary",
    "publish",
    "quarantine_rows",
    "reader_of",
    "reading_of",
    "reading_rows",
    "reason_rows",
    "refusals_markup",
    "refused_rows",
    "render",
    "resolve_parameters",
    "result_chart",
    "script_errors",
    "segments",
    "setup_rows",
    "source_rows",
    "sql_of",
    "started_as_script",
    "stored_rows",
    "tiles_markup",
    "told_reader",
    "trend_charts",
    "vendor_setups",
    "waterfall_chart",
    "why_heading",
    "why_rows",
    "with_analysis",
]

# The labs' are for the labs alone; the others need Altair and Jinja, which take a second to import and belong to the
# extra `notebooks`.
_LAZY = {
    "LAB_OPTIONS": "lab",
    "LabParameters": "lab",
    "answer_on_snowflake": "lab",
    "ask_draft": "lab",
    "chosen_metric": "lab",
    "draft_definition": "lab",
    "explain_draft": "lab",
    "lab_day": "lab",
    "lab_parameters": "lab",
    "sql_of": "lab",
    "answer_rows": "lab_views",
    "findings_markup": "lab_views",
    "print_draft": "lab_views",
    "result_chart": "lab_views",
    "CONNECTOR_OPTIONS": "connectors",
    "ConnectorParameters": "connectors",
    "check_vendors": "connectors",
    "chosen_resource": "connectors",
    "chosen_vendor": "connectors",
    "connector_parameters": "connectors",
    "look_at": "connectors",
    "past_of": "connectors",
    "reading_of": "connectors",
    "vendor_setups": "connectors",
    "attempt_rows": "connector_views",
    "freshness_kind": "connector_views",
    "freshness_markup": "connector_views",
    "health_rows": "connector_views",
    "look_text": "connector_views",
    "look_rows": "connector_views",
    "print_connectors": "connector_views",
    "quarantine_rows": "connector_views",
    "reading_rows": "connector_views",
    "refused_rows": "connector_views",
    "setup_rows": "connector_views",
    "stored_rows": "connector_views",
    "Drawing": "charts",
    "Published": "result",
    "breakdown_chart": "charts",
    "publish": "result",
    "get_ready": "readiness",
    "render": "brief",
    "trend_charts": "charts",
    "waterfall_chart": "waterfall",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
