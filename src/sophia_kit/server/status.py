"""What machines ask to watch the server: `/healthz`, `/readyz`, `/metrics`, `/slo`."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from sophia_kit.server.auth.caller import needs
from sophia_kit.server.measures import CONTENT_TYPE_LATEST, Measures
from sophia_kit.server.problems import documented
from sophia_kit.server.readiness import Readiness, ReadinessLevel
from sophia_kit.server.slo import ServiceLevel

__all__ = ["status_routes"]


class Alive(BaseModel):
    """What `/healthz` answers."""

    status: Literal["alive"] = "alive"


def status_routes(measures: Measures, readiness: Readiness) -> APIRouter:
    """The routes. `/healthz` is open, the others need the scope `status:read`."""
    routes = APIRouter(tags=["status"])
    watching: dict[str, Any] = {"dependencies": [Depends(needs("status:read"))]}

    @routes.get("/healthz", response_model=Alive)
    async def alive() -> Response:
        """That this process answers, and nothing about the parts behind it: `/readyz` asks those."""
        return JSONResponse({"status": "alive"})

    @routes.get(
        "/readyz",
        response_model=ReadinessLevel,
        responses={503: {"model": ReadinessLevel, "description": "Not ready."}, **documented(401, 403)},
        **watching,
    )
    async def ready() -> Response:
        """Whether the required parts answer (200) or not (503), and how every part is. Parts that nobody configured
        are listed; they neither fail the server nor count as healthy."""
        level = await readiness.level()
        return JSONResponse(level.model_dump(mode="json"), 200 if level.status == "ready" else 503)

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text."}, **documented(401, 403)},
        **watching,
    )
    async def metrics() -> Response:
        """Counters and gauges of this process, in Prometheus' text format."""
        return Response(measures.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @routes.get("/slo", responses=documented(401, 403), **watching)
    async def service_level() -> ServiceLevel:
        """Requests, latencies and the share of failures of the last hour, against its target. Without requests they
        are unknown."""
        return measures.level.level()

    return routes
