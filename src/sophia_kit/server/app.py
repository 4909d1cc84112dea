"""The ASGI application, assembled from its parts. It serves what is published and writes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware import Middleware

from sophia_kit.core.settings import ServerSettings
from sophia_kit.server.headers import SecurityHeaders
from sophia_kit.server.index import index_page
from sophia_kit.server.limits import BodyLimit, TimeLimit
from sophia_kit.server.origin import LOOPBACK_NAMES, KnownHosts, SameOriginOnly
from sophia_kit.server.problems import LastResort, handle_errors
from sophia_kit.server.published import APPS, App, PublishedApps
from sophia_kit.server.services import Services

__all__ = ["create_app"]


def create_app(services: Services, apps: Sequence[App] = APPS) -> FastAPI:
    """The index at `/`, `/healthz`, and each app at its path.

    The notebooks run in this process and read the settings from its environment, so a process serves one
    workspace; `serve` puts the settings there. Whoever opened the services closes them.

    Raises:
        ConfigError: a notebook isn't there.
    """
    settings = services.settings
    published = PublishedApps(settings.root, apps)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as parts:
            await parts.enter_async_context(published.running())
            yield

    server = FastAPI(
        title="Sophia Kit",
        docs_url=None,
        redoc_url=None,
        middleware=_middleware(settings.server, [app.path for app in apps]),
        lifespan=running,
    )
    server.state.services = services
    handle_errors(server)
    links = [(app.path, app.title, app.answers) for app in apps]

    @server.get("/", response_class=HTMLResponse, include_in_schema=False)
    def index() -> str:
        return index_page(settings.company.name, links, demo=settings.demo)

    @server.get("/healthz")
    def alive() -> dict[str, str]:
        """That this process answers, and nothing about the parts behind it: `/readyz` asks those."""
        return {"status": "alive"}

    # REST, MCP and sign-in come here, before the apps.
    server.router.routes.extend(published.routes())
    return server


def _middleware(settings: ServerSettings, apps: Sequence[str]) -> list[Middleware]:
    """What every request passes, outermost first."""
    return [
        Middleware(SecurityHeaders, apps=apps),
        Middleware(LastResort),
        Middleware(KnownHosts, names=[*LOOPBACK_NAMES, settings.host, *settings.names]),
        Middleware(SameOriginOnly),
        Middleware(BodyLimit, limit=settings.max_request_bytes),
        Middleware(TimeLimit, seconds=settings.request_timeout_s),
    ]
