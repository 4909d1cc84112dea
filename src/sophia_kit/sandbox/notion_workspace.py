"""The company's OKRs and wiki as a Notion workspace: data sources, pages, blocks and users, in Notion's shapes.

Shapes follow Notion's reference (developers.notion.com): "Data source", "Property object", "Page", "Page properties",
"Rich text", "Block", "User", and for ids of properties "Releasing Notion-Version 2021-08-16". Ids are made from the
company's seed: the same on every machine.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import polars as pl

from sophia_kit.sandbox.blemishes import half_done
from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.days import number

__all__ = ["SHOWN", "Json", "Source", "Workspace", "notion_id", "rich_text"]

Json = dict[str, Any]

SHOWN = 25
"""A page shows at most so many references of a property, and calculates its rollups from them."""

_TABLES = {
    "Objectives": "objectives",
    "Key results": "key_results",
    "Check-ins": "key_result_checkins",
    "Knowledge": "knowledge_pages",
}
_SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "Objectives": {
        "Name": "title", "Owner": "select", "Period": "date", "Key results": "relation", "Check-ins": "relation",
        "Times checked": "rollup",
    },
    "Key results": {
        "Name": "title", "Objective": "relation", "Metric": "rich_text", "Unit": "select", "Baseline": "number",
        "Target": "number", "Higher is better": "checkbox", "Owner": "select", "Check-ins": "relation",
        "Objective period": "rollup", "Last checked": "rollup",
    },
    "Check-ins": {
        "Name": "title", "Key result": "relation", "Objective": "relation", "Checked at": "date",
        "Current value": "number", "Confidence": "number", "Note": "rich_text", "Author": "select",
    },
    "Knowledge": {"Title": "title", "Author": "people", "Page number": "unique_id", "Verification": "verification"},
}  # fmt: skip
_RELATIONS = {
    ("Objectives", "Key results"): "Key results",
    ("Objectives", "Check-ins"): "Check-ins",
    ("Key results", "Objective"): "Objectives",
    ("Key results", "Check-ins"): "Check-ins",
    ("Check-ins", "Key result"): "Key results",
    ("Check-ins", "Objective"): "Objectives",
}
_ROLLUPS = {
    ("Objectives", "Times checked"): ("Check-ins", "Name", "count"),
    ("Key results", "Objective period"): ("Objective", "Period", "show_original"),
    ("Key results", "Last checked"): ("Check-ins", "Checked at", "latest_date"),
}


@dataclass(slots=True)
class Source:
    """A data source: the object, its database's id, and its pages, oldest first."""

    body: Json
    database: str
    pages: list[Json] = field(default_factory=list)


