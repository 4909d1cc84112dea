"""A small snapshot store, written through the real draft."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.warehouse import Snapshot, SnapshotStore

Publish = Callable[..., Snapshot]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "sophia.toml").touch()
    return load_settings(tmp_path)


@pytest.fixture
def store(settings: Settings) -> SnapshotStore:
    return SnapshotStore(settings.snapshots_dir, keep=3)


@pytest.fixture
def publish(store: SnapshotStore) -> Publish:
    """Publishes a snapshot with one more row in raw.things."""

    def _publish(day: int = 1, text: str = "a", *, demo: bool = False) -> Snapshot:
        with store.draft(datetime(2025, 1, day, tzinfo=UTC)) as draft:
            draft.connection.execute(
                "CREATE TABLE IF NOT EXISTS raw.things (source_id VARCHAR, label VARCHAR, amount DECIMAL(18, 2), "
                "loaded_at TIMESTAMP, load_id VARCHAR)"
            )
            draft.connection.execute("INSERT INTO raw.things VALUES (?, ?, 1.50, now()::TIMESTAMP, 'x')", [day, text])
            return draft.publish(demo=demo, time_zone="UTC", currency="USD")

    return _publish
