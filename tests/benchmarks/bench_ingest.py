"""Ingest beside dlt: the same records merged by primary key into a DuckDB file, from decoded JSON and from Arrow.

Both end with one row a key and typed columns in a file. Ours checks each value against the table's contract, keeps the
refused, derives company days, records the load, runs the data checks, and publishes a snapshot (checkpoint, fsync,
rename). dlt infers the types, stages what it loads, merges it from there, and records the load. dlt gets what makes it
quickest here: the strategy `upsert`, Parquet between its steps, no telemetry; from dicts it is shown as it comes, too.
It loads fewer records from dicts, since it takes milliseconds for each. Arrow is read from one Parquet file by both.

The first load from dicts is also what the target of so many records per second to a published snapshot is about. Beside
it stands the plain way, `executemany`, which merges, checks and publishes nothing.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import polars as pl
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

REPOSITORY: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.benchmarks.memory import PeakMemory  # noqa: E402

from sophia_kit.connectors import Batch, Connector, Health, Resource  # noqa: E402
from sophia_kit.core.settings import CompanySettings, Settings  # noqa: E402
from sophia_kit.ingest import Contract, load_contracts, run_ingest  # noqa: E402
from sophia_kit.state import State  # noqa: E402
from sophia_kit.warehouse import SnapshotStore  # noqa: E402

RECORDS: Final = 1_000_000
DLT_DICTS: Final = 50_000
PLAIN_DICTS: Final = 3_000
TARGET: Final = 250_000
BATCH: Final = 10_000
ARROW_BATCH: Final = 40_960
NOW: Final = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
TABLE: Final = "salesforce_opportunities"

Records = list[dict[str, Any]]


def opportunities(start: int, count: int, *, later: bool) -> Records:
    """Deals as Salesforce sends them; `later`, each of them changed."""
    stamp = "2025-12-30T12:13:14.000+0000" if later else "2025-11-30T12:13:14.000+0000"
    return [
        {
            "Id": f"006{number:015d}",
            "AccountId": f"001{number % 4000:015d}",
            "Name": f"Opportunity {number}",
            "StageName": ("Proposal", "Negotiation", "Closed Won", "Closed Lost")[number % 4],
            "Type": ("New", "Renewal")[number % 2],
            "Amount": (number * 7919 % 10**8) / 100,
            "CurrencyIsoCode": "USD",
            "Probability": float(number % 101),
            "ForecastCategoryName": "Pipeline",
            "CloseDate": f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            "IsClosed": number % 4 > 1,
            "IsWon": number % 4 == 2,
            "OwnerId": f"005{number % 60:015d}",
            "CreatedDate": f"2025-09-{number % 30 + 1:02d}T12:13:14.000+0000",
            "SystemModstamp": stamp,
            "IsDeleted": False,
        }
        for number in range(start, start + count)
    ]


def typed(records: Records, contract: Contract) -> pl.DataFrame:
    """The records as a data platform delivers them: with types."""
    kinds = {column.field: column for column in contract.columns}
    frame = pl.DataFrame(records)
    columns = []
    for name in frame.columns:
        kind = kinds[name].kind if name in kinds else "bool"
        if kind == "timestamp":
            columns.append(pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%.3f%z", time_unit="us"))
        elif kind == "date":
            columns.append(pl.col(name).str.to_date())
        elif kind == "decimal":
            columns.append(pl.col(name).cast(kinds[name].dtype))
        else:
            columns.append(pl.col(name))
    return frame.select(columns)


class Prepared:
    """A connector whose records lie in memory, or are decoded as they are asked for."""

    provider = "salesforce"
    batch_records = BATCH
    resources: Mapping[str, Resource] = {"Opportunity": Resource("Opportunity", TABLE, "SystemModstamp")}

    def __init__(self, batches: Callable[[], Iterable[Records]], contracts: Mapping[str, Contract]) -> None:
        self._batches = batches
        self._fields = {contract.resource: contract.fields for contract in contracts.values()}

    async def read(
        self, resource: str, since: str | None, fields: Sequence[str], *, until: datetime | None = None
    ) -> AsyncIterator[Batch]:
        for records in self._batches() if resource == "Opportunity" else [[]]:
            yield Batch(resource, records, "2025-12-31T00:00:00.000Z", demo=True)

    def off(self, resource: str) -> str | None:
        return None

    async def fields(self, resource: str) -> tuple[str, ...]:
        return self._fields[resource]

    async def health(self) -> Health:
        return Health(self.provider, "reachable", "in memory", None, 0.0, NOW)

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""


def ours(folder: Path, batches: Callable[[], Iterable[Records]] | None) -> None:
    """Load everything from the batches, or from what was delivered below the folder, and publish the snapshot."""
    contracts = dict(load_contracts())
    company = CompanySettings(time_zone="America/Chicago")
    settings = Settings(root=folder, workspace="demo", frozen_at=NOW, company=company)
    connectors: list[Connector] = []
    landing: Path | None = None
    if batches is None:
        contracts[TABLE] = replace(contracts[TABLE], source="landing", resource="deals")
        landing = folder / "landing"
    else:
        connectors = [Prepared(batches, contracts)]
    with State.open(settings.state_location) as state:
        report = run_ingest(
            settings,
            state,
            SnapshotStore(settings.snapshots_dir, keep=1),
            settings.clock(),
            connectors=connectors,
            landing=landing,
            contracts=contracts,
            full=True,
        )
    (loaded,) = (table for table in report.tables if table.table == TABLE)
    assert (loaded.status, loaded.rows_quarantined) == ("complete", 0)


def rival(folder: Path, records: Records | None, *, tuned: bool) -> None:
    """Load everything with dlt: the records, or what was delivered below the folder."""
    import dlt

    @dlt.resource(name=TABLE)
    def delivered() -> Iterator[Any]:
        with pq.ParquetFile(folder / "landing" / "deals" / "2025-12-31.parquet") as file:
            yield from file.iter_batches(ARROW_BATCH)

    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "work"),
        destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        dataset_name="raw",
    )
    pipeline.run(
        delivered if records is None else records,
        table_name=TABLE,
        primary_key="Id",
        write_disposition={"disposition": "merge", "strategy": "upsert"} if tuned else "merge",
        loader_file_format="parquet" if tuned else "insert_values",
    ).raise_on_failed_jobs()


def plain(folder: Path) -> dict[str, float]:
    """Insert some of the records row by row into a table with the contract's columns; rows per second."""
    contract = load_contracts()[TABLE]
    records = opportunities(0, PLAIN_DICTS, later=False)
    with duckdb.connect(str(folder / "plain.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.execute(contract.ddl())
        names = ", ".join(column.name for column in contract.columns)
        marks = ", ".join("?" for _ in contract.columns)
        begun, cpu = time.perf_counter(), time.process_time()
        connection.execute("BEGIN").fetchall()
        connection.executemany(
            f"INSERT INTO raw.{TABLE} ({names}, is_deleted) VALUES ({marks}, false)",
            [[record[column.field] for column in contract.columns] for record in records],
        ).fetchall()
        connection.execute("COMMIT").fetchall()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {"rows": PLAIN_DICTS / seconds, "cpu": PLAIN_DICTS / cpu}


def stored(folder: Path) -> tuple[int, int]:
    """What the file of either holds: rows, and keys among them."""
    rivals = folder / "dlt.duckdb"
    file = rivals if rivals.exists() else SnapshotStore(folder / "data" / "demo" / "snapshots").current().path
    key = "id" if file == rivals else "source_id"
    with duckdb.connect(str(file), read_only=True) as connection:
        ((rows, keys),) = connection.execute(f"SELECT count(*), count(DISTINCT {key}) FROM raw.{TABLE}").fetchall()
    return rows, keys


def deliver(folder: Path, contract: Contract, *, later: bool) -> None:
    """The deals as one Parquet file."""
    place = folder / "landing" / "deals"
    place.mkdir(parents=True, exist_ok=True)
    (folder / "landing" / "_manifest.json").write_text('{"demo": true}', encoding="utf-8")
    first = typed(opportunities(0, BATCH, later=later), contract).to_arrow()
    with pq.ParquetWriter(place / "2025-12-31.parquet", first.schema) as file:
        for start in range(0, RECORDS, BATCH):
            file.write_table(typed(opportunities(start, BATCH, later=later), contract).to_arrow())


def batches_of(records: Records, texts: list[str]) -> Iterable[Records]:
    """Batches as a connector gives them, from the records or from their JSON."""
    return map(json.loads, texts) if texts else (records[at : at + BATCH] for at in range(0, len(records), BATCH))


def measured(who: str, shape: str, folder: Path) -> Iterator[dict[str, float]]:
    """A first load, the same records again, and all of them changed; in this process."""
    contract = load_contracts()[TABLE]
    count = DLT_DICTS if who != "ours" and shape == "dicts" else RECORDS
    for round_, later in enumerate((False, False, True)):
        if round_ != 1:
            texts: list[str] = []
            records: Records = []
            if shape == "json":
                texts = [json.dumps(opportunities(at, BATCH, later=later)) for at in range(0, count, BATCH)]
            elif shape == "dicts":
                records = opportunities(0, count, later=later)
            else:
                deliver(folder, contract, later=later)
            # Records held for the measurement would otherwise be walked by the garbage collector again and again.
            gc.collect()
            gc.freeze()
        with PeakMemory() as memory:
            begun, cpu = time.perf_counter(), time.process_time()
            if who != "ours":
                rival(folder, records or None, tuned=who == "dlt")
            else:
                ours(folder, None if shape == "arrow" else partial(batches_of, records, texts))
            seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        assert stored(folder) == (count, count)
        yield {"rows": count / seconds, "cpu": count / cpu, "mb": memory.peak_mb - memory.before_mb}


def child(who: str, shape: str) -> list[dict[str, float]]:
    """`measured` in a process of its own, in a folder of its own."""
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), who, shape, folder],
            cwd=folder,
            env=os.environ | quiet | {"HOME": folder, "DLT_DATA_DIR": folder},
            capture_output=True,
            text=True,
            timeout=900,
        )
    if done.returncode != 0:
        raise SystemExit(f"{who} from {shape}:\n{done.stderr}")
    found: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def to_snapshot(our: Mapping[str, float], by_row: Mapping[str, float]) -> Table:
    """The figure that has a target."""
    table = Table(title=f"{RECORDS:,} decoded records to a published snapshot, first load")
    for column in ("", "Ours, rows/s", "Target", "Of it", f"executemany ({PLAIN_DICTS:,} rows)", "Ratio"):
        table.add_column(column, justify="right" if column else "left")
    for name, key in (("per second", "rows"), ("per second of processor time", "cpu")):
        target = [f"{TARGET:,}", f"{our[key] / TARGET:.2f}"] if key == "rows" else ["", ""]
        table.add_row(name, f"{our[key]:,.0f}", *target, f"{by_row[key]:,.0f}", f"{our[key] / by_row[key]:,.0f}")
    return table


