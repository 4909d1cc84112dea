"""The API's OpenAPI document: what FastAPI finds, and what it can't know: problems, examples, who is let in."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from fastapi import FastAPI

from sophia_kit.server.problems import Problem
from sophia_kit.server.rest.examples import example_of

__all__ = ["api_document", "scoped"]

_SCHEME: Final = "bearer"
_OPEN: Final = frozenset({"/healthz"})
_TELLS: Final = """\
Read-only: vendors' rows, metrics and questions, all answered from the current snapshot. Every answer says under \
`stands_on` whether it is about the demo company, which snapshot it was read from, as of when its rows are known, and \
how fresh they are. Unknown is a value with a reason, never 0. Errors are problems (RFC 9457). Decimals are texts, so \
that no digit is lost; times are in UTC; days are the company's."""


def scoped(scope: str) -> dict[str, Any]:
    """The `openapi_extra` of a route that needs a scope."""
    return {"security": [{_SCHEME: [scope]}]}


def api_document(app: FastAPI, *, tokens: bool) -> dict[str, Any]:
    """The document, made once. `tokens`: whether callers have to show one."""
    document = app.openapi()
    components = document.setdefault("components", {})
    if "Problem" in components.get("schemas", {}):
        # FastAPI keeps the document that it made, which is this one.
        return document
    document["info"]["description"] = _TELLS
    problem = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    components.setdefault("schemas", {})["Problem"] = problem
    if tokens:
        told = "A token of `sophia tokens`. What a route needs is the scope that its `security` names."
        components["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer", "description": told}}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            wanted = operation.pop("security", [{_SCHEME: []}])
            if tokens and path not in _OPEN:
                operation["security"] = wanted
            _exemplify(operation, components["schemas"])
    return document


def _exemplify(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give an operation's answer its example: FastAPI drops what is null in those that it is told."""
    found = operation["responses"]["200"]["content"].get("application/json")
    if found is not None and "example" not in found:
        with suppress(LookupError):
            found["example"] = example_of(found["schema"], schemas)
