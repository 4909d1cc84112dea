"""What lies in quarantine is read again under today's contracts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.ingest.load import load, loaders_lock
from sophia_kit.ingest.privacy import Treatment, with_policy
from sophia_kit.ingest.report import IngestReport, Progress
from sophia_kit.ingest.signals import run_cleanly
from sophia_kit.ingest.sources import Portion, Scope
from sophia_kit.state import State
from sophia_kit.warehouse import Snapshot, SnapshotStore, reading
from sophia_kit.warehouse.checks import load_checks

__all__ = ["replay", "run_replay"]

_PAGE = 10_000


async def replay(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    *,
    contracts: Mapping[str, Contract] | None = None,
    table: str | None = None,
    progress: Progress | None = None,
) -> IngestReport | None:
    """Convert the open findings again, load those that pass now into a new snapshot, and resolve them.

    A record replaces only one that was modified before it. No cursor moves and no table becomes fresh. The records were
    stored as their contracts' privacy wants it: nothing is hashed twice.

    Args:
        table: only this raw table's findings.

    Returns:
        What became of each table, `rows_quarantined` being those that still fail; None when nothing is open.

    Raises:
        UnknownName: no such raw table.
        NoSnapshot: nothing was loaded yet.
        Busy, ConfigError, DefinitionError, IngestError, StorageError: as `ingest` does.
    """
    known = with_policy(load_contracts() if contracts is None else contracts, settings.privacy.fields)
    if table is not None and table not in known:
        raise UnknownName("raw table", table, known)
    checks = load_checks(settings.checks_folder)
    with loaders_lock(settings):
        source = await asyncio.to_thread(_Quarantined.of, store.current(), table)
        if not any(map(source.delivers, known.values())):
            return None
        treatment = Treatment(settings.privacy.key, again=True)
        return await load(
            settings,
            state,
            store,
            clock,
            known,
            checks,
            [source],
            scope=Scope(replay=True),
            treatment=treatment,
            progress=progress,
            run_id=None,
        )


def run_replay(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    *,
    contracts: Mapping[str, Contract] | None = None,
    table: str | None = None,
    progress: Progress | None = None,
) -> IngestReport | None:
    """`replay`, for callers without an event loop. Ctrl-C and SIGTERM end it cleanly.

    Raises:
        Interrupted: a signal ended it; nothing was published.
    """
    return run_cleanly(
        lambda: replay(settings, state, store, clock, contracts=contracts, table=table, progress=progress)
    )


@dataclass(frozen=True, slots=True)
class _Quarantined:
    """The open findings of a snapshot, as a `Source`. `demo` is the snapshot's."""

    tables_at_once: ClassVar = 1
    snapshot: Snapshot
    tables: frozenset[str]
    demo: bool

    @classmethod
    def of(cls, snapshot: Snapshot, table: str | None) -> _Quarantined:
        with reading(snapshot.path) as connection:
            query = "SELECT DISTINCT table_name FROM meta.quarantine WHERE resolved_at IS NULL"
            found = {str(row[0]) for row in connection.execute(query).fetchall()}
            demo = connection.execute("SELECT demo FROM meta.snapshot").fetchall()[0][0]
        return cls(snapshot, frozenset(found if table is None else found & {table}), bool(demo))

    async def ready(self) -> None:
        """At once: see `Source.ready`."""

    def size(self, contract: Contract) -> int:
        """Unknown: see `Source.size`."""
        return 0

    def delivers(self, contract: Contract) -> bool:
        """Whether records of the table lie in quarantine."""
        return contract.table in self.tables

    def shows_all(self, contract: Contract) -> bool:
        """Never: they are what was refused."""
        return False

    def off(self, contract: Contract) -> str | None:
        """Never."""
        return None

    async def read(self, contract: Contract, cursor: str | None, scope: Scope) -> AsyncGenerator[Portion, None]:
        """The findings of a table, in pages."""
        after = ""
        while page := await asyncio.to_thread(self._page, contract.table, after):
            after = page[-1][0]
            yield Portion([json.loads(text) for _, text in page], self.demo, None)

    def _page(self, table: str, after: str) -> list[tuple[Any, ...]]:
        with reading(self.snapshot.path) as connection:
            return connection.execute(
                "SELECT quarantine_id, record FROM meta.quarantine WHERE resolved_at IS NULL AND table_name = ? "
                "AND quarantine_id > ? ORDER BY quarantine_id LIMIT ?",
                [table, after, _PAGE],
            ).fetchall()
