"""Any server that speaks OpenAI's protocol: a model server of your own, or a provider without a file here."""

from __future__ import annotations

from sophia_kit.core.clock import Clock
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.providers.keys import key_of
from sophia_kit.llm.providers.protocol import Provider
from sophia_kit.llm.providers.sdk import Dialect, SdkProvider

__all__ = ["connect"]


def connect(name: str, deployment: DeploymentSettings, settings: LlmSettings, clock: Clock) -> Provider:
    """A deployment at its `base_url`; a key is sent when there is one."""
    dialect = Dialect(deployment.base_url or "", key_of(name, settings))
    return SdkProvider(deployment, dialect, settings, clock)
