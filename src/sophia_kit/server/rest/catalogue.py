"""The route of the catalogue: which metrics there are for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sophia_kit.core.errors import AccessRefused, NoSnapshot
from sophia_kit.metrics.json_form import definition_record
from sophia_kit.metrics.principal import permitted
from sophia_kit.server.auth.caller import Caller, needs
from sophia_kit.server.records.continuation import Continuation, fingerprint
from sophia_kit.server.records.written import Token
from sophia_kit.server.rest.answers import Desk
from sophia_kit.server.rest.document import scoped
from sophia_kit.server.rest.metric_models import CatalogueAnswer
from sophia_kit.server.rest.responses import responses_of
from sophia_kit.server.rest.standing import of_engine, of_nothing

if TYPE_CHECKING:
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.server.services import Services

__all__ = ["catalogue_routes"]

_DEFAULT: Final = 100
_MOST: Final = 500


class CatalogueQuery(BaseModel):
    """What metrics are looked for with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = Field(
        None, min_length=1, max_length=100, description="Only with this in name, label, description or synonyms."
    )
    owner: str | None = Field(None, min_length=1, max_length=100, description="Only of this owner.")
    kind: str | None = Field(None, min_length=1, max_length=100, description="Only of this kind, e.g. `ratio`.")
    own: bool | None = Field(None, description="Only those that the project itself defines, or only others.")
    limit: int = Field(_DEFAULT, ge=1, le=_MOST, description="How many metrics a page has at most.")
    after: Token | None = Field(None, description="`next` of the page before; default: the first page.")


def catalogue_routes(services: Services, desk: Desk) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1", tags=["metrics"])

    @routes.get(
        "/metrics",
        operation_id="metrics",
        responses=responses_of(CatalogueAnswer),
        openapi_extra=scoped("metrics:read"),
    )
    async def catalogue(
        query: Annotated[CatalogueQuery, Query()], caller: Annotated[Caller, Depends(needs("metrics:read"))]
    ) -> Response:
        """The metrics that there are, in order of name. Those that the caller may not ask for aren't among them."""
        return await desk.answer(lambda: _listed(services, query, caller))

    return routes


def _listed(services: Services, query: CatalogueQuery, caller: Caller) -> dict[str, Any]:
    asked = query.model_dump(exclude={"limit", "after"})
    question = fingerprint("metrics", asked, caller.principal.name, caller.principal.attributes)
    start = "" if query.after is None else str(Continuation.read(query.after, question).position[0])
    records = (
        definition_record(services.catalogue, item)
        for item in services.catalogue
        if item.name > start and _wanted(item, query) and _may_ask(caller, item)
    )
    found = [record for record in records if query.own is None or record["own"] == query.own]
    shown = found[: query.limit]
    token = None
    if len(found) > query.limit:
        # The catalogue of a process doesn't change: there is no version to name.
        token = Continuation(question, "", (shown[-1]["name"],)).token()
    return {"stands_on": _standing(services), "metrics": shown, "next": token}


def _wanted(item: Definition, query: CatalogueQuery) -> bool:
    return (
        (query.text is None or item.mentions(query.text))
        and (query.owner is None or item.owner.lower() == query.owner.lower())
        and (query.kind is None or item.kind == query.kind)
    )


def _may_ask(caller: Caller, item: Definition) -> bool:
    try:
        permitted(caller.principal, item, ())
    except AccessRefused:
        return False
    return True


def _standing(services: Services) -> dict[str, Any]:
    try:
        with services.snapshots.current() as engine:
            return of_engine(engine, None)
    except NoSnapshot:
        return of_nothing(demo=services.settings.demo)
