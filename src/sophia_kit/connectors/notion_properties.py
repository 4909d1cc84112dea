"""Notion's page properties as plain values, flat under the property's name.

Reference: Notion, "Page properties" (developers.notion.com/reference/page-property-values), "Property item object" and
"Retrieve a page property item".

| Type | Fields and their values |
|---|---|
| title, rich_text | `name`: its plain text |
| number, checkbox, url, email, phone_number, created_time, last_edited_time | `name`: as it is |
| select, status | `name`: the option's name |
| multi_select | `name`: names of the options |
| date | `name`: the start, `name.end` |
| people | `name`: names, `name.id`: ids |
| created_by, last_edited_by | `name`: the name, `name.id` |
| files | `name`: names, `name.url`: those kept elsewhere; Notion's own expire within the hour |
| relation | `name`: ids of the pages |
| formula, rollup | `name`: the result; a date with an end as an interval, `start/end` |
| unique_id | `name`: with its prefix, `OKR-12` |
| verification | `name`: the state, `name.verified_by`, `name.start`, `name.end` |
| place | `name`: its name or address, `name.lat`, `name.lon` |
| button | nothing |
| any other | `name`: what Notion sends, as JSON |

Several values are one text, separated by a comma and a space. Nothing is null, never an empty text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["KNOWN", "flat", "is_cut", "joined", "names_of", "text_of"]

Plain = dict[str, Any]

_SHOWN_REFERENCES = 25
"""A page shows at most so many references of a property ("Retrieve a page", Limits)."""


def names_of(name: str, kind: str) -> tuple[str, ...]:
    """The fields that a property of this type becomes."""
    return tuple(name + suffix for suffix in _SUFFIXES.get(kind, ("",)))


def flat(name: str, value: object) -> Plain:
    """A property as its fields. What isn't shaped as the reference says is handed on as it came."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in value:
        return {name: value}
    content = value[kind]
    if kind not in KNOWN:
        return {name: None if content is None else json.dumps(content, sort_keys=True, ensure_ascii=False)}
    try:
        return _READERS[kind](name, content) if kind in _READERS else {name: content}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {name: content}


def is_cut(value: object, properties: Mapping[str, Any], relation: str | None) -> bool:
    """Whether a page may show less of a property than there is, so that it has to be asked for by itself.

    `relation` is the name of the relation that a rollup looks through.
    """
    kind = value.get("type") if isinstance(value, dict) else None
    content = value.get(kind) if isinstance(value, dict) and isinstance(kind, str) else None
    if kind == "relation":
        return bool(isinstance(value, dict) and value.get("has_more"))
    if kind == "people":
        return isinstance(content, list) and len(content) >= _SHOWN_REFERENCES
    if kind in ("title", "rich_text"):
        return isinstance(content, list) and sum(map(_is_mention, content)) >= _SHOWN_REFERENCES
    if kind == "rollup" and isinstance(content, dict):
        through = properties.get(relation) if relation else None
        shown = content.get("array")
        return (
            content.get("type") == "incomplete"
            or (isinstance(through, dict) and bool(through.get("has_more")))
            or (isinstance(shown, list) and len(shown) >= _SHOWN_REFERENCES)
        )
    return False


def joined(last: object, items: Iterable[object]) -> object:
    """The answers to a property asked for by itself as a page would show it whole.

    Args:
        last: `property_item` of the last answer, which holds a calculated rollup's final value.
        items: the `results` of all answers.
    """
    kind = last.get("type") if isinstance(last, dict) else None
    if not isinstance(last, dict) or not isinstance(kind, str):
        return last
    if kind == "rollup":
        result = last.get("rollup")
        if isinstance(result, dict) and result.get("type") == "array":
            return {"type": "rollup", "rollup": {"type": "array", "array": [_listed(item) for item in items]}}
        return {"type": "rollup", "rollup": result}
    return {"type": kind, kind: [item.get(kind) if isinstance(item, dict) else item for item in items]}


def text_of(rich_text: Any) -> str | None:
    """The plain text of a list of rich text objects; None when there is none."""
    return "".join(part["plain_text"] for part in rich_text) or None


def _listed(item: object) -> object:
    """A property item as an element of a rollup's array: an item holds one of what a page holds a list of."""
    kind = item.get("type") if isinstance(item, dict) else None
    if isinstance(item, dict) and kind in _LISTS and isinstance(item.get(kind), dict):
        return item | {kind: [item[kind]]}
    return item


def _is_mention(part: object) -> bool:
    return isinstance(part, dict) and part.get("type") == "mention"


