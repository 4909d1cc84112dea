"""What the connector lab shows: what is configured, what can be read, and what was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sophia_kit.connectors import CONNECTORS, Connector, Health, Resource, connect, missing_settings
from sophia_kit.core.errors import InputError, NoSnapshot, SophiaError, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import Finding, open_findings
from sophia_kit.ingest.look import Look, contract_of, look
from sophia_kit.state import LoadAttempt, State

if TYPE_CHECKING:
    from sophia_kit.warehouse import TableFreshness

__all__ = [
    "CONNECTOR_OPTIONS",
    "ConnectorParameters",
    "Looked",
    "Past",
    "Reading",
    "Stored",
    "VendorSetup",
    "check_vendors",
    "chosen_resource",
    "chosen_vendor",
    "connector_parameters",
    "look_at",
    "past_of",
    "reading_of",
    "vendor_setups",
]

CONNECTOR_OPTIONS: Final = ("vendor", "resource", "records", "since", "ask")
"""What a script may name; a query string all of them but `ask`."""

_ASKED: Final = ("health", "records")
_RECORDS: Final = 25
_MOST_RECORDS: Final = 1_000
_ATTEMPTS: Final = 10
_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class ConnectorParameters:
    """What the lab is opened with.

    Attributes:
        vendor: None is the first that is configured.
        resource: None is the vendor's first.
        records: how many a look shows.
        since: a look shows what changed from this day on (UTC).
        ask: what a script asks the vendor: `health`, `records`, or nothing.
    """

    vendor: str | None = None
    resource: str | None = None
    records: int = _RECORDS
    since: date | None = None
    ask: str | None = None


@dataclass(frozen=True, slots=True)
class VendorSetup:
    """Whether a vendor is configured. `missing` are environment variables; none when it is."""

    provider: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What becomes of one field: its column in the raw table, and what is kept of its values."""

    column: str
    field: str
    kind: str
    kept: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A resource that can be read.

    Attributes:
        off: why it isn't read here; None when it is.
        stored: its fields, in the contract's order.
    """

    resource: Resource
    off: str | None
    stored: tuple[Stored, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Looked:
    """A look, or why there is none: one of both is None."""

    look: Look | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """What loads left of a resource's raw table.

    Attributes:
        freshness: None when no snapshot has the table; `reason` says more.
        attempts: the last ones, newest first.
        findings: open ones in quarantine, newest first; `open_findings` says how many there are in all.
        now: the run's time, by which freshness is judged.
    """

    freshness: TableFreshness | None
    reason: str | None
    attempts: tuple[LoadAttempt, ...]
    findings: tuple[Finding, ...]
    open_findings: int
    demo: bool
    now: datetime


def connector_parameters(options: Mapping[str, Any]) -> ConnectorParameters:
    """The parameters from a script's options or an app's query string.

    Raises:
        InputError: a number or a day that is none, or something to ask that there isn't.
        UnknownName: no such vendor.
    """
    given = {name: str(options[name]) for name in CONNECTOR_OPTIONS if options.get(name)}
    vendor, ask = given.get("vendor"), given.get("ask")
    if vendor is not None and vendor not in CONNECTORS:
        raise UnknownName("connector", vendor, CONNECTORS)
    if ask is not None and ask not in _ASKED:
        raise InputError(f"{ask!r} is nothing to ask a vendor.", hint=f"Known: {', '.join(_ASKED)}.")
    return ConnectorParameters(vendor, given.get("resource"), _records(given), _since(given), ask)


def _records(given: Mapping[str, str]) -> int:
    text = given.get("records", str(_RECORDS))
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_RECORDS):
        raise InputError(f"{text!r} records can't be shown.", hint=f"Ask for 1 to {_MOST_RECORDS:,}.")
    return int(text)


def _since(given: Mapping[str, str]) -> date | None:
    if "since" not in given:
        return None
    try:
        return date.fromisoformat(given["since"])
    except ValueError:
        raise InputError(f"{given['since']!r} is not a day.", hint="Write it as YYYY-MM-DD.") from None


def vendor_setups(settings: Settings) -> tuple[VendorSetup, ...]:
    """Every vendor that there is a connector for."""
    return tuple(VendorSetup(provider, missing) for provider, missing in missing_settings(settings).items())


def chosen_vendor(params: ConnectorParameters, setups: Sequence[VendorSetup]) -> str:
    """The vendor asked for, or the first that is configured, or the first."""
    configured = [setup.provider for setup in setups if not setup.missing]
    return params.vendor or (configured or [setup.provider for setup in setups])[0]


def reading_of(vendor: str, settings: Settings) -> tuple[Reading, ...]:
    """What can be read of a vendor. Nothing is sent.

    Raises:
        ConfigError: the policy for personal data names what there isn't.
    """
    connector = connect(vendor, settings)
    return tuple(
        Reading(resource, connector.off(name), _stored(vendor, name, settings))
        for name, resource in connector.resources.items()
    )


def chosen_resource(params: ConnectorParameters, vendor: str, readings: Sequence[Reading]) -> str:
    """The resource asked for, or the vendor's first.

    Raises:
        UnknownName: the vendor that the parameters name has no such resource.
    """
    names = [reading.resource.name for reading in readings]
    if params.resource in names:
        return params.resource
    # Another vendor was chosen since: what was asked for isn't about it.
    if params.resource is not None and params.vendor in (None, vendor):
        raise UnknownName(f"{vendor} resource", params.resource, names)
    return names[0]


def _stored(vendor: str, resource: str, settings: Settings) -> tuple[Stored, ...]:
    hashed = "hash" if settings.privacy.key else "nothing: no privacy.hash_key is set"
    kept = {"keep": "as it is", "hash": hashed, "drop": "nothing"}
    return tuple(
        Stored(column.name, column.field, column.type_name, kept[column.privacy])
        for column in contract_of(vendor, resource, settings).columns
    )


async def check_vendors(settings: Settings) -> tuple[Health, ...]:
    """Ask every vendor that is configured how it is, all at the same time."""
    configured = [setup.provider for setup in vendor_setups(settings) if not setup.missing]
    return tuple(await asyncio.gather(*(_health(connect(name, settings)) for name in configured)))


async def _health(connector: Connector) -> Health:
    async with connector:
        return await connector.health()


async def look_at(
    vendor: str, resource: str, settings: Settings, *, records: int = _RECORDS, since: date | None
) -> Looked:
    """Some records of a resource, read from the vendor now, as a load would store them."""
    moment = None if since is None else datetime.combine(since, time(), tzinfo=UTC)
    try:
        async with connect(vendor, settings) as connector:
            return Looked(await look(connector, resource, settings, records=records, since=moment), None)
    except SophiaError as error:
        return Looked(None, f"{error.title}. {error.message}" + (f" {error.hint}" if error.hint else ""))


def past_of(table: str, settings: Settings) -> Past:
    """What the workspace knows of a raw table; reads the current snapshot and the load audit, and asks nobody."""
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    now, attempts = settings.clock().now(), _attempts(table, settings)
    try:
        snapshot = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots).current()
    except NoSnapshot:
        return Past(None, "Nothing has been loaded into this workspace yet.", attempts, (), 0, settings.demo, now)
    with Warehouse.open(snapshot, settings) as warehouse:
        freshness = warehouse.freshness().get(table)
        findings, total = open_findings(warehouse, table=table, limit=_FINDINGS)
        reason = None if freshness is not None else "The current snapshot was loaded before this table was known."
        return Past(freshness, reason, attempts, tuple(findings), total, warehouse.demo, now)


def _attempts(table: str, settings: Settings) -> tuple[LoadAttempt, ...]:
    if settings.state_url is None and not Path(settings.state_location).exists():
        return ()
    with State.open(settings.state_location) as state:
        return tuple(state.attempts(table_name=table, limit=_ATTEMPTS))
