"""A server with authentication, small: the real middleware and sign-in before routes that say who asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sophia_kit.core.settings import Settings
from sophia_kit.server.auth import Access, Authentication, Caller, caller_of, needs
from sophia_kit.server.auth.sign_in import sign_in_routes
from sophia_kit.server.auth.tokens import issue
from sophia_kit.server.origin import SameOriginOnly
from sophia_kit.server.problems import LastResort, handle_errors
from sophia_kit.state import AccessToken, State

FRESH_S = 0.2


class MovableClock:
    """Real time until a test moves it."""

    frozen = False

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server and what a test needs to get in.

    Attributes:
        client: of a program, which keeps no cookie.
        reached: what the routes behind the middleware were asked.
    """

    app: FastAPI
    access: Access
    state: State
    clock: MovableClock
    audit_dir: Path
    reached: list[str]

    @property
    def client(self) -> TestClient:
        return TestClient(self.app, base_url="http://127.0.0.1:8765", follow_redirects=False)

    def issue(self, name: str = "reader", scopes: tuple[str, ...] = ("metrics:read",), **more: Any) -> str:
        return self.issued(name, scopes, **more)[0]

    def issued(
        self, name: str = "reader", scopes: tuple[str, ...] = ("metrics:read",), **more: Any
    ) -> tuple[str, AccessToken]:
        wanted: dict[str, Any] = {"now": self.clock.now(), "lifetime": timedelta(days=1)} | more
        return issue(self.state, name=name, scopes=scopes, **wanted)

    def audited(self) -> str:
        return "".join(file.read_text() for file in sorted(self.audit_dir.glob("*.jsonl")))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_app(settings: Settings, access: Access, reached: list[str]) -> FastAPI:
    app = FastAPI(
        openapi_url=None,
        middleware=[
            Middleware(LastResort),
            Middleware(SameOriginOnly),
            Middleware(Authentication, access=access, assets=["/mounted/assets/"]),
        ],
    )
    handle_errors(app)
    app.router.routes.extend(sign_in_routes(settings, access))

    @app.get("/healthz")
    def healthz() -> str:
        return "alive"

    @app.get("/who")
    def who(caller: Annotated[Caller, Depends(needs("metrics:read"))]) -> dict[str, Any]:
        reached.append("/who")
        return {"name": caller.principal.name, "attributes": caller.principal.attributes, "token_id": caller.token_id}

    @app.get("/calls")
    def calls(caller: Annotated[Caller, Depends(needs("gong:read"))]) -> str:
        reached.append("/calls")
        return caller.principal.name

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        reached.append("/ws")
        await socket.accept()
        await socket.send_text(caller_of(socket.scope).principal.name)
        while True:
            await socket.send_text(await socket.receive_text())

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append("/mounted")
        await PlainTextResponse(caller_of(scope).principal.name)(scope, receive, send)

    app.mount("/mounted", page)
    return app


@contextmanager
def guarded_server(folder: Path, **server: Any) -> Iterator[Guarded]:
    """A server with these settings of its section `[server]`, over a state of its own below the folder."""
    settings = Settings(root=folder, server={"authentication": "tokens"} | server)  # type: ignore[arg-type]
    with State.open(settings.state_location) as state:
        clock = MovableClock()
        access = Access.of(settings, state, clock=clock, fresh_s=FRESH_S)
        reached: list[str] = []
        yield Guarded(make_app(settings, access, reached), access, state, clock, settings.audit_dir, reached)
        access.close()


@pytest.fixture
def make_guarded(tmp_path: Path) -> Iterator[Callable[..., Guarded]]:
    """Makes a server with these settings of its section `[server]`."""
    with ExitStack() as opened:
        yield lambda **server: opened.enter_context(guarded_server(tmp_path, **server))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_server(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def guarded(shared: Guarded) -> Guarded:
    """A server that knows nobody yet, and remembers nothing of the test before."""
    for table in ("access_tokens", "access_sessions"):
        shared.state._engine.execute(f"DELETE FROM {table}")
    for rates in (shared.access.failures, shared.access.requests):
        rates._due.clear()
    shared.access.audit.close()
    for file in shared.audit_dir.glob("*"):
        file.unlink()
    shared.reached.clear()
    shared.clock.ahead = timedelta(0)
    return shared
