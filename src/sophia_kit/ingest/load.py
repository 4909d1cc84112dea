"""One load: sources into a draft snapshot, which is checked and published when it is whole."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime

import duckdb
import pyarrow as pa

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import IngestError, Interrupted, SophiaError
from sophia_kit.core.files import file_lock
from sophia_kit.core.settings import Settings
from sophia_kit.ingest.attempts import Attempts
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.draft_load import DraftLoad
from sophia_kit.ingest.privacy import Treatment
from sophia_kit.ingest.report import IngestReport, Progress, ProgressEvent
from sophia_kit.ingest.sources import Scope, Source
from sophia_kit.state import State
from sophia_kit.warehouse import Draft, SnapshotStore
from sophia_kit.warehouse.checks import Check, CheckResult, check_draft, write_results

__all__ = ["load", "loaders_lock"]


def loaders_lock(settings: Settings) -> AbstractContextManager[None]:
    """Held by the one load that is at work in a workspace; entering raises Busy while another one is."""
    return file_lock(settings.locks_dir / "ingest.lock", what=f"The loader's lock of workspace {settings.workspace}")


async def load(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    contracts: Mapping[str, Contract],
    checks: Sequence[Check],
    sources: Sequence[Source],
    *,
    scope: Scope,
    treatment: Treatment,
    progress: Progress | None,
    run_id: str | None,
) -> IngestReport:
    """Load `sources` into a draft, check it and publish it. The caller holds the loader's lock.

    Raises:
        IngestError: see `sophia_kit.ingest.ingest`.
    """
    known_at = _known_at(store, clock)
    limits = settings.warehouse
    tell: Progress = progress or (lambda event: None)
    run = run_id or uuid.uuid4().hex[:12]
    try:
        with store.draft(known_at, memory_limit_mb=limits.memory_limit_mb, threads=limits.threads) as draft:
            attempts = Attempts(state, clock, run_id=run, snapshot_id=draft.snapshot_id)
            filling = DraftLoad(
                draft,
                settings.company,
                state,
                clock,
                attempts,
                contracts,
                sources,
                tell,
                scope=scope,
                treatment=treatment,
            )
            with _executors() as (typing, writing), _fails_attempts(attempts, draft):
                filling.prepare()
                tables = await filling.tables(typing, writing)
                demo = filling.finish(tables)
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
    # Two threads each: the small tables are done beside a large one.
    with ThreadPoolExecutor(2, "ingest-typing") as typing, ThreadPoolExecutor(2, "ingest-writing") as writing:
        yield typing, writing


@contextmanager
def _fails_attempts(attempts: Attempts, draft: Draft) -> Iterator[None]:
    """When the load ends in an error, its attempts say so."""
    try:
        yield
    except BaseException as error:
        with suppress(duckdb.Error):
            draft.connection.interrupt()
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
