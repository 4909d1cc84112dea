"""The proof with which a server logs in to Salesforce: a statement signed with the key of the app's certificate.

Reference: Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration"; RFC 7523.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import SecretStr

from sophia_kit.connectors.claims import ClaimSigner
from sophia_kit.core.transport import address_url

__all__ = ["GRANT_TYPE", "Assertion", "audience"]

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE = timedelta(minutes=3)
_PRODUCTION, _SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"


class Assertion:
    """Says who logs in, to whom, and until when that may be believed: three minutes.

    Raises:
        ConfigError: the key is none that can sign.
    """

    def __init__(self, client_id: str, user: str, key: SecretStr, base_url: str) -> None:
        self._claims = {"iss": client_id, "sub": user, "aud": audience(base_url)}
        self._signer = ClaimSigner(
            key,
            provider="salesforce",
            variable="SOPHIA_SALESFORCE__PRIVATE_KEY",
            hint="Give the unencrypted PEM of the key whose certificate the app holds; see docs/salesforce.md.",
        )

    def __repr__(self) -> str:
        return f"Assertion({self._claims!r})"

    def signed(self, at: datetime) -> str:
        """The assertion, made at this moment."""
        return self._signer.signed({**self._claims, "exp": int((at + _LIFE).timestamp())})


def audience(base_url: str) -> str:
    """Whom an assertion is for: Salesforce's login host, its sandboxes' login host, or a site of one's own.

    An organisation's own domain logs in through one of the two; a scratch organisation counts as a sandbox.
    """
    url = address_url(base_url, "salesforce")
    host = url.host.lower()
    if host == "login.salesforce.com":
        return _PRODUCTION
    if host == "test.salesforce.com":
        return _SANDBOX
    if host.endswith(".my.salesforce.com"):
        domain = host.removesuffix(".my.salesforce.com")
        return _SANDBOX if "--" in domain or domain.endswith((".sandbox", ".scratch")) else _PRODUCTION
    return str(url).rstrip("/")
