"""Routes of the metric layer: the catalogue, values, explanations, changes, and questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sophia_kit.core.clock import end_of_day
from sophia_kit.core.errors import NoSnapshot
from sophia_kit.metrics import metric
from sophia_kit.metrics.change import explain_change
from sophia_kit.metrics.change.json_form import change_record
from sophia_kit.metrics.explanation import explain_metric
from sophia_kit.metrics.json_form import explanation_record, value_record
from sophia_kit.metrics.question import ask
from sophia_kit.metrics.question.json_form import answer_record
from sophia_kit.metrics.value import ComparisonKind, Grain
from sophia_kit.metrics.written import filters_of
from sophia_kit.server.auth.caller import Caller, needs
from sophia_kit.server.records.continuation import Continuation, fingerprint
from sophia_kit.server.records.page import engine_of, version_of
from sophia_kit.server.records.written import Day, KnownAt, Token, in_utc
from sophia_kit.server.rest.answers import Desk
from sophia_kit.server.rest.document import scoped
from sophia_kit.server.rest.metric_models import AskedAnswer, ChangesAnswer, ExplainAnswer, MetricAnswer
from sophia_kit.server.rest.responses import responses_of
from sophia_kit.server.rest.standing import of_engine, of_nothing, of_value

if TYPE_CHECKING:
    from sophia_kit.server.services import Services
    from sophia_kit.warehouse import Engine

__all__ = ["metric_routes"]

_MOST_VALUES: Final = 1_000
_DEFAULT_VALUES: Final = 200
_LONGEST_QUESTION: Final = 400

Name = Annotated[str, Path(max_length=100, description="The metric's name, e.g. `arr`.")]
Short = Annotated[str, Field(min_length=1, max_length=300)]
Restriction = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*=\S", max_length=300)]
Reader = Annotated[Caller, Depends(needs("metrics:read"))]
Asker = Annotated[Caller, Depends(needs("ask"))]

_PERIOD: Final = r"(\d{4}|\d{4}-\d{2}|\d{4}-\d{2}-\d{2}|\d{4}-W\d{2}|\d{4}-Q[1-4])"
_DAY = Field(None, description="The company day that the question is about; default: today.")
_WHERE: Any = Field(
    default_factory=list,
    max_length=50,
    description="Only a dimension's member: `segment=Enterprise`. May be repeated.",
)
_KNOWN_AT = Field(None, description="Answer from the snapshot of this day or time, e.g. `2025-12-31`; default: now.")


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(_Query):
    """Nothing: a parameter that isn't known is refused here too."""


class ValuesQuery(_Query):
    """As `sophia_kit.metric` takes it."""

    by: list[Short] = Field(default_factory=list, max_length=10, description="Group by a dimension. May be repeated.")
    grain: Grain | None = Field(None, description="Default: the metric's first.")
    compare: list[ComparisonKind] = Field(
        default_factory=list, max_length=6, description="Set it against another value. May be repeated."
    )
    day: Day | None = _DAY
    where: list[Restriction] = _WHERE
    periods: int = Field(1, ge=1, description="How many periods, up to the last.")
    trailing: int | None = Field(None, description="How many periods a trailing average is made of.")
    include_unfinished: bool = Field(default=False, description="Take the running period too.")
    known_at: KnownAt | None = _KNOWN_AT
    limit: int = Field(_DEFAULT_VALUES, ge=1, le=_MOST_VALUES, description="How many values a page has at most.")
    after: Token | None = Field(None, description="`next` of the page before; default: the first page.")


class ChangesQuery(_Query):
    """As `sophia_kit.explain_change` takes it."""

    period: str | None = Field(
        None,
        pattern=f"^{_PERIOD}$",
        description="`2025-12-02`, `2025-W49`, `2025-12`, `2025-Q3` or `2025`; default: the last that is over.",
    )
    versus: str = Field(
        "prior_period",
        pattern=f"^(prior_period|prior_year|target|{_PERIOD})$",
        description="`prior_period`, `prior_year`, `target`, or an earlier period, e.g. `2025-06`.",
    )
    by: list[Short] = Field(
        default_factory=list,
        max_length=10,
        description="Take it apart by this dimension. May be repeated; default: by all.",
    )
    grain: Grain | None = Field(None, description="Where no period is given. Default: the metric's first.")
    day: Day | None = _DAY
    where: list[Restriction] = _WHERE
    known_at: KnownAt | None = _KNOWN_AT


class QuestionQuery(_Query):
    """As `sophia_kit.ask` takes it."""

    question: str = Field(
        min_length=1,
        max_length=_LONGEST_QUESTION,
        description="In plain English, about one thing.",
        examples=["top 5 customers by revenue"],
    )
    day: Day | None = Field(None, description="The company day it is asked on; default: today.")
    known_at: KnownAt | None = _KNOWN_AT


