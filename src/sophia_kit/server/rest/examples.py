"""An example of each answer, made of the examples that its fields declare."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["example_of"]


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """An instance of a model, as JSON has it.

    Raises:
        TypeError: a field declares no example, and isn't made of models that do.
    """
    found = {}
    for name, field in model.model_fields.items():
        given = field.examples
        found[name] = given[0] if given else _made(field.annotation, f"{model.__name__}.{name}")
    return found


def _made(kind: Any, where: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return example_of(kind)
    if get_origin(kind) is list:
        return [_made(get_args(kind)[0], where)]
    if get_origin(kind) in (Union, UnionType):
        return _made(next(one for one in get_args(kind) if one is not NoneType), where)
    raise TypeError(f"{where} has no example")
