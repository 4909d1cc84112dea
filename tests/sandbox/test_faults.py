"""Each fault as it really comes over the wire."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from contextlib import suppress

import httpx
import pytest
from tests.sandbox.conftest import credentials, sign_in

from sophia_kit.sandbox import Company, Faults, SandboxServer
from sophia_kit.sandbox.faults import FAULT_KINDS, FaultKind

LIMITS = "/services/data/v66.0/limits"


def _raw(server: SandboxServer, token: str) -> bytes:
    """All bytes of one answer, as the socket gives them."""
    host, _, port = server.base_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"GET {LIMITS} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
        with suppress(OSError):  # the server may have hung up already; reading tells how
            connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def _ask(company: Company, faults: Faults) -> httpx.Response:
    """The answer to one request for the limits, with a good token."""
    with (
        SandboxServer(company, faults=faults) as server,
        httpx.Client(base_url=server.base_url, trust_env=False) as client,
    ):
        sign_in(client)
        return client.get(LIMITS)


def _one(kind: FaultKind) -> Faults:
    return Faults(script={1: kind}, paths="/limits", retry_after_s=3, slow_s=0.3)


def test_too_many_requests(company: Company) -> None:
    answer = _ask(company, _one("too_many_requests"))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3"
    assert answer.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_server_error(company: Company) -> None:
    answer = _ask(company, _one("server_error"))
    assert answer.status_code == 500
    assert answer.json()[0]["errorCode"] == "UNKNOWN_EXCEPTION"


def test_expired_token(company: Company) -> None:
    answer = _ask(company, _one("expired_token"))
    assert answer.status_code == 401
    assert answer.json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_slow(company: Company) -> None:
    begin = time.monotonic()
    answer = _ask(company, _one("slow"))
    assert time.monotonic() - begin >= 0.3
    assert answer.status_code == 200
    assert "DailyApiRequests" in answer.json()


def test_drop(company: Company) -> None:
    with pytest.raises(httpx.TransportError):
        _ask(company, _one("drop"))
    with SandboxServer(company, faults=_one("drop")) as server, pytest.raises(ConnectionResetError):
        _raw(server, "none")


def test_cut_body(company: Company) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        _ask(company, _one("cut_body"))
    with SandboxServer(company, faults=_one("cut_body")) as server:
        head, _, body = _raw(server, "none").partition(b"\r\n\r\n")
    promised = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    assert 0 < len(body) < promised


def test_truncated_json(company: Company) -> None:
    answer = _ask(company, _one("truncated_json"))
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.content) > 0
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_malformed_json(company: Company) -> None:
    answer = _ask(company, _one("malformed_json"))
    assert answer.status_code == 200
    assert answer.content.startswith(b"<html>")
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_after_a_fault_the_next_request_is_answered(company: Company, kind: FaultKind) -> None:
    with (
        SandboxServer(company, faults=_one(kind)) as server,
        httpx.Client(base_url=server.base_url, trust_env=False) as client,
    ):
        sign_in(client)
        try:
            client.get(LIMITS)
        except httpx.TransportError:
            assert kind in ("drop", "cut_body")
        assert client.get(LIMITS).status_code == 200
        assert [entry.fault for entry in server.requests] == [None, kind, None]


def test_faults_hit_the_token_request_too(company: Company) -> None:
    with SandboxServer(company, faults=Faults(script={1: "server_error"})) as server:
        url = f"{server.base_url}/services/oauth2/token"
        statuses = [httpx.post(url, data=credentials(), trust_env=False).status_code for _ in range(2)]
    assert statuses == [500, 200]


def test_shares_are_drawn_by_the_seed() -> None:
    faults = Faults(shares={"server_error": 0.2, "slow": 0.1}, seed=5)
    drawn = [counter.next("/x") for counter in [faults.start()] for _ in range(5000)]
    again = [counter.next("/x") for counter in [faults.start()] for _ in range(5000)]
    assert drawn == again
    counts = Counter(drawn)
    assert 900 < counts["server_error"] < 1100
    assert 420 < counts["slow"] < 580
    other = Faults(shares={"server_error": 0.2, "slow": 0.1}, seed=6).start()
    assert drawn != [other.next("/x") for _ in range(5000)]


def test_by_its_share_a_token_ends_once_before_the_request_is_answered_and_only_where_there_is_one() -> None:
    faults = Faults(shares={"expired_token": 0.5, "server_error": 0.3}, seed=3).start()
    drawn = [faults.next("/x", "the same") for _ in range(2000)]
    between: list[list[FaultKind]] = [[]]
    for kind in drawn:
        if kind is None:
            between.append([])
        else:
            between[-1].append(kind)
    assert {calls.count("expired_token") for calls in between} == {0, 1}
    assert drawn.count("expired_token") > 400
    without = [faults.next("/x") for _ in range(2000)]
    assert (without.count("expired_token"), without.count("server_error") > 500) == (0, True)
    assert Faults(script={1: "expired_token", 2: "expired_token"}).start().next("/x") == "expired_token"


def test_there_can_be_a_limit() -> None:
    counter = Faults(shares={"server_error": 1.0}, limit=3).start()
    assert [counter.next("/x") for _ in range(5)] == ["server_error"] * 3 + [None] * 2


def test_wrong_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="no fault is called 'fire'"):
        Faults(script={1: "fire"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="at most 1"):
        Faults(shares={"slow": 0.7, "drop": 0.5})
