"""What a load reads from: a vendor's connector, or the landing zone. Both give portions of a table's records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from sophia_kit.connectors import Batch, Connector
from sophia_kit.connectors.api import moment_text
from sophia_kit.core.errors import IngestError
from sophia_kit.ingest.contract import Contract, Kind
from sophia_kit.ingest.convert import Converted, Converter
from sophia_kit.ingest.cursors import VendorCursor, cursor_of
from sophia_kit.ingest.landing import Delivery, Landing, new_deliveries

__all__ = ["ConnectorSource", "Image", "LandingSource", "Portion", "Scope", "Source", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` on, up to and not including `end`; without an end up to now."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """How much a load reads.

    Attributes:
        full: everything again; otherwise what is new.
        span: this range again, and nothing else: it moves no cursor and makes no table fresh.
        replay: no source at all, but what lies in quarantine; moves and freshens nothing either.
    """

    full: bool = False
    span: Span | None = None
    replay: bool = False

    @property
    def goes_on(self) -> bool:
        """Whether the next load goes on where this one ended."""
        return self.span is None and not self.replay

    def mode(self, cursor: str | None) -> str:
        """As the load audit says it, for a table that was read up to `cursor`."""
        if self.replay:
            return "replay"
        if self.span is not None:
            return "backfill"
        return "full" if self.full or not cursor else "incremental"


@dataclass(frozen=True, slots=True)
class Image:
    """What a reading shows all of: the rows whose `column` lies in the span. One that it lacks was deleted.

    Attributes:
        found_by: the column with the key of the row by which the source shows this one: that one has to lie in the
            span too, or be one of `of`. None when each is shown by itself.
    """

    column: str
    span: Span
    found_by: str | None = None
    of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Portion:
    """Some records of a table, as they were delivered.

    Attributes:
        content: decoded JSON objects, or a frame.
        absent: fields that the source openly doesn't have.
        cursor: how far the table is read once this portion is loaded; None when it doesn't say.
        as_of: the moment up to which the source knew what it delivered; None for the moment of reading.
        total: rows expected of the whole table; None when the source doesn't say.
        image: which rows the whole reading shows all of, where the source says it of some only.
        notes: see `Batch.notes`.
    """

    content: Sequence[object] | pl.DataFrame = field(repr=False)
    demo: bool
    cursor: str | None
    absent: tuple[str, ...] = ()
    as_of: datetime | None = None
    total: int | None = None
    image: Image | None = None
    notes: tuple[str, ...] = ()

    def convert(self, converter: Converter) -> Converted:
        """The portion, typed."""
        if isinstance(self.content, pl.DataFrame):
            return converter.frame(self.content)
        return converter.records(self.content, self.absent)


class Source(Protocol):
    """Something that delivers tables."""

    @property
    def tables_at_once(self) -> int:
        """How many of its tables are read beside each other. A vendor's share its rate limit: one at a time."""
        ...

    def size(self, contract: Contract) -> int:
        """How much there is to read of the table, in whatever unit; 0 when it doesn't know. The largest come first."""
        ...

    async def ready(self) -> None:
        """Returns when it can be read; asked once, before anything else.

        Raises:
            SophiaError: it never will be, and the load is to end.
        """
        ...

    def shows_all(self, contract: Contract) -> bool:
        """Whether a full reading shows every record there is of the table, so that one it lacks was deleted."""
        ...

    def delivers(self, contract: Contract) -> bool:
        """Whether it is the one that has the table."""
        ...

    def off(self, contract: Contract) -> str | None:
        """Why the table isn't read here, as the settings want it; None when it is."""
        ...

    def read(self, contract: Contract, cursor: str | None, scope: Scope) -> AsyncGenerator[Portion, None]:
        """The table's records that are new since `cursor`, all, or those of a span. No portion at all: nothing was
        delivered."""
        ...


