"""The demo company as the server serves it: over real HTTP on loopback, with tokens, and its rows read directly."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from tests.conftest import Project

from sophia_kit.cli.context import demo_settings
from sophia_kit.core.settings import ServerSettings, Settings
from sophia_kit.server.app import create_app
from sophia_kit.server.auth.tokens import issue
from sophia_kit.server.services import Services

__all__ = ["Served", "bearer", "demo_services", "serving"]

RESTRICTED = (("segment", ("Mid-Market",)),)
"""The row filter of the tests' restricted caller."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that asks for tokens.

    Attributes:
        headers: what shows a caller's token, by the caller's name: `reader` may everything, `restricted` is one whom
            `RESTRICTED` restricts, `bare` has a scope of no route of REST.
    """

    url: str
    services: Services
    headers: dict[str, dict[str, str]]
    client: httpx.Client

    def get(self, path: str, caller: str = "reader") -> httpx.Response:
        return self.client.get(self.url + path, headers=self.headers[caller])

    def json(self, path: str, caller: str = "reader") -> Any:
        answer = self.get(path, caller)
        assert answer.status_code == 200, answer.text
        return answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def demo_settings_at(demo: Project, root: Path) -> Settings:
    """The settings of a copy of the demo at `root`: its snapshots, and a state of its own."""
    data = root / "data" / "demo"
    shutil.copytree(demo.root / "data" / "demo" / "snapshots", data / "snapshots")
    for name in ("sophia.toml", "data/company.toml"):
        shutil.copy(demo.root / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOPHIA_ROOT", str(root))
        settings = demo_settings()
    return settings.model_copy(update={"server": ServerSettings(authentication="tokens", requests_per_minute=100_000)})


def demo_services(demo: Project, root: Path) -> Services:
    """The demo company, opened for serving; whoever asks closes it."""
    return Services.open(demo_settings_at(demo, root))


@contextmanager
def serving(services: Services) -> Iterator[Served]:
    """Serve it, without apps."""
    now = datetime.now(UTC)
    wanted: dict[str, dict[str, Any]] = {
        "reader": {"scopes": ["all"]},
        "restricted": {"scopes": ["all"], "attributes": RESTRICTED},
        "bare": {"scopes": ["apps:read"]},
    }
    headers = {
        name: bearer(issue(services.state, name=name, now=now, lifetime=timedelta(days=1), **more)[0])
        for name, more in wanted.items()
    }
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(services, ()), log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(timeout=60) as client:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", services, headers, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