class Workspace:
    """What the integration is shown on the company's day.

    Attributes:
        sources: by id.
        pages: by id.
        values: of a property that a page shows in part, all property items, by the ids of page and property.
        markdown: by a page's id.
        children: blocks by the id of the page or block that holds them.
        users: people, then the integration itself.
    """

    def __init__(self, company: Company) -> None:
        self._company = company
        self._seed = company.profile.seed
        self.sources: dict[str, Source] = {}
        self.pages: dict[str, Json] = {}
        self.values: dict[tuple[str, str], tuple[Json, list[Json]]] = {}
        self.markdown: dict[str, str] = {}
        self.children: dict[str, list[Json]] = {}
        self.users = self._people()
        self._by_name = {user["name"]: user for user in self.users}
        self._rows = {title: self._table(title) for title in _TABLES}
        self._made = {row["source_id"]: row for rows in self._rows.values() for row in rows}
        self._links: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._link()
        for title, rows in self._rows.items():
            self._add_source(title, rows)

    def id_of(self, kind: str, key: object) -> str:
        """The id of something in this workspace."""
        return notion_id(self._seed, kind, key)

    def _property_id(self, title: str, name: str) -> str:
        if _SCHEMAS[title][name] == "title":
            return "title"
        digest = hashlib.sha256(f"{self._seed}/{title}/{name}".encode()).digest()
        return quote(base64.b64encode(digest[:3], altchars=b":@").decode(), safe="")

    def _people(self) -> list[Json]:
        today = number(self._company.day)
        people: list[Json] = [
            _user(self.id_of("user", one.key), one.name) | {"type": "person", "person": {"email": one.email}}
            for one in self._company.world.employees
            if one.active(today)
        ]
        bot = {"owner": {"type": "workspace", "workspace": True}, "workspace_name": self._company.name}
        return [*people, _user(self.id_of("user", "bot"), "Sophia Kit") | {"type": "bot", "bot": bot}]

    def _table(self, title: str) -> list[Json]:
        name = _TABLES[title]
        first = (
            self._company.world.versions(name)
            .group_by("source_id")
            .agg(pl.col("modified_at").min().alias("created_at"))
        )
        frame = self._company.table(name).join(first, on="source_id", how="left", maintain_order="left")
        rows = frame.to_dicts()
        if title == "Check-ins":
            rows = [row | {"title": f"{row['checked_at']:%B %Y}"} for row in rows]
        profile, today = self._company.profile, number(self._company.day)
        for table, _, _, given in half_done(profile, today):
            if table == name:
                at = datetime.fromtimestamp(given["begun"], UTC)
                rows.append(dict.fromkeys(frame.columns) | given | {"modified_at": at, "created_at": at})
        return sorted(rows, key=lambda row: (row["created_at"], row["source_id"]))

    def _link(self) -> None:
        """Which pages a relation of a page leads to, both ways."""
        for row in sorted(self._rows["Key results"], key=lambda row: str(row["source_id"])):
            self._pair(row, "Objective", row["objective_id"], "Key results")
        for row in sorted(self._rows["Check-ins"], key=lambda row: str(row["source_id"])):
            self._pair(row, "Key result", row["key_result_id"], "Check-ins")
            result = self._made.get(row["key_result_id"], {})
            self._pair(row, "Objective", result.get("objective_id"), "Check-ins")

    def _pair(self, row: Json, name: str, other: str | None, back: str) -> None:
        if other is not None:
            self._links[row["source_id"], name].append(other)
            self._links[other, back].append(row["source_id"])

    def _add_source(self, title: str, rows: list[Json]) -> None:
        key, database = self.id_of("data_source", title), self.id_of("database", title)
        begins = min((row["created_at"] for row in rows), default=self._company.now)
        made = {"object": "user", "id": self.id_of("user", "emp_0000")}
        body = {
            "object": "data_source",
            "id": key,
            "title": rich_text(title),
            "description": [],
            "parent": {"type": "database_id", "database_id": database},
            "database_parent": {"type": "workspace", "workspace": True},
            "is_inline": False,
            "in_trash": False,
            "created_time": _minute(begins),
            "last_edited_time": _minute(begins),
            "created_by": made,
            "last_edited_by": made,
            "properties": {name: self._schema(title, name) for name in _SCHEMAS[title]},
            "icon": None,
            "cover": None,
            "url": f"https://www.notion.so/{UUID(database).hex}",
            "public_url": None,
        }
        source = Source(body, database)
        for place, row in enumerate(rows):
            page = self._page(title, key, database, row, place + 1)
            source.pages.append(page)
            self.pages[page["id"]] = page
            self._write(title, page["id"], row)
        self.sources[key] = source

    def _schema(self, title: str, name: str) -> Json:
        kind = _SCHEMAS[title][name]
        content: Json = {}
        if kind == "number":
            content = {"format": "percent" if name == "Confidence" else "number"}
        elif kind == "select":
            column = name.lower()
            options = sorted({row[column] for row in self._rows[title] if row.get(column)})
            content = {"options": [self._option(option) | {"description": None} for option in options]}
        elif kind == "unique_id":
            content = {"prefix": "DOC"}
        elif kind == "relation":
            other = _RELATIONS[title, name]
            back = next(n for (t, n), to in _RELATIONS.items() if t == other and to == title)
            content = {
                "database_id": self.id_of("database", other),
                "data_source_id": self.id_of("data_source", other),
                "type": "dual_property",
                "dual_property": {
                    "synced_property_id": self._property_id(other, back),
                    "synced_property_name": back,
                },
            }
        elif kind == "rollup":
            relation, what, function = _ROLLUPS[title, name]
            other = _RELATIONS[title, relation]
            content = {
                "relation_property_name": relation,
                "relation_property_id": self._property_id(title, relation),
                "rollup_property_name": what,
                "rollup_property_id": self._property_id(other, what),
                "function": function,
            }
        return {"id": self._property_id(title, name), "name": name, "description": None, "type": kind, kind: content}

    def _option(self, name: str) -> Json:
        return {"id": self.id_of("option", name), "name": name, "color": "default"}

    def _page(self, title: str, source: str, database: str, row: Json, place: int) -> Json:
        key = self.id_of("page", row["source_id"])
        author = self._by_name.get(row.get("author")) or self.users[0]
        by = {"object": "user", "id": author["id"]}
        return {
            "object": "page",
            "id": key,
            "created_time": _minute(row["created_at"]),
            "last_edited_time": _minute(row["modified_at"]),
            "created_by": by,
            "last_edited_by": by,
            "cover": None,
            "icon": None,
            "parent": {"type": "data_source_id", "data_source_id": source, "database_id": database},
            "in_trash": False,
            "is_archived": False,
            "is_locked": False,
            "properties": {name: self._property(title, name, row, key, place) for name in _SCHEMAS[title]},
            "url": f"https://www.notion.so/{UUID(key).hex}",
            "public_url": None,
        }

    def _property(self, title: str, name: str, row: Json, page: str, place: int) -> Json:
        kind, key = _SCHEMAS[title][name], self._property_id(title, name)
        held: Json = {"id": key, "type": kind}
        value = row.get({"Name": "title"}.get(name, name.lower().replace(" ", "_")))
        match kind:
            case "title" | "rich_text":
                return held | {kind: [] if value is None else rich_text(value)}
            case "number":
                return held | {kind: None if value is None else float(value)}
            case "checkbox":
                return held | {kind: bool(value)}
            case "select":
                return held | {kind: None if value is None else self._option(value)}
            case "people":
                person = self._by_name.get(value)
                return held | {kind: [] if person is None else [person]}
            case "date":
                return held | {kind: _date(row) if name == "Period" else _moment(value)}
            case "unique_id":
                return held | {kind: {"prefix": "DOC", "number": place}}
            case "verification":
                return held | {kind: {"state": "unverified", "verified_by": None, "date": None}}
            case "relation":
                linked = self._linked(row, name)
                items = [{"id": self.id_of("page", other)} for other in linked]
                if len(items) > SHOWN:
                    last: Json = {"id": key, "next_url": None, "type": kind, kind: {}}
                    self.values[page, key] = last, [_item(key, kind, item) for item in items]
                return held | {kind: items[:SHOWN], "has_more": len(items) > SHOWN}
        return held | {kind: self._rollup(title, name, row, page)}

    def _linked(self, row: Json, name: str) -> list[str]:
        return self._links.get((row["source_id"], name), [])

    def _rollup(self, title: str, name: str, row: Json, page: str) -> Json:
        relation, _, function = _ROLLUPS[title, name]
        linked = [self._made[key] for key in self._linked(row, relation)]
        if len(linked) > SHOWN:
            key = self._property_id(title, name)
            last: Json = {"id": key, "next_url": None, "type": "rollup", "rollup": _rolled(function, linked)}
            self.values[page, key] = last, []
        return _rolled(function, linked[:SHOWN])

    def _write(self, title: str, page: str, row: Json) -> None:
        """The content of a page: of the wiki its text; of an objective its key results and what was said of them."""
        if title == "Knowledge":
            self.markdown[page] = row["body"] or ""
            self.children[page] = [self._block(page, "paragraph", row["body"] or "", 0)]
            return
        lines: list[str] = []
        blocks: list[Json] = []
        for place, result in enumerate(self._linked(row, "Key results") if title == "Objectives" else ()):
            notes = self._linked({"source_id": result}, "Check-ins")[-3:]
            lines.append(f"- {self._made[result]['title']}")
            blocks.append(
                self._block(page, "bulleted_list_item", self._made[result]["title"], place, inside=bool(notes))
            )
            inner = self.children[blocks[-1]["id"]] = []
            for turn, note in enumerate(notes):
                said = self._made[note]
                lines += [f"\t- {said['checked_at']:%B %Y}", f"\t\t{said['note']}"]
                inner.append(
                    self._block(
                        blocks[-1]["id"], "bulleted_list_item", f"{said['checked_at']:%B %Y}", turn, inside=True
                    )
                )
                self.children[inner[-1]["id"]] = [self._block(inner[-1]["id"], "paragraph", said["note"], 0)]
        self.markdown[page] = "\n".join(lines)
        self.children[page] = blocks

    def _block(self, holder: str, kind: str, text: str, place: int, *, inside: bool = False) -> Json:
        return {
            "object": "block",
            "id": self.id_of("block", f"{holder}/{place}"),
            "type": kind,
            "has_children": inside,
            "in_trash": False,
            kind: {"rich_text": rich_text(text), "color": "default"},
        }


