"""Salesforce's logins: which settings make one, whom an assertion is for, and what a wrong clock costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.salesforce_org import Org
from tests.wire import Reply

from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.connectors.salesforce_jwt import Assertion, audience
from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import AuthFailed, ConfigError
from sophia_kit.core.settings import HttpSettings, Settings, load_settings
from sophia_kit.sandbox import CLIENT_ID, Company, SandboxServer
from sophia_kit.sandbox.salesforce_app import JWT_USER

COMPANY = Path(__file__).parents[2] / "data" / "company.toml"
PATIENT = HttpSettings(attempts=2, backoff_initial_s=0.01, backoff_max_s=0.02)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(Company.load(COMPANY, scale=0.02)) as server:
        yield server


def by_assertion(url: str, key: str, root: Path, **changed: Any) -> Settings:
    given = {"base_url": url, "client_id": CLIENT_ID, "jwt_user": JWT_USER, "private_key": key} | changed
    return load_settings(root, salesforce=given, http=PATIENT)


def logins(sandbox: SandboxServer) -> int:
    return sum(request.target == "/services/oauth2/token" for request in sandbox.requests)


async def test_a_signed_assertion_logs_in_and_reads(sandbox: SandboxServer, tmp_path: Path) -> None:
    before = logins(sandbox)
    async with Salesforce(by_assertion(sandbox.base_url, sandbox.salesforce.app.private_key, tmp_path)) as salesforce:
        (batch,) = [batch async for batch in salesforce.read("User", None, ("Id", "Name"))]
        sandbox.salesforce.expire_tokens()
        assert [one async for one in salesforce.read("User", None, ("Id", "Name"))] == [batch]
    assert batch.records
    assert logins(sandbox) - before == 2


@pytest.mark.parametrize("line_ends", ["\n", "\\n"])
def test_a_key_may_come_on_one_line(line_ends: str, sandbox: SandboxServer) -> None:
    pem = sandbox.salesforce.app.private_key.replace("\n", line_ends)
    settings = by_assertion("https://login.salesforce.com", pem, Path.cwd())
    assert settings.salesforce.private_key is not None
    signed = Assertion(CLIENT_ID, JWT_USER, settings.salesforce.private_key, "https://login.salesforce.com")
    assert sandbox.salesforce.app.refusal(signed.signed(datetime.now(UTC)), sandbox.base_url) is None


@pytest.mark.parametrize(
    ("changed", "said", "hint"),
    [
        ({"jwt_user": "stranger@larkfield.example"}, "user hasn't approved this consumer", "JWT_USER"),
        ({"client_id": "other"}, "invalid_client_id", "CLIENT_ID"),
    ],
)
async def test_a_refused_assertion_says_what_to_look_at(
    changed: dict[str, str], said: str, hint: str, sandbox: SandboxServer, tmp_path: Path
) -> None:
    before = logins(sandbox)
    settings = by_assertion(sandbox.base_url, sandbox.salesforce.app.private_key, tmp_path, **changed)
    async with Salesforce(settings) as salesforce:
        health = await salesforce.health()
    assert (health.state, said in health.detail, hint in (health.hint or "")) == ("failing", True, True)
    assert "clock" not in health.detail
    assert logins(sandbox) - before == 1


@pytest.mark.parametrize("off", [timedelta(minutes=-20), timedelta(minutes=20)], ids=["behind", "ahead"])
async def test_with_a_wrong_clock_the_assertion_is_made_again_by_salesforce_s(
    off: timedelta, sandbox: SandboxServer, tmp_path: Path
) -> None:
    before = logins(sandbox)
    settings = by_assertion(sandbox.base_url, sandbox.salesforce.app.private_key, tmp_path)
    async with Salesforce(settings, clock=FrozenClock(datetime.now(UTC) + off)) as salesforce:
        await salesforce.fields("User")
        sandbox.salesforce.expire_tokens()
        await salesforce.fields("Contact")
    assert logins(sandbox) - before == 3, "once refused; from then on right at once"


async def test_a_refusal_with_a_wrong_clock_says_so(org: Org, sandbox: SandboxServer, tmp_path: Path) -> None:
    refused = {"error": "invalid_grant", "error_description": "expired authorization code"}
    hour = datetime.now(UTC) + timedelta(hours=1)
    late = {"Date": f"{hour:%a, %d %b %Y %H:%M:%S} GMT"}
    org.overrides["/services/oauth2/token"] = lambda _: Reply(400, body=refused, headers=late)
    settings = by_assertion(org.server.url, sandbox.salesforce.app.private_key, tmp_path)
    async with Salesforce(settings) as salesforce:
        with pytest.raises(AuthFailed, match="expired authorization code") as caught:
            await salesforce.fields("User")
    assert "clock is 60 min behind" in (caught.value.hint or "")
    assert len(org.server.requests) == 2
    assert {request.form["grant_type"] for request in org.server.requests} == {
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    }


@pytest.mark.parametrize("key", ["canary", "-----BEGIN {0}-----\ncanary\n-----END {0}-----".format("PRIVATE KEY")])
async def test_a_key_that_can_t_sign_is_a_mistake_of_the_settings(key: str, org: Org, tmp_path: Path) -> None:
    async with Salesforce(by_assertion(org.server.url, key, tmp_path)) as salesforce:
        with pytest.raises(ConfigError, match="SOPHIA_SALESFORCE__PRIVATE_KEY") as caught:
            await salesforce.fields("User")
    assert "canary" not in f"{caught.value.problem()} {salesforce!r}"
    assert org.server.accepted == 0


@pytest.mark.parametrize(
    ("base_url", "whom"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com/", "https://test.salesforce.com"),
        ("https://example.my.salesforce.com", "https://login.salesforce.com"),
        ("https://example-dev-ed.develop.my.salesforce.com", "https://login.salesforce.com"),
        ("https://example--uat.sandbox.my.salesforce.com", "https://test.salesforce.com"),
        ("https://example--uat.my.salesforce.com", "https://test.salesforce.com"),
        ("https://quick-fox.scratch.my.salesforce.com", "https://test.salesforce.com"),
        ("https://customers.example.com/", "https://customers.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_whom_an_assertion_is_for(base_url: str, whom: str) -> None:
    assert audience(base_url) == whom


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ({}, ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")),
        ({"base_url": "https://x", "client_id": "c", "client_secret": "s"}, ("REFRESH_TOKEN",)),
        ({"base_url": "https://x", "client_id": "c", "jwt_user": "u"}, ("PRIVATE_KEY",)),
        ({"client_id": "c", "private_key": "k"}, ("BASE_URL", "JWT_USER")),
        ({"base_url": "https://x", "client_id": "c", "jwt_user": "u", "private_key": "k"}, ()),
        ({"base_url": "https://x", "client_id": "c", "client_secret": "s", "refresh_token": "t"}, ()),
        (
            {"base_url": "https://x", "client_id": "c", "client_secret": "s", "refresh_token": "t", "jwt_user": "u"},
            ("PRIVATE_KEY",),
        ),
    ],
    ids=str,
)
def test_what_a_login_lacks(given: dict[str, str], lacks: tuple[str, ...], tmp_path: Path) -> None:
    settings = load_settings(tmp_path, salesforce=given)
    assert Salesforce.missing(settings) == tuple(f"SOPHIA_SALESFORCE__{name}" for name in lacks)
