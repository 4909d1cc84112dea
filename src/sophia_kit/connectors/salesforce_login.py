"""Salesforce's login: an access token by the refresh-token flow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import AuthFailed, ConfigError, MalformedAnswer, ProviderError
from sophia_kit.core.http import HttpClient
from sophia_kit.core.settings import HttpSettings, SalesforceSettings
from sophia_kit.core.transport import origin_url

__all__ = ["Session", "malformed"]

PROVIDER = "salesforce"


class Session:
    """An access token, renewed by the refresh token; kept in memory alone."""

    def __init__(self, given: SalesforceSettings, http: HttpSettings, clock: Clock) -> None:
        if given.base_url is None or given.client_secret is None or given.refresh_token is None:
            raise ValueError("a session needs complete settings")
        self.configured_secrets = (given.client_secret, given.refresh_token)
        self._form = {"grant_type": "refresh_token", "client_id": given.client_id or ""}
        self._client = HttpClient(
            PROVIDER, given.base_url, http, explain=_explain_login, conceal=self.configured_secrets, clock=clock
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
        secret, refresh = (value.get_secret_value() for value in self.configured_secrets)
        form = {**self._form, "client_secret": secret, "refresh_token": refresh}
        answer = await self._client.request("POST", "/services/oauth2/token", form=form)
        body = answer.body if isinstance(answer.body, dict) else {}
        token, instance = body.get("access_token"), body.get("instance_url")
        if not (isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) and isinstance(instance, str)):
            raise malformed("its login holds no usable access_token and instance_url")
        try:
            origin_url(instance, PROVIDER)
        except ConfigError as error:
            raise AuthFailed(
                f"Salesforce's login names an instance_url that can't be trusted: {error.message}",
                provider=PROVIDER,
                hint="Check SOPHIA_SALESFORCE__BASE_URL.",
            ) from None
        self._token, self._instance_url = token, instance


def _explain_login(status: int, body: Any) -> ProviderError | None:
    code = str(body.get("error", ""))[:60] if isinstance(body, dict) else ""
    if status not in {400, 401, 403} or not code:
        return None
    hints = {
        "invalid_grant": "The refresh token expired or was revoked: authorise again and set "
        "SOPHIA_SALESFORCE__REFRESH_TOKEN; see docs/salesforce.md.",
        "invalid_client_id": "Check SOPHIA_SALESFORCE__CLIENT_ID.",
        "invalid_client": "Check SOPHIA_SALESFORCE__CLIENT_SECRET.",
    }
    return AuthFailed(
        f"Salesforce refused the login: {code}.",
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