class ConnectorSource:
    """A vendor.

    Its cursor is the connector's, and the fields that the vendor had when the table was first loaded. A field that it
    gained since is read with those of the contract, as a delivery brings a new column.
    """

    tables_at_once = 1

    def __init__(self, connector: Connector) -> None:
        self.name = connector.provider
        self._connector = connector

    async def ready(self) -> None:
        """At once: see `Source.ready`."""

    def size(self, contract: Contract) -> int:
        """Unknown: see `Source.size`."""
        return 0

    def delivers(self, contract: Contract) -> bool:
        """See `Source.delivers`."""
        return contract.source == self.name

    def shows_all(self, contract: Contract) -> bool:
        """See `Source.shows_all`."""
        resource = self._connector.resources.get(contract.resource)
        return resource is not None and not resource.pruned

    def off(self, contract: Contract) -> str | None:
        """See `Source.off`."""
        return self._connector.off(contract.resource)

    async def read(self, contract: Contract, cursor: str | None, scope: Scope) -> AsyncGenerator[Portion, None]:
        """See `Source.read`.

        Raises:
            IngestError: the contract has no column by which the rows that the vendor lacks could be told.
        """
        reached = VendorCursor.parse(cursor)
        present = await self._connector.fields(contract.resource)
        first = present if reached is None else reached.fields
        gained = [name for name in present if name not in first and name not in contract.fields]
        since = None if scope.full or reached is None else reached.at
        until = None
        if scope.span is not None:
            since, until = moment_text(scope.span.start), scope.span.end
        fields = (*contract.asked, *gained)
        async for batch in self._connector.read(contract.resource, since, fields, until=until):
            at = batch.cursor_high
            cursor = None if at is None or not scope.goes_on else VendorCursor(at, first).text()
            image = None
            if batch.image_since is not None:
                # A vendor may be read from before the range on, so as to miss nothing.
                begins = batch.image_since if scope.span is None else max(batch.image_since, scope.span.start)
                image = self._image(contract, batch, Span(begins, until))
            yield Portion(batch.records, batch.demo, cursor, batch.absent_fields, image=image, notes=batch.notes)

    def _image(self, contract: Contract, batch: Batch, span: Span) -> Image:
        resource = self._connector.resources[contract.resource]
        time = self._kept(contract, resource.incremental_field, "timestamp")
        if resource.found_by is None:
            return Image(time, span)
        return Image(time, span, self._kept(contract, resource.found_by, "string"), batch.image_of)

    def _kept(self, contract: Contract, field: str, kind: Kind) -> str:
        for column in contract.columns:
            if column.field == field and column.kind == kind and column.privacy == "keep":
                return column.name
        raise IngestError(
            f"{contract.table} has no column of {self.name}'s {field}, so what was deleted there can't be told.",
            hint=f"Give its contract a column of type {kind} from {field}, and keep it.",
        )


class LandingSource:
    """The landing zone at `path`.

    Args:
        time_zone: the company's: a delivery speaks for its day there.
        delivered: see `ingest`.
    """

    name = "landing"
    tables_at_once = 2

    def __init__(self, path: Path, time_zone: str, delivered: Callable[[], Awaitable[None]] | None = None) -> None:
        self._path = path
        self._zone = ZoneInfo(time_zone)
        self._delivered = delivered

    async def ready(self) -> None:
        """See `Source.ready`.

        Raises:
            IngestError: see `Landing`.
        """
        if self._delivered is not None:
            await self._delivered()
        self._landing = Landing(self._path)

    def size(self, contract: Contract) -> int:
        """Bytes of all deliveries: see `Source.size`."""
        return self._landing.size(contract)

    def delivers(self, contract: Contract) -> bool:
        """See `Source.delivers`."""
        return contract.source == self.name

    def shows_all(self, contract: Contract) -> bool:
        """Never: a platform may remove old deliveries."""
        return False

    def off(self, contract: Contract) -> str | None:
        """Never: see `Source.off`."""
        return None

    async def read(self, contract: Contract, cursor: str | None, scope: Scope) -> AsyncGenerator[Portion, None]:
        """See `Source.read`. Of a span those deliveries that are named after one of its days."""
        known: Mapping[str, Any] = json.loads(cursor) if cursor else {}
        present = await asyncio.to_thread(self._landing.deliveries, contract, known)
        if scope.span is not None:
            due = [delivery for delivery in present if self._within(delivery, scope.span)]
        else:
            due = present if scope.full else new_deliveries(present, known)
        if not due:
            return
        total = sum(await asyncio.to_thread(lambda: [delivery.rows() for delivery in due]))
        reached = cursor_of(present) if scope.goes_on else None
        for delivery in due:
            frames = delivery.batches()
            while (frame := await asyncio.to_thread(_following, frames)) is not None:
                yield Portion(frame, self._landing.demo, reached, as_of=self._end_of(delivery), total=total)
        yield Portion([], self._landing.demo, reached, as_of=self._end_of(due[-1]), total=total)

    def _within(self, delivery: Delivery, span: Span) -> bool:
        if delivery.day is None:
            return False
        begins = datetime.combine(delivery.day, time(), tzinfo=self._zone)
        return span.start <= begins and (span.end is None or begins < span.end)

    def _end_of(self, delivery: Delivery) -> datetime | None:
        if delivery.day is None:
            return None
        following = datetime.combine(delivery.day + timedelta(days=1), time(), tzinfo=self._zone)
        return following.astimezone(UTC) - timedelta(microseconds=1)


def _following(frames: Iterator[pl.DataFrame]) -> pl.DataFrame | None:
    return next(frames, None)
