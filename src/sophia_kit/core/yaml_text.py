"""Reading the kit's YAML: one loader, and the values of a text that is known to be whole."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["LOADER", "yaml_values"]

# libyaml's loader, ten times as fast; a wheel of PyYAML for a rare platform may lack it.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_values(text: str) -> Any:
    """The values in a YAML text.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    return yaml.load(text, Loader=LOADER)  # noqa: S506  # a safe loader
