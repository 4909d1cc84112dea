"""A load: every source into one draft snapshot, which readers see only when it is whole."""

from __future__ import annotations

import asyncio
import signal
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from sophia_kit.connectors import CONNECTORS, Connector, connect, missing_settings
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import (
    IngestError,
    Interrupted,
    SophiaError,
    Unconfigured,
    UnknownName,
)
from sophia_kit.core.files import file_lock
from sophia_kit.core.settings import Settings
from sophia_kit.ingest.attempts import Attempts
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.ingest.draft_load import DraftLoad
from sophia_kit.ingest.landing import Landing
from sophia_kit.ingest.report import IngestReport, Progress, ProgressEvent
from sophia_kit.ingest.sources import ConnectorSource, LandingSource, Source
from sophia_kit.state import State
from sophia_kit.warehouse import Draft, SnapshotStore
from sophia_kit.warehouse.checks import Check, CheckResult, check_draft, load_checks, write_results

__all__ = ["ingest", "run_ingest"]


async def ingest(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    *,
    connectors: Sequence[Connector] | None = None,
    landing: Path | None = None,
    contracts: Mapping[str, Contract] | None = None,
    progress: Progress | None = None,
    full: bool = False,
    only: Collection[str] = (),
    run_id: str | None = None,
) -> IngestReport:
    """Load every source into a new snapshot and publish it.

    A source that fails leaves its tables as they were, and stale in time; the others are loaded. Cancelling
    publishes nothing.

    Args:
        connectors: open connectors; default: those that the settings configure.
        landing: the landing zone; default: the settings'.
        contracts: default: the library's.
        full: read everything again, not only what is new.
        only: names of sources (a connector's, or `landing`) to read; default: all that are configured.
        run_id: marks the load's attempts; default: a random one.

    Raises:
        Unconfigured: no source is configured; lists what is missing.
        UnknownName: `only` names no source.
        Busy: another load is at work in this workspace.
        DefinitionError: a check of the project's own is wrong; nothing was read.
        IngestError: no source could be read, demo and live data would mix, or a blocking check failed.
        StorageError: the disk refuses. Readers stay on the snapshot before.
    """
    known = load_contracts() if contracts is None else contracts
    checks = load_checks(settings.checks_folder)
    async with AsyncExitStack() as stack:
        sources = await _sources(settings, stack, connectors, landing, only)
        with file_lock(settings.locks_dir / "ingest.lock", what=f"The loader's lock of workspace {settings.workspace}"):
            return await _load(settings, state, store, clock, known, checks, sources, progress, full, run_id)


def run_ingest(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    *,
    connectors: Sequence[Connector] | None = None,
    landing: Path | None = None,
    contracts: Mapping[str, Contract] | None = None,
    progress: Progress | None = None,
    full: bool = False,
    only: Collection[str] = (),
    run_id: str | None = None,
) -> IngestReport:
    """`ingest`, for callers without an event loop. Ctrl-C and SIGTERM end it cleanly.

    Raises:
        Interrupted: a signal ended it; nothing was published.
    """

    async def main() -> IngestReport:
        task = asyncio.current_task()
        assert task is not None
        with _ended_by_signals(task.cancel):
            return await ingest(
                settings,
                state,
                store,
                clock,
                connectors=connectors,
                landing=landing,
                contracts=contracts,
                progress=progress,
                full=full,
                only=only,
                run_id=run_id,
            )

    try:
        return asyncio.run(main())
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise Interrupted(
            "The load was interrupted.", hint="Nothing was published; readers see the snapshot before. Run it again."
        ) from None


