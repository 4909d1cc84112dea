"""Loads one table: portions are read, typed and written at the same time, in that order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar, TypeVarTuple

import duckdb
import polars as pl

from sophia_kit.core.errors import InternalError, SophiaError
from sophia_kit.ingest.contract import KEY, Contract
from sophia_kit.ingest.convert import Converted, Converter, Refused, combine
from sophia_kit.ingest.quarantine import Quarantine
from sophia_kit.ingest.raw import Loaded, RawTable, latest_versions
from sophia_kit.ingest.sources import Image, Portion, Scope, Source

__all__ = ["Backlog", "Outcome", "TableLoad"]

_WRITE_ROWS = 122_880
_BACKLOG_ROWS = 2 * _WRITE_ROWS
_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_A = TypeVarTuple("_A")


class Backlog:
    """The rows of all tables that are typed and not written yet. It bounds what sources side by side hold in memory.

    Used by one event loop.
    """

    def __init__(self) -> None:
        self._rows = 0

    def add(self, rows: int) -> None:
        """So many more wait, or fewer."""
        self._rows += rows

    @property
    def full(self) -> bool:
        """Whether everybody should write what they have."""
        return self._rows >= _BACKLOG_ROWS


@dataclass(slots=True)
class Outcome:
    """What a table's load found and did.

    Attributes:
        delivered: whether the source delivered anything at all, be it no rows.
        as_of: up to when the source knew what it delivered; None when it delivered nothing.
        first_reason: why the first refused record was refused.
        demo: whether what was delivered is demo data; None when nothing was.
        image: which rows the reading shows all of, where the source says so.
        notes: what the source said of the reading.
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
    image: Image | None = None
    notes: tuple[str, ...] = ()

    @property
    def all_refused(self) -> bool:
        return 0 < self.rows_read == self.rows_quarantined


