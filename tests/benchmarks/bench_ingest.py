"""Ingest: a million records from decoded JSON to a DuckDB snapshot, against the target and the plain way to do it."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from sophia_kit.ingest import Contract, load_contracts
from sophia_kit.ingest.convert import Converter
from sophia_kit.ingest.raw import prepare_raw
from sophia_kit.ingest.sources import Portion
from sophia_kit.ingest.table_load import TableLoad
from sophia_kit.warehouse import SnapshotStore

RECORDS = 1_000_000
BATCH = 10_000
SAMPLE = 3_000
TARGET = 250_000
NOW = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)


def page(start: int, count: int, *, later: bool = False) -> str:
    """A page of opportunities as Salesforce would send them."""
    stamp = "2025-12-30T12:13:14.000+0000" if later else "2025-11-30T12:13:14.000+0000"
    return json.dumps(
        [
            {
                "Id": f"006{number:015d}",
                "AccountId": f"001{number % 4000:015d}",
                "Name": f"Opportunity {number}",
                "StageName": ("Proposal", "Negotiation", "Closed Won", "Closed Lost")[number % 4],
                "Type": None,
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
    )


class Prepared:
    """A source whose batches are decoded already, or are decoded as they are asked for."""

    name = "salesforce"
    complete_image = False

    def __init__(self, pages: list[str], *, decode_first: bool) -> None:
        self._pages = pages
        self._decoded = [json.loads(text) for text in pages] if decode_first else None

    async def read(self, contract: Contract, cursor: str | None, *, full: bool) -> AsyncGenerator[Portion, None]:
        batches: Iterator[list[Any]] = iter(self._decoded) if self._decoded else map(json.loads, self._pages)
        for records in batches:
            yield Portion(records, demo=True, cursor="x")


def load(store: SnapshotStore, contract: Contract, source: Prepared) -> float:
    """Seconds to load everything and publish the snapshot."""
    begun = time.perf_counter()
    with store.draft(NOW) as draft, ThreadPoolExecutor(1) as typing, ThreadPoolExecutor(1) as writing:
        prepare_raw(draft.connection, contract, "America/Chicago")
        work = TableLoad(
            draft.connection,
            contract,
            Converter(contract, "America/Chicago"),
            load_id="bench",
            now=NOW,
            typing=typing,
            writing=writing,
            seen_demo=lambda demo: None,
            on_rows=lambda rows, total: None,
        )
        outcome = asyncio.run(work.run(source, None, full=True))
        assert outcome.rows_read == RECORDS
        assert outcome.rows_quarantined == 0
        draft.publish(demo=True, time_zone="America/Chicago", currency="USD")
    return time.perf_counter() - begun


def naive(path: Path, contract: Contract, records: list[dict[str, Any]]) -> float:
    """Seconds to insert records row by row, as `executemany` does."""
    begun = time.perf_counter()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA raw")
        prepare_raw(connection, contract, "America/Chicago")
        fields = [column.field for column in contract.columns]
        names = ", ".join(column.name for column in contract.columns)
        marks = ", ".join("?" for _ in fields)
        rows = [[record[field] for field in fields] for record in records]
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO raw.{contract.table} ({names}, is_deleted) VALUES ({marks}, false)",
            rows,
        )
        connection.execute("COMMIT")
    return time.perf_counter() - begun


def main() -> None:
    """Measure, and print one table."""
    contract = load_contracts()["salesforce_opportunities"]
    pages = [page(start, BATCH) for start in range(0, RECORDS, BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        rival = SAMPLE / naive(Path(folder) / "naive.duckdb", contract, json.loads(page(0, SAMPLE)))
        lazy = Prepared(pages, decode_first=False)
        with_json = RECORDS / load(SnapshotStore(Path(folder) / "json"), contract, lazy)
        again_store = SnapshotStore(Path(folder) / "json")
        again = RECORDS / load(again_store, contract, lazy)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        changed_pages = [page(start, BATCH, later=True) for start in range(0, RECORDS, BATCH)]
        changed = RECORDS / load(again_store, contract, Prepared(changed_pages, decode_first=False))
        decoded = Prepared(pages, decode_first=True)
        # A load holds a few pages at a time. The million records held here for the measurement would otherwise be
        # walked by the garbage collector again and again.
        gc.freeze()
        first = RECORDS / load(SnapshotStore(Path(folder) / "decoded"), contract, decoded)
    table = Table(
        title=f"Ingest of {RECORDS:,} records of {len(contract.columns)} columns, Python {sys.version.split()[0]}"
    )
    for column in ("Work", "Ours, rows/s", "Against", "Rows/s", "Ratio"):
        table.add_column(column, justify="left" if column in ("Work", "Against") else "right")
    for work, ours, against, other in (
        ("decoded JSON to a published snapshot", first, "target", float(TARGET)),
        ("decoded JSON to a published snapshot", first, f"executemany ({SAMPLE:,} rows)", rival),
        ("the same, decoding the JSON too", with_json, f"executemany ({SAMPLE:,} rows)", rival),
        ("the same again: nothing changed", again, f"executemany ({SAMPLE:,} rows)", rival),
        ("every record changed", changed, f"executemany ({SAMPLE:,} rows)", rival),
    ):
        table.add_row(work, f"{ours:,.0f}", against, f"{other:,.0f}", f"{ours / other:.2f}")
    out = Console()
    out.print(table)
    out.print(f"Peak memory of the loads that decode as they go: {memory:,.0f} MB (the pages' text included).")


if __name__ == "__main__":
    main()
