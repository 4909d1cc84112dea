"""The shape that every vendor's connector has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from sophia_kit.core.clock import Clock
from sophia_kit.core.settings import Settings

__all__ = ["Batch", "Connector", "ConnectorKind", "Health", "HealthState", "Resource", "begun"]

HealthState = Literal["unconfigured", "reachable", "failing"]


@dataclass(frozen=True, slots=True)
class Resource:
    """Something a vendor can be asked for.

    Attributes:
        name: the vendor's name of it, e.g. `Opportunity`.
        table: the raw table that it becomes; the name of its contract.
        incremental_field: the field of a record by which a reading goes on where the last one ended.
        opt_in: the setting of `privacy` that has to be true before it is read, e.g. `messages`; None when it is read
            anyway.
        pruned: whether the vendor lets old records go by itself: one that a full reading lacks need not have been
            deleted by anybody, and stays.
        found_by: the field that names the record by which a vendor shows this one, be it itself; None when each is
            shown by its own.
    """

    name: str
    table: str
    incremental_field: str
    opt_in: str | None = None
    pruned: bool = False
    found_by: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one resource.

    Attributes:
        resource: the vendor's name of the resource.
        records: decoded records by the vendor's field names, values as JSON has them. A field inside another is named
            by its path (`metaData.id`). Deleted records are among them where the vendor shows them, marked as it
            marks them.
        cursor_high: what to pass as `since` next time to miss nothing, once all batches are read; it never exceeds
            the vendor's own time when the reading began, or ours where it doesn't tell. None when no record
            carried one.
        demo: whether it came from the sandbox. Demo is not live.
        absent_fields: fields that were asked for and that the vendor doesn't have; no record carries them.
        image_since: when the vendor doesn't show what was deleted: this reading holds everything whose incremental
            field is at or after this moment, so what it lacks was deleted. None when nothing can be concluded.
        image_of: where records are found by others (`Resource.found_by`): those that were asked for although they are
            older than `image_since`. Of what is found by an older one that wasn't, nothing can be concluded.
        notes: what people should know of the reading up to here, each a few words for the load audit.
    """

    resource: str
    records: list[dict[str, Any]] = field(repr=False)
    cursor_high: str | None
    demo: bool
    absent_fields: tuple[str, ...] = ()
    image_since: datetime | None = None
    image_of: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What a vendor answered when it was asked just now.

    Attributes:
        state: `unconfigured` (nothing was sent), `reachable` (it answered as it should), `failing` (it didn't, or is
            configured in part only).
        detail: one line for people.
        hint: what to do about it, or None.
        latency_ms: of the whole check; None when nothing was sent.
        checked_at: in UTC.
    """

    provider: str
    state: HealthState
    detail: str
    hint: str | None
    latency_ms: float | None
    checked_at: datetime


class Connector(Protocol):
    """Reads one vendor. An async context manager; leaving it closes every connection.

    Attributes:
        batch_records: a batch is handed over once it holds so many, be it in the middle of the pages: with 1, each
            page is one.
    """

    batch_records: int

    @property
    def provider(self) -> str: ...

    @property
    def resources(self) -> Mapping[str, Resource]:
        """By the vendor's name."""
        ...

    def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        """All records of `resource`, or those changed since the cursor `since` and some before (an overlap), in
        batches of about `batch_records`. There is at least one batch: an empty one says that the vendor answered, and
        had nothing.

        Args:
            since: a `cursor_high`, or a moment such as 2025-12-31T00:00:00Z to read from there on.
            fields: the fields asked for. Where the vendor doesn't describe itself, records hold beside them those
                that its published reference doesn't name: they are new.
            until: only what changed before this moment, for a backfill by range.

        Raises:
            Unconfigured: see `missing`; or the resource is read only where that is asked for.
            UnknownName: the vendor has no such resource here.
            InputError: `since` is not a cursor.
            ProviderError: the vendor failed for good. What was read so far is incomplete.
        """
        ...

    def off(self, resource: str) -> str | None:
        """Why a resource isn't read here, as the settings want it; None when it is."""
        ...

    async def fields(self, resource: str) -> tuple[str, ...]:
        """What the vendor has on `resource` and `read` can be asked for, in order of their names: what it says
        itself, or what its published reference names.

        Raises:
            Unconfigured, UnknownName, ProviderError: as `read` does.
        """
        ...

    async def health(self) -> Health:
        """Talk to the vendor and say how it went; never raises for the vendor's faults."""
        ...

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ConnectorKind(Protocol):
    """A connector's class."""

    def __call__(self, settings: Settings, *, clock: Clock | None = None) -> Connector: ...

    def missing(self, settings: Settings) -> tuple[str, ...]:
        """The environment variables that have to be set before anything can be read; empty when configured."""
        ...


def begun(settings: Settings, provider: str) -> bool:
    """Whether somebody began to configure a provider: gave one of the settings of its login, which have no default.
    Others, such as a rate or a list of what is read, are preferences."""
    section = getattr(settings, provider)
    fields = type(section).model_fields
    return any(field.default is None and bool(getattr(section, name)) for name, field in fields.items())
