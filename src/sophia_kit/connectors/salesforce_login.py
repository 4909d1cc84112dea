"""Salesforce's login: an access token by the refresh-token flow, or by the JWT bearer flow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sophia_kit.connectors.salesforce_jwt import GRANT_TYPE, Assertion
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import AuthFailed, ConfigError, MalformedAnswer, ProviderError
from sophia_kit.core.http import Answer, HttpClient
from sophia_kit.core.settings import HttpSettings, SalesforceSettings
from sophia_kit.core.transport import address_url

__all__ = ["Session", "lacking", "malformed"]

PROVIDER = "salesforce"
_JWT, _REFRESH = ("jwt_user", "private_key"), ("client_secret", "refresh_token")
_TOLERATED = timedelta(minutes=1)


def lacking(given: SalesforceSettings) -> tuple[str, ...]:
    """The settings that a login still needs; empty when it can be tried.

    Whoever gave one setting of a flow means that flow; of both flows, the JWT bearer flow.
    """
    flow = _JWT if any(getattr(given, name) for name in _JWT) else _REFRESH
    return tuple(name for name in ("base_url", "client_id", *flow) if not getattr(given, name))


class Session:
    """An access token, renewed when it expires; kept in memory alone.

    An assertion of the JWT bearer flow is dated by this machine's clock. One that is refused while that clock and
    Salesforce's differ is made once more by Salesforce's.
    """

    def __init__(self, given: SalesforceSettings, http: HttpSettings, clock: Clock) -> None:
        if lacking(given) or given.base_url is None or given.client_id is None:
            raise ValueError("a session needs complete settings")
        self._clock = clock
        self._client_id = given.client_id
        self._assertion: Assertion | None = None
        if given.jwt_user is not None and given.private_key is not None:
            self._assertion = Assertion(given.client_id, given.jwt_user, given.private_key, given.base_url)
        secrets = (given.client_secret, given.refresh_token, given.private_key)
        self.configured_secrets = tuple(secret for secret in secrets if secret is not None)
        self._refresh = (given.client_secret, given.refresh_token)
        self._client = HttpClient(
            PROVIDER,
            given.base_url,
            http,
            explain=_explain_login if self._assertion is None else _explain_assertion,
            conceal=self.configured_secrets,
            clock=clock,
        )
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._instance_url: str | None = None

    async def aclose(self) -> None:
        await self._client.aclose()

    async def instance_url(self) -> str:
        await self.headers()
        if self._instance_url is None:
            raise malformed("its login names no instance_url")
        return self._instance_url

    async def headers(self) -> Mapping[str, str]:
        async with self._lock:
            if self._token is None:
                await self._login()
            return {"Authorization": f"Bearer {self._token}"}

    async def renew(self, refused: Mapping[str, str]) -> None:
        async with self._lock:
            if refused.get("Authorization") == f"Bearer {self._token}":
                self._token = None

    def secrets(self) -> Iterable[str]:
        return () if self._token is None else (self._token,)

    async def _login(self) -> None:
        if self._assertion is None:
            answer = await self._refreshed()
        else:
            answer = await self._asserted(self._assertion)
        body = answer.body if isinstance(answer.body, dict) else {}
        token, instance = body.get("access_token"), body.get("instance_url")
        if not (isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) and isinstance(instance, str)):
            raise malformed("its login holds no usable access_token and instance_url")
        try:
            address_url(instance, PROVIDER)
        except ConfigError as error:
            raise AuthFailed(
                f"Salesforce's login names an instance_url that can't be trusted: {error.message}",
                provider=PROVIDER,
                hint="Check SOPHIA_SALESFORCE__BASE_URL.",
            ) from None
        self._token, self._instance_url = token, instance

    async def _refreshed(self) -> Answer:
        secret, refresh = (value.get_secret_value() if value is not None else "" for value in self._refresh)
        form = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": secret,
            "refresh_token": refresh,
        }
        return await self._client.request("POST", "/services/oauth2/token", form=form)

    async def _asserted(self, assertion: Assertion) -> Answer:
        skew = self._client.skew
        try:
            return await self._assert(assertion, skew)
        except AuthFailed:
            if abs(self._client.skew - skew) < _TOLERATED:
                raise
        try:
            return await self._assert(assertion, self._client.skew)
        except AuthFailed as error:
            error.hint = f"{error.hint} This machine's clock {_off(self._client.skew)}."
            raise

    async def _assert(self, assertion: Assertion, skew: timedelta) -> Answer:
        # Once it is known by more than what an answer takes on its way, Salesforce's clock is the one that counts.
        at = self._clock.now() + (skew if abs(skew) >= _TOLERATED else timedelta())
        form = {"grant_type": GRANT_TYPE, "assertion": assertion.signed(at)}
        return await self._client.request("POST", "/services/oauth2/token", form=form)


def _off(skew: timedelta) -> str:
    minutes = round(abs(skew).total_seconds() / 60)
    return f"is {minutes:,} min {'behind' if skew > timedelta() else 'ahead of'} Salesforce's"


_COMMON = {
    "invalid_client_id": "Check SOPHIA_SALESFORCE__CLIENT_ID.",
    "invalid_client": "Check SOPHIA_SALESFORCE__CLIENT_SECRET.",
}
_BY_REFRESH_TOKEN = {
    **_COMMON,
    "invalid_grant": "The refresh token expired or was revoked: authorise again and set "
    "SOPHIA_SALESFORCE__REFRESH_TOKEN; see docs/salesforce.md.",
}
_BY_ASSERTION = {
    **_COMMON,
    "invalid_app_access": "Approve the app for the user, by a profile or a permission set; see docs/salesforce.md.",
    "invalid_client": "The app's certificate doesn't belong to SOPHIA_SALESFORCE__PRIVATE_KEY.",
    "invalid_grant": "Check that the app holds the certificate of SOPHIA_SALESFORCE__PRIVATE_KEY, that "
    "SOPHIA_SALESFORCE__JWT_USER is a username there, that the app is approved for it, and this machine's clock; "
    "see docs/salesforce.md.",
}
_SAID = re.compile(
    "audience is invalid|expired authorization code|invalid assertion|user hasn't approved this consumer|"
    "user is not admin approved to access this app|inactive user",
    re.IGNORECASE,
)


def _explain_login(status: int, body: Any) -> ProviderError | None:
    return _refused(status, body, _BY_REFRESH_TOKEN)


def _explain_assertion(status: int, body: Any) -> ProviderError | None:
    return _refused(status, body, _BY_ASSERTION)


def _refused(status: int, body: Any, hints: Mapping[str, str]) -> ProviderError | None:
    code = str(body.get("error", ""))[:60] if isinstance(body, dict) else ""
    if status not in {400, 401, 403} or not code:
        return None
    said = _SAID.search(str(body.get("error_description", "")))
    return AuthFailed(
        f"Salesforce refused the login: {code}" + (f" ({said[0].lower()})." if said else "."),
        provider=PROVIDER,
        hint=hints.get(code, "Check the connected app and its user; see docs/salesforce.md."),
        http_status=status,
    )


def malformed(what: str) -> MalformedAnswer:
    return MalformedAnswer(
        f"Salesforce's answer can't be relied on: {what}.",
        provider=PROVIDER,
        hint="Nothing of it was kept. Run the load again; if it stays, ask Salesforce's support.",
    )
