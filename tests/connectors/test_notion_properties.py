"""Every type of property that Notion's reference names, as it sends it and as a record holds it."""

from __future__ import annotations

from typing import Any

import pytest

from sophia_kit.connectors.notion_properties import KNOWN, flat, is_cut, joined, names_of

ADA: dict[str, Any] = {
    "object": "user",
    "id": "u-1",
    "name": "Ada Abara",
    "avatar_url": None,
    "type": "person",
    "person": {},
}
UNSEEN = {"object": "user", "id": "u-2"}
DAY = {"start": "2026-01-05", "end": None, "time_zone": None}
DAYS = {"start": "2026-01-05", "end": "2026-01-09", "time_zone": None}
EMPTY: dict[str, Any] = {}


def text(*parts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": {"content": part}, "plain_text": part, "href": None} for part in parts]


def option(name: str) -> dict[str, str]:
    return {"id": "x", "name": name, "color": "default"}


TABLE: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("title", text("Grow ", "efficiently"), {"P": "Grow efficiently"}),
    ("title", [], {"P": None}),
    ("rich_text", text("株式会社 🏘️"), {"P": "株式会社 🏘️"}),
    ("rich_text", [], {"P": None}),
    ("number", 0.72, {"P": 0.72}),
    ("number", 0, {"P": 0}),
    ("number", None, {"P": None}),
    ("select", option("Finance"), {"P": "Finance"}),
    ("select", None, {"P": None}),
    ("status", option("On track"), {"P": "On track"}),
    ("status", None, {"P": None}),
    ("multi_select", [option("a"), option("b")], {"P": "a, b"}),
    ("multi_select", [], {"P": None}),
    ("date", DAY, {"P": "2026-01-05", "P.end": None}),
    ("date", DAYS, {"P": "2026-01-05", "P.end": "2026-01-09"}),
    (
        "date",
        {"start": "2026-01-05T09:30:00.000-06:00", "end": None, "time_zone": None},
        {"P": "2026-01-05T09:30:00.000-06:00", "P.end": None},
    ),
    (
        "date",
        {"start": "2026-07-05T09:30:00.000", "end": None, "time_zone": "America/Chicago"},
        {"P": "2026-07-05T09:30:00-05:00", "P.end": None},
    ),
    ("date", None, {"P": None, "P.end": None}),
    ("people", [ADA, UNSEEN], {"P": "Ada Abara, u-2", "P.id": "u-1, u-2"}),
    ("people", [], {"P": None, "P.id": None}),
    (
        "files",
        [
            {"name": "plan.pdf", "type": "file", "file": {"url": "https://s3/signed", "expiry_time": "2026-01-05"}},
            {"name": "site", "type": "external", "external": {"url": "https://example.com"}},
        ],
        {"P": "plan.pdf, site", "P.url": "https://example.com"},
    ),
    ("files", [], {"P": None, "P.url": None}),
    ("checkbox", True, {"P": True}),
    ("checkbox", False, {"P": False}),
    ("url", "https://example.com", {"P": "https://example.com"}),
    ("email", "ada@example.com", {"P": "ada@example.com"}),
    ("phone_number", "+1 312 555 0100", {"P": "+1 312 555 0100"}),
    ("phone_number", None, {"P": None}),
    ("formula", {"type": "string", "string": "late"}, {"P": "late"}),
    ("formula", {"type": "number", "number": 3.5}, {"P": 3.5}),
    ("formula", {"type": "boolean", "boolean": False}, {"P": False}),
    ("formula", {"type": "date", "date": DAY}, {"P": "2026-01-05"}),
    ("formula", {"type": "date", "date": DAYS}, {"P": "2026-01-05/2026-01-09"}),
    ("formula", {"type": "date", "date": None}, {"P": None}),
    ("formula", {"type": "unsupported", "unsupported": EMPTY}, {"P": None}),
    ("relation", [{"id": "p-1"}, {"id": "p-2"}], {"P": "p-1, p-2"}),
    ("relation", [], {"P": None}),
    ("rollup", {"type": "number", "number": 36, "function": "count"}, {"P": 36}),
    ("rollup", {"type": "date", "date": DAY, "function": "latest_date"}, {"P": "2026-01-05"}),
    (
        "rollup",
        {
            "type": "array",
            "array": [
                {"type": "title", "title": text("One")},
                {"type": "number", "number": 2},
                {"type": "date", "date": DAYS},
                {"type": "select", "select": None},
                {"type": "relation", "relation": [{"id": "p-1"}]},
                {"type": "formula", "formula": {"type": "boolean", "boolean": True}},
            ],
            "function": "show_original",
        },
        {"P": "One, 2, 2026-01-05/2026-01-09, p-1, true"},
    ),
    ("rollup", {"type": "array", "array": [], "function": "show_original"}, {"P": None}),
    ("rollup", {"type": "unsupported", "unsupported": EMPTY, "function": "sum"}, {"P": None}),
    ("rollup", {"type": "incomplete", "incomplete": EMPTY, "function": "sum"}, {"P": None}),
    ("created_time", "2026-01-05T09:30:00.000Z", {"P": "2026-01-05T09:30:00.000Z"}),
    ("last_edited_time", "2026-01-05T09:30:00.000Z", {"P": "2026-01-05T09:30:00.000Z"}),
    ("created_by", ADA, {"P": "Ada Abara", "P.id": "u-1"}),
    ("last_edited_by", UNSEEN, {"P": "u-2", "P.id": "u-2"}),
    ("unique_id", {"prefix": "DOC", "number": 12}, {"P": "DOC-12"}),
    ("unique_id", {"prefix": None, "number": 12}, {"P": "12"}),
    ("unique_id", {"prefix": "DOC", "number": None}, {"P": None}),
    (
        "verification",
        {"state": "verified", "verified_by": ADA, "date": DAYS},
        {"P": "verified", "P.verified_by": "Ada Abara", "P.start": "2026-01-05", "P.end": "2026-01-09"},
    ),
    (
        "verification",
        {"state": "unverified", "verified_by": None, "date": None},
        {"P": "unverified", "P.verified_by": None, "P.start": None, "P.end": None},
    ),
    ("verification", None, {"P": None, "P.verified_by": None, "P.start": None, "P.end": None}),
    (
        "place",
        {"lat": 41.9, "lon": -87.6, "name": None, "address": "Chicago"},
        {"P": "Chicago", "P.lat": 41.9, "P.lon": -87.6},
    ),
    ("place", None, {"P": None, "P.lat": None, "P.lon": None}),
    ("button", EMPTY, {}),
    ("hologram", {"b": 1, "a": ["é"]}, {"P": '{"a": ["é"], "b": 1}'}),
    ("hologram", None, {"P": None}),
)


