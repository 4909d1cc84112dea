"""Loads one table: portions are read, typed and written at the same time, in that order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import polars as pl

from sophia_kit.ingest.contract import KEY, Contract
from sophia_kit.ingest.convert import Converted, Converter, Refused, combine
from sophia_kit.ingest.quarantine import Quarantine
from sophia_kit.ingest.raw import Loaded, RawTable
from sophia_kit.ingest.sources import Portion, Source

__all__ = ["Outcome", "TableLoad"]

_WRITE_ROWS = 122_880


@dataclass(slots=True)
class Outcome:
    """What a table's load found and did.

    Attributes:
        delivered: whether the source delivered anything at all, be it no rows.
        as_of: up to when the source knew what it delivered; None when it delivered nothing.
        first_reason: why the first refused record was refused.
        demo: whether what was delivered is demo data; None when nothing was.
    """

    rows_read: int = 0
    rows_quarantined: int = 0
    rows_merged: int = 0
    rows_deleted: int = 0
    new_columns: dict[str, None] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    delivered: bool = False
    cursor: str | None = None
    as_of: datetime | None = None
    first_reason: str | None = None
    demo: bool | None = None

    @property
    def all_refused(self) -> bool:
        return 0 < self.rows_read == self.rows_quarantined


class TableLoad:
    """One load of one table into a draft.

    Args:
        typing, writing: single-thread executors; everything that touches `connection` runs in `writing`.
        seen_demo: called with each portion's demo flag; raises to stop the load.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        converter: Converter,
        *,
        load_id: str,
        now: datetime,
        typing: ThreadPoolExecutor,
        writing: ThreadPoolExecutor,
        seen_demo: Callable[[bool], None],
        on_rows: Callable[[int, int | None], None],
    ) -> None:
        self._connection = connection
        self._contract = contract
        self._converter = converter
        self._load_id = load_id
        self._now = now
        self._typing = typing
        self._writing = writing
        self._seen_demo = seen_demo
        self._on_rows = on_rows
        self._raw = RawTable(connection, contract, load_id=load_id, loaded_at=now)
        self._quarantine: Quarantine | None = None
        self._track_keys = False

    async def run(self, source: Source, cursor: str | None, *, full: bool) -> Outcome:
        """Load what `source` has; on any error the table is left as it was.

        Raises:
            SophiaError: the source failed.
            duckdb.Error: the draft can't be written.
        """
        loop = asyncio.get_running_loop()
        whole = full or cursor is None
        self._track_keys = whole and source.complete_image
        outcome = Outcome()
        pending: list[Converted] = []
        write: asyncio.Future[None] | None = None
        try:
            await loop.run_in_executor(self._writing, self._begin)
            async with aclosing(_ahead(source.read(self._contract, cursor, full=full))) as portions:
                async for portion in portions:
                    self._seen_demo(portion.demo)
                    converted = await loop.run_in_executor(self._typing, portion.convert, self._converter)
                    self._note(outcome, portion, converted)
                    pending.append(converted)
                    if sum(part.rows_read for part in pending) >= _WRITE_ROWS:
                        if write is not None:
                            await write
                        write, pending = loop.run_in_executor(self._writing, self._write, pending), []
            if write is not None:
                await write
            loaded = await loop.run_in_executor(self._writing, self._finish, pending, outcome)
        except BaseException:
            self._connection.interrupt()
            if write is not None:
                await _unstoppable(write)
            await _unstoppable(loop.run_in_executor(self._writing, self._rollback))
            raise
        outcome.rows_merged, outcome.rows_deleted = loaded.rows_merged, loaded.rows_deleted
        return outcome

    def _note(self, outcome: Outcome, portion: Portion, converted: Converted) -> None:
        outcome.delivered = True
        outcome.demo = portion.demo
        outcome.rows_read += converted.rows_read
        outcome.rows_quarantined += len(converted.refused)
        outcome.new_columns |= dict.fromkeys(converted.new_columns)
        outcome.absent = portion.absent
        outcome.cursor = portion.cursor or outcome.cursor
        moment = self._now if portion.as_of is None else min(self._now, portion.as_of)
        outcome.as_of = moment if outcome.as_of is None else max(outcome.as_of, moment)
        if converted.refused and outcome.first_reason is None:
            outcome.first_reason = converted.refused[0].reason
        self._on_rows(outcome.rows_read, portion.total)

    def _begin(self) -> None:
        self._raw.begin(track_keys=self._track_keys)
        self._quarantine = Quarantine(self._connection, self._contract, load_id=self._load_id, seen_at=self._now)

    def _write(self, parts: list[Converted]) -> None:
        if not parts:
            return
        batch = combine(parts)
        assert self._quarantine is not None
        self._quarantine.settle(batch.frame, batch.refused)
        if self._track_keys:
            self._raw.delivered(_keys(batch.frame, batch.refused))
        self._raw.add(batch.frame)

    def _finish(self, parts: list[Converted], outcome: Outcome) -> Loaded:
        self._write(parts)
        something = outcome.rows_read > outcome.rows_quarantined
        return self._raw.finish(delete_undelivered=self._track_keys and something)

    def _rollback(self) -> None:
        with suppress(duckdb.Error):
            self._raw.rollback()
            if self._quarantine is not None:
                self._quarantine.rollback()


def _keys(frame: pl.DataFrame, refused: tuple[Refused, ...]) -> pl.Series:
    keys = [one.source_id for one in refused if one.source_id is not None]
    return pl.concat([frame[KEY], pl.Series(KEY, keys, dtype=pl.String())])


async def _unstoppable(future: asyncio.Future[None]) -> None:
    """Wait for `future` to end, in whatever way, however often the task is cancelled meanwhile."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
    future.exception()


async def _ahead(portions: AsyncGenerator[Portion, None]) -> AsyncGenerator[Portion, None]:
    """The same portions, each read while the one before is worked on."""

    async def following() -> Portion | None:
        return await anext(portions, None)

    coming = asyncio.create_task(following())
    try:
        while (portion := await coming) is not None:
            coming = asyncio.create_task(following())
            yield portion
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await portions.aclose()
