"""A small company, its vendor over HTTP, its deliveries, and workspaces to load them into."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sophia_kit.core.settings import CompanySettings, HttpSettings, LandingSettings, Settings, load_settings
from sophia_kit.ingest import IngestReport, run_ingest
from sophia_kit.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Company, SandboxServer, deliver
from sophia_kit.state import LoadAttempt, State
from sophia_kit.warehouse import SnapshotStore, rows_digest

PROFILE = Path(__file__).resolve().parents[2] / "data" / "company.toml"
SCALE = 0.01


@dataclass
class Workplace:
    """A workspace, and what is loaded into it."""

    settings: Settings
    state: State = field(init=False)
    store: SnapshotStore = field(init=False)

    def __post_init__(self) -> None:
        self.state = State.open(self.settings.state_location)
        self.store = SnapshotStore(self.settings.snapshots_dir, keep=self.settings.warehouse.keep_snapshots)

    def load(self, **options: Any) -> IngestReport:
        return run_ingest(self.settings, self.state, self.store, self.settings.clock(), **options)

    def on(self, company: Company) -> Workplace:
        """The same workspace on the company's day."""
        return Workplace(self.settings.model_copy(update={"frozen_at": company.now}))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the current snapshot answers."""
        with duckdb.connect(str(self.store.current().path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def digest(self) -> str:
        with duckdb.connect(str(self.store.current().path), read_only=True) as connection:
            return rows_digest(connection)

    def attempts(self, table: str) -> list[LoadAttempt]:
        """Newest first."""
        return self.state.attempts(table_name=table)

    def leftovers(self) -> list[Path]:
        """Files below the snapshots that are neither a published snapshot nor the pointer."""
        kept = {snapshot.path for snapshot in self.store.list()} | {self.store.directory / "current"}
        return [path for path in self.store.directory.rglob("*") if path.is_file() and path not in kept]


NewWorkplace = Callable[..., Workplace]


@pytest.fixture(scope="session")
def company() -> Company:
    return Company.load(PROFILE, scale=SCALE)


@pytest.fixture(scope="session")
def landing(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything delivered up to the company's last day. Not to be changed."""
    folder = tmp_path_factory.mktemp("landing")
    deliver(company, folder)
    return folder


@pytest.fixture(scope="session")
def few(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the deliveries those of two small tables. Not to be changed."""
    folder = tmp_path_factory.mktemp("few")
    shutil.copy2(landing / "_manifest.json", folder)
    for table in ("plans", "quotas"):
        shutil.copytree(landing / table, folder / table)
    return folder


@pytest.fixture
def server(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company) as running:
        yield running


def workplace(
    company: Company, root: Path, /, *, base_url: str | None = None, landing: Path | None = None, **settings: Any
) -> Workplace:
    """A demo workspace in a folder, which is made where it is missing; `base_url` is Salesforce's, None for none; so is
    `landing`."""
    salesforce: dict[str, Any] = {}
    if base_url is not None:
        salesforce = {
            "base_url": base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "requests_per_second": 1000,
        }
    options: dict[str, Any] = {
        "workspace": "demo",
        "frozen_at": company.now,
        "company": CompanySettings(name=company.name, time_zone=company.time_zone, currency=company.currency),
        "salesforce": salesforce,
        "landing": LandingSettings(path=landing),
        "http": HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02),
    }
    root.mkdir(exist_ok=True)
    return Workplace(load_settings(root, **(options | settings)))


@pytest.fixture
def new_workplace(company: Company, tmp_path: Path) -> NewWorkplace:
    """Makes workspaces as `workplace` does, in folders of the test's own unless told otherwise."""
    made = iter(range(100))

    def new(*, root: Path | None = None, **given: Any) -> Workplace:
        return workplace(company, root or tmp_path / f"work{next(made)}", **given)

    return new
