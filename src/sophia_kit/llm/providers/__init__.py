"""One file a provider; all speak one protocol. Nothing here loads an SDK before a deployment is connected."""

from __future__ import annotations

from importlib import import_module

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import ConfigError
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.providers.protocol import Piece, Provider, Reply, Vectors

__all__ = ["Piece", "Provider", "Reply", "Vectors", "connect"]

_FILES = {"local": "local_embeddings"}


def connect(name: str, deployment: DeploymentSettings, settings: LlmSettings, clock: Clock) -> Provider:
    """The provider of one deployment.

    Raises:
        Unconfigured: a key is absent.
        ConfigError: its settings contradict each other, or the extra `llm` isn't installed.
    """
    file = _FILES.get(deployment.provider, deployment.provider)
    try:
        module = import_module(f"sophia_kit.llm.providers.{file}")
    except ImportError as error:
        raise ConfigError(
            f"The deployment {name} needs {error.name}, which isn't installed.",
            hint="Install sophia-kit[embeddings]." if file == "local_embeddings" else "Install sophia-kit[llm].",
            provider=deployment.provider,
        ) from None
    found: Provider = module.connect(name, deployment, settings, clock)
    return found
