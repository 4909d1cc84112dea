"""Two grounds for the metric layer: tiny snapshots written row by row, and the demo company as it was loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.conftest import Project
from tests.metrics.asking import Asking

from sophia_kit.cli import context
from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import load_contracts
from sophia_kit.metrics import Calendar, Catalogue
from sophia_kit.warehouse import SnapshotStore, Warehouse
from sophia_kit.warehouse.checks import CheckResult, write_results

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Tiny = Callable[..., Asking]

NIGHT = datetime(2025, 7, 1, 2, 0, tzinfo=UTC)


@cache
def _without_rows() -> TemporaryDirectory[str]:
    """A store with one snapshot: every raw table, empty. Made once and copied, as tables take longer than rows."""
    folder = TemporaryDirectory()
    with SnapshotStore(Path(folder.name)).draft(NIGHT) as draft:
        for contract in load_contracts().values():
            draft.connection.execute(contract.ddl())
        draft.publish(demo=False, time_zone="UTC", currency="USD")
    return folder


@cache
def _settings() -> Settings:
    return Settings(root=Path(_without_rows().name))


def tiny_in(folder_of_all: Path, stack: ExitStack) -> Tiny:
    """What `tiny` gives, in a folder and for a lifetime of the caller's choice."""

    def _tiny(
        rows: Rows,
        *,
        now: datetime = NIGHT,
        never: Sequence[str] = (),
        loaded: Mapping[str, datetime] | None = None,
        calendar: Calendar = Calendar(),  # noqa: B008  # frozen
        folder: str = "tiny",
        checks: Sequence[CheckResult] = (),
    ) -> Asking:
        shutil.copytree(_without_rows().name, folder_of_all / folder, dirs_exist_ok=True)
        store = SnapshotStore(folder_of_all / folder)
        with store.draft(NIGHT) as draft:
            # One transaction: each of its own would wait for the disk.
            draft.connection.execute("BEGIN")
            for name, contract in load_contracts().items():
                for index, row in enumerate(rows.get(name, ())):
                    full = {"source_id": f"{name}-{index}", "is_deleted": False, **row}
                    names = ", ".join(full)
                    marks = ", ".join("?" for _ in full)
                    draft.connection.execute(f"INSERT INTO raw.{name} ({names}) VALUES ({marks})", list(full.values()))
                at = None if name in never else (loaded or {}).get(name, NIGHT)
                draft.connection.execute(
                    "INSERT INTO meta.freshness VALUES (?, ?, ?, ?, ?)",
                    [name, contract.source_system, at and at.replace(tzinfo=None), contract.freshness_hours, 0],
                )
            draft.connection.execute("COMMIT")
            write_results(draft.connection, checks)
            snapshot = draft.publish(demo=False, time_zone="UTC", currency="USD")
        warehouse = stack.enter_context(Warehouse.open(snapshot, _settings()))
        return Asking(warehouse, Catalogue.load(), FrozenClock(now), calendar)

    return _tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    """Makes a snapshot that holds the given rows, loaded at 2 in the morning of 1 July 2025, in UTC and dollars.

    Columns that aren't given are NULL; tables in `never` were not loaded; `loaded` says when the others were; `checks`
    are what checks of the data found.
    """
    with ExitStack() as stack:
        yield tiny_in(tmp_path, stack)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A snapshot in which every table was loaded and holds nothing. Not to be changed."""
    with ExitStack() as stack:
        yield tiny_in(tmp_path_factory.mktemp("empty"), stack)({})


@pytest.fixture(scope="session")
def demo_settings(demo: Project) -> Settings:
    """The workspace of a demo company a fiftieth of the size, as `sophia demo` loaded it. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(demo.root)
        return context.demo_settings()


@pytest.fixture(scope="session")
def shell(demo: Project) -> Project:
    """The demo workspace as a project folder, for commands that only read."""
    return demo


@pytest.fixture(scope="session")
def larkfield(demo_settings: Settings) -> Iterator[Asking]:
    """The demo company's current snapshot."""
    snapshot = SnapshotStore(demo_settings.snapshots_dir).current()
    with Warehouse.open(snapshot, demo_settings) as warehouse:
        yield Asking(warehouse, Catalogue.load(), demo_settings.clock(), Calendar())
