"""The metric layer's MCP server: the catalogue, values, why they changed, and questions in plain English."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sophia_kit.core.errors import AccessRefused
from sophia_kit.metrics import explain
from sophia_kit.metrics import metric as values_of
from sophia_kit.metrics.change import explain_change
from sophia_kit.metrics.principal import permitted
from sophia_kit.metrics.question import ask
from sophia_kit.metrics.value import ComparisonKind, Grain
from sophia_kit.metrics.written import moment_of
from sophia_kit.server.mcp.kit_server import KitServer
from sophia_kit.server.mcp.metric_models import (
    CataloguePage,
    ChangeAnswer,
    DefinitionAnswer,
    MetricAnswer,
    QuestionAnswer,
    change_answer,
    definition_answer,
    entry_of,
    metric_answer,
    question_answer,
)
from sophia_kit.server.mcp.metrics_resources import offer_metric_prompts, offer_metric_resources
from sophia_kit.server.mcp.paging import fitting_count, page_size
from sophia_kit.server.mcp.value_models import value_model
from sophia_kit.server.records.continuation import Continuation, fingerprint
from sophia_kit.server.records.page import engine_of, version_of

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.server.auth.caller import Caller
    from sophia_kit.server.services import Services
    from sophia_kit.warehouse import Engine

__all__ = ["build"]

_INSTRUCTIONS = """\
The company's metrics, each defined once and answered from the last snapshot of its data.

- Quote `display`, digit for digit; compute nothing from values yourself. Ask for a comparison, a breakdown or a total.
- `unknown` is an answer: give its reason, and no number in its place.
- Say which period a value is of, and where data is stale, failed a check or is a fictional company's (`demo`).
- Find a metric's name with list_metrics; query_metric answers; explain_change says why; ask takes plain English."""

_PARTS = 10
_MOST_PARTS = 50

Name = Annotated[str, Field(description="The metric's name, e.g. arr; list_metrics tells them.", max_length=100)]
Day = Annotated[date | None, Field(description="The day the question is about; default: today.")]
KnownAt = Annotated[
    str | None,
    Field(description="Answer from what was known then: 2025-12-31, or 2025-12-31T06:00:00Z; default: now."),
]
Filters = Annotated[
    dict[str, list[str]] | None, Field(description='Dimension to members, e.g. {"segment": ["Enterprise"]}.')
]
After = Annotated[str | None, Field(description="`next` of the page before, beside the same arguments.")]
Limit = Annotated[int | None, Field(description="How many items a page holds, 1 to 200; default 50.")]
WithSql = Annotated[bool, Field(description="Show the SQL, too.")]


def build(services: Services, caller: Caller | None) -> KitServer:
    """The server over a workspace; `caller` as `KitServer` takes it."""
    server = KitServer("metrics", services, title="Sophia Kit: metrics", instructions=_INSTRUCTIONS, caller=caller)
    tools = _Tools(server)
    server.reads("List metrics")(tools.list_metrics)
    server.reads("Describe a metric")(tools.describe_metric)
    server.reads("Query a metric")(tools.query_metric)
    server.reads("Explain a change")(tools.explain_change)
    server.reads("Ask in plain English", scope="ask")(tools.ask)
    offer_metric_resources(server)
    offer_metric_prompts(server)
    return server


