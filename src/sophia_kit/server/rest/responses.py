"""What the API's description says of a route's answers: a model, and the problems it may end in."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from sophia_kit.core.errors import (
    AccessRefused,
    InputError,
    InvalidRequest,
    NeverLoaded,
    NoSnapshot,
    QueryLimit,
    RequestTimeout,
    SnapshotGone,
    SophiaError,
    TooManyRequests,
    Unauthenticated,
    UnknownName,
)
from sophia_kit.server.problems import documented

__all__ = ["responses_of"]

_ALWAYS: Final[tuple[type[SophiaError], ...]] = (
    InputError,
    Unauthenticated,
    AccessRefused,
    InvalidRequest,
    TooManyRequests,
    NoSnapshot,
    QueryLimit,
    RequestTimeout,
)
_FURTHER: Final = {kind.code: kind for kind in (UnknownName, NeverLoaded, SnapshotGone)}


def responses_of(model: type[BaseModel], *further: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: 200, the problems that every route may end in, and further ones by their codes.

    Raises:
        KeyError: a code that isn't one of a problem.
    """
    kinds = (*_ALWAYS, *(_FURTHER[code] for code in further))
    answer = {"model": model, "description": model.__doc__ or ""}
    return {200: answer} | documented(*sorted({kind.status for kind in kinds}))
