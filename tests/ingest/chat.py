"""A scripted vendor that shows no deletions, its contract, and loads of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import duckdb

from sophia_kit.connectors import Batch, Connector, Health, Resource
from sophia_kit.core.errors import ProviderFailing
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import Contract, IngestReport, ingest, load_contracts, read_contract
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

NOTES = read_contract(
    """\
table: notes
description: A note.
source: slack
resource: notes
source_system: chat
freshness_hours: 36
columns:
  - {name: source_id, from: id, type: string, required: true}
  - {name: words, from: words, type: int}
  - {name: posted_at, from: posted, type: timestamp, required: true}
  - {name: modified_at, from: edited, type: timestamp, required: true}
""",
    "notes.yaml",
)
GONG = replace(NOTES, table="gong_notes", source="gong")
OTHERS = {name: replace(contract, source="nobody") for name, contract in load_contracts().items()}


def at(day: int) -> str:
    return f"2025-06-{day:02d}T12:00:00Z"


def moment(day: int) -> datetime:
    return datetime(2025, 6, day, tzinfo=UTC)


def note(day: int, **changes: Any) -> dict[str, Any]:
    return {"id": f"n{day:02d}", "words": day, "posted": at(day), "edited": at(day)} | changes


@dataclass
class Chat:
    """A vendor that shows no deletions: it gives what it holds from `image_since` on.

    Attributes:
        asked: since and until of each reading.
        fails: raises after its first batch: what a vendor's failure is, or an exception of the connector's own.
        meeting: awaited before the first batch.
    """

    held: list[dict[str, Any]]
    image_since: datetime | None = None
    why_off: str | None = None
    pruned: bool = False
    fails: bool | Exception = False
    asked: list[tuple[str | None, datetime | None]] = field(default_factory=list)
    provider: str = "slack"
    batch_records: int = 10_000
    meeting: Callable[[], Awaitable[object]] | None = None

    @property
    def resources(self) -> dict[str, Resource]:
        return {"notes": Resource("notes", "notes", "posted", pruned=self.pruned)}

    def off(self, resource: str) -> str | None:
        return self.why_off

    async def fields(self, resource: str) -> tuple[str, ...]:
        return ("edited", "id", "posted", "words")

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        self.asked.append((since, until))
        if self.meeting is not None:
            await self.meeting()
        yield Batch(
            "notes", self.held, max((one["posted"] for one in self.held), default=None), False, (), self.image_since
        )
        if isinstance(self.fails, Exception):
            raise self.fails
        if self.fails:
            raise ProviderFailing("The vendor failed.", provider=self.provider)

    async def health(self) -> Health:
        raise NotImplementedError

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


async def load(settings: Settings, *chats: Connector, contract: Contract = NOTES, **options: Any) -> IngestReport:
    """Load vendors, the first by `contract`, one that is called gong by `GONG`."""
    with State.open(settings.state_location) as state:
        return await ingest(
            settings,
            state,
            SnapshotStore(settings.snapshots_dir, keep=2),
            settings.clock(),
            connectors=chats,
            contracts=OTHERS | {"notes": contract, "gong_notes": GONG},
            **options,
        )


def query(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    path = SnapshotStore(settings.snapshots_dir).current().path
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def deleted(settings: Settings) -> list[str]:
    return [row[0] for row in query(settings, "SELECT source_id FROM raw.notes WHERE is_deleted ORDER BY ALL")]
