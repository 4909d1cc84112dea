"""What people read in Notion, as `Notion`'s readers give it: data sources, pages, their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sophia_kit.connectors.notion_properties import KNOWN, names_of, text_of

__all__ = ["Block", "Blocks", "DataSource", "Markdown", "NotionPage", "block_text", "data_source", "field_name"]

PAGE_FIELDS = (
    "created_by", "created_time", "id", "in_trash", "is_archived", "last_edited_by", "last_edited_time", "markdown",
    "title", "url",
)  # fmt: skip
"""What every page has beside its properties. `title` is that property of its data source, whatever its name."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """A table of pages.

    Attributes:
        kinds: the type of each property by its name.
        relations: for each rollup, the name of the relation that it looks through.
        unknown: properties of types that the kit doesn't know; their values are kept as JSON.
    """

    id: str
    title: str
    kinds: Mapping[str, str]
    relations: Mapping[str, str] = field(repr=False)
    demo: bool

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.kinds.items() if kind not in KNOWN)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of its pages, in order of their names."""
        found = (names_of(field_name(name), kind) for name, kind in self.kinds.items())
        return tuple(sorted({*PAGE_FIELDS, *(name for names in found for name in names)}))


@dataclass(frozen=True, slots=True)
class NotionPage:
    """A page: its own fields and its properties as plain values by name; `unknown` as of `DataSource`."""

    id: str
    values: Mapping[str, Any] = field(repr=False)
    unknown: tuple[str, ...]
    demo: bool


@dataclass(frozen=True, slots=True)
class Markdown:
    """A page's content. Not `complete` when parts of it could not be read; `<unknown>` stands for them in the text."""

    page_id: str
    text: str = field(repr=False)
    complete: bool
    demo: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page.

    Attributes:
        kind: Notion's type of it, e.g. `paragraph`.
        text: its plain text; None when it has none.
        depth: 0 below the page, 1 below such a block, and so on.
        content: what Notion says of it, by its type.
    """

    id: str
    kind: str
    text: str | None
    depth: int
    content: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Blocks:
    """A page's blocks in the order of reading: each is followed by those inside it."""

    page_id: str
    blocks: tuple[Block, ...]
    demo: bool


def field_name(name: str) -> str:
    """A property's field: its name, unless that is a field of every page."""
    return f"properties.{name}" if name in PAGE_FIELDS else name


def data_source(body: Any, *, demo: bool) -> DataSource:
    """From the object that Notion sends.

    Raises:
        KeyError, TypeError, AttributeError: it is not of the promised shape.
    """
    schema = {str(name): one for name, one in body["properties"].items()}
    return DataSource(
        id=body["id"],
        title=text_of(body.get("title", [])) or "",
        kinds={name: str(one["type"]) for name, one in schema.items()},
        relations={
            name: one["rollup"]["relation_property_name"] for name, one in schema.items() if one["type"] == "rollup"
        },
        demo=demo,
    )


def block_text(content: Any) -> str | None:
    """The plain text of a block's content: its text, its cells, its caption, expression or title."""
    if not isinstance(content, dict):
        return None
    for name in ("rich_text", "caption"):
        if isinstance(content.get(name), list) and (found := text_of(content[name])):
            return found
    if isinstance(content.get("cells"), list):
        return "\t".join(text_of(cell) or "" for cell in content["cells"])
    found = content.get("expression") or content.get("title") or content.get("url")
    return found if isinstance(found, str) else None
