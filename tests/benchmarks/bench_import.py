"""What `import sophia_kit` and `sophia --help` cost, beside an empty program and one heavy library.

Target: `import sophia_kit` under 150 ms, the interpreter's own start included.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

RUNS = 10
TARGET_MS = 150.0
EMPTY = "an empty program"
WORKS: dict[str, list[str]] = {
    EMPTY: [sys.executable, "-c", "pass"],
    "import sophia_kit": [sys.executable, "-c", "import sophia_kit"],
    "sophia --help": [str(Path(sys.executable).parent / "sophia"), "--help"],
    "import polars": [sys.executable, "-c", "import polars"],
    "import duckdb": [sys.executable, "-c", "import duckdb"],
}


def milliseconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    for command in WORKS.values():
        milliseconds(command)  # the first run writes byte code
    # Turn by turn, so that a busy moment of the machine meets all alike.
    times: dict[str, list[float]] = {name: [] for name in WORKS}
    for _ in range(RUNS):
        for name, command in WORKS.items():
            times[name].append(milliseconds(command))
    empty = statistics.median(times[EMPTY])
    table = Table(title=f"Start-up, median of {RUNS} processes (target for import: {TARGET_MS:.0f} ms)")
    for heading in ("work", "ms", "times an empty program", "share of target"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for name, samples in times.items():
        median = statistics.median(samples)
        share = f"{median / TARGET_MS:.2f}" if name == "import sophia_kit" else ""
        table.add_row(name, f"{median:.0f}", f"{median / empty:.1f}", share)
    Console().print(table)


if __name__ == "__main__":
    main()
