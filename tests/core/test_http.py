"""The HTTP client over a real wire: what it sends, what it survives, what it says when it gives up."""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.wire import Reply, Request, WireServer

from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    MalformedAnswer,
    PolicyRefused,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    Unreachable,
)
from sophia_kit.core.http import HttpClient
from sophia_kit.core.policy import RequestPolicy, Rule
from sophia_kit.core.settings import HttpSettings

QUICK = HttpSettings(read_timeout_s=1, attempts=3, deadline_s=20, backoff_initial_s=0.01, backoff_max_s=0.02)
POLICY = RequestPolicy("vendor", [Rule("vendor", "GET", "/items"), Rule("vendor", "GET", "/items/{id}")])
OK = Reply(body={"ok": True})


def client(server: WireServer, settings: HttpSettings = QUICK, **more: Any) -> HttpClient:
    return HttpClient("vendor", server.url, settings, policy=POLICY, **more)


def script(*replies: Reply) -> Callable[[Request], Reply]:
    """Each reply in turn, the last one for ever."""
    left = itertools.chain(replies, itertools.repeat(replies[-1]))
    return lambda _request: next(left)


async def test_an_answer_is_decoded_json_with_its_headers() -> None:
    reply = Reply(body={"name": "Zoë ✓ 株式会社", "n": 3}, headers={"X-Limit": "7"})
    async with WireServer(script(reply)) as server, client(server) as http:
        answer = await http.get("/items", {"q": "a b&c=ü"})
    assert answer.body == {"name": "Zoë ✓ 株式会社", "n": 3}
    assert answer.headers["x-limit"] == "7"
    assert (answer.demo, answer.date) == (False, None)
    assert (server.requests[0].path, server.requests[0].query) == ("/items", {"q": "a b&c=ü"})


async def test_what_came_from_the_sandbox_is_demo() -> None:
    async with WireServer(script(Reply(body=[], headers={"Sophia-Sandbox": "demo"}))) as server, client(server) as http:
        assert (await http.get("/items")).demo


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Reply(429), "rate-limited"),
        (Reply(500), "provider-failing"),
        (Reply(503, body=b"<html>down</html>"), "provider-failing"),
        (Reply(408), "provider-timeout"),
        (Reply(drop=True), "unreachable"),
        (Reply(body={"ok": "cut"}, cut_at=5), "malformed-answer"),
        (Reply(body={"ok": "cut"}, cut_at=0), "malformed-answer"),
        (Reply(body=b'{"ok": tru'), "malformed-answer"),
        (Reply(body=b""), "malformed-answer"),
        (Reply(body=b'{"amount": NaN}'), "malformed-answer"),
        (Reply(body=b"\xff\xfe"), "malformed-answer"),
        (Reply(body=b"not gzip", headers={"Content-Encoding": "gzip"}), "malformed-answer"),
        (Reply(delay_s=3), "provider-timeout"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_passing_fault_is_survived_and_a_lasting_one_named(fault: Reply, code: str) -> None:
    async with WireServer(script(fault, fault, OK)) as server, client(server) as http:
        assert (await http.get("/items")).body == {"ok": True}
        assert len(server.requests) == 3
    async with WireServer(script(fault)) as server, client(server) as http:
        with pytest.raises(ProviderError) as caught:
            await http.get("/items")
        assert (caught.value.code, caught.value.retryable, caught.value.provider) == (code, True, "vendor")
        assert caught.value.hint
        assert len(server.requests) == QUICK.attempts


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRejected),
        (403, AuthFailed),
        (404, RequestRejected),
        (405, RequestRejected),
        (410, RequestRejected),
        (304, RequestRejected),
    ],
)
async def test_a_fault_that_stays_is_not_tried_again(status: int, kind: type[ProviderError]) -> None:
    async with WireServer(script(Reply(status))) as server, client(server) as http:
        with pytest.raises(kind) as caught:
            await http.get("/items")
    assert (caught.value.http_status, caught.value.retryable, len(server.requests)) == (status, False, 1)


