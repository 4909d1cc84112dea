"""The settings with which the kit reads the sandbox: every vendor at its address, with its credentials."""

from __future__ import annotations

from pydantic import SecretStr

from sophia_kit.core.settings import (
    GitHubSettings,
    GongSettings,
    N8nSettings,
    NotionSettings,
    PrivacySettings,
    SalesforceSettings,
    Settings,
    SlackSettings,
)
from sophia_kit.sandbox.github_app import APP_ID, INSTALLATION_ID, private_key

__all__ = ["connected"]

_PRIVACY = PrivacySettings(hash_key=SecretStr("sandbox-of-nobody"), messages=True, transcripts=True)
_FAST = 1000.0
_REPULL_DAYS = 21
"""The company deletes messages up to 15 days after they were posted."""


def connected(settings: Settings, base_url: str) -> Settings:
    """`settings`, reading all that the sandbox at `base_url` has; messages and transcripts too: nobody wrote them."""
    secret = SecretStr("sandbox")
    return settings.model_copy(
        update={
            "privacy": _PRIVACY,
            "salesforce": SalesforceSettings(
                base_url=base_url,
                client_id="sandbox",
                client_secret=secret,
                refresh_token=secret,
                api_version=settings.salesforce.api_version,
                requests_per_second=_FAST,
            ),
            "slack": SlackSettings(base_url=base_url, token=secret, repull_days=_REPULL_DAYS, tier_factor=_FAST * 60),
            "gong": GongSettings(
                base_url=base_url, access_key="sandbox", access_key_secret=secret, requests_per_second=_FAST
            ),
            "notion": NotionSettings(base_url=base_url, token=secret, requests_per_second=_FAST),
            "github": GitHubSettings(
                base_url=base_url,
                repositories=("larkfield/payments", "larkfield/portal"),
                app_id=APP_ID,
                installation_id=INSTALLATION_ID,
                private_key=SecretStr(private_key()),
                requests_per_second=_FAST,
            ),
            "n8n": N8nSettings(base_url=base_url, api_key=secret, requests_per_second=_FAST),
        }
    )
