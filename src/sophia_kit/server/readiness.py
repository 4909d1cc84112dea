"""Whether the server can do its work, and how each part behind it was when it was last asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, Field

from sophia_kit.connectors import CONNECTORS
from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import NoSnapshot, SophiaError
from sophia_kit.jobs.health import PartHealth, check_part

if TYPE_CHECKING:
    from sophia_kit.server.services import Services

__all__ = ["PartLevel", "Readiness", "ReadinessLevel"]

_LOCAL_CACHE_S: Final = 5.0
_FAILURE_CACHE_S: Final = 30.0
_PATIENCE_S: Final = 2.0
"""How long a probe waits for parts that are being asked; a vendor may take minutes to fail for good."""
_PATIENCE_WITH_REQUIRED_S: Final = 10.0


class PartLevel(BaseModel):
    """One part, when it was last asked."""

    part: str = Field(examples=["salesforce"])
    required: bool = Field(description="Whether the server can't do its work without it.")
    state: Literal["unconfigured", "configured", "reachable", "failing", "unknown"] = Field(
        description="`unconfigured` and `configured` were not talked to; `unknown` hasn't answered yet."
    )
    detail: str
    hint: str | None
    latency_ms: float | None = Field(description="How long the part took to answer; null when it wasn't talked to.")
    checked_at: datetime | None
    last_success_at: datetime | None = Field(description="When it last was reachable, since the server started.")


class ReadinessLevel(BaseModel):
    """What `/readyz` answers."""

    status: Literal["ready", "not ready", "shutting down"]
    demo: bool
    parts: list[PartLevel]


@dataclass(slots=True)
class _Part:
    ask: Callable[[], Awaitable[PartHealth]]
    keeps_s: float
    required: bool = False
    health: PartHealth | None = None
    asked: float | None = None
    checked_at: datetime | None = None
    last_success_at: datetime | None = None
    asking: asyncio.Task[None] | None = field(default=None, repr=False)


class Readiness:
    """Asks parts, one question to each at a time, and keeps their answers for a while, so that a probe every second
    asks a vendor no more often than one an hour would. For one event loop.

    What the server can't do without are its state and the warehouse that answers. Vendors are asked by `sophia
    ingest`, not by the server: one that fails makes no request fail.

    Args:
        ending: set when the server is told to end; from then on it isn't ready.
    """

    def __init__(self, services: Services, ending: asyncio.Event) -> None:
        self._services = services
        self._ending = ending
        settings = services.settings
        snowflake = settings.engine == "snowflake"
        seldom = settings.server.health_cache_s

        def doctor(part: str) -> Callable[[], Awaitable[PartHealth]]:
            return lambda: check_part(part, settings)

        def here(part: str, check: Callable[[], PartHealth]) -> Callable[[], Awaitable[PartHealth]]:
            return lambda: asyncio.to_thread(_checked, part, check)

        self._parts = {
            "state": _Part(here("state", self._state), _LOCAL_CACHE_S, required=True),
            "warehouse": _Part(
                here("warehouse", self._warehouse), seldom if snowflake else _LOCAL_CACHE_S, required=True
            ),
            "landing": _Part(doctor("landing"), _LOCAL_CACHE_S),
            **{vendor: _Part(doctor(vendor), seldom) for vendor in CONNECTORS},
        }
        if not snowflake:
            self._parts["snowflake"] = _Part(doctor("snowflake"), seldom)

    async def level(self) -> ReadinessLevel:
        """The state of each part: asked now where the last answer has aged, or the last answer where the part takes
        longer than a probe waits."""
        asking = {task: part for part in self._parts.values() if (task := self._ask(part)) is not None}
        if asking:
            _, late = await asyncio.wait(asking, timeout=_PATIENCE_S)
            if needed := [task for task in late if asking[task].required]:
                await asyncio.wait(needed, timeout=_PATIENCE_WITH_REQUIRED_S - _PATIENCE_S)
        return self.last()

    def last(self) -> ReadinessLevel:
        """The same without asking anybody."""
        parts = [_level(name, part) for name, part in self._parts.items()]
        ready = all(level.state == "reachable" for level in parts if level.required)
        status: Literal["ready", "not ready", "shutting down"] = "ready" if ready else "not ready"
        if self._ending.is_set():
            status = "shutting down"
        return ReadinessLevel(status=status, demo=self._services.settings.demo, parts=parts)

    async def close(self) -> None:
        """Stop asking."""
        tasks = [part.asking for part in self._parts.values() if part.asking is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, part: _Part) -> asyncio.Task[None] | None:
        if part.asking is not None and not part.asking.done():
            return part.asking
        failing = part.health is not None and part.health.state == "failing"
        keeps = min(part.keeps_s, _FAILURE_CACHE_S) if failing else part.keeps_s
        if part.asked is not None and time.monotonic() - part.asked < keeps:
            return None
        part.asking = asyncio.create_task(_fill(part))
        return part.asking

    def _state(self) -> PartHealth:
        state = self._services.state
        runs = state.runs(limit=1)
        last = f"last run {runs[0].job} {runs[0].outcome}" if runs else "no run yet"
        return PartHealth("state", "reachable", f"{state.engine_name}, {last}")

    def _warehouse(self) -> PartHealth:
        try:
            with self._services.snapshots.current() as engine:
                tables = engine.freshness().values()
        except NoSnapshot as error:
            return PartHealth("warehouse", "unconfigured", "nothing has been loaded", error.hint)
        loaded = sum(table.last_success_at is not None for table in tables)
        failed = sum(table.failed_at is not None for table in tables)
        said = (
            f"{engine.dialect}, known at {engine.known_at:%Y-%m-%d %H:%M} UTC, {loaded} of {len(tables)} tables loaded"
        )
        return PartHealth("warehouse", "reachable", said + (f", the last load of {failed} failed" if failed else ""))


def _checked(part: str, check: Callable[[], PartHealth]) -> PartHealth:
    began = time.perf_counter()
    try:
        found = check()
    except SophiaError as error:
        found = PartHealth(part, "failing", error.message, error.hint)
    took = (time.perf_counter() - began) * 1000
    return PartHealth(found.part, found.state, found.detail, found.hint, took)


async def _fill(part: _Part) -> None:
    found = await part.ask()
    now = SystemClock().now()
    part.health, part.asked, part.checked_at = found, time.monotonic(), now
    if found.state == "reachable":
        part.last_success_at = now


def _level(name: str, part: _Part) -> PartLevel:
    health = part.health or PartHealth(name, "configured", "")
    return PartLevel(
        part=name,
        required=part.required,
        state=health.state if part.health else "unknown",
        detail=health.detail if part.health else "has not answered yet",
        hint=health.hint,
        latency_ms=None if health.latency_ms is None else round(health.latency_ms, 3),
        checked_at=part.checked_at,
        last_success_at=part.last_success_at,
    )
