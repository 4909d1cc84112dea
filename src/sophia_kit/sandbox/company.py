"""The fictional company as known on a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl

from sophia_kit.core.errors import UnknownName
from sophia_kit.sandbox.blemishes import crm_malformed
from sophia_kit.sandbox.days import from_number
from sophia_kit.sandbox.profile import Profile, day_in, load_profile
from sophia_kit.sandbox.tables import DELIVERED, MONTHLY, TABLES, versions_at
from sophia_kit.sandbox.truth import Truth, make_truth
from sophia_kit.sandbox.world import World

__all__ = ["Company"]


class Company:
    """The company as it is known at the end of `day`.

    What was created, changed, deleted or delivered later is invisible. Companies of the same origin (`at`) share
    what has been generated.
    """

    def __init__(self, world: World, day: int) -> None:
        self._world = world
        self._day = day
        self._truth: Truth | None = None

    @classmethod
    def load(cls, path: Path, *, scale: float | None = None, day: date | None = None) -> Company:
        """The company described by a TOML file (`data/company.toml`), on `day` (default: its last day).

        Raises:
            ConfigError: the file is missing or wrong.
            InputError: `day` lies outside of the company's time.
        """
        profile = load_profile(path, scale)
        return cls(World(profile), day_in(profile, day))

    def at(self, day: date) -> Company:
        """The same company on another day; up to 62 days after its last day.

        Raises:
            InputError: `day` lies outside of the company's time.
        """
        return Company(self._world, day_in(self._world.profile, day))

    @property
    def world(self) -> World:
        return self._world

    @property
    def profile(self) -> Profile:
        return self._world.profile

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def time_zone(self) -> str:
        return self.profile.time_zone

    @property
    def currency(self) -> str:
        return self.profile.currency

    @property
    def day(self) -> date:
        return from_number(self._day)

    @property
    def last_day(self) -> date:
        """The last day of the history; later days come as daily deliveries."""
        return from_number(self.profile.last)

    @property
    def now(self) -> datetime:
        """23:59:59 of `day` in the company's time zone, in UTC."""
        return self.profile.calendar.end_of(self.day)

    @property
    def moment(self) -> int:
        """`now` as epoch second."""
        return int(self.now.timestamp())

    @property
    def truth(self) -> Truth:
        """The planted stories and warts, as far as they show on `day`."""
        if self._truth is None:
            self._truth = make_truth(self._world, self._day)
        return self._truth

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(TABLES)

    def table(self, name: str) -> pl.DataFrame:
        """What a perfect loader holds of a table: each record once, in its newest version, ordered by key.

        Columns are the vendor's names and types plus the deletion flag (`is_deleted`, `IsDeleted`); deleted records
        are there and flagged, malformed ones are not. `payments` takes about 250 MB at scale 1: see `months`.

        Raises:
            UnknownName: no such table.
        """
        if name not in TABLES:
            raise UnknownName("table", name, TABLES)
        if name in MONTHLY:
            return pl.concat([frame for _, frame in self.months(name)])
        frame = versions_at(self._world.versions(name), name, self.moment).drop(DELIVERED)
        return frame if TABLES[name].deleted else frame.select(*TABLES[name].columns)

    def months(self, name: str) -> Iterator[tuple[date, pl.DataFrame]]:
        """`payments` or `usage_daily` month by month: its first day, and its rows as `table` has them.

        Raises:
            UnknownName: the table isn't kept by month.
        """
        if name not in MONTHLY:
            raise UnknownName("monthly table", name, MONTHLY)
        source = self._world.payments if name == "payments" else self._world.usage
        for index, start in enumerate(source.months):
            if start <= self._day:
                yield from_number(start), source.frame(index, self.moment).drop(DELIVERED).sort("source_id")

    def digest(self) -> str:
        """SHA-256 over the rows of all tables and the malformed records.

        Canonical form: tables in their order, rows sorted by key, times as microseconds, decimals as text.
        """
        total = hashlib.sha256()
        for name in TABLES:
            total.update(f"{name}\n".encode())
            frames = (frame for _, frame in self.months(name)) if name in MONTHLY else iter([self.table(name)])
            for frame in frames:
                total.update(_canonical(frame))
            if not TABLES[name].salesforce:
                total.update(_canonical(self._world.malformed(name).frame.filter(pl.col(DELIVERED) <= self.moment)))
        total.update(json.dumps(crm_malformed(self.profile, self._day)).encode())
        return total.hexdigest()


def _canonical(frame: pl.DataFrame) -> bytes:
    columns = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime):
            columns.append(pl.col(name).dt.epoch("us"))
        elif isinstance(kind, pl.Date):
            columns.append(pl.col(name).cast(pl.Int32))
        elif kind == pl.Boolean:
            columns.append(pl.col(name).cast(pl.Int8))
        else:
            columns.append(pl.col(name))
    return frame.select(columns).write_csv(include_header=False, null_value="\\N", quote_style="non_numeric").encode()
