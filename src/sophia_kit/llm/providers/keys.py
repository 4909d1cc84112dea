"""Which key is sent where."""

from __future__ import annotations

from sophia_kit.core.errors import Unconfigured
from sophia_kit.core.llm_settings import LlmSettings

__all__ = ["key_of", "required_key", "variable"]


def variable(name: str) -> str:
    """The variable that holds the key of a deployment or a provider."""
    return f"SOPHIA_LLM__KEYS__{_plain(name).upper()}"


def key_of(name: str, settings: LlmSettings) -> str | None:
    """The key of that name, if there is one; a hyphen in a name is an underscore in its variable."""
    for known, key in settings.keys.items():
        if _plain(known) == _plain(name):
            return key.get_secret_value()
    return None


def required_key(deployment: str, provider: str, settings: LlmSettings) -> str:
    """The deployment's own key, or else its provider's.

    Raises:
        Unconfigured: there is neither.
    """
    found = key_of(deployment, settings) or key_of(provider, settings)
    if not found:
        raise Unconfigured(
            f"The deployment {deployment} has no key.",
            missing=[variable(provider)],
            hint=f"Set {variable(provider)}, or {variable(deployment)} for it alone.",
            provider=provider,
        )
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
