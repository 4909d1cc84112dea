"""A server of this process on real sockets, in a thread, for tests that need many connections to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import uvicorn
from fastapi import FastAPI

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.settings import Settings
from sophia_kit.metrics.principal import Filters
from sophia_kit.server import create_app
from sophia_kit.server.auth.tokens import issue
from sophia_kit.server.published import App
from sophia_kit.server.services import Services

__all__ = ["Serving", "serving"]


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers."""

    port: int
    services: Services
    app: FastAPI

    def token(self, name: str, attributes: Filters = ()) -> str:
        """A new token with every scope, for a caller who may see these members."""
        made, _ = issue(
            self.services.state,
            name=name,
            scopes=["all"],
            attributes=attributes,
            now=SystemClock().now(),
            lifetime=timedelta(hours=1),
        )
        return made

    def headers(self, token: str) -> dict[str, str]:
        """What a caller's requests carry."""
        return {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {token}"}


@contextmanager
def serving(settings: Settings, apps: Sequence[App]) -> Iterator[Serving]:
    """`sophia serve` within this process, whose environment has to name the workspace where apps are served."""
    with Services.open(settings) as services, socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(services, apps)
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server has ended before it served"
            thread.join(0.02)
        try:
            yield Serving(listener.getsockname()[1], services, app)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server doesn't end"
