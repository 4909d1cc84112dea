"""What the metric layer's MCP server tells without being called: the catalogue, definitions, how fresh the data is; and
ways of asking that people choose from a menu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from mcp_types import Completion, CompletionArgument, PromptReference, ResourceTemplateReference
from pydantic import Field
from pydantic_core import to_json

from sophia_kit.metrics import explain
from sophia_kit.server.mcp.metric_models import definition_answer

if TYPE_CHECKING:
    from sophia_kit.server.mcp.kit_server import KitServer

__all__ = ["offer_metric_prompts", "offer_metric_resources"]

_JSON: Final = "application/json"
_COMPLETIONS: Final = 100
_RULES: Final = (
    "Quote each `display` digit for digit and compute nothing yourself. Where a value is unknown, give its reason in "
    "its place. Name the period of each value, and say where data is stale, failed a check or is a fictional company's."
)

MetricName = Annotated[str, Field(description="The metric, by its name or what it is commonly called.")]


def offer_metric_resources(server: KitServer) -> None:
    """Offer `metrics://catalogue`, `metrics://definitions/{name}` and `metrics://status`."""
    services = server.services

    @server.resource(
        "metrics://catalogue",
        name="catalogue",
        title="Catalogue of metrics",
        description="Every metric: name, label, unit, grains and dimensions.",
        mime_type=_JSON,
    )
    def catalogue() -> str:
        return _json(
            [
                {
                    "name": item.name,
                    "label": item.label,
                    "unit": item.unit,
                    "grains": item.grains,
                    "dimensions": list(item.dimensions),
                }
                for item in services.catalogue
            ]
        )

    @server.resource(
        "metrics://definitions/{name}",
        name="definition",
        title="Definition of a metric",
        description="What a metric is: formula, SQL, sources and their freshness, owner.",
        mime_type=_JSON,
    )
    def definition(name: str) -> str:
        with services.snapshots.current() as engine:
            found = explain(
                name,
                settings=services.settings,
                warehouse=engine,
                catalogue=services.catalogue,
                principal=server.caller.principal,
            )
        return definition_answer(found, sql=True).model_dump_json()

    @server.resource(
        "metrics://status",
        name="status",
        title="State of the data",
        description="Which snapshot answers, as of when its data is known, and how fresh each table is.",
        mime_type=_JSON,
    )
    def status() -> str:
        now = services.clock.now()
        with services.snapshots.current() as engine:
            return _json(
                {
                    "snapshot_id": None if engine.snapshot is None else engine.snapshot.snapshot_id,
                    "known_at": engine.known_at,
                    "demo": engine.demo,
                    "tables": [
                        {
                            "table": item.table_name,
                            "source_system": item.source_system,
                            "last_success_at": item.last_success_at,
                            "status": item.status(now),
                            "because": item.because(now),
                        }
                        for item in engine.freshness().values()
                    ],
                }
            )

    async def complete(
        ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, context: Any
    ) -> Completion | None:
        if argument.name not in ("name", "metric"):
            return None
        found = [item.name for item in services.catalogue if item.name.startswith(argument.value.lower())]
        return Completion(values=found[:_COMPLETIONS], total=len(found), has_more=len(found) > _COMPLETIONS)

    server.completion()(complete)  # type: ignore[no-untyped-call]


def offer_metric_prompts(server: KitServer) -> None:
    """Offer the prompts `brief` and `why`."""

    @server.prompt(title="Brief me")
    def brief(
        about: Annotated[
            str, Field(description="What it is about, e.g. revenue and retention.")
        ] = "the whole business",
    ) -> str:
        """How is it going: the numbers that matter, what moved, what isn't known."""
        return (
            f"Brief me on {about}. Find the metrics with list_metrics, ask each with query_metric and "
            f"compare=[prior_period, prior_year], and explain the largest movements with explain_change. {_RULES}"
        )

    @server.prompt(title="Why did it change?")
    def why(
        metric: MetricName,
        period: Annotated[str, Field(description="e.g. 2025-11 or 2025-Q3.")] = "the last finished month",
    ) -> str:
        """What a change consists of, and what explains most of it."""
        return (
            f"Why did {metric} change in {period}? Call explain_change, tell what explains most of the change, and "
            f"then what worked against it. {_RULES}"
        )


def _json(content: Any) -> str:
    return to_json(content).decode()
