"""What a load reads from: a vendor's connector, or the landing zone. Both give portions of a table's records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from sophia_kit.connectors import Connector
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.convert import Converted, Converter
from sophia_kit.ingest.cursors import VendorCursor, cursor_of
from sophia_kit.ingest.landing import Delivery, Landing, new_deliveries

__all__ = ["ConnectorSource", "LandingSource", "Portion", "Source"]


@dataclass(frozen=True, slots=True)
class Portion:
    """Some records of a table, as they were delivered.

    Attributes:
        content: decoded JSON objects, or a frame.
        absent: fields that the source openly doesn't have.
        cursor: how far the table is read once this portion is loaded; None when it doesn't say.
        as_of: the moment up to which the source knew what it delivered; None for the moment of reading.
        total: rows expected of the whole table; None when the source doesn't say.
    """

    content: Sequence[object] | pl.DataFrame = field(repr=False)
    demo: bool
    cursor: str | None
    absent: tuple[str, ...] = ()
    as_of: datetime | None = None
    total: int | None = None

    def convert(self, converter: Converter) -> Converted:
        """The portion, typed."""
        if isinstance(self.content, pl.DataFrame):
            return converter.frame(self.content)
        return converter.records(self.content, self.absent)


class Source(Protocol):
    """Something that delivers tables.

    Attributes:
        name: as the contracts say it.
        complete_image: whether a full reading shows every record there is, so that one it lacks was deleted.
    """

    name: str
    complete_image: bool

    def read(self, contract: Contract, cursor: str | None, *, full: bool) -> AsyncGenerator[Portion, None]:
        """The table's records that are new since `cursor`, or all. No portion at all: nothing was delivered."""
        ...


class ConnectorSource:
    """A vendor.

    Its cursor is the connector's, and the fields that the vendor had when the table was first loaded. A field that it
    gained since is read with those of the contract, as a delivery brings a new column.
    """

    complete_image = True

    def __init__(self, connector: Connector) -> None:
        self.name = connector.provider
        self._connector = connector

    async def read(self, contract: Contract, cursor: str | None, *, full: bool) -> AsyncGenerator[Portion, None]:
        """See `Source.read`."""
        reached = VendorCursor.parse(cursor)
        present = await self._connector.fields(contract.resource)
        first = present if reached is None else reached.fields
        gained = [name for name in present if name not in first and name not in contract.fields]
        since = None if full or reached is None else reached.at
        async for batch in self._connector.read(contract.resource, since, (*contract.fields, *gained)):
            at = batch.cursor_high
            cursor = None if at is None else VendorCursor(at, first).text()
            yield Portion(batch.records, batch.demo, cursor, batch.absent_fields)


class LandingSource:
    """The landing zone. `time_zone` is the company's: a delivery speaks for its day there."""

    name = "landing"
    complete_image = False

    def __init__(self, landing: Landing, time_zone: str) -> None:
        self._landing = landing
        self._zone = ZoneInfo(time_zone)

    async def read(self, contract: Contract, cursor: str | None, *, full: bool) -> AsyncGenerator[Portion, None]:
        """See `Source.read`."""
        known: Mapping[str, Any] = json.loads(cursor) if cursor else {}
        present = await asyncio.to_thread(self._landing.deliveries, contract, known)
        due = present if full else new_deliveries(present, known)
        if not due:
            return
        total = sum(await asyncio.to_thread(lambda: [delivery.rows() for delivery in due]))
        reached = cursor_of(present)
        for delivery in due:
            frames = delivery.batches()
            while (frame := await asyncio.to_thread(_following, frames)) is not None:
                yield Portion(frame, self._landing.demo, reached, as_of=self._end_of(delivery), total=total)
        yield Portion([], self._landing.demo, reached, as_of=self._end_of(due[-1]), total=total)

    def _end_of(self, delivery: Delivery) -> datetime | None:
        if delivery.day is None:
            return None
        following = datetime.combine(delivery.day + timedelta(days=1), time(), tzinfo=self._zone)
        return following.astimezone(UTC) - timedelta(microseconds=1)


def _following(frames: Iterator[pl.DataFrame]) -> pl.DataFrame | None:
    return next(frames, None)
