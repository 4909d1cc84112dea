"""Reading rows of a resource, page by page, all pages from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sophia_kit.core.errors import SnapshotGone, UnknownName
from sophia_kit.server.records.continuation import Continuation, fingerprint, positions
from sophia_kit.server.records.resource import DEFAULT_LIMIT
from sophia_kit.server.records.standing import Standing, standing_of
from sophia_kit.server.records.statement import Statement

if TYPE_CHECKING:
    import polars as pl

    from sophia_kit.core.clock import Clock
    from sophia_kit.metrics import Principal
    from sophia_kit.server.records.resource import Column, Resource
    from sophia_kit.server.snapshots import Snapshots
    from sophia_kit.warehouse import Engine

__all__ = ["Page", "read_page"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a resource.

    Attributes:
        rows: each from column to value.
        next: the token of the page after; None when this is the last.
        notes: what a reader has to know of the rows.
    """

    rows: tuple[Row, ...]
    next: str | None
    standing: Standing
    notes: tuple[str, ...]


def read_page(
    snapshots: Snapshots,
    clock: Clock,
    resource: Resource,
    principal: Principal,
    *,
    filters: Mapping[str, Any] | None = None,
    limit: int = DEFAULT_LIMIT,
    after: str | None = None,
    fields: Sequence[str] | None = None,
) -> Page:
    """A page of the rows that the principal may see.

    Args:
        filters: by name, as the fields of `resource.query_model`, which checks them; None and empty restrict nothing.
        limit: how many rows at most.
        after: `next` of the page before, whose snapshot this one is read from too.
        fields: the columns to read; default: all.

    Raises:
        NeverLoaded: nothing of it was ever loaded.
        AccessRefused: the principal may not see it, or a member that a filter names.
        InputError: `after` isn't of this question.
        SnapshotGone: the snapshot of the pages before is no longer kept.
        UnknownName: a field that there is not; or a filter names what no row has that the principal may see.
        NoSnapshot: nothing was loaded yet.
    """
    asked = {name: value for name, value in (filters or {}).items() if value not in (None, [], ())}
    columns = _columns(resource, fields)
    question = fingerprint(resource.name, asked, principal.name, principal.attributes)
    start = None if after is None else Continuation.read(after, question)
    with engine_of(snapshots, start) as engine:
        statement = Statement(resource, engine.dialect)
        members = {
            item.dimension: asked[item.name] for item in resource.filters if item.dimension and item.name in asked
        }
        statement.restrict(principal, members)
        standing = standing_of(engine, resource, clock)
        for item in resource.filters:
            if item.name in asked:
                statement.filter(item, asked[item.name])
        if start is not None:
            statement.after(_position(resource, start))
        names = [column.name for column in columns]
        needed = [*names, *(name for name in resource.order if name not in names)]
        frame = engine.query(statement.rows(needed, limit + 1), statement.params).frame
        if start is None:
            _require_known(engine, resource, principal, asked, found=frame.height > 0)
        more = frame.height > limit
        kept = frame.head(limit)
        token = None
        if more:
            last = kept.select(resource.order).row(limit - 1)
            token = Continuation(question, version_of(engine), positions(last)).token()
    return Page(rows_of(kept, columns), token, standing, resource.notes)


def rows_of(frame: pl.DataFrame, columns: Sequence[Column]) -> tuple[Row, ...]:
    """The rows of a frame as they are answered: times in UTC, several in one text as a list."""
    import polars as pl

    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    stamped = frame.with_columns(pl.col(name).dt.replace_time_zone("UTC") for name in times)
    rows = stamped.select([column.name for column in columns]).to_dicts()
    for column in columns:
        if column.separator is not None:
            for row in rows:
                text = row[column.name]
                row[column.name] = text.split(column.separator) if text else []
    return tuple(rows)


@contextmanager
def engine_of(snapshots: Snapshots, start: Continuation | None) -> Iterator[Engine]:
    """What a page is read from: the snapshot of the pages before, or the current one.

    Raises:
        SnapshotGone: it is no longer kept.
    """
    if start is None:
        with snapshots.current() as engine:
            yield engine
        return
    with snapshots.of(start.version) as found:
        if found is None or version_of(found) != start.version:
            raise SnapshotGone(
                "The rows that the pages before are of are no longer kept.",
                hint="Ask again from the first page, without `after`.",
            )
        yield found


def version_of(engine: Engine) -> str:
    """What may not change between pages: the snapshot, or the moment of the last load where there are none."""
    return engine.snapshot.snapshot_id if engine.snapshot else engine.known_at.isoformat()


def _require_known(
    engine: Engine, resource: Resource, principal: Principal, asked: Mapping[str, Any], *, found: bool
) -> None:
    """
    Raises:
        UnknownName: a filter names what no row has that the principal may see.
    """
    for item in resource.filters:
        # A name without rows may be misspelt, and one with rows hides another beside it.
        if not item.named or item.name not in asked or (found and len(asked[item.name]) == 1):
            continue
        statement = Statement(resource, engine.dialect)
        statement.restrict(principal, {})
        names = engine.query(statement.distinct(item.column), statement.params).frame.to_series().drop_nulls().to_list()
        for name in asked[item.name]:
            if names and name not in names:
                raise UnknownName(f"{item.name} of {resource.name}", name, names)


def _columns(resource: Resource, fields: Sequence[str] | None) -> tuple[Column, ...]:
    if fields is None:
        return resource.columns
    known = {column.name: column for column in resource.columns}
    for name in fields:
        if name not in known:
            raise UnknownName(f"field of {resource.name}", name, known)
    return tuple(column for name, column in known.items() if name in fields)


def _position(resource: Resource, start: Continuation) -> tuple[Any, ...]:
    return tuple(
        _read(resource.column(name).kind, value) for name, value in zip(resource.order, start.position, strict=True)
    )


def _read(kind: Any, value: Any) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return date.fromisoformat(value) if kind is date else value
