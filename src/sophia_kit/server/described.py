"""The API's description: the OpenAPI document, and a page of it for people that needs nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from sophia_kit.server.index import STYLE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["description_page", "description_routes"]

_OWN_STYLE: Final = """\
main{max-width:56rem}
section{background:#fff;border:1px solid #dce2e9;border-radius:10px;padding:14px 22px;margin:0 0 12px}
h2{font-size:21px;margin:32px 0 12px}
h3{font:600 17px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:15px;margin:10px 0 0}
td{border-top:1px solid #dce2e9;padding:5px 12px 5px 0;vertical-align:top}
code,pre{font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{background:#f4f6f8;border-radius:6px;padding:12px;overflow-x:auto;max-height:28rem}
summary{cursor:pointer;margin:10px 0 0}
"""


def description_routes(document: Callable[[], dict[str, Any]], *, demo: bool) -> APIRouter:
    """`/openapi.json` and `/docs`, for whoever is let in."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/openapi.json")
    def described() -> dict[str, Any]:
        return document()

    @routes.get("/docs", response_class=HTMLResponse)
    def page() -> str:
        return description_page(document(), demo=demo)

    return routes


def description_page(document: Mapping[str, Any], *, demo: bool) -> str:
    """An OpenAPI document as an HTML page without scripts: each operation with its parameters and an example."""
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault((operation.get("tags") or ["other"])[0], []).append(_operation(method, path, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(operations)}" for tag, operations in groups.items())
    banner = '<div class="demo"><strong>DEMO DATA</strong>: a fictional company.</div>' if demo else ""
    title = escape(document["info"]["title"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}: API</title><style>{STYLE}{_OWN_STYLE}</style></head>"
        f"<body>{banner}<main><h1>{title}: API</h1>"
        '<p>For programs: <a class="out" href="/openapi.json">/openapi.json</a>. Every error is '
        "<code>application/problem+json</code>.</p>"
        f"{body}</main></body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = "".join(_parameter(each) for each in operation.get("parameters", ()))
    table = f"<table>{parameters}</table>" if parameters else ""
    refusals = ", ".join(status for status in operation.get("responses", {}) if not status.startswith("2"))
    return (
        f"<section><h3>{escape(method.upper())} {escape(path)}</h3><p>{_prose(operation.get('description', ''))}</p>"
        f"{table}{_example(operation)}{f'<p>Refused with {escape(refusals)}.</p>' if refusals else ''}</section>"
    )


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = parameter.get("schema", {})
    default = f"; default <code>{escape(json.dumps(schema['default']))}</code>" if "default" in schema else ""
    wanted = "; required" if parameter.get("required") else ""
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(_kind(schema))}{wanted}{default}</td>"
        f"<td>{_prose(parameter.get('description', ''))}</td></tr>"
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `one of a, b`, `list of string`, `integer`."""
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(str(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "anything"))


def _example(operation: Mapping[str, Any]) -> str:
    content: Iterable[Mapping[str, Any]] = operation["responses"].get("200", {}).get("content", {}).values()
    found = next((part["example"] for part in content if "example" in part), None)
    if found is None:
        return ""
    shown = escape(json.dumps(found, indent=2, ensure_ascii=False))
    return f"<details><summary>Example</summary><pre>{shown}</pre></details>"


def _prose(text: str) -> str:
    """Text with `code` in backquotes, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
