"""Answers that have to satisfy a JSON schema: checked here, whatever a provider promises."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sophia_kit.core.errors import ConfigError, InputError
from sophia_kit.llm.messages import ChatRequest, Message

__all__ = ["check_schema", "parsed", "repair"]

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_SHOWN = 300


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that is none before anything is sent.

    Raises:
        InputError: it is no JSON schema.
        ConfigError: the extra `llm` isn't installed.
    """
    jsonschema = _library()
    try:
        jsonschema.validators.validator_for(schema).check_schema(schema)
    except jsonschema.SchemaError as error:
        raise InputError(
            f"The schema of the answer is no JSON schema: {error.message[:_SHOWN]}.", hint="Correct the schema."
        ) from None


def parsed(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value of an answer, bare or in one code fence, that satisfies `schema`.

    Raises:
        ValueError: it is no JSON, or doesn't satisfy it; says where.
    """
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced else text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error})") from None
    jsonschema = _library()
    from referencing import Registry

    # An empty registry: a reference to another address is an error, never a request.
    validator = jsonschema.validators.validator_for(schema)(schema, registry=Registry())
    wrong = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if wrong is not None:
        where = "/".join(str(part) for part in wrong.absolute_path)
        raise ValueError(f"at {where or 'its top'}: {wrong.message[:_SHOWN]}")
    return value


def repair(request: ChatRequest, said: str, wrong: str) -> ChatRequest:
    """The request again, with what was said and what is wrong with it."""
    asked = f"This answer does not satisfy the JSON schema: {wrong}. Answer again, with the corrected JSON alone."
    turns = (*request.messages, Message("assistant", said), Message("user", asked))
    return replace(request, messages=turns)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _library() -> Any:
    try:
        import jsonschema
    except ImportError:
        raise ConfigError(
            "Structured answers need jsonschema, which isn't installed.", hint="Install sophia-kit[llm]."
        ) from None
    return jsonschema