def notion_id(seed: int, kind: str, key: object) -> str:
    """A UUID for something of the company with this seed: a `page` of the record with this key, a `user`, ..."""
    digest = hashlib.sha256(f"{seed}/{kind}/{key}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def rich_text(text: str) -> list[Json]:
    """A text as Notion's list of rich text objects."""
    plain = {"bold": False, "italic": False, "strikethrough": False, "underline": False, "code": False}
    return [
        {
            "type": "text",
            "text": {"content": text, "link": None},
            "annotations": plain | {"color": "default"},
            "plain_text": text,
            "href": None,
        }
    ]


def _user(key: str, name: str) -> Json:
    return {"object": "user", "id": key, "name": name, "avatar_url": None}


def _item(key: str, kind: str, content: Any) -> Json:
    return {"object": "property_item", "id": key, "type": kind, kind: content}


def _minute(moment: datetime) -> str:
    """Notion cuts the times of pages to the minute."""
    return moment.strftime("%Y-%m-%dT%H:%M:00.000Z")


def _moment(value: datetime | None) -> Json | None:
    if value is None:
        return None
    return {"start": value.strftime("%Y-%m-%dT%H:%M:%S.000+00:00"), "end": None, "time_zone": None}


def _date(row: Json) -> Json | None:
    if row["starts_day"] is None:
        return None
    return {"start": row["starts_day"].isoformat(), "end": row["ends_day"].isoformat(), "time_zone": None}


def _rolled(function: str, linked: Iterable[Json]) -> Json:
    rows = list(linked)
    if function == "count":
        return {"type": "number", "number": len(rows), "function": function}
    if function == "latest_date":
        latest = max((row["checked_at"] for row in rows if row["checked_at"] is not None), default=None)
        return {"type": "date", "date": _moment(latest), "function": function}
    return {"type": "array", "array": [{"type": "date", "date": _date(row)} for row in rows], "function": function}