def _together(values: Iterable[Any]) -> str | None:
    return ", ".join(str(value) for value in values if value is not None) or None


def _option(name: str, content: Any) -> Plain:
    return {name: None if content is None else content["name"]}


def _options(name: str, content: Any) -> Plain:
    return {name: _together(option["name"] for option in content)}


def _date(name: str, content: Any) -> Plain:
    start, end = _span(content)
    return {name: start, f"{name}.end": end}


def _span(content: Any) -> tuple[str | None, str | None]:
    if content is None:
        return None, None
    zone = content.get("time_zone")
    end = content.get("end")
    return _moment(content["start"], zone), None if end is None else _moment(end, zone)


def _moment(text: str, zone: str | None) -> str:
    """With its offset, where Notion names the zone in its place."""
    if zone is None or "T" not in text:
        return text
    found = datetime.fromisoformat(text)
    if found.tzinfo is not None:
        return text
    try:
        return found.replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ZoneInfoNotFoundError:
        return text


def _interval(content: Any) -> str | None:
    return "/".join(part for part in _span(content) if part is not None) or None


def _people(name: str, content: Any) -> Plain:
    return {name: _together(map(_person, content)), f"{name}.id": _together(person["id"] for person in content)}


def _person(person: Any) -> str:
    """The name, or the id of who may not be seen."""
    found: str = person.get("name") or person["id"]
    return found


def _by(name: str, content: Any) -> Plain:
    return {name: _person(content), f"{name}.id": content["id"]}


def _files(name: str, content: Any) -> Plain:
    links = (file["external"]["url"] for file in content if file.get("type") == "external")
    return {name: _together(file["name"] for file in content), f"{name}.url": _together(links)}


def _formula(name: str, content: Any) -> Plain:
    kind = content["type"]
    return {name: _interval(content["date"]) if kind == "date" else None if kind == "unsupported" else content[kind]}


def _rollup(name: str, content: Any) -> Plain:
    kind = content["type"]
    if kind in ("unsupported", "incomplete"):
        return {name: None}
    if kind == "date":
        return {name: _interval(content["date"])}
    if kind == "array":
        return {name: _together(_element(element) for element in content["array"])}
    return {name: content[kind]}


def _element(element: Any) -> str | None:
    """An element of a rollup's array, as text."""
    if element["type"] == "date":
        return _interval(element["date"])
    value = flat("", element).get("")
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _unique_id(name: str, content: Any) -> Plain:
    number = None if content is None else content["number"]
    return {name: None if number is None else "-".join(map(str, filter(None, (content["prefix"], number))))}


def _verification(name: str, content: Any) -> Plain:
    start, end = _span(content and content["date"])
    by = content and content.get("verified_by")
    return {
        name: content and content["state"],
        f"{name}.verified_by": by and _person(by),
        f"{name}.start": start,
        f"{name}.end": end,
    }


def _place(name: str, content: Any) -> Plain:
    found = content or {"lat": None, "lon": None}
    label = found.get("name") or found.get("address")
    return {name: label, f"{name}.lat": found["lat"], f"{name}.lon": found["lon"]}


_READERS: Mapping[str, Callable[[str, Any], Plain]] = {
    "title": lambda name, content: {name: text_of(content)},
    "rich_text": lambda name, content: {name: text_of(content)},
    "select": _option,
    "status": _option,
    "multi_select": _options,
    "date": _date,
    "people": _people,
    "created_by": _by,
    "last_edited_by": _by,
    "files": _files,
    "relation": lambda name, content: {name: _together(page["id"] for page in content)},
    "formula": _formula,
    "rollup": _rollup,
    "unique_id": _unique_id,
    "verification": _verification,
    "place": _place,
    "button": lambda _name, _content: {},
}
_AS_THEY_ARE = ("number", "checkbox", "url", "email", "phone_number", "created_time", "last_edited_time")
KNOWN: frozenset[str] = frozenset((*_READERS, *_AS_THEY_ARE))
"""The types that are read as plain values; any other is kept as JSON."""

_LISTS = ("title", "rich_text", "people", "relation")
_SUFFIXES: Mapping[str, Sequence[str]] = {
    "date": ("", ".end"),
    "people": ("", ".id"),
    "created_by": ("", ".id"),
    "last_edited_by": ("", ".id"),
    "files": ("", ".url"),
    "verification": ("", ".verified_by", ".start", ".end"),
    "place": ("", ".lat", ".lon"),
    "button": (),
}
