"""Every route of the application is on the short list of open ones, or answers only those who hold its scope."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import _IncludedRouter
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Mount, Route
from tests.server.auth.conftest import bearer

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.settings import load_settings
from sophia_kit.server import Services, create_app
from sophia_kit.server.auth import OPEN, SCOPES
from sophia_kit.server.auth.tokens import issue
from sophia_kit.server.published import App

NOTEBOOK = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    return\n"
ANY_SCOPE = {"/app", "/docs", "/openapi.json"}
"""Whoever holds a valid token may ask these: what leads on to an app, and the API's description; neither holds data."""


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    template: str


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The whole application over a workspace in which nothing is loaded: what it lets through finds nothing."""
    root: Path = tmp_path_factory.mktemp("routes")
    (root / "sophia.toml").write_text("[server]\nauthentication = 'tokens'\nrequests_per_minute = 100000\n")
    (root / "app.py").write_text(NOTEBOOK)
    with Services.open(load_settings(root)) as services:
        yield create_app(services, apps=[App("/app", "app.py", "An app", "Nothing.")])


def walk(routes: list[BaseRoute], below: str = "") -> Iterator[Asked]:
    for route in routes:
        if isinstance(route, Mount):
            path = below + route.path
            yield from (
                Asked(method, f"{path}/{rest}", f"{path}/*") for method in ("GET", "POST") for rest in ("", "ws")
            )
        elif isinstance(route, Route):
            filled = re.sub(r"\{[^}]*\}", "x", below + route.path)
            yield from (Asked(method, filled, below + route.path) for method in route.methods or ())
        else:
            assert isinstance(route, _IncludedRouter)
            yield from walk(route.original_router.routes, below)


def test_each_route_needs_its_scope_or_is_known_to_be_open(app: FastAPI) -> None:
    state = app.state.services.state
    now, hour = SystemClock().now(), timedelta(hours=1)
    # What neither of the two may ask, or only one of them, needs a scope.
    issued = [issue(state, name=name, scopes=[name], now=now, lifetime=hour) for name in ("gong:read", "status:read")]
    opened, unscoped, needed = set(), set(), {}
    with TestClient(app, base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        for one in walk(list(app.routes)):
            if client.request(one.method, one.path).status_code not in (401, 429):
                opened.add(one.template)
                continue
            answers = [client.request(one.method, one.path, headers=bearer(token)) for token, _ in issued]
            refused = {answer.json()["scope"] for answer in answers if answer.status_code == 403}
            needed[one.template] = refused
            if not refused:
                unscoped.add(one.template)
    assert opened == OPEN
    assert unscoped == ANY_SCOPE
    assert set().union(*needed.values()) == set(SCOPES)
    assert needed["/metrics"] == {"status:read"}
    assert needed["/app/*"] == {"apps:read"}
