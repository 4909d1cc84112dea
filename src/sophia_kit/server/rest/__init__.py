"""REST: vendors' rows, metrics and questions over HTTP, read-only, described by OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from sophia_kit.server.rest.answers import Desk
from sophia_kit.server.rest.catalogue import catalogue_routes
from sophia_kit.server.rest.document import api_document
from sophia_kit.server.rest.metrics import metric_routes
from sophia_kit.server.rest.rows import row_routes

if TYPE_CHECKING:
    from sophia_kit.server.services import Services

__all__ = ["api_document", "rest_routes"]


def rest_routes(services: Services) -> APIRouter:
    """All of REST, to be included in the application."""
    desk = Desk()
    routes = APIRouter()
    for each in (row_routes, catalogue_routes, metric_routes):
        routes.include_router(each(services, desk))
    return routes
