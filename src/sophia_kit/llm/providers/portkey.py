"""Portkey's gateway, hosted or your own.

Hosted, it is reached with Portkey's key, and what stands behind it is a virtual key or a saved config. Your own
(`@portkey-ai/gateway`) has its `base_url` and is told the provider behind it, whose key is sent along, or a config as
JSON. Published reference: portkey.ai/docs/api-reference/inference-api/headers.
"""

from __future__ import annotations

import json
import re

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import ConfigError, Unconfigured
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.providers.keys import key_of, required_key, variable
from sophia_kit.llm.providers.protocol import Provider
from sophia_kit.llm.providers.sdk import Dialect, SdkProvider

__all__ = ["BASE_URL", "connect"]

BASE_URL = "https://api.portkey.ai/v1"
_PLACE = re.compile(r"\$\{([a-z0-9][a-z0-9_-]*)\}")


def connect(name: str, deployment: DeploymentSettings, settings: LlmSettings, clock: Clock) -> Provider:
    """A deployment behind Portkey.

    Raises:
        Unconfigured: Portkey's own key, the upstream's, or one that the config names, is absent.
        ConfigError: nothing says what stands behind it, or the config is no JSON.
    """
    hosted = deployment.base_url is None
    if not (deployment.config or deployment.virtual_key or deployment.upstream):
        raise ConfigError(
            f"The deployment {name} doesn't say what stands behind Portkey.",
            hint="Give it a config, a virtual_key or an upstream.",
            provider="portkey",
        )
    headers: dict[str, str] = {}
    secrets: list[str] = []
    own = required_key(name, "portkey", settings) if hosted else key_of(name, settings) or key_of("portkey", settings)
    if own:
        headers["x-portkey-api-key"] = own
        secrets.append(own)
    if deployment.config:
        headers["x-portkey-config"] = _config(name, deployment.config, settings, secrets)
    if deployment.virtual_key:
        headers["x-portkey-virtual-key"] = deployment.virtual_key
    key = None
    if deployment.upstream:
        headers["x-portkey-provider"] = deployment.upstream
        key = key_of(deployment.upstream.removeprefix("@"), settings)
    dialect = Dialect(deployment.base_url or BASE_URL, key, headers, tuple(secrets), marks=True)
    return SdkProvider(deployment, dialect, settings, clock)


def _config(name: str, text: str, settings: LlmSettings, secrets: list[str]) -> str:
    """A saved config's id as it is; a config in JSON with its keys filled in, which are added to `secrets`."""
    if not text.lstrip().startswith("{"):
        return text

    def _key(place: re.Match[str]) -> str:
        found = key_of(place[1], settings)
        if not found:
            raise Unconfigured(
                f"The config of the deployment {name} names a key that isn't there: {place[1]}.",
                missing=[variable(place[1])],
                hint=f"Set {variable(place[1])}.",
                provider="portkey",
            )
        secrets.append(found)
        return json.dumps(found)[1:-1]

    try:
        return json.dumps(json.loads(_PLACE.sub(_key, text)))
    except ValueError:
        raise ConfigError(
            f"The config of the deployment {name} is no JSON.", hint="Give a config's id, or JSON.", provider="portkey"
        ) from None
