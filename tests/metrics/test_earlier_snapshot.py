"""A snapshot that an earlier version of the kit wrote, before a raw table was added."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from sophia_kit.core.settings import load_settings
from sophia_kit.ingest import load_contracts
from sophia_kit.metrics import metric
from sophia_kit.warehouse import SnapshotStore, Warehouse

NIGHT = datetime(2025, 7, 1, 2, 0, tzinfo=UTC)


def test_what_it_never_held_is_unknown_and_the_rest_is_answered(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, frozen_at=NIGHT, workspace="demo")
    store = SnapshotStore(settings.snapshots_dir)
    with store.draft(NIGHT) as draft:
        for contract in load_contracts().values():
            if contract.table != "llm_calls":
                draft.connection.execute(contract.ddl())
        draft.publish(demo=False, time_zone="UTC", currency="USD")
    with Warehouse.open(store.current(), settings) as warehouse:
        assert warehouse.query("SELECT count(*) FROM payments").frame.item() == 0
        assert warehouse.query("SELECT model_used FROM llm_calls").frame.height == 0
        found = metric("llm_requests", day=date(2025, 6, 30), settings=settings, warehouse=warehouse)
    (value,) = found.values
    assert value.unknown is not None
    assert value.unknown.code == "not_loaded"
