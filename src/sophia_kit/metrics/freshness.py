"""How fresh an answer is that stands on several tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from sophia_kit.metrics.value import Freshness

if TYPE_CHECKING:
    from sophia_kit.warehouse import TableFreshness

__all__ = ["freshness_over"]


def freshness_over(tables: Iterable[TableFreshness], now: datetime) -> Freshness:
    """Of all tables read, the oldest; unknown where one was never loaded, and where there is none."""
    states = tuple(tables)
    never = tuple(state.table_name for state in states if state.last_success_at is None)
    if never or not states:
        return Freshness("unknown", None, never)
    moments = [state.last_success_at for state in states if state.last_success_at is not None]
    stale = tuple(state.table_name for state in states if state.status(now) == "stale")
    failures = tuple(f"{state.table_name}: {state.because(now)}" for state in states if state.failed_at is not None)
    return Freshness("stale" if stale else "fresh", min(moments), stale, failures)
