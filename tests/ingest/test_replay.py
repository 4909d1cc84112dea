"""Quarantine is read again under today's contracts: what passes is loaded, nothing newer is replaced."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from tests.ingest.chat import OTHERS, query

from sophia_kit.core.errors import NoSnapshot, UnknownName
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.ingest import Contract, IngestReport, read_contract, run_ingest, run_replay
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

CONTRACT = """\
table: rents
description: A rent.
source: landing
resource: rents
source_system: ledger
freshness_hours: 36
days: {paid_day: modified_at}
columns:
  - {name: source_id, from: source_id, type: string, required: true}
  - {name: amount, from: amount, type: "decimal(18,2)", max: 100}
  - {name: due, from: due, type: date}
  - {name: modified_at, from: modified_at, type: timestamp, required: true}
"""
STRICT = read_contract(CONTRACT, "rents.yaml")
CORRECTED = read_contract(CONTRACT.replace("max: 100", "max: 1000"), "rents.yaml")
DAY = datetime(2025, 6, 1, 12, 30, 0, 250_000, UTC).replace(tzinfo=None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "landing" / "rents").mkdir(parents=True)
    return load_settings(tmp_path, landing={"path": tmp_path / "landing"})


def deliver(settings: Settings, name: str, *versions: tuple[str, str, int]) -> None:
    """Versions are (key, amount, day of June)."""
    frame = pl.DataFrame(
        {
            "source_id": [key for key, _, _ in versions],
            "amount": [Decimal(amount) for _, amount, _ in versions],
            "due": [DAY.date()] * len(versions),
            "modified_at": [DAY.replace(day=day) for _, _, day in versions],
        },
        schema_overrides={"amount": pl.Decimal(18, 2)},
    )
    frame.write_parquet(settings.root / "landing" / "rents" / f"{name}.parquet")


def load(settings: Settings) -> IngestReport:
    with State.open(settings.state_location) as state:
        store = SnapshotStore(settings.snapshots_dir)
        return run_ingest(settings, state, store, settings.clock(), contracts=OTHERS | {"rents": STRICT})


def replay(settings: Settings, contract: Contract, table: str | None = None) -> IngestReport | None:
    with State.open(settings.state_location) as state:
        store = SnapshotStore(settings.snapshots_dir)
        contracts = OTHERS | {"rents": contract}
        return run_replay(settings, state, store, settings.clock(), contracts=contracts, table=table)


def test_what_passes_now_is_loaded_and_nothing_newer_is_replaced(settings: Settings) -> None:
    deliver(
        settings, "1", ("a", "500.25", 2), ("b", "700.00", 2), ("c", "5000.00", 2), ("d", "900.00", 2), ("e", "1.00", 2)
    )
    load(settings)
    deliver(settings, "2", ("a", "80.00", 1), ("d", "90.00", 3))
    load(settings)
    # The good version of a and of d resolved what was refused of them.
    open_keys = "SELECT source_id FROM meta.quarantine WHERE resolved_at IS NULL ORDER BY ALL"
    assert query(settings, open_keys) == [("b",), ("c",)]
    deliver(settings, "3", ("a", "600.00", 1), ("d", "800.00", 2))
    load(settings)
    assert query(settings, open_keys) == [("a",), ("b",), ("c",), ("d",)]
    fresh = query(settings, "SELECT last_success_at FROM meta.freshness WHERE table_name = 'rents'")

    report = replay(settings, CORRECTED)
    assert report is not None
    (rents,) = report.tables
    assert (rents.rows_read, rents.rows_merged, rents.rows_quarantined) == (4, 1, 1)
    assert query(settings, "SELECT source_id, amount FROM raw.rents ORDER BY ALL") == [
        # Equally old: what is held was delivered by its source after what was refused.
        ("a", Decimal("80.00")),
        ("b", Decimal("700.00")),
        ("d", Decimal("90.00")),
        ("e", Decimal("1.00")),
    ]
    assert query(settings, "SELECT due, modified_at FROM raw.rents WHERE source_id = 'b'") == [
        (DAY.date(), DAY.replace(day=2))
    ]
    assert query(settings, open_keys) == [("c",)]
    assert query(settings, "SELECT last_success_at FROM meta.freshness WHERE table_name = 'rents'") == fresh
    with State.open(settings.state_location) as state:
        last = state.attempts(table_name="rents")[0]
    assert (last.mode, last.status, last.cursor_from == last.cursor_to) == ("replay", "complete", True)


def test_what_still_fails_stays_with_its_reason_of_today(settings: Settings) -> None:
    deliver(settings, "1", ("a", "5000.00", 2), ("b", "1.00", 2))
    load(settings)
    seen = query(settings, "SELECT first_seen_at FROM meta.quarantine")
    report = replay(settings, CORRECTED)
    assert report is not None
    assert report.tables[0].rows_quarantined == 1
    still = "SELECT reason FROM meta.quarantine WHERE resolved_at IS NULL"
    assert query(settings, still) == [("amount 5000.00 is above the maximum 1000",)]
    # The same reason again is the same finding, seen when it was first seen.
    replay(settings, STRICT)
    assert query(settings, still) == [("amount 5000.00 is above the maximum 100",)]
    assert query(settings, "SELECT min(first_seen_at) FROM meta.quarantine WHERE resolved_at IS NULL") == seen


def test_without_findings_nothing_is_published(settings: Settings) -> None:
    with pytest.raises(NoSnapshot):
        replay(settings, STRICT)
    deliver(settings, "1", ("a", "1.00", 2))
    load(settings)
    current = SnapshotStore(settings.snapshots_dir).current()
    assert replay(settings, STRICT) is None
    assert SnapshotStore(settings.snapshots_dir).current() == current
    with pytest.raises(UnknownName):
        replay(settings, STRICT, "rent")
