"""Daily use of the product by every active customer."""

from __future__ import annotations

import numpy as np
import polars as pl

from sophia_kit.sandbox.customers import Customer
from sophia_kit.sandbox.days import from_number, month_end
from sophia_kit.sandbox.draws import Draws, Ints
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.properties import months_of
from sophia_kit.sandbox.tables import DELIVERED, column, table

__all__ = ["UsageDays"]

_SIZE = (60, 18, 5)
_LATE_BY = 3 * 86_400


class UsageDays:
    """Rows of all months. Every 401st row comes three days late, every 577th lacks its sessions."""

    def __init__(self, profile: Profile, customers: tuple[Customer, ...]) -> None:
        self._profile = profile
        self._customers = customers
        self._draws = Draws(profile.seed, "usage_daily")
        self._accounts = pl.Series([c.account for c in customers])
        self._months = months_of(profile)

    @property
    def months(self) -> list[int]:
        return self._months

    def frame(self, index: int, moment: int, since: int | None = None) -> pl.DataFrame:
        """A month's rows as known at `moment`; with `since`, only those that became known after it."""
        start = self._months[index]
        days = np.arange(start, min(month_end(start), self._profile.horizon) + 1, dtype=np.int64)
        begins = np.array([c.starts for c in self._customers], dtype=np.int64)[:, None]
        ends = np.array([2**40 if c.ends is None else c.ends for c in self._customers], dtype=np.int64)[:, None]
        who, place = np.nonzero((begins <= days[None, :]) & (days[None, :] < ends))
        day = days[place]
        rows: Ints = who.astype(np.int64) * 65_536 + day
        modified = self._profile.calendar.at(day, 23 * 3600 + 1800 + who.astype(np.int64) % 1000)
        delivered = modified + np.where(rows % 401 == 0, _LATE_BY, 0)
        keep = delivered <= moment if since is None else (delivered <= moment) & (delivered > since)
        who, day, rows, modified, delivered = who[keep], day[keep], rows[keep], modified[keep], delivered[keep]
        size = np.array([_SIZE[c.segment] for c in self._customers], dtype=np.int64)[who]
        users = 1 + self._draws.belows("users", rows, size)
        rest = (day + 3) % 7 >= 5
        users = np.where(rest, (users + 2) // 3, users)
        sessions = users + self._draws.belows("sessions", rows, users * 2 + 1)
        started = self._draws.belows("started", rows, sessions * 3 + 1)
        schema = table("usage_daily").schema
        key = pl.Series("source_id", [f"use_{from_number(start):%Y%m}_"]).new_from_index(0, len(rows))
        return pl.DataFrame(
            [
                key + pl.Series(who.astype(np.int64)).cast(pl.String).str.zfill(5) + "_"
                + pl.Series(day - start + 1).cast(pl.String).str.zfill(2),
                self._accounts.gather(who).alias("account_id"),
                column("day", day, schema["day"]),  # type: ignore[arg-type]
                pl.Series("active_users", users),
                pl.Series("sessions", sessions),
                pl.Series("payments_started", started),
                column("modified_at", modified, schema["modified_at"]),  # type: ignore[arg-type]
                pl.Series("is_deleted", np.zeros(len(rows), dtype=np.bool_)),
                pl.Series(DELIVERED, delivered),
                pl.Series("row", rows),
            ]
        ).with_columns(pl.when(pl.col("row") % 577 != 0).then("sessions").alias("sessions")).drop("row")  # fmt: skip
