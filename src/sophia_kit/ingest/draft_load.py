"""Fills a draft snapshot: table after table, then what the snapshot says about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

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
from sophia_kit.ingest.freshness import write_freshness
from sophia_kit.ingest.raw import prepare_raw
from sophia_kit.ingest.report import Progress, ProgressEvent, Stage, TableReport, TableStatus
from sophia_kit.ingest.sources import Source
from sophia_kit.ingest.table_load import Outcome, TableLoad
from sophia_kit.state import State
from sophia_kit.warehouse import Draft

__all__ = ["DraftLoad"]

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
    ) -> None:
        self._draft = draft
        self._company = company
        self._state = state
        self._clock = clock
        self._attempts = attempts
        self._contracts = contracts
        self._tell = tell
        self._work = [
            (source, contract)
            for source in sources
            for contract in contracts.values()
            if contract.source == source.name
        ]
        self._demo: bool | None = None
        self._held = "another source in this load does not"
        self._cursors: dict[tuple[str, str], str] = {}
        self._succeeded: dict[str, datetime] = {}

    def prepare(self) -> None:
        """Settle what dead processes left, create the raw tables, and look at the snapshot that is built on.

        Raises:
            IngestError: the snapshot's time zone or a column's type is no longer that of the settings or contract.
        """
        connection = self._draft.connection
        parent = self._draft.parent
        self._attempts.recover(connection, parent.snapshot_id if parent else None)
        for contract in self._contracts.values():
            prepare_raw(connection, contract, self._company.time_zone)
            if parent is not None:
                cursor = self._state.cursor(contract.source, contract.resource, parent.snapshot_id)
                if cursor is not None:
                    self._cursors[contract.source, contract.resource] = cursor
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

    async def tables(self, typing: ThreadPoolExecutor, writing: ThreadPoolExecutor, *, full: bool) -> list[TableReport]:
        """Load every table that a source delivers. One that fails stays as it was.

        Raises:
            IngestError: demo and live data would mix.
            StorageError, duckdb.Error: the draft or the state can't be written.
        """
        reports: list[TableReport] = []
        down: dict[str, SophiaError] = {}
        for source, contract in self._work:
            cursor = self._cursors.get((contract.source, contract.resource))
            attempt = self._attempts.start(
                contract, mode="full" if full or not cursor else "incremental", cursor=cursor
            )

            def on_rows(rows: int, total: int | None, contract: Contract = contract) -> None:
                self._event("reading", contract, rows, total, len(reports))

            on_rows(0, None)
            reached: str | None = None
            if source.name in down:
                report = _failure(contract, down[source.name])
            else:
                load = TableLoad(
                    self._draft.connection,
                    contract,
                    Converter(contract, self._company.time_zone),
                    load_id=attempt,
                    now=self._clock.now(),
                    typing=typing,
                    writing=writing,
                    seen_demo=self._seen_demo,
                    on_rows=on_rows,
                )
                try:
                    outcome = await load.run(source, cursor, full=full)
                except (MixedData, StorageError):
                    raise
                except SophiaError as error:
                    report = _failure(contract, error)
                    if isinstance(error, _SOURCE_IS_DOWN):
                        down[source.name] = error
                else:
                    report, reached = self._judge(contract, outcome, first=full or cursor is None, cursor=cursor)
            self._attempts.end(attempt, report, cursor=reached)
            reports.append(report)
            self._event(report.status, contract, report.rows_read, report.rows_read, len(reports))
        if not any(report.status == "complete" for report in reports):
            raise _nothing_loaded(reports, list(down.values()))
        return reports

    def finish(self, reports: Sequence[TableReport]) -> bool:
        """Write freshness, audit and cursors; whether the snapshot is demo data."""
        connection = self._draft.connection
        write_freshness(connection, self._contracts.values(), self._succeeded)
        self._attempts.copy_to(connection)
        with self._state.transaction():
            for (source, resource), value in self._cursors.items():
                self._state.save_cursor(source, resource, self._draft.snapshot_id, value, saved_at=self._clock.now())
        return bool(self._demo)

    def _judge(
        self, contract: Contract, outcome: Outcome, *, first: bool, cursor: str | None
    ) -> tuple[TableReport, str | None]:
        """Empty is not success: a table is fresh only when its source delivered what was due."""
        status: TableStatus = "complete"
        note: str | None = None
        if not outcome.delivered:
            if cursor is None:
                status, note = "empty", "nothing was delivered"
            else:
                note = "nothing new was delivered"
        elif first and outcome.rows_read == 0:
            status, note = "empty", "the source answered, and had no records"
        elif first and outcome.all_refused:
            status, note = "empty", f"every record was refused, the first because {outcome.first_reason}"
        elif outcome.absent:
            note = f"the source does not have {', '.join(outcome.absent)}"
        if status == "complete" and outcome.as_of is not None:
            self._succeeded[contract.table] = outcome.as_of
        if status == "complete" and outcome.cursor is not None:
            self._cursors[contract.source, contract.resource] = outcome.cursor
        report = TableReport(
            contract.table,
            contract.source,
            status,
            outcome.rows_read,
            outcome.rows_merged,
            outcome.rows_deleted,
            outcome.rows_quarantined,
            tuple(outcome.new_columns),
            note,
        )
        return report, self._cursors.get((contract.source, contract.resource))

    def _seen_demo(self, demo: bool) -> None:
        if self._demo is None:
            self._demo = demo
        elif self._demo != demo:
            raise MixedData(demo=demo, held=self._held)

    def _event(self, stage: Stage, contract: Contract, rows: int, total: int | None, done: int) -> None:
        self._tell(ProgressEvent(stage, contract.source, contract.table, rows, total, done, len(self._work)))


def _failure(contract: Contract, error: SophiaError) -> TableReport:
    return TableReport(contract.table, contract.source, "failed", 0, 0, 0, 0, (), error.message)


def _nothing_loaded(reports: Sequence[TableReport], errors: Sequence[SophiaError]) -> IngestError:
    told = dict.fromkeys(f"{report.source}: {report.note}" for report in reports)
    failed = any(report.status == "failed" for report in reports)
    what = "No source could be read" if failed else "The sources delivered nothing"
    return IngestError(
        f"{what}. {'; '.join(told)}",
        hint=next((error.hint for error in errors if error.hint), None)
        or "Nothing was published; readers see the snapshot before.",
        retryable=bool(errors) and all(error.retryable for error in errors),
    )
