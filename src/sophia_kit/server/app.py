"""The ASGI application, assembled from its parts. It serves what is published and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware import Middleware

from sophia_kit.core.settings import ServerSettings, Settings
from sophia_kit.server.auth import Access, Authentication, Caller, needs
from sophia_kit.server.auth.sign_in import sign_in_routes
from sophia_kit.server.described import description_routes
from sophia_kit.server.draining import LastAnswers
from sophia_kit.server.headers import SecurityHeaders
from sophia_kit.server.index import index_page
from sophia_kit.server.limits import BodyLimit, TimeLimit
from sophia_kit.server.mcp import McpServers
from sophia_kit.server.measures import Measures
from sophia_kit.server.models.errors import PATHS
from sophia_kit.server.models.routes import ModelDoor, model_routes
from sophia_kit.server.observed import Observed
from sophia_kit.server.origin import LOOPBACK_NAMES, KnownHosts, SameOriginOnly
from sophia_kit.server.problems import LastResort, handle_errors
from sophia_kit.server.published import APPS, App, PublishedApps
from sophia_kit.server.readiness import Readiness
from sophia_kit.server.rest import api_document, rest_routes
from sophia_kit.server.services import Services
from sophia_kit.server.status import status_routes

__all__ = ["create_app"]


def create_app(services: Services, apps: Sequence[App] = APPS) -> FastAPI:
    """The index at `/`, what machines watch, REST, MCP, the API's description at `/docs`, and each app at its path.

    The notebooks run in this process and read the settings from its environment, so a process serves one
    workspace; `serve` puts the settings there. Whoever opened the services closes them.

    Raises:
        ConfigError: a notebook isn't there.
    """
    settings = services.settings
    access = Access.of(settings, services.state)
    ending = asyncio.Event()
    readiness = Readiness(services, ending)
    measures = Measures(settings.server.error_rate_target, readiness, services.snapshots)
    published = PublishedApps(settings.root, apps)
    door = ModelDoor(services)
    mcp = McpServers(services)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as parts:
            parts.callback(access.close)
            parts.push_async_callback(readiness.close)
            parts.push_async_callback(door.close)
            await parts.enter_async_context(published.running())
            await parts.enter_async_context(mcp.run())
            yield

    server = FastAPI(
        title="Sophia Kit",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(Observed, measures=measures),
            Middleware(LastAnswers, ending=ending),
            *_middleware(settings, access, [app.path for app in apps]),
        ],
        lifespan=running,
        # `Observed` does it for what is mounted and refused too, and exports no path or query of a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    server.state.services = services
    server.state.ending = ending
    server.state.access = access
    server.state.mcp = mcp
    handle_errors(server)
    links = [(app.path, app.title, app.answers) for app in apps]

    @server.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index(caller: Annotated[Caller, Depends(needs("apps:read"))]) -> str:
        name = caller.principal.name if caller.token_id else None
        return index_page(settings.company.name, links, demo=settings.demo, signed_in=name)

    document = partial(api_document, server, tokens=settings.server.authentication == "tokens")
    server.include_router(description_routes(document, demo=settings.demo))
    server.include_router(status_routes(measures, readiness))
    server.include_router(rest_routes(services))
    server.include_router(model_routes(services, door))
    server.router.routes.extend(sign_in_routes(settings, access))
    server.router.routes.extend(mcp.routes)
    server.router.routes.extend(published.routes())
    return server


def _names(settings: ServerSettings) -> list[str]:
    """By which this server may be asked."""
    return [*LOOPBACK_NAMES, settings.host, *settings.names]


def _middleware(project: Settings, access: Access, apps: Sequence[str]) -> list[Middleware]:
    """What every request passes, outermost first."""
    settings = project.server
    # A model's answer takes what the gateway lets it take, and a moment for the rest.
    patient = dict.fromkeys(PATHS, max(settings.request_timeout_s, project.llm.deadline_s + 1))
    return [
        Middleware(SecurityHeaders, apps=apps),
        Middleware(LastResort),
        Middleware(KnownHosts, names=_names(settings)),
        Middleware(SameOriginOnly),
        Middleware(Authentication, access=access, assets=[f"{app}/assets/" for app in apps]),
        Middleware(BodyLimit, limit=settings.max_request_bytes),
        Middleware(TimeLimit, seconds=settings.request_timeout_s, longer=patient),
    ]