async def test_nobody_listening_is_unreachable() -> None:
    async with WireServer(script(OK)) as server:
        pass
    async with client(server) as http:
        with pytest.raises(Unreachable):
            await http.get("/items")


def http_date(offset_s: float, base: datetime | None = None) -> str:
    return format_datetime((base or datetime.now(UTC)) + timedelta(seconds=offset_s), usegmt=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "1"},
        {
            "Retry-After": http_date(1, datetime(2031, 1, 1, tzinfo=UTC)),
            "Date": http_date(0, datetime(2031, 1, 1, tzinfo=UTC)),
        },
        {
            "Retry-After": http_date(1, datetime(2019, 1, 1, tzinfo=UTC)),
            "Date": http_date(0, datetime(2019, 1, 1, tzinfo=UTC)),
        },
    ],
    ids=["seconds", "date of a clock ahead", "date of a clock behind"],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(status: int, headers: dict[str, str]) -> None:
    loop = asyncio.get_running_loop()
    async with WireServer(script(Reply(status, headers=headers), OK)) as server, client(server) as http:
        started = loop.time()
        await http.get("/items")
        assert loop.time() - started >= 1


async def test_retry_after_beyond_the_deadline_gives_up_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with WireServer(script(Reply(429, headers={"Retry-After": "3600"}))) as server, client(server) as http:
        started = loop.time()
        with pytest.raises(RateLimited) as caught:
            await http.get("/items")
        assert loop.time() - started < 1
    assert (caught.value.retry_after, len(server.requests)) == (3600, 1)


@pytest.mark.parametrize(
    "wish",
    ["soon", "-5", "1e9", "٣", http_date(-100), "Fri, 31 Dec 9999 23:59:59 -1400"],
    ids=["word", "negative", "too long", "other digits", "past", "no date that can be"],
)
async def test_a_retry_after_that_says_nothing_is_no_obstacle(wish: str) -> None:
    reply = Reply(429, headers={"Retry-After": wish.encode().decode("latin-1")})
    async with WireServer(script(reply, OK)) as server, client(server) as http:
        assert (await http.get("/items")).body == {"ok": True}


async def test_the_deadline_ends_a_call_however_it_drags_on() -> None:
    settings = QUICK.model_copy(update={"deadline_s": 0.4})
    drip = Reply(body={"a": "x" * 200}, drip_s=0.05)
    loop = asyncio.get_running_loop()
    async with WireServer(script(drip)) as server, client(server, settings) as http:
        started = loop.time()
        with pytest.raises(ProviderTimeout, match=r"within 0\.4 s in 1 attempt") as caught:
            await http.get("/items")
        assert loop.time() - started < 1
        assert caught.value.retryable
        assert await server.all_closed()


async def test_the_deadline_names_the_last_answer() -> None:
    settings = QUICK.model_copy(update={"deadline_s": 0.3, "backoff_initial_s": 5.0, "backoff_max_s": 5.0})
    async with WireServer(script(Reply(500))) as server, client(server, settings) as http:
        with pytest.raises(ProviderTimeout, match="answered 500"):
            await http.get("/items")


async def test_an_answer_over_the_size_limit_is_refused_while_it_arrives() -> None:
    settings = QUICK.model_copy(update={"max_answer_mb": 0.01})
    bomb = Reply(body=gzip.compress(b"[" + b"0," * 10_000_000 + b"0]"), headers={"Content-Encoding": "gzip"})
    async with WireServer(script(bomb)) as server, client(server, settings) as http:
        with pytest.raises(MalformedAnswer, match="larger than") as caught:
            await http.get("/items")
        assert await server.all_closed()
    assert (caught.value.retryable, len(server.requests)) == (False, 1)


async def test_the_rate_is_kept() -> None:
    loop = asyncio.get_running_loop()
    async with WireServer(script(OK)) as server, client(server, requests_per_second=10) as http:
        started = loop.time()
        await asyncio.gather(*(http.get("/items") for _ in range(15)))
        assert loop.time() - started >= 0.45


