"""The raw tables of a snapshot, and how they are counted, summed and converted: exact fractions by member."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import duckdb
import polars as pl

Values = dict[str, Fraction | None]
Golden = Callable[["Raw", date, date, str | None], Values]
UNSET = "(not set)"
ZERO = Fraction(0)

_OWN = {"reason": "failure_reason", "function": "account_class"}
_REACHED = {
    "segment": ("salesforce_accounts", "segment", ("account_id", "customer_id")),
    "country": ("salesforce_accounts", "country", ("account_id", "customer_id")),
    "account": ("salesforce_accounts", "name", ("account_id", "customer_id")),
    "region": ("properties", "region", ("property_id",)),
    "owner": ("salesforce_users", "name", ("owner_id",)),
}


class Raw:
    """The raw tables of a snapshot file, without deleted rows."""

    def __init__(self, path: Path, currency: str = "USD") -> None:
        self.currency = currency
        self._connection = duckdb.connect(str(path), read_only=True)
        self._frames: dict[tuple[str, str | None], pl.DataFrame] = {}

    def table(self, name: str, by: str | None = None) -> pl.DataFrame:
        """A table with the column `member`: each row's member of the dimension, "" without one."""
        if (name, by) not in self._frames:
            if (name, None) not in self._frames:
                frame = self._connection.sql(f"FROM raw.{name} WHERE NOT is_deleted").pl()
                self._frames[name, None] = frame.with_columns(member=pl.lit(""))
            self._frames[name, by] = self.split(self._frames[name, None], by)
        return self._frames[name, by]

    def split(self, frame: pl.DataFrame, by: str | None) -> pl.DataFrame:
        """The frame with its rows' members of a dimension."""
        if by is None:
            return frame.with_columns(member=pl.lit(""))
        if by not in _REACHED:
            member = pl.col(_OWN.get(by, by)).cast(pl.String)
        elif by == "owner" and "owner_id" not in frame.columns:
            return self.split(frame.with_columns(owner_id=_mapped("account_id", self._owners)), by)
        else:
            table, column, keys = _REACHED[by]
            key = next(name for name in keys if name in frame.columns)
            member = _mapped(key, self._lookup(table, column))
        return frame.with_columns(member=member.fill_null(UNSET))

    def _lookup(self, table: str, column: str) -> dict[str, str]:
        frame = self.table(table)
        return dict(zip(frame["source_id"], frame[column].fill_null(UNSET), strict=True))

    def member_of_account(self, by: str | None) -> Callable[[str], str]:
        if by is None:
            return lambda _: ""
        if by == "owner":
            users = self._lookup("salesforce_users", "name")
            return lambda account: users.get(self._owners.get(account, ""), UNSET)
        names = self._lookup("salesforce_accounts", _REACHED[by][1] if by in _REACHED else by)
        return lambda account: names.get(account, UNSET)

    @cached_property
    def _owners(self) -> dict[str, str]:
        return self._lookup("salesforce_accounts", "owner_id")

    @cached_property
    def _rates(self) -> dict[tuple[str, date], Fraction]:
        frame = self.table("fx_rates").filter(pl.col("to_currency") == self.currency)
        return {(row["from_currency"], row["day"]): Fraction(row["rate"]) for row in frame.iter_rows(named=True)}

    def rate(self, currency: str | None, day: date) -> Fraction | None:
        """The rate of the day, or of one of the five days before."""
        if currency == self.currency:
            return Fraction(1)
        tries = (self._rates.get((currency or "", day - timedelta(days=back))) for back in range(6))
        return next((rate for rate in tries if rate is not None), None)

    def money(self, frame: pl.DataFrame, amount: str, day: str | date) -> Values:
        """Sums of a column in the company's currency, by member; the rate is that of a column's day, or of one day."""
        given = frame.filter(pl.col(amount).is_not_null())
        when = pl.col(day) if isinstance(day, str) else pl.lit(day)
        sums = given.group_by("member", "currency", when.alias("when")).agg(pl.col(amount).sum())
        totals: Values = {}
        for member, currency, at, local in sums.iter_rows():
            rate, before = self.rate(currency, at), totals.get(member, ZERO)
            totals[member] = None if rate is None or before is None else before + Fraction(local) * rate
        return totals


def _mapped(column: str, names: dict[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(names, default=None, return_dtype=pl.String)


def between(frame: pl.DataFrame, column: str, start: date, end: date) -> pl.DataFrame:
    return frame.filter(pl.col(column).is_between(start, end))


def in_force(frame: pl.DataFrame, first: str, until: str, day: date) -> pl.DataFrame:
    return frame.filter((pl.col(first) <= day) & (pl.col(until).is_null() | (pl.col(until) > day)))


def counts(frame: pl.DataFrame) -> Values:
    return {member: Fraction(count) for member, count in frame.group_by("member").len().iter_rows()}


def sums(frame: pl.DataFrame, column: str) -> Values:
    grouped = frame.group_by("member").agg(pl.col(column).sum())
    return {member: Fraction(total) for member, total in grouped.iter_rows()}


def quotient(above: Values, below: Values) -> Values:
    """One over the other, where the other has members; without a share there is none of it."""
    return {key: over(above.get(key, ZERO), value) for key, value in below.items()}


def over(above: Fraction | None, below: Fraction | None) -> Fraction | None:
    return above / below if above is not None and below else None


def formula(compute: Callable[..., Fraction | None], *parts: tuple[Values, Fraction | None]) -> Values:
    """`compute` of the parts' values, member by member; each part says what no rows mean."""
    found: Values = {}
    for key in {key for values, _ in parts for key in values}:
        given = [values.get(key, empty) for values, empty in parts]
        found[key] = None if None in given else compute(*given)
    return found


def month_ends(start: date, end: date) -> list[date]:
    days = (start + timedelta(days=count) for count in range((end - start).days + 1))
    return [day for day in days if (day + timedelta(days=1)).day == 1]


def months_before(end: date, count: int) -> list[date]:
    """The ends of the last `count` months, oldest first; `end` is one."""
    found = [end]
    while len(found) < count:
        found.insert(0, found[0].replace(day=1) - timedelta(days=1))
    return found


def over_months(raw: Raw, compute: Golden, ends: Iterable[date]) -> Fraction | None:
    """The sum of the totals of whole months; unknown when one is, or has no rows."""
    found = [compute(raw, end.replace(day=1), end, None).get("") for end in ends]
    return None if None in found else sum((value for value in found if value is not None), ZERO)