def metric_routes(services: Services, desk: Desk) -> APIRouter:
    """The routes. No language model takes part in any of them."""
    layer = _Layer(services)
    routes = APIRouter(prefix="/v1", tags=["metrics"])

    @routes.get(
        "/metrics/{name}",
        operation_id="metric",
        responses=responses_of(MetricAnswer, "unknown-name", "snapshot-gone"),
        openapi_extra=scoped("metrics:read"),
    )
    async def values(name: Name, query: Annotated[ValuesQuery, Query()], caller: Reader) -> Response:
        """Values of a metric, with where they come from; a value may be unknown, with the reason. The numbers and their
        form are those of `sophia metric --format json`."""
        return await desk.answer(lambda: layer.values(name, query, caller))

    @routes.get(
        "/metrics/{name}/explain",
        operation_id="metric_explain",
        responses=responses_of(ExplainAnswer, "unknown-name"),
        openapi_extra=scoped("metrics:read"),
    )
    async def explanation(name: Name, query: Annotated[NoQuery, Query()], caller: Reader) -> Response:
        """What a metric is: definition, formula, SQL, sources and how fresh they are, checks, owner."""
        return await desk.answer(lambda: layer.explanation(name, caller))

    @routes.get(
        "/metrics/{name}/changes",
        operation_id="metric_changes",
        responses=responses_of(ChangesAnswer, "unknown-name"),
        openapi_extra=scoped("metrics:read"),
    )
    async def changes(name: Name, query: Annotated[ChangesQuery, Query()], caller: Reader) -> Response:
        """Why a metric changed: its parts, which sum to the change exactly, by what explains most first."""
        return await desk.answer(lambda: layer.changes(name, query, caller))

    @routes.get(
        "/ask",
        operation_id="ask",
        tags=["ask"],
        responses=responses_of(AskedAnswer, "unknown-name"),
        openapi_extra=scoped("ask"),
    )
    async def asked(query: Annotated[QuestionQuery, Query()], caller: Asker) -> Response:
        """Answer a question in plain English with a metric, or ask back, or say why not: see `status`."""
        return await desk.answer(lambda: layer.asked(query, caller))

    return routes


@dataclass(frozen=True, slots=True)
class _Layer:
    """The metric layer, asked in one caller's name."""

    services: Services

    def values(self, name: str, query: ValuesQuery, caller: Caller) -> dict[str, Any]:
        asked = query.model_dump(mode="json", exclude={"limit", "after"})
        question = fingerprint("metric", name, asked, caller.principal.name, caller.principal.attributes)
        start = None if query.after is None else Continuation.read(query.after, question)
        moment = self._moment(query.known_at)
        with self._engine(moment, start) as engine:
            result = metric(
                name,
                by=query.by,
                grain=query.grain,
                compare=query.compare,
                day=query.day,
                filters=filters_of(query.where, option="where"),
                known_at=moment,
                include_unfinished=query.include_unfinished,
                periods=query.periods,
                trailing=query.trailing,
                principal=caller.principal,
                settings=self.services.settings,
                warehouse=engine,
                catalogue=self.services.catalogue,
            )
            begin = 0 if start is None else int(start.position[0])
            end = begin + query.limit
            token = None
            if engine is not None and end < len(result.values):
                token = Continuation(question, version_of(engine), (end,)).token()
        return {
            "stands_on": of_value(result.values[0]),
            "metric": result.query.metric,
            "values": [value_record(value) for value in result.values[begin:end]],
            "next": token,
        }

    def explanation(self, name: str, caller: Caller) -> dict[str, Any]:
        services = self.services
        try:
            with services.snapshots.current() as engine:
                return self._explained(name, caller, engine)
        except NoSnapshot:
            # A definition is known before anything was loaded.
            return self._explained(name, caller, None)

    def _explained(self, name: str, caller: Caller, engine: Engine | None) -> dict[str, Any]:
        services = self.services
        found = explain_metric(
            services.catalogue,
            name,
            services.clock,
            engine,
            demo=services.settings.demo,
            principal=caller.principal,
        )
        standing = of_nothing(demo=found.demo) if engine is None else of_engine(engine, found.freshness)
        return {"stands_on": standing, **explanation_record(found)}

    def changes(self, name: str, query: ChangesQuery, caller: Caller) -> dict[str, Any]:
        moment = self._moment(query.known_at)
        with self._engine(moment) as engine:
            found = explain_change(
                name,
                query.period,
                query.versus,
                dimensions=query.by or None,
                day=query.day,
                grain=query.grain,
                filters=filters_of(query.where, option="where"),
                known_at=moment,
                principal=caller.principal,
                settings=self.services.settings,
                warehouse=engine,
                catalogue=self.services.catalogue,
            )
            return {"stands_on": of_value(found.value), **change_record(found), "text": found.text()}

    def asked(self, query: QuestionQuery, caller: Caller) -> dict[str, Any]:
        moment = self._moment(query.known_at)
        with self._engine(moment) as engine:
            found = ask(
                query.question,
                day=query.day,
                known_at=moment,
                principal=caller.principal,
                settings=self.services.settings,
                warehouse=engine,
                catalogue=self.services.catalogue,
            )
            if found.query is not None:
                # Whose question it was is no part of the answer.
                found = replace(found, query=replace(found.query, principal=None))
            first = found.result.values[0] if found.result and found.result.values else None
            if first is not None:
                standing = of_value(first)
            else:
                standing = of_nothing(demo=self.services.settings.demo) if engine is None else of_engine(engine, None)
            return {"stands_on": standing, **answer_record(found, demo=self.services.settings.demo)}

    def _moment(self, known_at: date | datetime | None) -> datetime | None:
        if known_at is None or isinstance(known_at, datetime):
            return known_at
        return in_utc(end_of_day(known_at, ZoneInfo(self.services.settings.company.time_zone)))

    @contextmanager
    def _engine(self, known_at: datetime | None, start: Continuation | None = None) -> Iterator[Engine | None]:
        """What is asked; None where a moment is older than the oldest snapshot, of which nothing is known."""
        if known_at is not None and start is None:
            with self.services.snapshots.at(known_at) as engine:
                yield engine
        else:
            with engine_of(self.services.snapshots, start) as current:
                yield current
