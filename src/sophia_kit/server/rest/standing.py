"""What an answer of the metric layer stands on, as every answer says it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sophia_kit.metrics import Freshness, MetricValue
    from sophia_kit.warehouse import Engine

__all__ = ["of_engine", "of_nothing", "of_value"]


def of_value(value: MetricValue) -> dict[str, Any]:
    """Of values that come from one place, of which this is one."""
    return {
        "demo": value.demo,
        "snapshot_id": value.provenance.snapshot_id,
        "known_at": value.known_at,
        "freshness": asdict(value.freshness),
    }


def of_engine(engine: Engine, freshness: Freshness | None) -> dict[str, Any]:
    """Of what was read there; without a freshness, of what would have been."""
    return {
        "demo": engine.demo,
        "snapshot_id": engine.snapshot.snapshot_id if engine.snapshot else None,
        "known_at": engine.known_at,
        "freshness": None if freshness is None else asdict(freshness),
    }


def of_nothing(*, demo: bool) -> dict[str, Any]:
    """Of definitions alone: nothing was loaded, or nothing that old is kept."""
    return {"demo": demo, "snapshot_id": None, "known_at": None, "freshness": None}
