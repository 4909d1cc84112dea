"""Who reads an app, as the server tells its notebook: in the user of the request, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sophia_kit.core.errors import AccessRefused
from sophia_kit.metrics.principal import Principal

__all__ = ["reader_of", "told_reader"]

_KEY: Final = "sophia_principal"


def told_reader(principal: Principal) -> dict[str, Any]:
    """The user that the server puts into an app's requests; it travels as JSON."""
    attributes = [[dimension, list(members)] for dimension, members in principal.attributes]
    return {
        "username": principal.name,
        "display_name": principal.name,
        "is_authenticated": True,
        _KEY: {"name": principal.name, "attributes": attributes},
    }


def reader_of(user: Any) -> Principal | None:
    """The principal that `told_reader` told of; None when the user is another server's.

    Raises:
        AccessRefused: it can't be read.
    """
    if not isinstance(user, Mapping) or _KEY not in user:
        return None
    told = user[_KEY]
    try:
        attributes = tuple((str(dimension), tuple(map(str, members))) for dimension, members in told["attributes"])
        return Principal(str(told["name"]), attributes)
    except (KeyError, TypeError, ValueError):
        raise AccessRefused("What this reader may see can't be read.", hint="Sign in again.") from None
