"""The ASGI application. It serves what is published and writes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import marimo
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from sophia_kit.core.errors import ConfigError
from sophia_kit.core.settings import Settings
from sophia_kit.server.index import index_page
from sophia_kit.server.origin import SameOriginOnly

__all__ = ["APPS", "App", "create_app"]


@dataclass(frozen=True, slots=True)
class App:
    """A published notebook.

    Attributes:
        path: where it is served.
        notebook: its file, relative to the project's root.
        answers: what a reader finds there, in one sentence.
    """

    path: str
    notebook: str
    title: str
    answers: str


APPS: Final = (
    App(
        path="/daily-bi",
        notebook="notebooks/daily_bi.py",
        title="Daily brief",
        answers="How did the business do, what moved, what isn't known: revenue, customers, pipeline, payments.",
    ),
)

# Nobody signs in yet, so only this machine may ask, and no page of another site in its browser.
_LOCAL_NAMES: Final = ["127.0.0.1", "localhost", "[::1]"]


def create_app(settings: Settings, apps: tuple[App, ...] = APPS) -> FastAPI:
    """The index at `/`, `/healthz`, and each app at its path.

    The notebooks run in this process and read the settings from its environment, so a process serves one
    workspace; `serve` puts the settings there.

    Raises:
        ConfigError: a notebook isn't there.
    """
    builder = marimo.create_asgi_app(quiet=True, include_code=False)
    for app in apps:
        file = settings.root / app.notebook
        if not file.is_file():
            raise ConfigError(
                f"The notebook of {app.title} isn't there: {file}.",
                hint="Run inside a clone of the project, which carries its notebooks.",
            )
        builder = builder.with_app(path=app.path, root=str(file))
    published = builder.build()
    server = FastAPI(
        title="Sophia Kit",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _: _ending_sessions(published),
    )
    server.add_middleware(SameOriginOnly)
    server.add_middleware(TrustedHostMiddleware, allowed_hosts=_LOCAL_NAMES)
    links = [(app.path, app.title, app.answers) for app in apps]

    @server.get("/", response_class=HTMLResponse)
    def index() -> str:
        return index_page(settings.company.name, links, demo=settings.demo)

    @server.get("/healthz")
    def alive() -> dict[str, str]:
        """That this process answers, and nothing about the parts behind it: `sophia doctor` asks those."""
        return {"status": "alive"}

    server.mount("/", published)
    return server


@asynccontextmanager
async def _ending_sessions(published: ASGIApp) -> AsyncIterator[None]:
    """End the readers' sessions with the server.

    A mounted application's own lifespan never runs, and a session left open keeps the process from ending.
    """
    yield
    assert isinstance(published, Starlette)
    for route in published.routes:
        if isinstance(route, Mount):
            await route.app.state.session_manager.shutdown()  # type: ignore[attr-defined]
