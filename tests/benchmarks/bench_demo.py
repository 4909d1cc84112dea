"""The demo at full size, as a newcomer runs it: wall time, and memory summed over the process tree.

Memory is the proportional set size (Linux), in which a page that several processes share counts once; the sum of
resident sizes, which counts it in each of them, is printed beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[2]
TARGET_S, TARGET_MB = 20.0, 900.0
_SAMPLE_S = 0.1


def main() -> None:
    table = Table(title="sophia demo, full size", title_justify="left")
    for column in ("run", "measure", "ours", "target", "ours / target"):
        table.add_column(column, justify="left" if column in ("run", "measure") else "right")
    with tempfile.TemporaryDirectory() as folder:
        root = _project(Path(folder) / "project")
        for run in ("first", "again"):
            seconds, megabytes, resident = _measure(root, Path(folder) / "config")
            for measure, ours, target in (
                ("wall time, s", seconds, TARGET_S),
                ("peak memory, MB", megabytes, TARGET_MB),
                ("peak of resident sizes, MB", resident, TARGET_MB),
            ):
                table.add_row(run, measure, f"{ours:,.1f}", f"{target:,.0f}", f"{ours / target:.2f}")
    Console().print(table)


def _project(root: Path) -> Path:
    """What a clone has, nothing generated."""
    (root / "data").mkdir(parents=True)
    (root / "proofs").mkdir()
    for name in ("sophia.toml", "uv.lock", "data/company.toml", "proofs/trust.json"):
        shutil.copy(REPOSITORY / name, root / name)
    shutil.copytree(REPOSITORY / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns("__*__"))
    return root


def _measure(root: Path, config: Path) -> tuple[float, float, float]:
    """Seconds, and the largest sums (MB) over the process and its descendants: of memory, and of resident sizes."""
    environment = os.environ | {"XDG_CONFIG_HOME": str(config)}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "demo"], cwd=root, env=environment, stdout=subprocess.DEVNULL
    )
    peak, resident, top = 0.0, 0.0, psutil.Process(process.pid)
    while process.poll() is None:
        shared_once, each = _memory(top)
        peak, resident = max(peak, shared_once), max(resident, each)
        time.sleep(_SAMPLE_S)
    if process.returncode != 0:
        raise SystemExit(f"sophia demo ended with {process.returncode}")
    return time.perf_counter() - began, peak / 1e6, resident / 1e6


def _memory(top: psutil.Process) -> tuple[float, float]:
    """Proportional and resident bytes of the tree, now."""
    shared_once, each = 0, 0
    try:
        tree = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0, 0
    for process in tree:
        try:
            found = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        shared_once, each = shared_once + found.pss, each + found.rss
    return float(shared_once), float(each)


if __name__ == "__main__":
    main()
