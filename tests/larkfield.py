"""The demo company, loaded from its data platform and its CRM: for tests and for benchmarks."""

from __future__ import annotations

import shutil
from pathlib import Path

from sophia_kit.core.settings import CompanySettings, LandingSettings, Settings
from sophia_kit.ingest import run_ingest
from sophia_kit.sandbox import Company, SandboxServer, connected, deliver
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

PROFILE = Path(__file__).resolve().parents[1] / "data" / "company.toml"


def load_larkfield(root: Path, *, scale: float = 1.0) -> Settings:
    """Make `root` the project of a demo company of this size, with one snapshot; the settings of its workspace."""
    company = Company.load(PROFILE, scale=scale)
    landing = root / "landing"
    deliver(company, landing)
    (root / "sophia.toml").touch()
    (root / "data").mkdir()
    shutil.copy(PROFILE, root / "data")
    with SandboxServer(company) as server:
        settings = Settings(
            root=root,
            workspace="demo",
            frozen_at=company.now,
            company=CompanySettings(name=company.name, time_zone=company.time_zone, currency=company.currency),
            landing=LandingSettings(path=landing),
        )
        settings = connected(settings, server.base_url)
        with State.open(settings.state_location) as state:
            run_ingest(settings, state, SnapshotStore(settings.snapshots_dir), settings.clock())
    return settings
