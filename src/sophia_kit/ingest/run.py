"""Loads what is configured: every source into one snapshot, which readers see only when it is whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from sophia_kit.connectors import CONNECTORS, Connector, begun, connect, missing_settings
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import InputError, Unconfigured, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.ingest.ledger_source import LedgerSource
from sophia_kit.ingest.load import load, loaders_lock
from sophia_kit.ingest.privacy import Treatment, with_policy
from sophia_kit.ingest.report import IngestReport, Progress
from sophia_kit.ingest.signals import run_cleanly
from sophia_kit.ingest.sources import ConnectorSource, LandingSource, Scope, Source, Span
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore
from sophia_kit.warehouse.checks import load_checks

__all__ = ["ingest", "run_ingest"]


async def ingest(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    *,
    connectors: Sequence[Connector] | None = None,
    landing: Path | None = None,
    delivered: Callable[[], Awaitable[None]] | None = None,
    contracts: Mapping[str, Contract] | None = None,
    progress: Progress | None = None,
    full: bool = False,
    span: Span | None = None,
    only: Collection[str] = (),
    run_id: str | None = None,
) -> IngestReport:
    """Load every source, one beside the other, into a new snapshot and publish it.

    A source that fails leaves its tables as they were and marked as behind; the others are loaded. Cancelling
    publishes nothing.

    Args:
        connectors: open connectors; default: those that the settings configure.
        landing: the landing zone; default: the settings'.
        delivered: returns when the landing zone is complete, for whoever delivers while vendors are read already; an
            error of it ends the load.
        contracts: default: the library's.
        full: read everything again, not only what is new.
        span: read what changed in this range again, and nothing else. The next load goes on where the last one ended.
        only: names of sources (a connector's, `landing`, or `llm`, the ledger of language models) to read; default:
            all that are configured, and the ledger once a model was called.
        run_id: marks the load's attempts; default: a random one.

    Raises:
        Unconfigured: no source is configured; lists what is missing.
        UnknownName: `only` names no source.
        InputError: both `full` and a `span`, or the span ends before it starts.
        ConfigError: the settings' `privacy.fields` names what isn't there, or asks what can't be.
        Busy: another load is at work in this workspace.
        DefinitionError: a check of the project's own is wrong; nothing was read.
        IngestError: no source could be read, demo and live data would mix, or a blocking check failed.
        StorageError: the disk refuses. Readers stay on the snapshot before.
    """
    if span is not None and (full or (span.end is not None and span.end <= span.start)):
        raise InputError(
            "A range can't be read together with everything." if full else "The range ends before it starts.",
            hint="Give --since, and --until after it; or --full alone.",
        )
    known = with_policy(load_contracts() if contracts is None else contracts, settings.privacy.fields)
    checks = load_checks(settings.checks_folder)
    async with AsyncExitStack() as stack:
        sources = await _sources(settings, state, stack, connectors, landing, delivered, only)
        with loaders_lock(settings):
            return await load(
                settings,
                state,
                store,
                clock,
                known,
                checks,
                sources,
                scope=Scope(full, span),
                treatment=Treatment(settings.privacy.key),
                progress=progress,
                run_id=run_id,
            )


def run_ingest(
    settings: Settings,
    state: State,
    store: SnapshotStore,
    clock: Clock,
    *,
    connectors: Sequence[Connector] | None = None,
    landing: Path | None = None,
    delivered: Callable[[], Awaitable[None]] | None = None,
    contracts: Mapping[str, Contract] | None = None,
    progress: Progress | None = None,
    full: bool = False,
    span: Span | None = None,
    only: Collection[str] = (),
    run_id: str | None = None,
) -> IngestReport:
    """`ingest`, for callers without an event loop. Ctrl-C and SIGTERM end it cleanly.

    Raises:
        Interrupted: a signal ended it; nothing was published.
    """
    return run_cleanly(
        lambda: ingest(
            settings,
            state,
            store,
            clock,
            connectors=connectors,
            landing=landing,
            delivered=delivered,
            contracts=contracts,
            progress=progress,
            full=full,
            span=span,
            only=only,
            run_id=run_id,
        )
    )


async def _sources(
    settings: Settings,
    state: State,
    stack: AsyncExitStack,
    connectors: Sequence[Connector] | None,
    landing: Path | None,
    delivered: Callable[[], Awaitable[None]] | None,
    only: Collection[str],
) -> list[Source]:
    for name in only:
        if name not in (*CONNECTORS, "landing", LedgerSource.name):
            raise UnknownName("source", name, (*CONNECTORS, "landing", LedgerSource.name))
    missing = missing_settings(settings)
    if connectors is None:
        wanted = [name for name in CONNECTORS if not only or name in only]
        _refuse_half_configured({name: missing[name] for name in wanted if missing[name] and begun(settings, name)})
        connectors = [await stack.enter_async_context(connect(name, settings)) for name in wanted if not missing[name]]
    found: list[Source] = [
        ConnectorSource(connector) for connector in connectors if not only or connector.provider in only
    ]
    path = landing or settings.landing.path
    if path is not None and (not only or "landing" in only):
        found.append(LandingSource(path, settings.company.time_zone, delivered))
    if LedgerSource.name in only or (not only and state.llm_ledger.count()):
        found.append(LedgerSource(state, demo=settings.demo))
    if found:
        return found
    needed = {name: missing[name] for name in CONNECTORS if not only or name in only}
    if not only or "landing" in only:
        needed["landing"] = ("SOPHIA_LANDING__PATH",)
    variables = [name for names in needed.values() for name in names]
    each = "; ".join(f"{name}: {', '.join(names)}" for name, names in needed.items())
    ways = f"Set {', '.join(variables)}." if len(needed) == 1 else f"Set what one of them needs. {each}."
    raise Unconfigured(
        "No source is configured, so there is nothing to load.",
        missing=variables,
        hint=f"{ways} `sophia demo` shows the kit on a fictional company.",
    )


def _refuse_half_configured(lacking: Mapping[str, Sequence[str]]) -> None:
    if lacking:
        variables = [name for names in lacking.values() for name in names]
        providers = ", ".join(lacking)
        raise Unconfigured(
            f"Configured in part only: {providers}.",
            missing=variables,
            hint=f"Set {', '.join(variables)}, or remove what is set of {providers}.",
            provider=providers if len(lacking) == 1 else None,
        )
