"""What an answer stands on: which snapshot, known at when, how fresh, and whether it is the demo company's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sophia_kit.core.errors import NeverLoaded
from sophia_kit.metrics.freshness import freshness_over

if TYPE_CHECKING:
    from sophia_kit.core.clock import Clock
    from sophia_kit.metrics import Freshness
    from sophia_kit.server.records.resource import Resource
    from sophia_kit.warehouse import Engine, TableFreshness

__all__ = ["Standing", "standing_of"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an answer stands on.

    Attributes:
        demo: whether it is about the fictional company.
        snapshot_id: the snapshot it was read from; None where the warehouse keeps none.
        known_at: the moment as of which its rows are known (UTC).
    """

    demo: bool
    snapshot_id: str | None
    known_at: datetime
    freshness: Freshness


def standing_of(engine: Engine, resource: Resource, clock: Clock) -> Standing:
    """What rows of a resource stand on.

    Raises:
        NeverLoaded: a table without which nothing is known of it was never loaded.
    """
    states = engine.freshness()
    for table in resource.required:
        _require_loaded(table, states.get(table))
    now = clock.now()
    freshness = freshness_over(_present(resource.tables, states), now)
    snapshot = engine.snapshot
    return Standing(engine.demo, snapshot.snapshot_id if snapshot else None, engine.known_at, freshness)


def _present(tables: Iterable[str], states: dict[str, TableFreshness]) -> list[TableFreshness]:
    return [states[table] for table in tables if table in states]


def _require_loaded(table: str, state: TableFreshness | None) -> None:
    if state is not None and state.last_success_at is not None:
        return
    reason = f" ({state.reason})" if state is not None and state.reason else ""
    raise NeverLoaded(
        f"Unknown: {table} was never loaded{reason}.",
        tables=(table,),
        hint="`sophia ingest status` says why; `sophia ingest run` loads what is configured.",
    )
