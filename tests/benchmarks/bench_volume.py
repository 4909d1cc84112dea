"""A million records of one vendor over HTTP into a snapshot: rows per second, and memory that doesn't grow with them.

A lean server in another process speaks Salesforce's REST API and gives pages of 2,000 deals; the connector reads them
and the load publishes a snapshot, as `sophia ingest run` does. A tenth of the records is loaded beside it: what a load
holds is a few pages and DuckDB's buffers (`warehouse.memory_limit_mb`), so both should take about the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

REPOSITORY: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.benchmarks.memory import PeakMemory  # noqa: E402

from sophia_kit.core.settings import SalesforceSettings, Settings  # noqa: E402
from sophia_kit.ingest import load_contracts, run_ingest  # noqa: E402
from sophia_kit.state import State  # noqa: E402
from sophia_kit.warehouse import SnapshotStore  # noqa: E402

COUNTS: Final = (100_000, 1_000_000)
PAGE: Final = 2_000
BOUND_MB: Final = 800
NOW: Final = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)

_DEAL: Final = (
    '{{"attributes":{{"type":"Opportunity","url":"/services/data/v66.0/sobjects/Opportunity/006{n:015d}"}},'
    '"Id":"006{n:015d}","AccountId":"001{account:015d}","Name":"Opportunity {n}","StageName":"{stage}","Type":null,'
    '"Amount":{amount},"CurrencyIsoCode":"USD","Probability":{percent}.0,"ForecastCategoryName":"Pipeline",'
    '"CloseDate":"2025-{month:02d}-{day:02d}","IsClosed":{closed},"IsWon":{won},"OwnerId":"005{owner:015d}",'
    '"CreatedDate":"2025-09-{day:02d}T12:13:14.000+0000",'
    '"SystemModstamp":"2025-11-{day:02d}T{hour:02d}:13:14.000+0000","IsDeleted":false}}'
)
_STAGES: Final = ("Proposal", "Negotiation", "Closed Won", "Closed Lost")


def deal(n: int) -> str:
    """A deal as Salesforce sends it."""
    return _DEAL.format(
        n=n,
        account=n % 4000,
        stage=_STAGES[n % 4],
        amount=(n * 7919 % 10**8) / 100,
        percent=n % 101,
        month=n % 12 + 1,
        day=n % 28 + 1,
        hour=n % 24,
        closed="true" if n % 4 > 1 else "false",
        won="true" if n % 4 == 2 else "false",
        owner=n % 60,
    )


def serve(count: int) -> None:
    """Salesforce with `count` deals and nothing else, until the process is ended; prints its address."""
    fields = {contract.resource: contract.fields for contract in load_contracts().values()}
    data = "/services/data/v66.0"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(json.dumps({"access_token": "bench", "instance_url": base}))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path.endswith("/describe"):
                self._send(json.dumps({"fields": [{"name": name} for name in fields[parts.path.split("/")[-2]]]}))
            elif parts.path == f"{data}/queryAll":
                deals = "FROM Opportunity " in parse_qs(parts.query)["q"][0]
                self._send(self._page(0) if deals else '{"totalSize":0,"done":true,"records":[]}')
            else:
                self._send(self._page(int(parts.path.rpartition("-")[2])))

        def _page(self, start: int) -> str:
            until = min(start + PAGE, count)
            following = f'"nextRecordsUrl":"{data}/query/01gBENCH-{until}",' if until < count else ""
            done = "false" if following else "true"
            records = ",".join(map(deal, range(start, until)))
            return f'{{"totalSize":{count},"done":{done},{following}"records":[{records}]}}'

        def _send(self, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Sophia-Sandbox", "bench")
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        print(base, flush=True)
        server.serve_forever()


def load(base_url: str, count: int, root: Path) -> list[dict[str, float]]:
    """A first load, then a full one over it; in this process."""
    secret = SecretStr("bench")
    settings = Settings(
        root=root,
        workspace="demo",
        frozen_at=NOW,
        salesforce=SalesforceSettings(
            base_url=base_url,
            client_id="bench",
            client_secret=secret,
            refresh_token=secret,
            requests_per_second=1000,
        ),
    )
    store = SnapshotStore(settings.snapshots_dir, keep=1)
    found = []
    with State.open(settings.state_location) as state:
        for full in (False, True):
            with PeakMemory() as memory:
                begun = time.perf_counter()
                report = run_ingest(settings, state, store, settings.clock(), full=full, only=("salesforce",))
                seconds = time.perf_counter() - begun
            (read,) = (table.rows_read for table in report.tables if table.table == "salesforce_opportunities")
            assert read == count
            found.append({"rows": count / seconds, "mb": memory.peak_mb, "before": memory.before_mb})
    return found


def child(count: int) -> list[dict[str, float]]:
    """`load` in a process of its own, from a server in another."""
    command = [sys.executable, str(Path(__file__).resolve())]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SOPHIA_")}
    with (
        tempfile.TemporaryDirectory() as root,
        subprocess.Popen([*command, "serve", str(count)], stdout=subprocess.PIPE, text=True, env=clean) as server,
    ):
        try:
            assert server.stdout is not None
            base_url = server.stdout.readline().strip()
            done = subprocess.run(
                [*command, "load", str(count), base_url, root],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                timeout=600,
                env=clean,
            )
        finally:
            server.terminate()
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, and print one table."""
    table = Table(title=f"Deals over HTTP in pages of {PAGE:,}, to a published snapshot")
    for column in ("Load", "Records", "Rows/s", "Peak memory, MB", f"Of the bound of {BOUND_MB} MB"):
        table.add_column(column, justify="left" if column == "Load" else "right")
    peaks: dict[int, list[float]] = {}
    for count in COUNTS:
        runs = child(count)
        peaks[count] = [run["mb"] for run in runs]
        for name, run in zip(("first", "full, over the first"), runs, strict=True):
            share = f"{run['mb'] / BOUND_MB:.2f}"
            table.add_row(name, f"{count:,}", f"{run['rows']:,.0f}", f"{run['mb']:,.0f}", share)
    out = Console(width=110)
    out.print(table)
    small, large = COUNTS
    growth = max(peaks[large]) / max(peaks[small])
    out.print(f"{large // small} times the records take {growth:.2f} times the memory.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    elif sys.argv[1:2] == ["load"]:
        print(json.dumps(load(sys.argv[3], int(sys.argv[2]), Path(sys.argv[4]))))
    else:
        main()
