"""OpenAI itself."""

from __future__ import annotations

from sophia_kit.core.clock import Clock
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.providers.keys import required_key
from sophia_kit.llm.providers.protocol import Provider
from sophia_kit.llm.providers.sdk import Dialect, SdkProvider

__all__ = ["BASE_URL", "connect"]

BASE_URL = "https://api.openai.com/v1"


def connect(name: str, deployment: DeploymentSettings, settings: LlmSettings, clock: Clock) -> Provider:
    """A deployment at OpenAI.

    Raises:
        Unconfigured: there is no key for it.
    """
    dialect = Dialect(
        deployment.base_url or BASE_URL,
        required_key(name, deployment.provider, settings),
        # Its reasoning models know the limit by this name alone.
        most_tokens="max_completion_tokens",
    )
    return SdkProvider(deployment, dialect, settings, clock)
