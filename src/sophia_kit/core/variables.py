"""The variables of the environment that settings are read from, and those that look like one and are none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel

__all__ = ["misspelt", "model_at", "variable_of"]

_PREFIX: Final = "SOPHIA_"
_BELOW: Final = "__"
# As alike as `difflib` has them: what is below a section is certainly meant for a setting; another name has to be
# nearly one, since other programs may use the prefix for theirs.
_ALIKE: Final = 0.6
_NEARLY: Final = 0.85
# What Kubernetes puts into each container where a service is called `sophia` or `sophia-...`.
_KUBERNETES: Final = re.compile(r"SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")


def misspelt(model: type[BaseModel], environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Variables that are meant for a setting of `model` and name none, each with the one that was probably meant.

    Those below a section that there is aren't among them: the section's own model judges them.
    """
    first = {name.upper() for name in model.model_fields}
    known = {_plain(name): name for name in sorted(_variables(model))}
    for given, value in sorted(environment.items()):
        name = given.upper().removeprefix(_PREFIX)
        if not value or name == given.upper() or name.partition(_BELOW)[0] in first:
            continue
        meant = _BELOW in name
        near = get_close_matches(_plain(name), known, n=1, cutoff=_ALIKE if meant else _NEARLY)
        if meant or (near and not _KUBERNETES.search(name) and not value.startswith("tcp://")):
            yield given, f"{_PREFIX}{known[near[0]]}" if near else None


def variable_of(model: type[BaseModel], location: Sequence[Any]) -> str:
    """The variable of the setting at `("llm", "budget", "day_usd")` of `model`; what is within a list or a table has
    none of its own, and is set by that of the whole."""
    parts: list[str] = []
    here: Any = model
    for part in location:
        if here is None:
            break
        parts.append(str(part))
        here = _below(here, part)
    return _PREFIX + _BELOW.join(parts).upper()


def model_at(model: type[BaseModel], location: Sequence[Any]) -> type[BaseModel] | None:
    """The model of the section at this place; None where there is none."""
    here: Any = model
    for part in location:
        here = None if here is None else _below(here, part)
    return here if isinstance(here, type) else None


def _variables(model: type[BaseModel], above: str = "") -> Iterator[str]:
    for name in model.model_fields:
        yield above + name.upper()
        below = _below(model, name)
        if isinstance(below, type):
            yield from _variables(below, f"{above}{name.upper()}{_BELOW}")


def _below(here: Any, part: Any) -> Any:
    """What a place leads to, when that has settings: a model, or a table of models."""
    if not isinstance(here, type):  # a table of models
        return get_args(here)[-1]
    field = here.model_fields.get(part)  # type: ignore[attr-defined]
    kind = None if field is None else field.annotation
    inner = get_args(kind)[-1] if get_args(kind) else kind
    return kind if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _plain(name: str) -> str:
    return re.sub("_+", "_", name)