@contextmanager
def _ended_by_signals(cancel: Callable[[], object]) -> Iterator[None]:
    """While it lasts, SIGINT and SIGTERM cancel the load instead of breaking into whatever runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, cancel)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


async def _sources(
    settings: Settings,
    stack: AsyncExitStack,
    connectors: Sequence[Connector] | None,
    landing: Path | None,
    only: Collection[str],
) -> list[Source]:
    for name in only:
        if name not in (*CONNECTORS, "landing"):
            raise UnknownName("source", name, (*CONNECTORS, "landing"))
    missing = missing_settings(settings)
    if connectors is None:
        wanted = [name for name in CONNECTORS if not only or name in only]
        for name in wanted:
            _refuse_half_configured(settings, name, missing[name])
        connectors = [await stack.enter_async_context(connect(name, settings)) for name in wanted if not missing[name]]
    found: list[Source] = [
        ConnectorSource(connector) for connector in connectors if not only or connector.provider in only
    ]
    path = landing or settings.landing.path
    if path is not None and (not only or "landing" in only):
        found.append(LandingSource(Landing(path), settings.company.time_zone))
    if found:
        return found
    needed = [name for source in CONNECTORS if not only or source in only for name in missing[source]]
    if path is None and (not only or "landing" in only):
        needed.append("SOPHIA_LANDING__PATH")
    raise Unconfigured(
        "No source is configured, so there is nothing to load.",
        missing=needed,
        hint=f"Set {', '.join(needed)}. `sophia demo` shows the kit on a fictional company.",
    )


def _refuse_half_configured(settings: Settings, provider: str, missing: Sequence[str]) -> None:
    section = getattr(settings, provider, None)
    given = section.model_fields_set if section is not None else frozenset()
    asked = {name.rpartition("__")[2].lower() for name in missing}
    if missing and any(getattr(section, name) for name in given if name not in asked):
        raise Unconfigured(
            f"{provider} is configured in part only.",
            missing=missing,
            hint=f"Set {', '.join(missing)}, or remove what is set of {provider}.",
            provider=provider,
        )


async def _load(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    contracts: Mapping[str, Contract],
    checks: Sequence[Check],
    sources: Sequence[Source],
    progress: Progress | None,
    full: bool,
    run_id: str | None,
) -> IngestReport:
    known_at = _known_at(store, clock)
    limits = settings.warehouse
    tell: Progress = progress or (lambda event: None)
    run = run_id or uuid.uuid4().hex[:12]
    try:
        with store.draft(known_at, memory_limit_mb=limits.memory_limit_mb, threads=limits.threads) as draft:
            attempts = Attempts(state, clock, run_id=run, snapshot_id=draft.snapshot_id)
            load = DraftLoad(draft, settings.company, state, clock, attempts, contracts, sources, tell)
            with _executors() as (typing, writing), _fails_attempts(attempts, draft.connection):
                load.prepare()
                tables = await load.tables(typing, writing, full=full)
                demo = load.finish(tables)
                rows = sum(table.rows_read for table in tables)
                tell(ProgressEvent("checking", "", "", rows, rows, len(tables), len(tables)))
                company = settings.company
                draft.describe(demo=demo, time_zone=company.time_zone, currency=company.currency)
                found = await asyncio.get_running_loop().run_in_executor(
                    writing, _checked, draft, checks, clock, company.time_zone
                )
                tell(ProgressEvent("publishing", "", "", rows, rows, len(tables), len(tables)))
                snapshot = draft.publish(demo=demo, time_zone=company.time_zone, currency=company.currency)
            attempts.published()
    except duckdb.OutOfMemoryException as error:
        raise IngestError(
            f"The load needs more memory than the {limits.memory_limit_mb} MB it may use.",
            hint="Raise SOPHIA_WAREHOUSE__MEMORY_LIMIT_MB; readers see the snapshot before.",
        ) from error
    except duckdb.Error as error:
        raise IngestError(
            f"The draft snapshot could not be written: {str(error).splitlines()[0]}",
            hint="Nothing was published; readers see the snapshot before.",
        ) from error
    # The process may go on for long: what the load's buffers took is given back.
    pa.default_memory_pool().release_unused()
    state.forget_cursors([kept.snapshot_id for kept in store.list()])
    tell(ProgressEvent("published", "", "", rows, rows, len(tables), len(tables)))
    return IngestReport(run, snapshot, demo, tuple(tables), found)


def _checked(draft: Draft, checks: Sequence[Check], clock: Clock, time_zone: str) -> tuple[CheckResult, ...]:
    """What the checks find in the draft, which keeps it.

    Raises:
        IngestError: one failed that the data isn't published without.
    """
    found = check_draft(draft.connection, checks, now=clock.now(), time_zone=time_zone)
    write_results(draft.connection, found)
    blocking = {check.id for check in checks if check.blocking}
    refused = [each for each in found if each.check_id in blocking and each.status in ("failed", "unknown")]
    if refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise IngestError(
            f"Check {refused[0].check_id} stops the load{more}: {refused[0].detail}",
            hint="Nothing was published; readers see the snapshot before. Correct the source, or the check.",
        )
    return found


def _known_at(store: SnapshotStore, clock: Clock) -> datetime:
    """The load's moment; never before that of the snapshot it builds on."""
    now = clock.now()
    kept = store.list()
    if not kept or kept[-1].known_at <= now:
        return now
    if clock.frozen:
        raise IngestError(
            f"The current snapshot is of {kept[-1].known_at:%Y-%m-%d %H:%M} UTC, and the clock stands before it, at "
            f"{now:%Y-%m-%d %H:%M}.",
            hint="Load a later day, or remove the workspace's snapshots to start again.",
        )
    return kept[-1].known_at


@contextmanager
def _executors() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    with ThreadPoolExecutor(1, "ingest-typing") as typing, ThreadPoolExecutor(1, "ingest-writing") as writing:
        yield typing, writing


@contextmanager
def _fails_attempts(attempts: Attempts, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """When the load ends in an error, its attempts say so."""
    try:
        yield
    except BaseException as error:
        with suppress(duckdb.Error):
            connection.interrupt()
        attempts.not_published(_reason(error))
        raise


def _reason(error: BaseException) -> str:
    if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, Interrupted)):
        return "interrupted"
    if isinstance(error, SophiaError):
        return error.message
    if isinstance(error, duckdb.Error):
        return str(error).splitlines()[0]
    return f"{type(error).__name__}: {error}"
