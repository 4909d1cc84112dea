"""The published notebooks: which there are, and marimo's applications that serve them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sophia_kit.core.errors import ConfigError, InternalError, PathUnknown, RequestRefused, SophiaError
from sophia_kit.server.app_access import AppAccess
from sophia_kit.server.problems import problem_response
from sophia_kit.server.syntax_trees import make_one_at_a_time

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["APPS", "App", "PublishedApps"]


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


class PublishedApps:
    """marimo's applications of some notebooks.

    Raises:
        ConfigError: a notebook isn't there, or is none.
    """

    def __init__(self, root: Path, apps: Sequence[App]) -> None:
        self._mounts: list[tuple[str, Starlette]] = []
        if not apps:
            return
        import marimo

        make_one_at_a_time()
        builder = marimo.create_asgi_app(quiet=True, include_code=False)
        for app in apps:
            file = root / app.notebook
            if not file.is_file():
                raise ConfigError(
                    f"The notebook of {app.title} isn't there: {file}.",
                    hint="Run inside a clone of the project, which carries its notebooks.",
                )
            builder = builder.with_app(path=app.path, root=str(file))
        try:
            built = builder.build()
        except Exception as error:  # noqa: BLE001  # whatever marimo makes of a file that is no notebook
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ConfigError(
                f"An app's notebook can't be loaded: {reason}",
                hint=f"Have a look at it with `marimo check {' '.join(app.notebook for app in apps)}`.",
            ) from None
        assert isinstance(built, Starlette)
        for route in built.routes:
            if isinstance(route, Mount):
                assert isinstance(route.app, Starlette)
                self._mounts.append((route.path, route.app))

    def routes(self) -> list[BaseRoute]:
        """Each application below its path, and its path without the last slash."""
        found: list[BaseRoute] = []
        for path, app in self._mounts:
            found += [Mount(path, app=AppAccess(_ProblemsOnly(app))), Route(path, _to_slash)]
        return found

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End the readers' sessions with the server.

        A mounted application's own lifespan never runs, and a session left open keeps the process from ending.
        """
        yield
        for _, app in self._mounts:
            await app.state.session_manager.shutdown()


def _to_slash(request: Request) -> Response:
    return RedirectResponse(request.url.replace(path=request.url.path + "/").components.path + _query(request), 308)


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


class _ProblemsOnly:
    """What marimo refuses leaves as a problem too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused: SophiaError | None = None

        async def shaped(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused = _error(message["status"], str(scope["path"]))
            elif refused is None:
                await send(message)
            elif message["type"] == "http.response.body" and not message.get("more_body", False):
                await problem_response(refused, scope)(scope, receive, send)

        await self._app(scope, receive, shaped)


def _error(status: int, path: str) -> SophiaError:
    if status == HTTPStatus.NOT_FOUND:
        return PathUnknown(f"Nothing is served at {path[:200]}.", hint="/ lists the apps.")
    kind = RequestRefused if status < 500 else InternalError
    error = kind(f"The app answered with {status} {HTTPStatus(status).phrase}.", hint="Load the page again.")
    error.status = status
    return error