async def test_cancelling_leaves_no_connection_open() -> None:
    settings = QUICK.model_copy(update={"read_timeout_s": 60.0, "deadline_s": 60.0})
    async with WireServer(script(Reply(body={}, delay_s=30))) as server, client(server, settings) as http:
        calls = [asyncio.create_task(http.get("/items")) for _ in range(3)]
        assert await server.received(3)
        assert server.connections == 3
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        assert await server.all_closed()


async def test_leaving_the_client_closes_its_connections() -> None:
    async with WireServer(script(OK)) as server:
        async with client(server) as http:
            await http.get("/items")
            assert server.connections == 1
        assert await server.all_closed()


class Token:
    """Credentials that count their renewals; `good` says which generation is accepted."""

    def __init__(self) -> None:
        self.generation = 0

    async def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer t{self.generation}"}

    async def renew(self, refused: Any) -> None:
        assert refused == {"Authorization": f"Bearer t{self.generation}"}
        self.generation += 1

    def secrets(self) -> list[str]:
        return [f"t{self.generation}"]


async def test_a_401_renews_the_credentials_once() -> None:
    def answer(request: Request) -> Reply:
        return OK if request.headers["authorization"] == "Bearer t1" else Reply(401)

    token = Token()
    async with WireServer(answer) as server, client(server, credentials=token) as http:
        assert (await http.get("/items")).body == {"ok": True}
        assert (await http.get("/items")).body == {"ok": True}
    assert (token.generation, len(server.requests)) == (1, 3)


async def test_a_second_401_is_final() -> None:
    token = Token()
    async with WireServer(script(Reply(401))) as server, client(server, credentials=token) as http:
        with pytest.raises(AuthFailed) as caught:
            await http.get("/items")
    assert (caught.value.http_status, token.generation, len(server.requests)) == (401, 1, 2)


@pytest.mark.parametrize("secret", ["canary\r\nX-Other: 1", "canary-\u00e9", "canary\x7f"])
async def test_a_credential_that_no_header_can_carry_is_said_and_not_repeated(secret: str) -> None:
    class Odd(Token):
        async def headers(self) -> dict[str, str]:
            return {"Authorization": f"Bearer {secret}"}

    async with WireServer(script(OK)) as server, client(server, credentials=Odd()) as http:
        with pytest.raises(ConfigError, match="can't be sent") as caught:
            await http.get("/items")
    assert "canary" not in f"{caught.value.problem()}"
    assert not server.requests


async def test_faults_around_a_renewal_are_survived() -> None:
    replies = (Reply(500), Reply(401), Reply(503), OK)
    async with WireServer(script(*replies)) as server, client(server, credentials=Token()) as http:
        assert (await http.get("/items")).body == {"ok": True}


async def test_a_redirect_on_the_same_origin_is_followed() -> None:
    def answer(request: Request) -> Reply:
        return Reply(301, headers={"Location": "/items/7"}) if request.path == "/items" else OK

    async with WireServer(answer) as server, client(server) as http:
        assert (await http.get("/items")).body == {"ok": True}


async def test_a_redirect_to_another_origin_is_refused_before_connecting() -> None:
    async with WireServer(script(OK)) as other:
        away = Reply(302, headers={"Location": f"{other.url}/items"})
        async with WireServer(script(away)) as server, client(server, credentials=Token()) as http:
            with pytest.raises(PolicyRefused, match="this client talks to"):
                await http.get("/items")
        assert other.accepted == 0


async def test_a_redirect_to_a_path_that_is_no_read_is_refused() -> None:
    async with WireServer(script(Reply(302, headers={"Location": "/logout"}))) as server, client(server) as http:
        with pytest.raises(PolicyRefused, match="/logout"):
            await http.get("/items")
    assert [request.path for request in server.requests] == ["/items"]