@pytest.mark.parametrize(
    ("kind", "content", "record"), TABLE, ids=[f"{kind}-{n}" for n, (kind, _, _) in enumerate(TABLE)]
)
def test_a_property_becomes_plain_values(kind: str, content: Any, record: dict[str, Any]) -> None:
    assert flat("P", {"id": "a%3Ab", "type": kind, kind: content}) == record
    assert set(names_of("P", kind)) == set(record)


def test_every_type_is_in_the_table() -> None:
    assert {kind for kind, _, _ in TABLE} == KNOWN | {"hologram"}


@pytest.mark.parametrize("odd", [None, 7, "text", [], [1], {"type": "number"}, {"number": 1}, {"type": 5, "5": 1}])
def test_what_is_no_property_is_handed_on(odd: Any) -> None:
    assert flat("P", odd) == {"P": odd}


@pytest.mark.parametrize("kind", sorted(KNOWN - {"button"}))
@pytest.mark.parametrize("odd", [7, "text", [1], [None], {"deep": {"er": 1}}], ids=str)
def test_a_value_of_another_shape_is_handed_on(kind: str, odd: Any) -> None:
    assert flat("P", {"id": "x", "type": kind, kind: odd}) == {"P": odd}


REFERENCES = [{"id": f"p-{place}"} for place in range(25)]
MENTIONS = [{"type": "mention", "plain_text": "@"} for _ in range(25)]


@pytest.mark.parametrize(
    ("value", "cut"),
    [
        ({"type": "relation", "relation": REFERENCES, "has_more": True}, True),
        ({"type": "relation", "relation": REFERENCES, "has_more": False}, False),
        ({"type": "people", "people": REFERENCES}, True),
        ({"type": "people", "people": REFERENCES[1:]}, False),
        ({"type": "rich_text", "rich_text": MENTIONS}, True),
        ({"type": "rich_text", "rich_text": text(*("x" * 25))}, False),
        ({"type": "title", "title": MENTIONS[1:]}, False),
        ({"type": "rollup", "rollup": {"type": "incomplete", "incomplete": {}}}, True),
        ({"type": "rollup", "rollup": {"type": "array", "array": REFERENCES}}, True),
        ({"type": "rollup", "rollup": {"type": "number", "number": 25}}, False),
        ({"type": "number", "number": 25}, False),
        (None, False),
    ],
)
def test_what_a_page_may_show_in_part_is_known(value: Any, cut: bool) -> None:
    assert is_cut(value, {}, None) is cut


@pytest.mark.parametrize("more", [True, False])
def test_a_rollup_through_a_relation_shown_in_part_is_calculated_from_a_part(more: bool) -> None:
    properties = {"Through": {"type": "relation", "relation": REFERENCES, "has_more": more}}
    assert is_cut({"type": "rollup", "rollup": {"type": "number", "number": 25}}, properties, "Through") is more


def item(kind: str, content: Any) -> dict[str, Any]:
    return {"object": "property_item", "id": "x", "type": kind, kind: content}


@pytest.mark.parametrize(
    ("last", "items", "record"),
    [
        ({"type": "relation", "relation": {}}, [item("relation", {"id": "a"}), item("relation", {"id": "b"})], "a, b"),
        ({"type": "title", "title": {}}, [item("title", part) for part in text("a", "b")], "ab"),
        ({"type": "people", "people": {}}, [item("people", ADA), item("people", UNSEEN)], "Ada Abara, u-2"),
        ({"type": "rollup", "rollup": {"type": "number", "number": 36}}, [], 36),
        (
            {"type": "rollup", "rollup": {"type": "array", "array": []}},
            [item("title", text("a")[0]), item("number", 2), item("relation", {"id": "b"})],
            "a, 2, b",
        ),
        ({"type": "rollup", "rollup": {"type": "incomplete", "incomplete": {}}}, [], None),
    ],
)
def test_a_property_asked_for_by_itself_reads_as_on_a_page(last: Any, items: list[Any], record: Any) -> None:
    assert flat("P", joined(last, items))["P"] == record
