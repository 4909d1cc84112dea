"""A tool for a set of records, made from its declaration: its filters are arguments, its columns are fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from operator import getitem
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, Field, create_model

from sophia_kit.server.mcp.paging import fitting_count, page_size
from sophia_kit.server.mcp.standing_model import RecordsAnswer, standing_fields
from sophia_kit.server.records import read_page

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from sophia_kit.server.mcp.given import Given
    from sophia_kit.server.mcp.kit_server import KitServer
    from sophia_kit.server.records import Page

__all__ = ["AFTER", "FIELDS", "LIMIT", "LONGEST_TEXT", "Row", "Shape", "fitting_page", "offer_records", "shortened"]

LONGEST_TEXT: Final = 4_000
"""A longer text is cut, and says so."""

FIELDS: Final = Field(description="Only these fields of each row, to save room; default: all.", max_length=50)
LIMIT: Final = Field(description="How many rows a page holds, 1 to 200; default 50.")
AFTER: Final = Field(description="`next` of the page before, beside the same arguments.", max_length=4_000)

Row = dict[str, Any]
Shape = Callable[[Sequence[Row], "str | None"], list[Row]]
"""What is made of rows before they are sent, e.g. names in the place of ids; it is told the snapshot they are of."""


def offer_records(
    server: KitServer,
    given: Given,
    *,
    name: str,
    title: str,
    description: str,
    fixed: Mapping[str, Any] | None = None,
    parameters: Sequence[str] | None = None,
    shape: Shape | None = None,
) -> None:
    """Offer a tool that reads records page by page.

    Args:
        fixed: filters that hold always.
        parameters: the filters that are arguments; default: all that are given and not fixed.
    """
    held = dict(fixed or {})
    answer = _answer_model(given)
    names = [item.name for item in given.filters if item.name not in held]
    arguments = _arguments(given, names if parameters is None else parameters)

    def tool(**sent: Any) -> Any:
        fields, limit, after = sent.pop("fields"), page_size(sent.pop("limit")), sent.pop("after")
        page, rows = fitting_page(server, given, held | sent, limit=limit, after=after, fields=fields, shape=shape)
        return answer(rows=rows, next=page.next, **standing_fields(page.standing, page.notes))

    tool.__name__ = tool.__qualname__ = name
    tool.__doc__ = description
    tool.__signature__ = inspect.Signature(arguments, return_annotation=answer)  # type: ignore[attr-defined]
    server.reads(title)(tool)


def fitting_page(
    server: KitServer,
    given: Given,
    filters: Mapping[str, Any],
    *,
    limit: int,
    after: str | None = None,
    fields: Sequence[str] | None = None,
    shape: Shape | None = None,
) -> tuple[Page, list[Row]]:
    """A page of records as the caller may see them, and its rows as they are sent: together not too long.

    Raises:
        NeverLoaded, AccessRefused, InputError, SnapshotGone, UnknownName, NoSnapshot: as `read_page`.
    """
    services, chosen = server.services, given.chosen(fields)
    while True:
        page = read_page(
            services.snapshots,
            services.clock,
            given.resource,
            server.caller.principal,
            filters=filters,
            limit=limit,
            after=after,
            fields=chosen,
        )
        shaped = shape(page.rows, page.standing.snapshot_id) if shape else page.rows
        rows = [shortened(row) for row in shaped]
        fits = fitting_count(rows)
        if fits == len(rows):
            return page, rows
        # Read again with fewer, for a token that continues where these end.
        limit = fits


def shortened(row: Row) -> Row:
    """The row with texts that are too long cut."""
    return {name: _cut(value) if isinstance(value, str) else value for name, value in row.items()}


def _cut(text: str) -> str:
    left = len(text) - LONGEST_TEXT
    return text if left <= 0 else f"{text[:LONGEST_TEXT]} [... {left:,} characters more]"


def _answer_model(given: Given) -> type[BaseModel]:
    row = given.row_model
    return create_model(
        f"{given.resource.one}Page",
        __base__=RecordsAnswer,
        __doc__=f"Rows, each: {given.resource.description[0].lower()}{given.resource.description[1:]}",
        rows=(list[row], Field(description="Only the fields asked for.")),  # type: ignore[valid-type]
        next=(str | None, Field(description="Send it as `after` for the next page; null on the last.")),
    )


def _arguments(given: Given, names: Sequence[str]) -> list[inspect.Parameter]:
    known = given.resource.query_model.model_fields
    found = [_parameter(name, _optional(info)) for name, info in known.items() if name in names]
    return [
        *found,
        _parameter("fields", Annotated[list[str] | None, FIELDS]),
        _parameter("limit", Annotated[int | None, LIMIT]),
        _parameter("after", Annotated[str | None, AFTER]),
    ]


def _optional(info: FieldInfo) -> Any:
    """The annotation of a filter that may be left out."""
    kind: Any = info.annotation
    if info.metadata:
        kind = getitem(Annotated, (kind, *info.metadata))
    return getitem(Annotated, (kind | None, Field(description=info.description)))


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
