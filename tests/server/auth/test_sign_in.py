"""Browsers: a token once, then a cookie that no script reads and no other site can use."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from tests.server.auth.conftest import FRESH_S, Guarded, bearer

from sophia_kit.server.auth.pages import local_path
from sophia_kit.server.auth.tokens import revoke

HOST = "http://127.0.0.1:8765"
NAVIGATES = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
FORM = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}


def sign_in(browser: TestClient, token: str, wanted: str = "/who", **headers: str) -> Any:
    return browser.post("/sign-in", data={"token": token, "next": wanted}, headers=FORM | headers)


def test_a_page_leads_to_the_sign_in_and_back(guarded: Guarded) -> None:
    browser = guarded.client
    asked = browser.get("/who?day=2025-12-31&x=%C3%A4", headers=NAVIGATES)
    assert (asked.status_code, asked.headers["content-type"]) == (401, "text/html; charset=utf-8")
    found = re.search(r'content="0;url=([^"]+)"', asked.text)
    assert found is not None
    form = browser.get(found[1], headers=NAVIGATES)
    assert form.status_code == 200
    assert 'name="next" value="/who?day=2025-12-31&amp;x=%C3%A4"' in form.text
    answer = sign_in(browser, guarded.issue("Ada"), "/who?day=2025-12-31&x=%C3%A4")
    assert (answer.status_code, answer.headers["location"]) == (303, "/who?day=2025-12-31&x=%C3%A4")
    assert browser.get("/who").json()["name"] == "Ada"
    assert browser.get(found[1], headers=NAVIGATES).headers["location"] == "/who?day=2025-12-31&x=%C3%A4", "signed in"


def test_the_cookie_is_for_this_server_and_no_script(guarded: Guarded) -> None:
    token = guarded.issue()
    cookie = sign_in(guarded.client, token).headers["set-cookie"]
    held = re.match(r"sophia-session=([A-Za-z0-9_-]{43});", cookie)
    assert held is not None
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43199"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert token[-43:] not in cookie
    over_tls = TestClient(guarded.app, base_url="https://sophia.example.com", follow_redirects=False)
    cookie = over_tls.post("/sign-in", data={"token": token}, headers={"Origin": "https://sophia.example.com"}).headers[
        "set-cookie"
    ]
    assert cookie.startswith("__Host-sophia-session=")
    assert "; Secure" in cookie
    assert over_tls.get("/who").status_code == 200
    plain = {"Cookie": f"sophia-session={held[1]}"}
    assert TestClient(guarded.app, base_url="https://sophia.example.com").get("/who", headers=plain).status_code == 401


def test_the_state_holds_neither_token_nor_cookie(guarded: Guarded) -> None:
    token = guarded.issue()
    cookie = sign_in(guarded.client, token).headers["set-cookie"].split("=")[1].split(";")[0]
    rows = repr(guarded.state._engine.execute("SELECT * FROM access_tokens"))
    rows += repr(guarded.state._engine.execute("SELECT * FROM access_sessions"))
    assert token[-43:] not in rows
    assert cookie not in rows
    assert guarded.state.access.sessions(guarded.clock.now())[0].session_hash in rows


@pytest.mark.parametrize("token", ["", "a guess", "sophia_0000000000000000_" + "A" * 43, "' OR 1=1 --", "é" * 30])
def test_what_is_no_token_signs_nobody_in(guarded: Guarded, token: str) -> None:
    answer = sign_in(guarded.client, token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "alert" in answer.text
    assert not token or token not in answer.text


def test_a_session_ends_with_its_hours_its_token_and_the_sign_out(guarded: Guarded) -> None:
    (lasting, _), (short, record) = guarded.issued("a"), guarded.issued("b", lifetime=timedelta(hours=20))
    browser = guarded.client
    sign_in(browser, lasting)
    guarded.clock.ahead = timedelta(hours=12)
    assert browser.get("/who").status_code == 401, "12 hours"
    sign_in(browser, short)
    assert browser.get("/who").json()["name"] == "b"
    guarded.clock.ahead = timedelta(hours=20)
    assert browser.get("/who").status_code == 401, "the token's end"
    guarded.clock.ahead = timedelta(0)
    sign_in(browser, short)
    revoke(guarded.state, record.token_id, now=guarded.clock.now())
    time.sleep(FRESH_S)
    assert browser.get("/who").status_code == 401, "revoked"
    sign_in(browser, lasting)
    held = browser.cookies["sophia-session"]
    answer = browser.post("/sign-out", headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "sophia-session" not in browser.cookies
    assert guarded.client.get("/who", headers={"Cookie": f"sophia-session={held}"}).status_code == 401, "signed out"


def test_signing_in_again_takes_a_new_session_and_ends_the_one_before(guarded: Guarded) -> None:
    browser = guarded.client
    browser.cookies["sophia-session"] = "chosen-by-somebody-else"
    sign_in(browser, guarded.issue("a"))
    first = browser.cookies.get("sophia-session", domain="127.0.0.1")
    assert first != "chosen-by-somebody-else"
    browser = guarded.client
    browser.cookies.set("sophia-session", str(first), domain="127.0.0.1")
    sign_in(browser, guarded.issue("b"))
    assert len(guarded.state.access.sessions(guarded.clock.now())) == 1
    assert guarded.client.get("/who", headers={"Cookie": f"sophia-session={first}"}).status_code == 401


def test_a_header_decides_where_a_cookie_is_sent_too(guarded: Guarded) -> None:
    browser = guarded.client
    sign_in(browser, guarded.issue("cookie"))
    assert browser.get("/who", headers=bearer(guarded.issue("header"))).json()["name"] == "header"
    assert browser.get("/who", headers=bearer("sophia_0000000000000000_" + "A" * 43)).status_code == 401
    assert browser.get("/who", headers={"Authorization": "Basic eA=="}).status_code == 401


def test_two_sessions_in_one_request_are_refused(guarded: Guarded) -> None:
    browser = guarded.client
    sign_in(browser, guarded.issue())
    held = browser.cookies["sophia-session"]
    for cookie in (f"sophia-session={held}; sophia-session=x", f"sophia-session=x; a=b; sophia-session={held}"):
        assert guarded.client.get("/who", headers={"Cookie": cookie}).status_code == 400
    headers = [("Cookie", f"sophia-session={held}"), ("Cookie", "sophia-session=x")]
    assert guarded.client.get("/who", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
        {"Origin": HOST, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_site_can_sign_a_browser_in_or_out(guarded: Guarded, headers: dict[str, str]) -> None:
    browser = guarded.client
    sign_in(browser, guarded.issue())
    assert browser.post("/sign-in", data={"token": guarded.issue("evil")}, headers=headers).status_code == 403
    assert browser.post("/sign-out", headers=headers).status_code == 403
    assert browser.get("/sign-out", headers=headers).status_code in (200, 403)
    assert browser.get("/who").json()["name"] == "reader"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "http:evil.example",
        "evil.example",
        "/ä",
        "",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "http://[::1",
    ],
)
def test_the_way_back_stays_on_this_server(guarded: Guarded, wanted: str) -> None:
    assert local_path(wanted) == "/"
    assert sign_in(guarded.client, guarded.issue(), wanted).headers["location"] == "/"
    page = guarded.client.get(f"/sign-in?next={quote(wanted)}").text
    assert 'name="next" value="/"' in page


def test_what_is_asked_back_for_is_not_markup(guarded: Guarded) -> None:
    asked = guarded.client.get('/"><script>alert(1)</script>', headers=NAVIGATES)
    assert "<script" not in asked.text
    assert "<script" not in guarded.client.get("/sign-in", params={"next": '/"><script>alert(1)</script>'}).text


def test_failed_sign_ins_are_limited(guarded: Guarded) -> None:
    browser, token = guarded.client, guarded.issue()
    failed = [sign_in(browser, f"guess {number}").status_code for number in range(12)]
    assert failed == [401] * 10 + [429] * 2
    slowed = sign_in(browser, token)
    assert slowed.status_code == 429
    assert 1 <= int(slowed.headers["retry-after"]) <= 6
    assert guarded.client.get("/who", headers=bearer(token)).status_code == 200


def test_who_keeps_failing_otherwise_keeps_nobody_from_signing_in(guarded: Guarded) -> None:
    browser, token = guarded.client, guarded.issue()
    for headers in (bearer(token[:24] + "A" * 43), {"Cookie": "sophia-session=of-yesterday"}, {}):
        for _ in range(12):
            assert guarded.client.get("/who", headers=headers).status_code in (401, 429)
    assert sign_in(browser, token).status_code == 303
    assert browser.get("/who").status_code == 200


def test_signing_out_without_having_signed_in_writes_nothing(guarded: Guarded) -> None:
    for number in range(4):
        answer = guarded.client.post("/sign-out", headers=FORM | {"Cookie": f"sophia-session=guess-{number}"})
        assert answer.status_code == 303
    assert guarded.audited() == ""


def test_a_form_of_another_kind_or_size_is_refused(guarded: Guarded) -> None:
    token = guarded.issue()
    for body, kind in (
        (json.dumps({"token": token}), "application/json"),
        (f"token={token}", "text/plain"),
        (f"token={token}&x={'x' * 5000}", "application/x-www-form-urlencoded"),
        ("&".join(f"a{number}=1" for number in range(50)), "application/x-www-form-urlencoded"),
    ):
        answer = guarded.client.post("/sign-in", content=body, headers=FORM | {"Content-Type": kind})
        assert answer.status_code == 400
        assert token[-43:] not in answer.text


def test_signing_in_and_out_is_audited(guarded: Guarded) -> None:
    browser = guarded.client
    sign_in(browser, "guess")
    sign_in(browser, guarded.issue("Ada"))
    browser.post("/sign-out", headers=FORM)
    lines = [json.loads(line) for line in guarded.audited().splitlines()]
    assert [(line["event"], line.get("caller"), line["outcome"]) for line in lines] == [
        ("sign-in", None, "refused"),
        ("sign-in", "Ada", "signed in"),
        ("sign-out", "Ada", "signed out"),
    ]


def test_with_authentication_off_there_is_nothing_to_sign_in_to(make_guarded: Callable[..., Guarded]) -> None:
    guarded = make_guarded(authentication="off")
    assert guarded.client.get("/sign-in?next=/who").headers["location"] == "/who"
    assert guarded.client.post("/sign-out", headers=FORM).headers["location"] == "/"
