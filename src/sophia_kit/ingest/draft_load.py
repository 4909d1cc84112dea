"""Fills a draft snapshot: sources beside each other, tables in their order, then what it says about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import (
    AuthFailed,
    IngestError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    SophiaError,
    StorageError,
    Unconfigured,
    Unreachable,
)
from sophia_kit.core.settings import CompanySettings
from sophia_kit.ingest.attempts import Attempts
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.convert import Converter
from sophia_kit.ingest.freshness import Behind, write_freshness
from sophia_kit.ingest.ledger_source import LedgerSource
from sophia_kit.ingest.privacy import Treatment
from sophia_kit.ingest.raw import prepare_raw
from sophia_kit.ingest.report import Progress, ProgressEvent, Stage, TableReport, TableStatus
from sophia_kit.ingest.sources import Scope, Source
from sophia_kit.ingest.stored import policies, treat_stored
from sophia_kit.ingest.table_load import Backlog, Outcome, TableLoad
from sophia_kit.state import State
from sophia_kit.warehouse import Draft

__all__ = ["DraftLoad"]

_T = TypeVar("_T")
_SOURCE_IS_DOWN = (AuthFailed, ProviderFailing, ProviderTimeout, RateLimited, Unconfigured, Unreachable)


class MixedData(IngestError):
    """Demo and live data would mix; ends the whole load."""

    def __init__(self, *, demo: bool, held: str) -> None:
        kind = "demo" if demo else "live"
        super().__init__(
            f"A source delivers {kind} data, and {held}: the two are never mixed.",
            hint="Load into another workspace (SOPHIA_WORKSPACE), or leave one of the sources out with --only.",
        )


class DraftLoad:
    """One load into one draft."""

    def __init__(
        self,
        draft: Draft,
        company: CompanySettings,
        state: State,
        clock: Clock,
        attempts: Attempts,
        contracts: Mapping[str, Contract],
        sources: Sequence[Source],
        tell: Progress,
        *,
        scope: Scope,
        treatment: Treatment,
    ) -> None:
        self._draft = draft
        self._company = company
        self._state = state
        self._clock = clock
        self._attempts = attempts
        self._contracts = contracts
        self._tell = tell
        self._scope = scope
        self._treatment = treatment
        self._work = [
            (source, [contract for contract in contracts.values() if source.delivers(contract)]) for source in sources
        ]
        self._tables = sum(len(own) for _, own in self._work)
        self._done = 0
        self._backlog = Backlog()
        self._demo: bool | None = None
        self._held = "another source in this load does not"
        self._cursors: dict[tuple[str, str], str] = {}
        self._succeeded: dict[str, datetime] = {}
        self._behind: dict[str, Behind] = {}

    def prepare(self) -> None:
        """Settle what dead processes left, create the raw tables, bring what they hold under today's privacy, and look
        at the snapshot that is built on.

        Raises:
            IngestError: the snapshot's time zone or a column's type is no longer that of the settings or contract.
        """
        connection = self._draft.connection
        parent = self._draft.parent
        self._attempts.recover(connection, parent.snapshot_id if parent else None)
        taken_out, held = False, policies(connection)
        prepare_raw(connection, self._contracts.values(), self._company.time_zone)
        for contract in self._contracts.values():
            taken_out = treat_stored(connection, contract, self._treatment, held.get(contract.table)) or taken_out
            if parent is not None:
                cursor = self._state.cursor(contract.source, contract.resource, parent.snapshot_id)
                if cursor is not None:
                    self._cursors[contract.source, contract.resource] = cursor
        if taken_out:
            self._draft.rewrite()
            connection = self._draft.connection
        before = connection.execute("SELECT demo, company_time_zone FROM meta.snapshot").fetchall()
        if not before:
            return
        self._demo, zone = bool(before[0][0]), str(before[0][1])
        self._held = f"the current snapshot holds {'demo' if self._demo else 'live'} data"
        if zone != self._company.time_zone:
            raise IngestError(
                f"The current snapshot's days are those of {zone}; the company's time zone is now "
                f"{self._company.time_zone}.",
                hint="Set company.time_zone back, or load everything into a new workspace (SOPHIA_WORKSPACE).",
            )

    async def tables(self, typing: ThreadPoolExecutor, writing: ThreadPoolExecutor) -> list[TableReport]:
        """Load every table that a source delivers, in the order of sources and contracts. One that fails stays as it
        was.

        Raises:
            IngestError: demo and live data would mix.
            StorageError, duckdb.Error: the draft or the state can't be written.
        """
        found = await _all(self._source(source, own, typing, writing) for source, own in self._work)
        reports = [report for of_source, _ in found for report in of_source]
        # The kit's own ledger is always there: it alone is no load where others were asked.
        others = [report for report in reports if report.source != LedgerSource.name] or reports
        if not any(report.status == "complete" for report in others):
            raise _nothing_loaded(others, [error for _, error in found if error is not None])
        return reports

    async def _source(
        self, source: Source, contracts: Sequence[Contract], typing: ThreadPoolExecutor, writing: ThreadPoolExecutor
    ) -> tuple[list[TableReport], SophiaError | None]:
        """One source's tables; the error that says that there is no use in asking it for more."""
        reports: dict[str, TableReport] = {}
        down: SophiaError | None = None
        await source.ready()
        waiting = iter(sorted(contracts, key=source.size, reverse=True))

        async def one_by_one() -> None:
            nonlocal down
            for contract in waiting:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    # It came while a table that failed was taken back, which waits for no one.
                    raise asyncio.CancelledError
                tell = partial(self._event, contract, reports, len(contracts))
                tell("reading", 0, None)
                why_off = source.off(contract)
                if why_off is not None:
                    report = TableReport(contract.table, contract.source, "off", 0, 0, 0, 0, (), why_off)
                    self._behind[contract.table] = Behind(None, why_off)
                else:
                    report, error = await self._table(source, contract, down, typing, writing, partial(tell, "reading"))
                    down = down or (error if isinstance(error, _SOURCE_IS_DOWN) else None)
                reports[contract.table] = report
                self._done += 1
                tell(report.status, report.rows_read, report.rows_read)

        await _all(one_by_one() for _ in range(source.tables_at_once))
        return [reports[contract.table] for contract in contracts], down

    async def _table(
        self,
        source: Source,
        contract: Contract,
        down: SophiaError | None,
        typing: ThreadPoolExecutor,
        writing: ThreadPoolExecutor,
        on_rows: Callable[[int, int | None], None],
    ) -> tuple[TableReport, SophiaError | None]:
        cursor = self._cursors.get((contract.source, contract.resource))
        attempt = self._attempts.start(contract, mode=self._scope.mode(cursor), cursor=cursor)
        reached: str | None = None
        error = down
        if error is None:
            load = TableLoad(
                self._draft.connection,
                contract,
                Converter(contract, self._company.time_zone, self._treatment),
                load_id=attempt,
                now=self._clock.now(),
                typing=typing,
                writing=writing,
                backlog=self._backlog,
                seen_demo=self._seen_demo,
                on_rows=on_rows,
            )
            try:
                outcome = await load.run(source, cursor, self._scope)
            except (MixedData, StorageError):
                raise
            except SophiaError as failed:
                error = failed
            else:
                report, reached = self._judge(contract, outcome, cursor=cursor)
        if error is not None:
            report = TableReport(contract.table, contract.source, "failed", 0, 0, 0, 0, (), error.message)
            if self._scope.goes_on:
                self._behind[contract.table] = Behind(self._clock.now(), error.message)
        self._attempts.end(attempt, report, cursor=reached)
        return report, error

    def finish(self, reports: Sequence[TableReport]) -> bool:
        """Write freshness, audit and cursors; whether the snapshot is demo data."""
        connection = self._draft.connection
        write_freshness(connection, self._contracts.values(), self._succeeded, self._behind)
        self._attempts.copy_to(connection)
        with self._state.transaction():
            for (source, resource), value in self._cursors.items():
                self._state.save_cursor(source, resource, self._draft.snapshot_id, value, saved_at=self._clock.now())
        return bool(self._demo)

    def _judge(self, contract: Contract, outcome: Outcome, *, cursor: str | None) -> tuple[TableReport, str | None]:
        """Empty is not success: a table is fresh only when its source delivered what was due."""
        status: TableStatus = "complete"
        notes: list[str] = []
        first = self._scope.full or cursor is None
        if not self._scope.goes_on:
            if outcome.rows_read == 0:
                notes.append("nothing of that time was delivered")
        elif not outcome.delivered:
            if cursor is None:
                status = "empty"
            notes.append("nothing was delivered" if cursor is None else "nothing new was delivered")
        elif first and outcome.rows_read == 0:
            status = "empty"
            notes.append("the source answered, and had no records")
        elif first and outcome.all_refused:
            status = "empty"
            notes.append(f"every record was refused, the first because {outcome.first_reason}")
        elif outcome.absent:
            notes.append(f"the source does not have {', '.join(outcome.absent)}")
        if status == "empty" and outcome.delivered:
            self._behind[contract.table] = Behind(self._clock.now() if cursor else None, notes[0])
        new = tuple(outcome.new_columns)
        if new and contract.new_fields == "note":
            notes.append(f"new at the source and not stored: {', '.join(new)}")
            new = ()
        notes += outcome.notes
        unhashed = [column.name for column in contract.columns if column.privacy == "hash"]
        if unhashed and self._treatment.key is None:
            notes.append(f"not stored, as SOPHIA_PRIVACY__HASH_KEY isn't set: {', '.join(unhashed)}")
        if self._scope.goes_on and status == "complete":
            if outcome.as_of is not None:
                self._succeeded[contract.table] = outcome.as_of
            if outcome.cursor is not None:
                self._cursors[contract.source, contract.resource] = outcome.cursor
        report = TableReport(
            contract.table,
            contract.source,
            status,
            outcome.rows_read,
            outcome.rows_merged,
            outcome.rows_deleted,
            outcome.rows_quarantined,
            new,
            "; ".join(notes) or None,
        )
        return report, self._cursors.get((contract.source, contract.resource))

    def _seen_demo(self, demo: bool) -> None:
        if self._demo is None:
            self._demo = demo
        elif self._demo != demo:
            raise MixedData(demo=demo, held=self._held)

    def _event(
        self, contract: Contract, done: Collection[str], of: int, stage: Stage, rows: int, total: int | None
    ) -> None:
        source, table = contract.source, contract.table
        self._tell(ProgressEvent(stage, source, table, rows, total, self._done, self._tables, len(done), of))


async def _all(work: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """What they return, side by side. Where one fails, the others have let go of the draft when its error is raised,
    however often this is cancelled meanwhile."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        while not all(task.done() for task in tasks):
            with suppress(asyncio.CancelledError):
                await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()
        raise


def _nothing_loaded(reports: Sequence[TableReport], errors: Sequence[SophiaError]) -> IngestError:
    failed = [report for report in reports if report.status == "failed"]
    told = dict.fromkeys(f"{report.source}: {(report.note or '').rstrip('.')}" for report in failed or reports)
    what = "No source could be read" if failed else "The sources delivered nothing"
    hints = list(dict.fromkeys(error.hint for error in errors if error.hint))
    return IngestError(
        f"{what}. {'; '.join(told)}.",
        hint="`sophia doctor` says of each what to do. Nothing was published."
        if len(hints) > 1
        else (hints or ["Nothing was published; readers see the snapshot before."])[0],
        retryable=bool(errors) and all(error.retryable for error in errors),
    )