class _Tools:
    """The tools; each call answers from one snapshot, for whoever calls."""

    def __init__(self, server: KitServer) -> None:
        self._server = server
        self._services = server.services

    def list_metrics(
        self,
        search: Annotated[
            str | None, Field(description="Words that name, label, synonyms or description hold.", max_length=200)
        ] = None,
        limit: Limit = None,
        after: After = None,
    ) -> CataloguePage:
        """List the metrics of the catalogue: what each means, its unit, grains and dimensions."""
        principal = self._server.caller.principal
        digests = [item.digest for item in self._services.catalogue]
        question = fingerprint("list_metrics", search, digests, principal.name, principal.attributes)
        begin = _offset(after, question)
        words = (search or "").lower().split()
        found = [item for item in self._services.catalogue if all(word in _searched(item) for word in words)]
        left = [entry_of(item, self._refusal(item)) for item in found[begin : begin + page_size(limit)]]
        shown = left[: fitting_count(left)]
        more = _next(question, "", begin + len(shown), len(found))
        return CataloguePage(metrics=shown, total=len(found), next=more)

    def describe_metric(self, metric: Name, include_sql: WithSql = False) -> DefinitionAnswer:
        """Say what a metric is: definition, formula, sources and their freshness, checks of its data."""
        with self._services.snapshots.current() as engine:
            found = explain(
                metric,
                settings=self._services.settings,
                warehouse=engine,
                catalogue=self._services.catalogue,
                principal=self._server.caller.principal,
            )
        return definition_answer(found, sql=include_sql)

    def query_metric(
        self,
        metric: Name,
        day: Day = None,
        grain: Annotated[Grain | None, Field(description="The period; default: the metric's first.")] = None,
        by: Annotated[list[str] | None, Field(description="Dimensions to group by.")] = None,
        filters: Filters = None,
        compare: Annotated[list[ComparisonKind] | None, Field(description="What to set each value against.")] = None,
        periods: Annotated[int, Field(description="How many periods, up to the last finished one.", ge=1, le=400)] = 1,
        include_unfinished: Annotated[bool, Field(description="Take the running period, too.")] = False,
        known_at: KnownAt = None,
        include_sql: WithSql = False,
        limit: Limit = None,
        after: After = None,
    ) -> MetricAnswer:
        """Ask for values of a metric: each with its period, or unknown and why, and what all stand on."""
        principal = self._server.caller.principal
        asked = (metric, day, grain, by, filters, compare, periods, include_unfinished, known_at, include_sql)
        question = fingerprint("query_metric", asked, principal.name, principal.attributes)
        begin, moment = _offset(after, question), self._moment(known_at)
        with self._answering(after, question, moment) as engine:
            result = values_of(
                metric,
                day=day,
                grain=grain,
                by=by or (),
                filters=filters,
                compare=compare or (),
                periods=periods,
                include_unfinished=include_unfinished,
                known_at=moment,
                principal=principal,
                settings=self._services.settings,
                warehouse=engine,
                catalogue=self._services.catalogue,
            )
            version = "" if engine is None else version_of(engine)
        left = [value_model(value) for value in result.values[begin : begin + page_size(limit)]]
        shown = left[: fitting_count(left)]
        more = _next(question, version, begin + len(shown), len(result.values))
        return metric_answer(result, shown, following=more, sql=include_sql)

    def explain_change(
        self,
        metric: Name,
        period: Annotated[
            str | None,
            Field(description="2025-12-02, 2025-W49, 2025-12, 2025-Q3 or 2025; default: the last finished one."),
        ] = None,
        versus: Annotated[
            str, Field(description="prior_period, prior_year, target, or an earlier period like 2025-Q1.")
        ] = "prior_period",
        grain: Annotated[Grain | None, Field(description="Where no period is named: which is meant.")] = None,
        dimensions: Annotated[list[str] | None, Field(description="To take it apart by; default: all it has.")] = None,
        filters: Filters = None,
        known_at: KnownAt = None,
        most_parts: Annotated[
            int, Field(description="How many parts of each breakdown are shown.", ge=1, le=_MOST_PARTS)
        ] = _PARTS,
        include_sql: WithSql = False,
    ) -> ChangeAnswer:
        """Explain why a metric changed: what the change consists of, exactly, and what explains most of it."""
        moment = self._moment(known_at)
        with self._answering(None, "", moment) as engine:
            found = explain_change(
                metric,
                period,
                versus,
                dimensions=dimensions,
                grain=grain,
                filters=filters,
                known_at=moment,
                principal=self._server.caller.principal,
                settings=self._services.settings,
                warehouse=engine,
                catalogue=self._services.catalogue,
            )
        return change_answer(found, most=most_parts, sql=include_sql)

    def ask(
        self,
        question: Annotated[str, Field(description="One question, e.g. top 5 customers by revenue last quarter.")],
        day: Annotated[date | None, Field(description="The day it is asked on; default: today.")] = None,
        limit: Limit = None,
    ) -> QuestionAnswer:
        """Ask a question in plain English. What isn't surely understood is asked back or declined."""
        with self._services.snapshots.current() as engine:
            answer = ask(
                question,
                day=day,
                principal=self._server.caller.principal,
                settings=self._services.settings,
                warehouse=engine,
                catalogue=self._services.catalogue,
            )
        return question_answer(answer, most=page_size(limit))

    def _moment(self, known_at: str | None) -> datetime | None:
        if known_at is None:
            return None
        return moment_of(known_at, self._services.settings.company.time_zone, option="known_at")

    @contextmanager
    def _answering(self, after: str | None, question: str, moment: datetime | None) -> Iterator[Engine | None]:
        """The snapshot of the pages before, or the one that was current at a moment; None when that isn't kept."""
        snapshots = self._services.snapshots
        start = None if after is None else Continuation.read(after, question)
        if start is not None and start.version:
            with engine_of(snapshots, start) as engine:
                yield engine
        elif moment is not None:
            with snapshots.at(moment) as kept:
                yield kept
        else:
            with snapshots.current() as current:
                yield current

    def _refusal(self, definition: Definition) -> str | None:
        try:
            permitted(self._server.caller.principal, definition, ())
        except AccessRefused as error:
            return error.message
        return None


def _offset(after: str | None, question: str) -> int:
    """How many items came on the pages before.

    Raises:
        InputError: `after` isn't of this question.
    """
    return 0 if after is None else int(Continuation.read(after, question).position[0])


def _next(question: str, version: str, seen: int, total: int) -> str | None:
    return Continuation(question, version, (seen,)).token() if seen < total else None


def _searched(definition: Definition) -> str:
    return " ".join((definition.name, definition.label, definition.description, *definition.synonyms)).lower()
