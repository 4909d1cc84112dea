"""Callers: what they may do, and where a request's caller is found."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from sophia_kit.core.errors import ScopeMissing, SophiaError, Unauthenticated, UnknownName
from sophia_kit.metrics import Principal
from sophia_kit.server.auth.caller import LOCAL, SCOPES, Caller, caller_of, needs
from sophia_kit.server.auth.scopes import known_scopes

READER = Caller(Principal("reader", (("segment", ("Enterprise",)),)), frozenset({"metrics:read"}), token_id="t1")


def test_a_scope_is_had_or_named_in_the_refusal() -> None:
    READER.require("metrics:read")
    with pytest.raises(ScopeMissing, match="reader lacks the scope gong:read") as refused:
        READER.require("gong:read")
    assert refused.value.problem() | {"scope": "gong:read", "status": 403, "code": "scope-missing"} == (
        refused.value.problem()
    )


def test_without_authentication_the_caller_may_do_everything() -> None:
    assert LOCAL.scopes == set(SCOPES)
    assert LOCAL.principal.attributes == ()


@pytest.mark.parametrize("scope", [{}, {"state": {}}, {"state": {"caller": None}}, {"state": {"caller": "local"}}])
def test_a_request_that_nothing_let_in_has_no_caller(scope: Scope) -> None:
    with pytest.raises(Unauthenticated):
        caller_of(scope)


def test_a_route_gets_its_caller_and_refuses_one_without_the_scope() -> None:
    app = FastAPI()

    @app.get("/metrics-of")
    def metrics_of(caller: Annotated[Caller, Depends(needs("metrics:read"))]) -> str:
        return caller.principal.name

    @app.get("/calls")
    def calls(caller: Annotated[Caller, Depends(needs("gong:read"))]) -> str:
        return caller.principal.name

    def as_reader(inner: ASGIApp) -> ASGIApp:
        async def called(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["caller"] = READER
            await inner(scope, receive, send)

        return called

    client = TestClient(as_reader(app))
    assert client.get("/metrics-of").json() == "reader"
    with pytest.raises(SophiaError, match="gong:read"):
        client.get("/calls")


def test_a_scope_that_is_not_there_is_refused_when_the_route_is_made() -> None:
    with pytest.raises(KeyError):
        needs("metrics:reed")
    with pytest.raises(UnknownName, match="metrics:reed"):
        known_scopes(["metrics:reed"])
    assert known_scopes(["all"]) == set(SCOPES)
