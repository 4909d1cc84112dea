"""The proof with which a server logs in to Salesforce: a statement signed with the key of the app's certificate.

Reference: Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration"; RFC 7523.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
from pydantic import SecretStr

from sophia_kit.core.errors import ConfigError

__all__ = ["GRANT_TYPE", "Assertion", "audience"]

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = timedelta(minutes=3)
_PRODUCTION, _SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"


class Assertion:
    """Says who logs in, to whom, and until when that may be believed: three minutes."""

    def __init__(self, client_id: str, user: str, key: SecretStr, base_url: str) -> None:
        self._claims = {"iss": client_id, "sub": user, "aud": audience(base_url)}
        self._key = key

    def __repr__(self) -> str:
        return f"Assertion({self._claims!r})"

    def signed(self, at: datetime) -> str:
        """The assertion, made at this moment.

        Raises:
            ConfigError: the key is none that can sign.
        """
        # cryptography takes a while to import, and the other flow doesn't need it.
        import jwt

        # Environment variables often carry a PEM's line ends as backslash and n.
        pem = self._key.get_secret_value().replace("\\n", "\n")
        try:
            return jwt.encode({**self._claims, "exp": int((at + _LIFE).timestamp())}, pem, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            raise ConfigError(
                "SOPHIA_SALESFORCE__PRIVATE_KEY isn't an RSA key that can sign.",
                hint="Give the unencrypted PEM of the key whose certificate the app holds; see docs/salesforce.md.",
                provider="salesforce",
            ) from None


def audience(base_url: str) -> str:
    """Whom an assertion is for: Salesforce's login host, its sandboxes' login host, or a site of one's own.

    An organisation's own domain logs in through one of the two; a scratch organisation counts as a sandbox.
    """
    url = httpx.URL(base_url.strip().rstrip("/"))
    host = url.host.lower()
    if host == "login.salesforce.com":
        return _PRODUCTION
    if host == "test.salesforce.com":
        return _SANDBOX
    if host.endswith(".my.salesforce.com"):
        domain = host.removesuffix(".my.salesforce.com")
        return _SANDBOX if "--" in domain or domain.endswith((".sandbox", ".scratch")) else _PRODUCTION
    return str(url)