class TableLoad:
    """One load of one table into a draft, beside those of other tables.

    Args:
        connection: on the draft; the table's own transaction is on a cursor of it.
        typing, writing: executors; everything that touches the draft runs in `writing`, one call after another.
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
        backlog: Backlog,
        seen_demo: Callable[[bool], None],
        on_rows: Callable[[int, int | None], None],
    ) -> None:
        self._connection = connection.cursor()
        self._contract = contract
        self._converter = converter
        self._load_id = load_id
        self._now = now
        self._typing = typing
        self._writing = writing
        self._backlog = backlog
        self._seen_demo = seen_demo
        self._on_rows = on_rows
        self._raw: RawTable | None = None
        self._quarantine: Quarantine | None = None
        self._track_keys = False
        self._at_work: asyncio.Future[Any] | None = None

    async def run(self, source: Source, cursor: str | None, scope: Scope) -> Outcome:
        """Load what `source` has; on any error the table is left as it was.

        Raises:
            SophiaError: the source failed; InternalError where the kit's own reading of it did.
            duckdb.Error: the draft can't be written.
        """
        loop = asyncio.get_running_loop()
        whole = scope.goes_on and (scope.full or cursor is None)
        self._track_keys = whole and source.shows_all(self._contract)
        outcome = Outcome()
        pending: list[Converted] = []
        write: asyncio.Future[None] | None = None
        try:
            await asyncio.shield(self._start(self._begin, scope))
            async with aclosing(_ahead(self._contract, source.read(self._contract, cursor, scope))) as portions:
                async for portion in portions:
                    self._seen_demo(portion.demo)
                    with _this_table_alone(self._contract):
                        converted = await loop.run_in_executor(self._typing, portion.convert, self._converter)
                    self._note(outcome, portion, converted)
                    pending.append(converted)
                    self._backlog.add(converted.rows_read)
                    if self._backlog.full or _rows(pending) >= _WRITE_ROWS:
                        with _this_table_alone(self._contract):
                            batch = await loop.run_in_executor(self._typing, _batch, pending)
                        if write is not None:
                            await asyncio.shield(write)
                        write, pending = self._start_write(batch), []
                        # The writer lets go of it when it is written.
                        del batch
            with _this_table_alone(self._contract):
                rest = await loop.run_in_executor(self._typing, _batch, pending) if pending else None
            if write is not None:
                await asyncio.shield(write)
            loaded = await asyncio.shield(self._start(self._finish, rest, outcome))
        except BaseException:
            self._connection.interrupt()
            # What is being written goes on when this is cancelled: the connection is free once it has ended.
            if self._at_work is not None:
                await _unstoppable(self._at_work)
            await _unstoppable(self._start(self._rollback))
            raise
        finally:
            self._backlog.add(-_rows(pending))
            self._connection.close()
        outcome.rows_merged, outcome.rows_deleted = loaded.rows_merged, loaded.rows_deleted
        return outcome

    def _start(self, work: Callable[[*_A], _T], *arguments: *_A) -> asyncio.Future[_T]:
        """Have something done in the draft; what was started before has ended."""
        started = asyncio.get_running_loop().run_in_executor(self._writing, work, *arguments)
        self._at_work = started
        return started

    def _start_write(self, batch: Converted) -> asyncio.Future[None]:
        rows = batch.rows_read
        write = self._start(self._write, batch)
        write.add_done_callback(lambda _: self._backlog.add(-rows))
        return write

    def _note(self, outcome: Outcome, portion: Portion, converted: Converted) -> None:
        outcome.delivered = True
        outcome.demo = portion.demo
        outcome.rows_read += converted.rows_read
        outcome.rows_quarantined += len(converted.refused)
        outcome.new_columns |= dict.fromkeys(converted.new_columns)
        outcome.absent = portion.absent
        outcome.image = portion.image or outcome.image
        outcome.notes = portion.notes or outcome.notes
        self._track_keys = self._track_keys or portion.image is not None
        outcome.cursor = portion.cursor or outcome.cursor
        moment = self._now if portion.as_of is None else min(self._now, portion.as_of)
        outcome.as_of = moment if outcome.as_of is None else max(outcome.as_of, moment)
        if converted.refused and outcome.first_reason is None:
            outcome.first_reason = converted.refused[0].reason
        self._on_rows(outcome.rows_read, portion.total)

    def _begin(self, scope: Scope) -> None:
        contract, now = self._contract, self._now
        self._raw = RawTable(self._connection, contract, load_id=self._load_id, loaded_at=now, only_newer=scope.replay)
        self._raw.begin()
        self._quarantine = Quarantine(self._connection, contract, load_id=self._load_id, seen_at=now)
        if scope.replay:
            self._quarantine.resolve_all()

    def _write(self, batch: Converted) -> None:
        assert self._quarantine is not None
        assert self._raw is not None
        self._quarantine.settle(batch.frame, batch.refused)
        if self._track_keys:
            self._raw.delivered(_keys(batch.frame, batch.refused))
        self._raw.add(batch.frame)

    def _finish(self, rest: Converted | None, outcome: Outcome) -> Loaded:
        if rest is not None:
            self._write(rest)
        assert self._raw is not None
        something = outcome.rows_read > outcome.rows_quarantined
        return self._raw.finish(delete_undelivered=self._track_keys and something, image=outcome.image)

    def _rollback(self) -> None:
        with suppress(duckdb.Error):
            if self._raw is not None:
                self._raw.rollback()
            if self._quarantine is not None:
                self._quarantine.rollback()


def _rows(parts: list[Converted]) -> int:
    return sum(part.rows_read for part in parts)


def _batch(parts: list[Converted]) -> Converted:
    """The parts as one that can be written: one version of each record."""
    whole = combine(parts)
    return replace(whole, frame=latest_versions(whole.frame))


def _keys(frame: pl.DataFrame, refused: tuple[Refused, ...]) -> pl.Series:
    keys = [one.source_id for one in refused if one.source_id is not None]
    return pl.concat([frame[KEY], pl.Series(KEY, keys, dtype=pl.String())])


async def _unstoppable(future: asyncio.Future[Any]) -> None:
    """Wait for `future` to end, in whatever way, however often the task is cancelled meanwhile."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
    future.exception()


@contextmanager
def _this_table_alone(contract: Contract) -> Iterator[None]:
    """What breaks while records are read or typed, and isn't of our tree, is a mistake of the kit's own: it fails the
    table, and the others are loaded all the same."""
    try:
        yield
    except (SophiaError, MemoryError):
        raise
    except Exception as mistake:
        _log.exception("Loading %s from %s ended in a mistake of the kit's own", contract.table, contract.source)
        # Not what the exception says: it may quote a record.
        kind = type(mistake).__name__
        raise InternalError(
            f"Reading {contract.table} ended in a mistake of the kit's own ({kind}): the log says where.",
            hint="Report it with the log's traceback. The table stays as it was until the kit is corrected.",
            provider=contract.source,
        ) from mistake


async def _ahead(contract: Contract, portions: AsyncGenerator[Portion, None]) -> AsyncGenerator[Portion, None]:
    """The same portions, each read while the one before is worked on."""

    async def following() -> Portion | None:
        with _this_table_alone(contract):
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
