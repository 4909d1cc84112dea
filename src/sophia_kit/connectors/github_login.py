"""GitHub's login for an app: a signed claim becomes a token of one installation that reads, and nothing else.

Reference: GitHub, "Generating a JSON Web Token (JWT) for a GitHub App" and "REST API endpoints for GitHub Apps"
(Create an installation access token for an app).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from sophia_kit.connectors.api import moment_of
from sophia_kit.connectors.claims import ClaimSigner
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import AuthFailed, ConfigError, MalformedAnswer, ProviderError, RequestRejected
from sophia_kit.core.http import HttpClient
from sophia_kit.core.settings import GitHubSettings, HttpSettings

__all__ = ["HEADERS", "PERMISSIONS", "Session", "said"]

PROVIDER = "github"
HEADERS: Mapping[str, str] = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
"""Sent with each request. The version is the one that GitHub Enterprise Cloud and github.com both serve; GitHub
supports one for 24 months after its successor (2026-03-10)."""

PERMISSIONS: Mapping[str, str] = {
    "actions": "read",
    "contents": "read",
    "issues": "read",
    "metadata": "read",
    "pull_requests": "read",
}
_REPOSITORIES_AT_MOST = 500
_ISSUED_BEFORE = timedelta(seconds=60)
_EXPIRES_AFTER = timedelta(minutes=9)
_TOKEN_LIFE = timedelta(hours=1)
_RENEW_BEFORE = timedelta(minutes=1)
_CLOCK_IS_RIGHT = timedelta(seconds=10)
_APP_HINT = "Check SOPHIA_GITHUB__APP_ID, _INSTALLATION_ID and _PRIVATE_KEY; see docs/github.md."


class Session:
    """A token of an app's installation, renewed shortly before it expires or when it is refused; in memory alone.

    The token is asked for with read permissions and the configured repositories, so that it could not write, nor read
    another repository, even if it were stolen.

    Raises:
        ConfigError: the key is no RSA key, or the repositories can't be those of one installation.
    """

    def __init__(self, given: GitHubSettings, http: HttpSettings, clock: Clock) -> None:
        if given.app_id is None or given.installation_id is None or given.private_key is None:
            raise ValueError("a session needs complete settings")
        self._body = {"repositories": _names_of_one_owner(given.repositories), "permissions": dict(PERMISSIONS)}
        self._path = f"/app/installations/{given.installation_id}/access_tokens"
        self._claim = _Claim(given.app_id, given.private_key, given.base_url, http, clock)
        self._client = HttpClient(
            PROVIDER,
            given.base_url,
            http,
            credentials=self._claim,
            explain=_explain,
            conceal=(given.private_key,),
            clock=clock,
        )
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._former: str | None = None
        self._ends = 0.0

    async def aclose(self) -> None:
        await self._claim.aclose()
        await self._client.aclose()

    async def headers(self) -> Mapping[str, str]:
        async with self._lock:
            if self._token is None or asyncio.get_running_loop().time() >= self._ends:
                await self._login()
            return {"Authorization": f"Bearer {self._token}"}

    async def renew(self, refused: Mapping[str, str]) -> None:
        async with self._lock:
            if refused.get("Authorization") == f"Bearer {self._token}":
                self._former, self._token = self._token, None

    def secrets(self) -> Iterable[str]:
        return filter(None, (self._token, self._former))

    async def _login(self) -> None:
        answer = await self._client.request("POST", self._path, json=self._body, headers=HEADERS)
        body = answer.body if isinstance(answer.body, dict) else {}
        token, permissions = body.get("token"), body.get("permissions")
        if not (isinstance(token, str) and token.isascii() and token.isprintable() and token.strip() == token != ""):
            raise MalformedAnswer(
                "GitHub's answer can't be relied on: its login holds no usable token.",
                provider=PROVIDER,
                hint="Run the load again; if it stays, ask GitHub's support.",
            )
        granted = permissions if isinstance(permissions, dict) else {}
        if beyond := sorted(str(name) for name, level in granted.items() if level != "read"):
            raise AuthFailed(
                f"GitHub granted more than was asked for: {', '.join(beyond)} for more than reading.",
                provider=PROVIDER,
                hint="The token was not used. Give the app read permissions only; see docs/github.md.",
            )
        ends = moment_of(body.get("expires_at"))
        life = _TOKEN_LIFE if ends is None else ends - (answer.date or self._clock.now())
        if not timedelta(0) < life <= _TOKEN_LIFE:
            life = _TOKEN_LIFE
        self._token = token
        self._ends = asyncio.get_running_loop().time() + max(life - _RENEW_BEFORE, life / 2).total_seconds()


class _Claim:
    """Says which app asks, signed with its key. Refused once, it is signed by GitHub's clock."""

    def __init__(self, app_id: str, key: SecretStr, base_url: str, http: HttpSettings, clock: Clock) -> None:
        self._app_id = app_id
        self._signer = ClaimSigner(
            key,
            provider=PROVIDER,
            variable="SOPHIA_GITHUB__PRIVATE_KEY",
            hint="Give the whole file that GitHub gave you, its first and last line included; see docs/github.md.",
        )
        self._clock = clock
        self._skew = timedelta(0)
        self._last = ""
        self._plain = HttpClient(PROVIDER, base_url, http, clock=clock)

    async def aclose(self) -> None:
        await self._plain.aclose()

    async def headers(self) -> Mapping[str, str]:
        self._sign()
        return {"Authorization": f"Bearer {self._last}"}

    async def renew(self, refused: Mapping[str, str]) -> None:
        """A claim is refused when our clock is off by more than a minute: ask for the right time."""
        try:
            answer = await self._plain.get("/rate_limit", headers=HEADERS)
        except ProviderError:
            return
        skew = timedelta(0) if answer.date is None else answer.date - self._clock.now()
        self._skew = skew if abs(skew) > _CLOCK_IS_RIGHT else timedelta(0)

    def secrets(self) -> Iterable[str]:
        return (self._last,) if self._last else ()

    def _sign(self) -> None:
        now = self._clock.now() + self._skew
        claims = {"iat": now - _ISSUED_BEFORE, "exp": now + _EXPIRES_AFTER, "iss": self._app_id}
        self._last = self._signer.signed(claims)