LOADS: Final = ("a first load", "the same again", "every record changed")
PAIRS: Final = (
    ("decoded JSON", "dicts", "dlt", "dlt, tuned", 50),
    ("decoded JSON", "dicts", "dlt-default", "dlt as it comes", 50),
    ("Arrow", "arrow", "dlt", "dlt", 1),
)


def main() -> None:
    """Measure, and print one table."""
    table = Table(title=f"Ingest of {RECORDS:,} deals of 16 fields beside dlt ({DLT_DICTS:,} of them from dicts)")
    for column in (
        "From",
        "Load",
        "Ours, rows/s",
        "Rival",
        "Rows/s",
        "Ratio",
        "By CPU",
        "Target",
        "Ours, MB",
        "Rival, MB",
    ):
        table.add_column(column, justify="left" if column in ("From", "Load", "Rival") else "right")
    own = {shape: child("ours", shape) for shape in ("dicts", "arrow", "json")}
    with tempfile.TemporaryDirectory() as folder:
        by_row = plain(Path(folder))
    for shown, shape, who, name, target in PAIRS:
        for load, our, their in zip(LOADS, own[shape], child(who, shape), strict=True):
            ratios = [f"{our[key] / their[key]:,.1f}" for key in ("rows", "cpu")]
            speeds = [f"{our['rows']:,.0f}", name, f"{their['rows']:,.0f}", *ratios, str(target)]
            table.add_row(shown, load, *speeds, f"{our['mb']:,.0f}", f"{their['mb']:,.0f}")
    for load, our in zip(LOADS, own["json"], strict=True):
        table.add_row("JSON text", load, f"{our['rows']:,.0f}", "", "", "", "", "", f"{our['mb']:,.0f}", "")
    out = Console(width=130)
    out.print(to_snapshot(own["dicts"][0], by_row))
    out.print(table)
    out.print("By CPU: of the rows per second of processor time, where other work keeps the processors from both.")
    out.print("MB: the most that a load took beyond the records it was given, which lie in memory for the measurement.")


if __name__ == "__main__":
    if sys.argv[1:]:
        who, shape, folder = sys.argv[1:]
        print(json.dumps(list(measured(who, shape, Path(folder)))))
    else:
        main()
