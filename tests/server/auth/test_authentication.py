"""The way in: who shows a valid token comes in as its holder, and nobody else gets any further than the door."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.server.auth.conftest import FRESH_S, Guarded, bearer

from sophia_kit.server.auth.tokens import revoke


def test_a_token_lets_its_holder_in_with_its_attributes(guarded: Guarded) -> None:
    token, record = guarded.issued("Ada", attributes=[("segment", ("Enterprise", "Mid-market"))])
    answer = guarded.client.get("/who", headers=bearer(token))
    assert answer.json() == {
        "name": "Ada",
        "attributes": [["segment", ["Enterprise", "Mid-market"]]],
        "token_id": record.token_id,
    }


def test_without_one_nobody_gets_further_than_the_door(guarded: Guarded) -> None:
    answer = guarded.client.get("/who")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sophia-kit"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"
    assert guarded.reached == []


def test_alive_is_open_and_nothing_beside_it(guarded: Guarded) -> None:
    assert guarded.client.get("/healthz").status_code == 200
    for path in ("//healthz", "/healthz/", "/healthz//", "/HEALTHZ", "/healthz%00", "/%2fhealthz", "/healthz;/who",
                 "/who/", "//who", "/who%2f"):  # fmt: skip
        assert guarded.client.request("GET", f"http://127.0.0.1:8765{path}").status_code == 401, path
    assert guarded.reached == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(guarded: Guarded, scheme: str) -> None:
    assert guarded.client.get("/who", headers={"Authorization": f"{scheme} {guarded.issue()}"}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic c29waGlhOnNvcGhpYQ==",
        "Token {token}",
        "{token}",
        "Bearer{token}",
        "Bearer {token},{token}",
        "Bearer {token} {token}",
        'Bearer "{token}"',
        "Bearer {upper}",
        "Bearer {short}",
        "Bearer {longer}",
        "Bearer\t{token}",
        "Bearer sophia_0000000000000000_{secret}",
        "Bearer {wrong}",
    ],
)
def test_what_is_nearly_a_token_is_none(guarded: Guarded, header: str) -> None:
    token = guarded.issue()
    wrong = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    value = header.format(
        token=token, upper=token.upper(), short=token[:-1], longer=token + "A", secret=token[-43:], wrong=wrong
    )
    answer = guarded.client.get("/who", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sophia-kit", error="invalid_token"'
    assert guarded.reached == []
    assert token[-43:] not in answer.text


def test_a_scope_that_lacks_is_named(guarded: Guarded) -> None:
    answer = guarded.client.get("/calls", headers=bearer(guarded.issue()))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert (
        answer.headers["www-authenticate"] == 'Bearer realm="sophia-kit", error="insufficient_scope", scope="gong:read"'
    )
    assert (answer.json()["code"], answer.json()["scope"]) == ("scope-missing", "gong:read")
    assert guarded.reached == []


def test_two_headers_are_refused_whatever_they_hold(guarded: Guarded) -> None:
    good, bad = guarded.issue(), "sophia_0000000000000000_" + "A" * 43
    for pair in ((good, bad), (bad, good), (good, good)):
        headers = [("Authorization", f"Bearer {token}") for token in pair]
        assert guarded.client.get("/who", headers=headers).status_code == 400
    assert guarded.reached == []


@pytest.mark.parametrize(
    "query", ["access_token={token}", "ACCESS_TOKEN={token}", "x={token}", "{token}", "a=1&b={quoted}"]
)
def test_a_token_in_the_address_is_refused_even_beside_a_valid_header(guarded: Guarded, query: str) -> None:
    token = guarded.issue()
    quoted = "".join(f"%{ord(sign):02x}" for sign in token)
    for address in (f"/who?{query.format(token=token, quoted=quoted)}", f"/who/{token}"):
        answer = guarded.client.get(address, headers=bearer(token))
        assert answer.status_code == 400
        assert "address" in answer.json()["detail"]
        assert token[-43:] not in answer.text
    assert token[-43:] not in guarded.audited()
    assert guarded.reached == []


def test_headers_that_proxies_set_let_nobody_in(guarded: Guarded) -> None:
    claims = {
        "X-Forwarded-User": "admin", "X-Remote-User": "admin", "X-Forwarded-For": "127.0.0.1", "Remote-User": "admin",
        "X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz", "X-HTTP-Method-Override": "HEAD",
        "X-Authorization": f"Bearer {guarded.issue()}", "Proxy-Authorization": f"Bearer {guarded.issue()}",
    }  # fmt: skip
    assert guarded.client.get("/who", headers=claims).status_code == 401
    assert guarded.reached == []


def test_a_revoked_token_stops_within_seconds(guarded: Guarded) -> None:
    token, record = guarded.issued()
    assert guarded.client.get("/who", headers=bearer(token)).status_code == 200
    revoke(guarded.state, record.token_id, now=guarded.clock.now())
    time.sleep(FRESH_S)
    assert guarded.client.get("/who", headers=bearer(token)).status_code == 401


def test_a_token_expires_to_the_second(guarded: Guarded) -> None:
    token = guarded.issue(lifetime=timedelta(hours=1))
    guarded.clock.ahead = timedelta(minutes=59, seconds=50)
    assert guarded.client.get("/who", headers=bearer(token)).status_code == 200
    guarded.clock.ahead = timedelta(hours=1)
    assert guarded.client.get("/who", headers=bearer(token)).status_code == 401, "without a new reading"


def test_a_token_works_as_soon_as_it_is_made(guarded: Guarded) -> None:
    with guarded.client as client:
        for _ in range(3):
            assert client.get("/who", headers=bearer(guarded.issue())).status_code == 200


def test_many_requests_at_once_read_the_state_once(guarded: Guarded) -> None:
    token = guarded.issue()
    read: list[str] = []
    connection: sqlite3.Connection = guarded.state._engine._connection  # type: ignore[attr-defined]
    connection.set_trace_callback(lambda sql: read.append(sql) if "FROM access_tokens" in sql else None)
    began = time.monotonic()
    with guarded.client as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get("/who", headers=bearer(token)).status_code, range(64)))
    took = time.monotonic() - began
    connection.set_trace_callback(None)
    assert set(answers) == {200}
    assert len(read) <= 1 + took / FRESH_S


def test_nobody_comes_in_while_the_state_is_away(make_guarded: Callable[..., Guarded]) -> None:
    guarded = make_guarded()
    token = guarded.issue()
    guarded.state.close()
    answer = guarded.client.get("/who", headers=bearer(token))
    assert answer.status_code >= 500
    assert guarded.reached == []


def test_a_caller_who_asks_too_often_waits_and_others_do_not(make_guarded: Callable[..., Guarded]) -> None:
    guarded = make_guarded(requests_per_minute=5)
    busy, other = bearer(guarded.issue("busy")), bearer(guarded.issue("other"))
    with guarded.client as client:
        answers = [client.get("/who", headers=busy) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
        assert answers[-1].json()["code"] == "too-many-requests"
        assert client.get("/who", headers=other).status_code == 200
    assert guarded.reached.count("/who") == 6


def test_the_files_of_a_page_need_a_token_and_do_not_count(make_guarded: Callable[..., Guarded]) -> None:
    guarded = make_guarded(requests_per_minute=2)
    reader = bearer(guarded.issue("Ada"))
    with guarded.client as client:
        assert client.get("/mounted/assets/a.js").status_code == 401
        assert {client.get(f"/mounted/assets/{number}.js", headers=reader).status_code for number in range(9)} == {200}
        assert client.get("/mounted/page", headers=reader).status_code == 200
        assert client.get("/mounted/assets/../page", headers=reader).status_code == 200
        assert client.get("/mounted/assetsx", headers=reader).status_code == 429
    assert "a.js" in guarded.audited()
    assert "1.js" not in guarded.audited()


def test_an_address_that_keeps_failing_is_slowed_and_valid_tokens_are_not(guarded: Guarded) -> None:
    token = guarded.issue()
    known = token[:24]
    with guarded.client as client:
        failed = [client.get("/who", headers=bearer(known + "A" * 43)).status_code for _ in range(12)]
        assert failed == [401] * 10 + [429] * 2
        assert client.get("/who", headers=bearer(token)).status_code == 200
    assert guarded.audited().count('"outcome": 401') == 10, "a flood doesn't fill the log"


def test_with_authentication_off_everything_is_local(make_guarded: Callable[..., Guarded]) -> None:
    guarded = make_guarded(authentication="off")
    answer = guarded.client.get("/who", headers=bearer("anything"))
    assert answer.json() == {"name": "local", "attributes": [], "token_id": None}


def test_the_audit_log_says_who_asked_what_and_holds_no_value(guarded: Guarded) -> None:
    token, record = guarded.issued("Ada")
    with guarded.client as client:
        client.get("/who?segment=canary-member&q=canary-question&canary value", headers=bearer(token))
        client.get("/calls", headers=bearer(token))
        client.get("/who", headers=bearer(token[:-43] + "A" * 43))
    lines = [json.loads(line) for line in guarded.audited().splitlines()]
    told: list[dict[str, Any]] = [{key: line.get(key) for key in ("caller", "path", "outcome")} for line in lines]
    assert told == [
        {"caller": "Ada", "path": "/who", "outcome": 200},
        {"caller": "Ada", "path": "/calls", "outcome": 403},
        {"caller": None, "path": "/who", "outcome": 401},
    ]
    assert lines[0]["parameters"] == ["segment", "q", "?"]
    assert (lines[0]["token_id"], lines[0]["method"], lines[0]["client"]) == (record.token_id, "GET", "testclient")
    assert "canary" not in guarded.audited()
    assert token[-43:] not in guarded.audited()
    (file,) = guarded.audit_dir.iterdir()
    assert file.stat().st_mode & 0o077 == 0