def said(body: Any) -> str:
    """GitHub's own words in an error's body, on one line; empty when there are none."""
    return " ".join(str(body.get("message") or "").split())[:300] if isinstance(body, dict) else ""


def _names_of_one_owner(repositories: tuple[str, ...]) -> list[str]:
    owners = {repository.partition("/")[0].lower() for repository in repositories}
    if len(owners) > 1 or len(repositories) > _REPOSITORIES_AT_MOST:
        raise ConfigError(
            f"One installation of a GitHub app can't read these repositories: they are {len(repositories)}, of "
            f"{len(owners)} owners.",
            hint=f"An installation belongs to one owner, and its token names at most {_REPOSITORIES_AT_MOST} "
            "repositories. Shorten SOPHIA_GITHUB__REPOSITORIES, or use a token.",
            provider=PROVIDER,
        )
    return [repository.partition("/")[2] for repository in repositories]


def _explain(status: int, body: Any) -> ProviderError | None:
    words = said(body)
    message = f"GitHub refused the app's login with {status}" + (f": {words}." if words else ".")
    if status == 401:
        clock = "'iat'" in words or "'exp'" in words
        hint = "Set this machine's clock: GitHub refuses a claim from another time." if clock else _APP_HINT
        return AuthFailed(message, provider=PROVIDER, hint=hint, http_status=status)
    if status == 403 and "rate limit" not in words.lower():
        return AuthFailed(message, provider=PROVIDER, hint=_APP_HINT, http_status=status)
    if status == 404:
        hint = "Check SOPHIA_GITHUB__APP_ID and _INSTALLATION_ID: GitHub knows no such app, or not this installation."
        return AuthFailed(message, provider=PROVIDER, hint=hint, http_status=status)
    if status == 422:
        hint = (
            "Install the app on every repository of SOPHIA_GITHUB__REPOSITORIES, with read access to actions, "
            "contents, issues, metadata and pull requests; see docs/github.md."
        )
        return RequestRejected(message, provider=PROVIDER, hint=hint, http_status=status)
    return None