@pytest.mark.parametrize("parameter", ["_method=DELETE", "_HttpMethod=PATCH"])
async def test_a_redirect_that_changes_the_method_is_refused(parameter: str) -> None:
    there = Reply(302, headers={"Location": f"/items/7?{parameter}"})
    async with WireServer(script(there)) as server, client(server) as http:
        with pytest.raises(PolicyRefused, match="query parameter"):
            await http.get("/items")
    assert len(server.requests) == 1


async def test_what_comes_with_a_redirect_is_not_read() -> None:
    def answer(request: Request) -> Reply:
        long = Reply(302, body=b"x" * 10_000, drip_s=0.05, headers={"Location": "/items/7", "Content-Encoding": "gzip"})
        return long if request.path == "/items" else OK

    async with WireServer(answer) as server, client(server) as http:
        async with asyncio.timeout(5):
            assert (await http.get("/items")).body == {"ok": True}


async def test_redirects_in_a_circle_end() -> None:
    async with WireServer(script(Reply(302, headers={"Location": "/items"}))) as server, client(server) as http:
        with pytest.raises(RequestRejected, match="circles"):
            await http.get("/items")


@pytest.mark.parametrize(
    "base",
    [
        "http://example.com",
        "ftp://example.com",
        "https://",
        "example.com",
        "https://user:hush@example.com",
        "https://example.com?x=1",
        "https://example.com/path?x=1",
        "https://example.com//path",
        "https://example.com/a//b",
        "https://example.com/a;b",
        "https://example.com/%2e%2e/a",
        "https://example.com/a%2Fb",
        "https://example.com/a%252Fb",
        "http://127.0.0.1.example.com",
        "http://[bad",
        "",
    ],
)
def test_an_address_that_is_not_encrypted_or_not_plain_is_refused(base: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpClient("vendor", base, QUICK, policy=POLICY)
    assert caught.value.hint
    assert "hush" not in str(caught.value.problem())


@pytest.mark.parametrize(
    "base",
    [
        "https://example.com",
        "https://example.com/",
        "https://example.com/api/v3",
        "https://example.com/api/v3/",
        "http://localhost:1",
        "http://[::1]:1",
    ],
)
def test_https_or_loopback_is_accepted(base: str) -> None:
    assert "vendor" in repr(HttpClient("vendor", base, QUICK, policy=POLICY))


@pytest.mark.parametrize("end", ["", "/"])
async def test_an_api_below_a_path_is_asked_there_and_nowhere_else(end: str) -> None:
    places = {"/there": "/base/items/7", "/outside": "/items/7", "/beside": "/based/items/7", "/up": "/base/../items/7"}

    def answer(request: Request) -> Reply:
        place = places.get(request.path.removeprefix("/base/items"))
        return OK if place is None else Reply(302, headers={"Location": place})

    async with (
        WireServer(answer) as server,
        HttpClient("vendor", f"{server.url}/base{end}", QUICK, policy=POLICY) as http,
    ):
        assert (await http.get("/items", {"q": "a b"})).body == {"ok": True}
        assert (await http.get("/items/there")).body == {"ok": True}
        for path in ("/base/items", "/../base/items", "/secret"):
            with pytest.raises(PolicyRefused):
                await http.get(path)
        for path in ("/items/outside", "/items/beside", "/items/up"):
            with pytest.raises(PolicyRefused, match="isn't below /base"):
                await http.get(path)
        assert http.path_of(f"{server.url}/base/items?page=2") == "/items?page=2"
        elsewhere = (f"{server.url}/items", f"{server.url}/based/items", "https://other.example/base/items", "http://[")
        assert [http.path_of(link) for link in elsewhere] == [None] * 4
    asked = ["/base/items?q=a+b", "/base/items/there", "/base/items/7"]
    asked += ["/base/items/outside", "/base/items/beside", "/base/items/up"]
    assert [request.target.replace("%20", "+") for request in server.requests] == asked


async def test_the_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with WireServer(script(OK)) as server, client(server) as http:
        assert (await http.get("/items")).body == {"ok": True}
