"""GitHub's login: what the app claims and asks for, how it is renewed, and that its key shows nowhere."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.connectors.github.reading import HTTP, LOGIN, PAYMENTS, PORTAL, read, settings_of
from tests.connectors.vendors import Gateway
from tests.wire import Reply, Request, WireServer

from sophia_kit.connectors.github import GitHub
from sophia_kit.connectors.github_login import PERMISSIONS
from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import AuthFailed, ConfigError, MalformedAnswer, ProviderError, RequestRejected
from sophia_kit.sandbox.github_app import APP_ID, private_key


class Off(SystemClock):
    """A clock that is wrong."""

    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self) -> datetime:
        return super().now() + self.by


def logins(wire: WireServer) -> list[Request]:
    return [request for request in wire.requests if request.path == LOGIN]


async def test_the_claim_is_signed_for_less_than_ten_minutes_and_dated_back(wire: WireServer, tmp_path: Path) -> None:
    async with GitHub(settings_of(wire.url, tmp_path)) as github:
        await read(github, "pull_requests")
    (login,) = logins(wire)
    scheme, _, claim = login.headers["authorization"].partition(" ")
    said = jwt.decode(claim, options={"verify_signature": False})
    now = datetime.now(UTC).timestamp()
    assert (scheme, jwt.get_unverified_header(claim)["alg"], said["iss"]) == ("Bearer", "RS256", APP_ID)
    assert 60 <= now - said["iat"] < 75
    assert said["exp"] - said["iat"] <= 600


async def test_the_token_is_asked_for_with_reading_alone_and_the_named_repositories(
    wire: WireServer, tmp_path: Path
) -> None:
    async with GitHub(settings_of(wire.url, tmp_path, repositories=(PORTAL, PAYMENTS))) as github:
        await read(github, "issues")
    (login,) = logins(wire)
    assert login.method == "POST"
    assert json.loads(login.body) == {"repositories": ["portal", "payments"], "permissions": dict(PERMISSIONS)}
    assert set(PERMISSIONS.values()) == {"read"}
    others = [request for request in wire.requests if request.path != LOGIN]
    assert {request.headers["authorization"][:11] for request in others} == {"Bearer ghs_"}
    versions = {(request.headers["x-github-api-version"], request.headers["accept"]) for request in wire.requests}
    assert versions == {("2022-11-28", "application/vnd.github+json")}


@pytest.mark.parametrize("level", ["write", "admin"])
async def test_a_token_that_may_do_more_than_read_is_not_used(
    level: str, wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    def generous(request: Request, reply: Reply) -> Reply:
        if request.path != LOGIN:
            return reply
        return replace(reply, body=json.loads(reply.content) | {"permissions": {"contents": level, "issues": "read"}})

    gateway.after = generous
    async with GitHub(settings_of(wire.url, tmp_path)) as github:
        with pytest.raises(AuthFailed, match="contents for more than reading") as caught:
            await read(github, "issues")
    assert "read permissions only" in (caught.value.hint or "")
    assert [request.path for request in wire.requests] == [LOGIN]


async def test_a_token_is_renewed_before_it_ends_so_that_none_is_refused(
    wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    def short(request: Request, reply: Reply) -> Reply:
        if request.path != LOGIN:
            return reply
        ends = datetime.now(UTC) + timedelta(seconds=0.4)
        kept = {name: value for name, value in reply.headers.items() if name.lower() != "date"}
        return replace(reply, body=json.loads(reply.content) | {"expires_at": ends.isoformat()}, headers=kept)

    gateway.after = short
    async with GitHub(settings_of(wire.url, tmp_path)) as github:
        await github.fields("files")
        await github._get(f"/repos/{PORTAL}")
        await asyncio.sleep(0.3)
        await github._get(f"/repos/{PORTAL}")
    assert len(logins(wire)) == 2


@pytest.mark.parametrize("by", [timedelta(hours=-3), timedelta(minutes=20)], ids=["behind", "ahead"])
async def test_with_a_wrong_clock_the_claim_is_signed_by_github_s_after_a_refusal(
    by: timedelta, wire: WireServer, tmp_path: Path
) -> None:
    async with GitHub(settings_of(wire.url, tmp_path), clock=Off(by)) as github:
        assert await read(github, "issues")
    asked = [request.path for request in wire.requests[:3]]
    assert asked == [LOGIN, "/rate_limit", LOGIN]
    assert "authorization" not in wire.requests[1].headers


async def test_a_wrong_clock_is_named_when_github_does_not_say_the_time(
    wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    gateway.before = lambda request: Reply(404) if request.path == "/rate_limit" else None
    async with GitHub(settings_of(wire.url, tmp_path), clock=Off(timedelta(hours=2))) as github:
        with pytest.raises(AuthFailed, match=r"'iat'|'exp'") as caught:
            await read(github, "issues")
    assert "clock" in (caught.value.hint or "")
    assert len(logins(wire)) == 2


async def test_a_key_whose_line_breaks_are_written_out_is_accepted(wire: WireServer, tmp_path: Path) -> None:
    flat = private_key().replace("\n", "\\n")
    async with GitHub(settings_of(wire.url, tmp_path, private_key=flat)) as github:
        assert await read(github, "issues")


def _elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "key",
    ["canary-not-a-key", private_key()[:400], private_key()[300:], _elliptic()],
    ids=["no PEM", "cut at the end", "cut at the beginning", "elliptic"],
)
async def test_a_key_that_can_t_be_used_is_said_without_a_word_of_it(
    key: str, wire: WireServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with GitHub(settings_of(wire.url, tmp_path, private_key=key)) as github:
        with pytest.raises(ConfigError, match="no RSA key in PEM form") as caught:
            await read(github, "issues")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    told = f"{caught.value.problem()} {caplog.text}"
    assert not [line for line in key.splitlines() if len(line) > 8 and line in told]
    assert wire.accepted == 0


async def test_claim_token_and_key_are_blotted_out_wherever_github_echoes_them(
    wire: WireServer, gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = settings_of(wire.url, tmp_path)
    at: dict[str, Any] = {"path": LOGIN}

    def echo(request: Request) -> Reply | None:
        secret = request.headers.get("authorization", "").partition(" ")[2]
        return Reply(422, body={"message": f"Can't take {secret}"}) if request.path == at["path"] else None

    gateway.before = echo
    for path in (LOGIN, f"/repos/{PORTAL}/issues"):
        at["path"] = path
        async with GitHub(settings) as github:
            with pytest.raises(RequestRejected) as caught:
                await read(github, "issues")
            told = f"{caught.value.problem()} {caplog.text} {github!r} {settings!r}"
            assert r"Can't take [secret]" in caught.value.message
            secrets = [request.headers.get("authorization", "").partition(" ")[2] for request in wire.requests]
            assert not [secret for secret in secrets if secret and secret in told]
            assert not [line for line in private_key().splitlines()[1:-1] if line in told]


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (401, AuthFailed, "SOPHIA_GITHUB__APP_ID"),
        (403, AuthFailed, "SOPHIA_GITHUB__APP_ID"),
        (404, AuthFailed, "_INSTALLATION_ID"),
        (422, RequestRejected, "Install the app"),
    ],
)
async def test_a_refused_login_says_what_to_look_at(
    status: int, kind: type[ProviderError], hint: str, wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    said = {"message": "because\n of  this"}
    gateway.before = lambda request: Reply(status, body=said) if request.path == LOGIN else None
    async with GitHub(settings_of(wire.url, tmp_path)) as github:
        with pytest.raises(kind, match=f"with {status}: because of this") as caught:
            await read(github, "issues")
    assert hint in (caught.value.hint or "")
    assert (caught.value.http_status, caught.value.retryable) == (status, False)


async def test_a_repository_that_the_app_was_not_given_stops_the_login(wire: WireServer, tmp_path: Path) -> None:
    async with GitHub(settings_of(wire.url, tmp_path, repositories=("larkfield/elsewhere",))) as github:
        with pytest.raises(RequestRejected, match="not accessible to the parent installation"):
            await read(github, "issues")


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": 7}, {"token": "line\nfeed"}, [], None])
async def test_a_login_without_a_usable_token_is_malformed(
    body: Any, wire: WireServer, gateway: Gateway, tmp_path: Path
) -> None:
    gateway.before = lambda request: Reply(201, body=body) if request.path == LOGIN else None
    async with GitHub(settings_of(wire.url, tmp_path)) as github:
        with pytest.raises(MalformedAnswer, match="token"):
            await read(github, "issues")


async def test_one_installation_can_t_read_the_repositories_of_two_owners(wire: WireServer, tmp_path: Path) -> None:
    async with GitHub(settings_of(wire.url, tmp_path, repositories=(PORTAL, "someone/else"))) as github:
        with pytest.raises(ConfigError, match="of 2 owners") as caught:
            await read(github, "issues")
    assert "use a token" in (caught.value.hint or "")
    assert wire.accepted == 0


async def test_a_token_needs_no_login_and_stands_for_the_app(wire: WireServer, tmp_path: Path) -> None:
    async with GitHub(settings_of(wire.url, tmp_path, token="sandbox")) as github:
        assert (await github.health()).detail == "The token is accepted; 1 repository can be read."
    assert not logins(wire)
    assert {request.headers["authorization"] for request in wire.requests} == {"Bearer sandbox"}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ()),
        ({"token": "canary-token", "app_id": None, "installation_id": None, "private_key": None}, ()),
        ({"private_key": None}, ("PRIVATE_KEY",)),
        ({"repositories": (), "app_id": None}, ("REPOSITORIES", "APP_ID")),
        ({"repositories": (), "token": "canary-token"}, ("REPOSITORIES",)),
    ],
)
def test_what_is_missing_is_the_app_s_or_nothing_beside_a_token(
    given: dict[str, Any], missing: tuple[str, ...], tmp_path: Path
) -> None:
    found = GitHub.missing(settings_of("https://api.github.com", tmp_path, http=HTTP, **given))
    assert found == tuple(f"SOPHIA_GITHUB__{name}" for name in missing)
