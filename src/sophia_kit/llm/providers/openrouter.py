"""OpenRouter: many providers behind one address.

Its own routing goes into a deployment's `options` or a request's `extra`: `models` (what it tries itself, in order) and
`provider` (which providers it may use; `order`, `allow_fallbacks`, `data_collection`). It reports usage and cost in the
last piece of a stream, errors as data events, and caches prompts where `Message.cache_up_to_here` is set.
Published reference: openrouter.ai/docs/api-reference.
"""

from __future__ import annotations

from sophia_kit.core.clock import Clock
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.providers.keys import required_key
from sophia_kit.llm.providers.protocol import Provider
from sophia_kit.llm.providers.sdk import Dialect, SdkProvider

__all__ = ["BASE_URL", "connect"]

BASE_URL = "https://openrouter.ai/api/v1"


def connect(name: str, deployment: DeploymentSettings, settings: LlmSettings, clock: Clock) -> Provider:
    """A deployment at OpenRouter. What may not be used for training isn't routed to a provider that collects it.

    Raises:
        Unconfigured: there is no key for it.
    """
    kept = deployment.data_policy != "may-train" and "provider" not in deployment.options
    dialect = Dialect(
        deployment.base_url or BASE_URL,
        required_key(name, deployment.provider, settings),
        headers={"X-Title": "Sophia Kit"},
        marks=True,
        fields={"usage": {"include": True}} | ({"provider": {"data_collection": "deny"}} if kept else {}),
    )
    return SdkProvider(deployment, dialect, settings, clock)
