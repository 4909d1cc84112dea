"""A load on a bad day: 30 % of the vendors' answers fail, and a load that is killed at any moment.

Every vendor that the sandbox serves is read into a snapshot whose digest is compared with that of a load that nothing
disturbed. The rival is the undisturbed load; the target is every run of all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
from pydantic import BaseModel, SecretStr
from rich.console import Console
from rich.table import Table

REPOSITORY: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.larkfield import PROFILE  # noqa: E402

from sophia_kit.connectors import CONNECTORS, missing_settings  # noqa: E402
from sophia_kit.core.errors import SophiaError  # noqa: E402
from sophia_kit.core.settings import CompanySettings, HttpSettings, Settings  # noqa: E402
from sophia_kit.ingest import run_ingest  # noqa: E402
from sophia_kit.sandbox import Company, FaultKind, Faults, SandboxServer, connected  # noqa: E402
from sophia_kit.state import State  # noqa: E402
from sophia_kit.warehouse import SnapshotStore, rows_digest  # noqa: E402

SCALE: Final = 0.02
KILLED_SCALE: Final = 0.01
SEEDS: Final = range(1, 21)
SHARE: Final = 0.3
KINDS: Final[tuple[FaultKind, ...]] = (
    "too_many_requests",
    "server_error",
    "slow",
    "drop",
    "cut_body",
    "truncated_json",
    "malformed_json",
    "expired_token",
)
KILLS: Final = 50
HTTP: Final = HttpSettings(backoff_initial_s=0.005, backoff_max_s=0.02)


def settings_of(company: Company, root: Path, base_url: str) -> Settings:
    """A demo workspace at `root` that reads every vendor of the sandbox; pauses are short, attempts as they come."""
    own = CompanySettings(name=company.name, time_zone=company.time_zone, currency=company.currency)
    return connected(Settings(root=root, workspace="demo", frozen_at=company.now, company=own, http=HTTP), base_url)


def digest_of(settings: Settings) -> str:
    """What a reader finds in the current snapshot."""
    path = SnapshotStore(settings.snapshots_dir).current().path
    with duckdb.connect(str(path), read_only=True) as connection:
        return rows_digest(connection)


def failed_tables(settings: Settings) -> dict[str, str]:
    """Load every vendor in this process; the tables that did not load, and why."""
    store = SnapshotStore(settings.snapshots_dir)
    with State.open(settings.state_location) as state:
        try:
            report = run_ingest(settings, state, store, settings.clock())
        except SophiaError as error:
            return {"all": error.message}
    return {table.table: table.note or "" for table in report.tables if table.status == "failed"}


def bad_days(company: Company, folder: Path, out: Console) -> None:
    """Twenty loads from a sandbox of which 30 % of the answers fail."""
    with SandboxServer(company) as server:
        calm = settings_of(company, folder / "calm", server.base_url)
        begun = time.perf_counter()
        assert not failed_tables(calm)
        usual, asked = time.perf_counter() - begun, len(server.requests)
    expected, kinds, requests, right, seconds = digest_of(calm), Counter[str](), 0, 0, 0.0
    troubles: list[str] = []
    for seed in SEEDS:
        faults = Faults(shares=dict.fromkeys(KINDS, SHARE / len(KINDS)), seed=seed, retry_after_s=0, slow_s=0.05)
        with SandboxServer(company, faults=faults) as server:
            settings = settings_of(company, folder / f"seed{seed}", server.base_url)
            begun = time.perf_counter()
            failed = failed_tables(settings)
            seconds += time.perf_counter() - begun
        requests += len(server.requests)
        kinds.update(request.fault for request in server.requests if request.fault)
        troubles += [f"seed {seed}, {table}: {why}" for table, why in failed.items()]
        right += not failed and digest_of(settings) == expected
        shutil.rmtree(settings.root)
    table = Table(title=f"Loads of {_vendors(calm)} with {SHARE:.0%} of all answers failing, scale {SCALE}")
    for column in ("Work", "With faults", "Without"):
        table.add_column(column, justify="left" if column == "Work" else "right")
    runs = len(SEEDS)
    table.add_row("complete, and the same rows", f"{right} of {runs}", f"{runs}")
    table.add_row("requests of a run", f"{requests / runs:,.0f}", f"{asked:,}")
    table.add_row("that failed, of all", f"{kinds.total():,} of {requests:,}", "0")
    for kind in KINDS:
        table.add_row(f"  {kind}", f"{kinds[kind]:,}", "0")
    table.add_row("seconds of a run", f"{seconds / runs:.1f}", f"{usual:.1f}")
    out.print(table)
    for trouble in troubles:
        out.print(trouble)


def _vendors(settings: Settings) -> str:
    found = [name for name in CONNECTORS if not missing_settings(settings)[name]]
    return f"{len(found)} vendor{'s' if len(found) > 1 else ''} ({', '.join(found)})"


@dataclass(frozen=True, slots=True)
class Loader:
    """`sophia ingest run` as processes of their own, from a sandbox in this one."""

    settings: Settings

    def start(self, *, full: bool) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sophia_kit", "ingest", "run", *(["--full"] if full else [])]
        return subprocess.Popen(
            command,
            cwd=self.settings.root,
            env=_environment(self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *, full: bool) -> float:
        """Seconds of a load that nothing disturbs."""
        begun = time.perf_counter()
        code = self.start(full=full).wait(timeout=300)
        if code != 0:
            raise SystemExit(f"sophia ingest run ended with {code}")
        return time.perf_counter() - begun


def _environment(settings: Settings) -> dict[str, str]:
    """The variables from which a process reads these settings."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("SOPHIA_")}
    found |= {"SOPHIA_ROOT": str(settings.root), "SOPHIA_WORKSPACE": settings.workspace}
    found["SOPHIA_FROZEN_AT"] = settings.frozen_at.isoformat() if settings.frozen_at else ""
    for section in ("company", "http", "privacy", *CONNECTORS):
        held: BaseModel = getattr(settings, section)
        for name in held.model_fields_set:
            value: Any = getattr(held, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            if value is not None:
                text = value if isinstance(value, str) else json.dumps(value, default=str)
                found[f"SOPHIA_{section}__{name}".upper()] = text
    return found


def kills(company: Company, folder: Path, out: Console) -> None:
    """Fifty loads of two more days, ended by SIGKILL; after each a reader, and one that may end."""
    later = company.at(company.day + timedelta(2))
    base, root = folder / "base", folder / "work"
    with SandboxServer(company) as server:
        first = settings_of(company, base, server.base_url)
        base.mkdir()
        (base / "sophia.toml").touch()
        Loader(first).run(full=False)
        old = digest_of(first)
        server.advance(2)
        work = Loader(settings_of(later, root, server.base_url))
        took, new = {}, {}
        for full in (False, True):
            shutil.copytree(base, root)
            took[full] = work.run(full=full)
            new[full] = digest_of(work.settings)
            shutil.rmtree(root)
        if old in new.values():
            raise SystemExit("two more days changed nothing: a torn snapshot could not be told")
        moments, store = random.Random(20251231), SnapshotStore(work.settings.snapshots_dir)
        killed = whole = right = drafted = published = clean = 0
        while killed < KILLS:
            full = killed % 2 == 1
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(base, root)
            process = work.start(full=full)
            time.sleep(moments.uniform(0.0, took[full]))
            process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                continue  # it was through already
            killed += 1
            drafted += any((store.directory / "drafts").glob("*"))
            found = digest_of(work.settings)
            published += found == new[full]
            whole += found in (old, new[full])
            work.run(full=full)
            right += digest_of(work.settings) == new[full]
            left = {path for path in store.directory.rglob("*") if path.is_file()}
            clean += left == {snapshot.path for snapshot in store.list()} | {store.directory / "current"}
    table = Table(title=f"sophia ingest run, killed with SIGKILL (undisturbed it takes {took[False]:.1f} s)")
    for column in ("After", "What", "Held", "Of"):
        table.add_column(column, justify="left" if column in ("After", "What") else "right")
    table.add_row("the kill", "readers find the snapshot before or the new one, whole", str(whole), str(KILLS))
    table.add_row("the next run", "its snapshot equals the undisturbed one", str(right), str(KILLS))
    table.add_row("the next run", "nothing is left lying", str(clean), str(KILLS))
    out.print(table)
    out.print(f"{drafted} of the kills hit a draft that was being written; {published} came after it was published.")


def main() -> None:
    """Measure, and print two tables."""
    out = Console(width=110, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        bad_days(Company.load(PROFILE, scale=SCALE), Path(folder), out)
        kills(Company.load(PROFILE, scale=KILLED_SCALE), Path(folder), out)


if __name__ == "__main__":
    main()
