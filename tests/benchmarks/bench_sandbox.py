"""What the fictional company costs: all of its rows in memory, all of them delivered, and its server's start.

Targets: three years at scale 1 generated in under 10 s, in a process of under 350 MB; the server ready in under 2 s.
The rival of the counter-based draws is NumPy's own generator (PCG64), which is faster but not pinned between versions.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from sophia_kit.sandbox import Company
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.tables import MONTHLY, TABLES

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "data" / "company.toml"
DRAWS = 5_000_000


def generate() -> int:
    """Make every row of every table once; the number of rows."""
    company = Company.load(PROFILE)
    rows = sum(len(company.table(name)) for name in TABLES if name not in MONTHLY)
    return rows + sum(len(frame) for name in MONTHLY for _, frame in company.months(name))


def _child(program: str) -> tuple[float, float, str]:
    """Seconds, peak MB and output of a program in a process of its own."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    seconds = time.perf_counter() - started
    output, _, peak = done.stdout.strip().rpartition(" ")
    return seconds, int(peak) / 1024, output


_PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
_GENERATE = f"from tests.benchmarks.bench_sandbox import generate; print(generate(), end=' '); {_PEAK}"
_DELIVER = (
    "from pathlib import Path; from sophia_kit.sandbox import Company, deliver; "
    f"print(deliver(Company.load(Path({str(PROFILE)!r})), Path({{folder!r}})).rows, end=' '); {_PEAK}"
)


def _server_start() -> float:
    """Seconds from starting the process to the line that says it is ready."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "sophia_kit", "sandbox", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        server.stdout.readline()
        seconds = time.perf_counter() - started
        server.terminate()
    return seconds


def _draws() -> tuple[float, float]:
    """Nanoseconds a draw below 1,000: ours and NumPy's."""
    rows, ours, rival = np.arange(DRAWS, dtype=np.int64), Draws(1, "bench"), np.random.default_rng(1)
    started = time.perf_counter()
    ours.belows("column", rows, 1000)
    middle = time.perf_counter()
    rival.integers(0, 1000, DRAWS)
    return (middle - started) / DRAWS * 1e9, (time.perf_counter() - middle) / DRAWS * 1e9


def main() -> None:
    table = Table(title="The fictional company at scale 1 (rival: the target; for draws NumPy's generator)")
    for heading in ("work", "ours", "rival", "ratio", "rows"):
        table.add_column(heading, justify="left" if heading == "work" else "right")

    def add(work: str, ours: float, rival: float, unit: str, rows: str = "") -> None:
        table.add_row(work, f"{ours:,.1f} {unit}", f"{rival:,.1f} {unit}", f"{ours / rival:.2f}", rows)

    seconds, peak, rows = _child(_GENERATE)
    add("generate every row", seconds, 10.0, "s", f"{int(rows):,}")
    add("its peak memory", peak, 350.0, "MB")
    with tempfile.TemporaryDirectory() as folder:
        seconds, peak, rows = _child(_DELIVER.format(folder=folder))
    add("generate and deliver", seconds, 10.0, "s", f"{int(rows):,}")
    add("its peak memory", peak, 350.0, "MB")
    add("start of the server", _server_start(), 2.0, "s")
    ours, rival = _draws()
    add("a draw", ours, rival, "ns", f"{DRAWS:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
