"""The server itself: loopback, marked as a sandbox, several callers at once, one day after the other."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import httpx
import pytest
from tests.sandbox.conftest import credentials, sign_in
from tests.sandbox.test_salesforce import BASE, ask, read_all

from sophia_kit.core.errors import InputError
from sophia_kit.sandbox import HEADER, Company, LoggedRequest, SandboxServer


def test_every_answer_says_that_it_is_a_sandbox(server: SandboxServer, client: httpx.Client) -> None:
    answers = [
        client.post("/services/oauth2/token", data=credentials()),
        client.post("/services/oauth2/token", data={}),
        client.get(f"{BASE}/limits"),
        ask(client, "SELECT Id FROM Account"),
        client.get(f"{BASE}/limits", headers={"Authorization": "Bearer forged"}),
        client.delete(f"{BASE}/sobjects/Account"),
        client.get("/elsewhere"),
    ]
    assert {answer.status_code for answer in answers} == {200, 400, 401, 404, 405}
    assert all(answer.headers[HEADER] == "Larkfield Payments" for answer in answers)


def test_only_this_machine_can_reach_it(server: SandboxServer) -> None:
    assert server.base_url.startswith("http://127.0.0.1:")
    port = int(server.base_url.rpartition(":")[2])
    others = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {
        "127.0.0.1"
    }
    for address in others:
        if address.startswith("127."):
            continue
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=2)


def test_it_remembers_what_it_was_asked(server: SandboxServer, client: httpx.Client) -> None:
    client.get(f"{BASE}/limits")
    client.get("/elsewhere?a=b")
    assert server.requests == [
        LoggedRequest("POST", "/services/oauth2/token", 200, None),
        LoggedRequest("GET", f"{BASE}/limits", 200, None),
        LoggedRequest("GET", "/elsewhere?a=b", 404, None),
    ]


def test_a_day_passes(server: SandboxServer, client: httpx.Client, next_day: Company) -> None:
    soql = "SELECT Id, SystemModstamp FROM Contact WHERE SystemModstamp > 2026-01-01T06:00:00Z"
    assert read_all(client, soql, "queryAll") == []
    server.advance()
    assert server.company.day == date(2026, 1, 1)
    assert len(read_all(client, soql, "queryAll")) >= 3
    broken = {key for wart in next_day.truth.of("salesforce_contacts", "malformed") for key in wart.ids}
    shown = {r["Id"] for r in read_all(client, "SELECT Id FROM Contact", "queryAll")} - broken - {None}
    assert shown == set(next_day.table("salesforce_contacts")["Id"])


def test_time_ends(company: Company) -> None:
    with SandboxServer(company) as server:
        server.advance(62)
        with pytest.raises(InputError, match="2026-03-03"):
            server.advance()
        assert server.company.day == company.day + timedelta(62)


def test_several_callers_at_once_get_the_same(server: SandboxServer) -> None:
    def read(_: int) -> list[str]:
        with httpx.Client(base_url=server.base_url, trust_env=False) as client:
            sign_in(client)
            return [record["Id"] for record in read_all(client, "SELECT Id FROM OpportunityHistory", batch=200)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(8)))
    assert all(keys == found[0] for keys in found)
    assert len(found[0]) > 1000


def test_after_it_ends_nobody_answers(company: Company) -> None:
    with SandboxServer(company) as server:
        url = server.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
