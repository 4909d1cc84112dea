"""A data platform's delivery: Parquet files that appear in a landing folder, one after the other.

    <landing>/<table>/<YYYY-MM-DD>.parquet     what became known since the file before, to the end of that day
    <landing>/_manifest.json                   whose data this is, and that it is a demo's

Order by name is order of delivery. The history comes as one file a month for the big tables and one file for the
others; each day after it comes as a file of its own, empty when there is nothing new. A file holds every version that
became known: a record may occur more than once, and in several files; the versions of a record follow each other in
time.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from sophia_kit.core.errors import StorageError
from sophia_kit.core.files import storage_errors
from sophia_kit.sandbox.blemishes import BLEMISHED, NEW_COLUMN
from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.days import from_number, month_end, number
from sophia_kit.sandbox.tables import DELIVERED, LANDING, MONTHLY, TABLES
from sophia_kit.sandbox.world import World

__all__ = ["MANIFEST", "Delivery", "Progress", "deliver", "delivered_between"]

MANIFEST = "_manifest.json"
Progress = Callable[[str, int, int], None]
"""Called with a table's name, the files done and the files in all."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What `deliver` did: the files it wrote, their rows, and how many files were there already."""

    written: tuple[Path, ...]
    rows: int
    present: int


def deliver(
    company: Company, landing: Path, *, since: date | None = None, progress: Progress | None = None
) -> Delivery:
    """Bring everything known on the company's day into `landing`; with `since`, only files of later days.

    Files of the same company that are already there are left alone. Files of another one (seed, scale, version of
    the generator or end of the history differ) are replaced. Each file appears whole or not at all.

    Raises:
        StorageError: the folder can't be written.
    """
    profile = company.profile
    end = min(profile.last, number(company.day))
    manifest: dict[str, Any] = {
        "demo": True,
        "company": company.name,
        "time_zone": company.time_zone,
        "currency": company.currency,
        "last_day": company.last_day.isoformat(),
        "history_end": from_number(end).isoformat(),
        "generator": profile.fingerprint,
    }
    plan = [
        (name, before, until)
        for name in LANDING
        for before, until in _periods(profile.first, end, number(company.day), monthly=name in MONTHLY)
        if since is None or until > number(since)
    ]
    if landing.exists() and not landing.is_dir():
        raise StorageError(f"Can't deliver to {landing}: it is no folder.", hint="Choose another, or move it away.")
    with storage_errors(landing):
        landing.mkdir(parents=True, exist_ok=True)
        _make_room(landing, manifest)
    missing = [step for step in plan if not _path(landing, step).exists()]
    world = company.world
    work = _Work(world, landing, len(plan), len(plan) - len(missing), progress)
    # The big tables are NumPy's and Polars' work, the others Python's: two threads keep two cores busy.
    if missing:
        world.prepare()
    with ThreadPoolExecutor(2) as pool:
        try:
            halves = [[step for step in missing if (step[0] in MONTHLY) is monthly] for monthly in (True, False)]
            for half in [pool.submit(work.bring, steps) for steps in halves]:
                half.result()
        finally:
            work.stopped.set()
    if progress is not None:
        progress("", len(plan), len(plan))
    return Delivery(tuple(_path(landing, step) for step in missing), work.rows, len(plan) - len(missing))


_Step = tuple[str, int | None, int]


def _path(landing: Path, step: _Step) -> Path:
    return landing / step[0] / f"{from_number(step[2])}.parquet"


class _Work:
    """What two threads share while they deliver: what is done so far, and whether to stop."""

    def __init__(self, world: World, landing: Path, total: int, done: int, progress: Progress | None) -> None:
        self.stopped = threading.Event()
        self.rows = 0
        self._world = world
        self._landing = landing
        self._total = total
        self._done = done
        self._progress = progress
        self._lock = threading.Lock()

    def bring(self, steps: list[_Step]) -> None:
        for step in steps:
            if self.stopped.is_set():
                return
            with self._lock:
                if self._progress is not None:
                    self._progress(step[0], self._done, self._total)
            frame = delivered_between(self._world, *step)
            _write(frame, _path(self._landing, step))
            with self._lock:
                self.rows += len(frame)
                self._done += 1


def _periods(first: int, end: int, day: int, *, monthly: bool) -> list[tuple[int | None, int]]:
    """(last day before, last day) of each delivery; None: since ever."""
    found: list[tuple[int | None, int]] = []
    before: int | None = None
    if monthly:
        start = first
        while start <= end:
            until = min(month_end(start), end)
            found.append((before, until))
            before, start = until, until + 1
    else:
        found.append((None, end))
    found.extend((until - 1, until) for until in range(end + 1, day + 1))
    return found


def delivered_between(world: World, name: str, before: int | None, until: int) -> pl.DataFrame:
    """The rows of one delivery: what became known after the end of day `before`, to the end of day `until`."""
    calendar = world.profile.calendar
    moment = int(calendar.end_of(from_number(until)).timestamp())
    since = None if before is None else int(calendar.end_of(from_number(before)).timestamp())
    window = pl.col(DELIVERED) <= moment
    if since is not None:
        window &= pl.col(DELIVERED) > since
    parts = _payments(world, moment, since, until) if name == "payments" else []
    if name == "usage_daily":
        source = world.usage
        near = [i for i, start in enumerate(source.months) if until - 70 <= start <= until]
        parts = [source.frame(index, moment, since) for index in near]
    elif name != "payments":
        parts = [world.versions(name).filter(window)]
        if name in BLEMISHED:
            parts.append(world.blemished(name).doubled.filter(window))
    parts.append(world.malformed(name).frame.filter(window))
    frame = pl.concat(parts)
    if name not in MONTHLY:
        frame = frame.sort(DELIVERED, maintain_order=True)
    frame = frame.drop(DELIVERED)
    table, field, days = NEW_COLUMN
    if name == table and until >= world.profile.last + days:
        frame = frame.with_columns(pl.lit("email").alias(field))
    return frame.select(*TABLES[name].schema, *(c for c in frame.columns if c not in TABLES[name].schema))


def _payments(world: World, moment: int, since: int | None, until: int) -> list[pl.DataFrame]:
    source, parts = world.payments, []
    for index, start in enumerate(source.months):
        if not until - 100 <= start <= until:
            continue
        frame = source.frame(index, moment, since)
        parts.append(frame)
        twice = source.doubled(index, moment, since)
        parts.append(frame.filter(pl.col("source_id").is_in(twice)))
    return parts


def _make_room(landing: Path, manifest: dict[str, Any]) -> None:
    """Remove files of another company or history, and set down whose files these are."""
    path = landing / MANIFEST
    try:
        same = json.loads(path.read_text(encoding="utf-8")) == manifest
    except (OSError, ValueError):
        same = False
    if same:
        return
    path.unlink(missing_ok=True)
    for name in LANDING:
        if (landing / name).is_dir():
            shutil.rmtree(landing / name)
    staged = landing / f".{MANIFEST}.{os.getpid()}"
    staged.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    staged.replace(path)


def _write(frame: pl.DataFrame, path: Path) -> None:
    # Not `atomic_write`: what can be made again needn't be durable, and a hundred fsyncs cost seconds.
    content = io.BytesIO()
    frame.write_parquet(content, compression="lz4", statistics=False)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with content.getbuffer() as view:
                staged.write_bytes(view)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
