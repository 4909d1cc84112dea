"""The state of each part, by talking to it. What wasn't talked to is at best `configured`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from sophia_kit.connectors import CONNECTORS, connect
from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import NoSnapshot, SophiaError, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.core.transport import is_loopback
from sophia_kit.proofs import ensure_signer
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore, Warehouse

__all__ = ["PartHealth", "PartState", "check_part", "check_parts"]

_SOON: Final = timedelta(days=14)
PartState = Literal["unconfigured", "configured", "reachable", "failing"]


@dataclass(frozen=True, slots=True)
class PartHealth:
    """What a part answered just now.

    Attributes:
        state: `unconfigured` nobody set it up; `configured` it is set up and has not been talked to, or has nothing
            to say yet; `reachable` it was talked to and answered as it should; `failing` it didn't.
        hint: what to do about it; None when there is nothing to do.
        latency_ms: of the check; None when nothing was talked to.
        path: the file or folder of this machine that it is about, for whoever runs the kit here.
    """

    part: str
    state: PartState
    detail: str
    hint: str | None = None
    latency_ms: float | None = None
    path: Path | None = None


async def check_parts(settings: Settings) -> tuple[PartHealth, ...]:
    """Every part of the kit that works in this workspace, asked side by side; never raises for a part's fault."""
    return tuple(await asyncio.gather(*(check_part(part, settings) for part in (*_LOCAL, *CONNECTORS))))


async def check_part(part: str, settings: Settings) -> PartHealth:
    """One part, by its name in `check_parts`; never raises for its fault.

    Raises:
        UnknownName: there is no such part.
    """
    if part in _LOCAL:
        return await asyncio.to_thread(_checked, part, _LOCAL[part], settings)
    if part in CONNECTORS:
        return await _vendor(part, settings)
    raise UnknownName("part", part, (*_LOCAL, *CONNECTORS))


def _checked(part: str, check: Callable[[Settings], PartHealth], settings: Settings) -> PartHealth:
    began = time.perf_counter()
    try:
        found = check(settings)
    except SophiaError as error:
        return PartHealth(part, "failing", error.message, error.hint, _since(began), error.path)
    if found.state in ("reachable", "failing"):
        return replace(found, latency_ms=_since(began))
    return found


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _state(settings: Settings) -> PartHealth:
    with State.open(settings.state_location) as state:
        runs = state.runs(limit=1)
        last = f"last run {runs[0].job} {runs[0].outcome}" if runs else "no run yet"
        return PartHealth("state", "reachable", f"{state.engine_name}, {last}")


def _snapshots(settings: Settings) -> PartHealth:
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    try:
        snapshot = store.current()
    except NoSnapshot:
        return PartHealth("snapshots", "unconfigured", "nothing has been loaded", "Run `sophia ingest run`.")
    with Warehouse.open(snapshot, settings) as warehouse:
        tables = warehouse.freshness().values()
        loaded = [table for table in tables if table.last_success_at is not None]
        failed = sum(table.failed_at is not None for table in tables)
        said = f"{snapshot.snapshot_id}, {len(loaded)} of {len(tables)} tables loaded"
        said += f", the last load of {failed} failed" if failed else ""
        return PartHealth("snapshots", "reachable", said + (", DEMO DATA" if warehouse.demo else ""))


def _landing(settings: Settings) -> PartHealth:
    path = settings.landing.path
    if path is None:
        return PartHealth("landing", "unconfigured", "no folder is set", "Set SOPHIA_LANDING__PATH.")
    if not path.is_dir():
        hint = "Create it, or fix SOPHIA_LANDING__PATH."
        return PartHealth("landing", "failing", "what is set isn't a folder", hint, path=path)
    tables = sorted(folder.name for folder in path.iterdir() if folder.is_dir() and any(folder.glob("*.parquet")))
    if not tables:
        hint = "Have your platform deliver."
        return PartHealth("landing", "configured", "the folder holds no delivery yet", hint, path=path)
    return PartHealth("landing", "reachable", f"{len(tables)} tables delivered")


def _key(settings: Settings) -> PartHealth:
    signer = ensure_signer(settings)
    signer.sign(b"doctor")
    return PartHealth("evidence key", "reachable", f"origin {settings.origin}, key {signer.public.keyid[:12]}")


def _snowflake(settings: Settings) -> PartHealth:
    from sophia_kit.warehouse.snowflake import SnowflakeWarehouse, missing_settings, plan_views

    missing = missing_settings(settings.snowflake)
    if missing:
        used = settings.engine == "snowflake"
        state: PartState = "failing" if used else "unconfigured"
        said = "metrics are to be evaluated there, and it isn't set up" if used else "no account is configured"
        return PartHealth("snowflake", state, said, f"Set {', '.join(missing)}; see docs/snowflake.md.")
    with SnowflakeWarehouse.open(settings) as warehouse:
        tables = warehouse.freshness().values()
        loaded = [table for table in tables if table.last_success_at is not None]
        behind = [
            change for change in plan_views(settings.snowflake, warehouse) if change.action in ("create", "replace")
        ]
        said = f"role {settings.snowflake.role}, {len(loaded)} of {len(tables)} tables loaded"
        said += f", {len(behind)} views not deployed" if behind else ", views deployed"
        said += ", DEMO DATA" if warehouse.demo else ""
        return PartHealth("snowflake", "reachable", said, "Run `sophia warehouse plan`." if behind else None)


def _authentication(settings: Settings) -> PartHealth:
    part, server = "authentication", settings.server
    if server.authentication == "off":
        hint = "Set SOPHIA_SERVER__AUTHENTICATION=tokens to let others in; see docs/access.md."
        if not is_loopback("127.0.0.1" if server.host == "localhost" else server.host):
            return PartHealth(part, "failing", f"off, and {server.host} can be reached from other machines", hint)
        return PartHealth(part, "unconfigured", "off: the server answers this machine alone", hint)
    # Real time, also where the demo's clock stands still: tokens expire in earnest.
    now = SystemClock().now()
    with State.open(settings.state_location) as state:
        valid = state.access.valid_tokens(now)
    if not valid:
        return PartHealth(part, "failing", "no token is valid: nobody could ask", "Run `sophia tokens create`.")
    said = f"{len(valid)} {'token is' if len(valid) == 1 else 'tokens are'} valid"
    ending = [token for token in valid if token.expires_at - now < _SOON]
    if not ending:
        return PartHealth(part, "reachable", said)
    names = ", ".join(sorted({token.name for token in ending}))
    hint = f"Make the next with `sophia tokens create`, before those of {names} end; `sophia tokens list` says when."
    return PartHealth(part, "reachable", f"{said}, {len(ending)} of them for less than {_SOON.days} days", hint)


async def _vendor(provider: str, settings: Settings) -> PartHealth:
    async with connect(provider, settings) as connector:
        health = await connector.health()
    return PartHealth(provider, health.state, health.detail, health.hint, health.latency_ms)


_LOCAL: Final[Mapping[str, Callable[[Settings], PartHealth]]] = {
    "state": _state,
    "snapshots": _snapshots,
    "landing": _landing,
    "evidence key": _key,
    "snowflake": _snowflake,
    "authentication": _authentication,
}
