"""What a check says. docs/data-quality.md describes the fields for people who write one."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "KINDS",
    "ROWS",
    "TODAY",
    "AcceptedValues",
    "Check",
    "Freshness",
    "NotNull",
    "Range",
    "Reconciliation",
    "Relationship",
    "RowCountDrift",
    "Severity",
    "Side",
    "Unique",
]

Severity = Literal["error", "warn"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Target = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[Decimal, Field(ge=0)]

TODAY = "today"
"""As a limit: the company's day of the load."""

ROWS = "*"
"""Stands for all columns of a view: a check of which rows there are concerns whoever reads the view."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(_Part):
    """What all kinds share.

    Attributes:
        view: the canonical view it looks at.
        severity: a failed `error` marks the metrics that stand on it; a `warn` is reported only.
        blocking: whether a load on which it fails is not published.
        when: a condition; only rows that meet it are looked at.
        override: whether it replaces the check of the same name that the package has.
    """

    name: Name
    view: Name
    kind: str
    description: Text
    severity: Severity = "error"
    blocking: bool = False
    when: Text | None = None
    override: bool = False

    @property
    def id(self) -> str:
        """`<view>.<name>`, unique among all checks."""
        return f"{self.view}.{self.name}"

    @property
    def stands_on(self) -> tuple[str, ...]:
        """The columns whose content it vouches for, as `view.column`, or `view.*` for the view's rows."""
        return (f"{self.view}.{ROWS}",)

    @property
    def other_views(self) -> tuple[str, ...]:
        """Further views that it reads."""
        return ()


class NotNull(Check):
    """`column` has a value in every row."""

    kind: Literal["not_null"]
    column: Name

    @property
    def stands_on(self) -> tuple[str, ...]:
        return (f"{self.view}.{self.column}",)


class Unique(Check):
    """No two rows have the same values in `columns`. Rows in which one of them is NULL don't count."""

    kind: Literal["unique"]
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]


class Relationship(Check):
    """Each value of `column` occurs in the column `to` of another view. NULL is no value."""

    kind: Literal["relationship"]
    column: Name
    to: Target

    @property
    def stands_on(self) -> tuple[str, ...]:
        return (f"{self.view}.{self.column}",)

    @property
    def other_views(self) -> tuple[str, ...]:
        return (self.to.partition(".")[0],)


class AcceptedValues(Check):
    """`column` holds one of `values`. NULL is no value."""

    kind: Literal["accepted_values"]
    column: Name
    values: Annotated[tuple[Text, ...], Field(min_length=1)]

    @property
    def stands_on(self) -> tuple[str, ...]:
        return (f"{self.view}.{self.column}",)


class Range(Check):
    """`column` is at least `min` and at most `max`: numbers, dates, `today` (the company's day of the load),
    or columns of the same row. NULL is no value.
    """

    kind: Literal["range"]
    column: Name
    min: Decimal | date | Name | None = None
    max: Decimal | date | Name | None = None

    @model_validator(mode="after")
    def _some(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        return self

    @property
    def stands_on(self) -> tuple[str, ...]:
        return (f"{self.view}.{self.column}",)


class Freshness(Check):
    """The latest time in `column` is at most `hours` before the load. A date counts from its first hour."""

    kind: Literal["freshness"]
    column: Name
    hours: Annotated[Decimal, Field(gt=0)]


class RowCountDrift(Check):
    """Against the snapshot before, the number of rows fell and rose by no more than these shares of it."""

    kind: Literal["row_count_drift"]
    max_drop: Share
    max_rise: Share | None = None


class Side(_Part):
    """What one source says: a `measure` over its rows (an aggregate), by month of `time` where months are compared."""

    view: Name
    measure: Text
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]
    time: Name | None = None
    when: Text | None = None


class Reconciliation(Check):
    """Two sources say the same of one thing, in total or, where both name a `time`, month by month.

    Attributes:
        measure: an aggregate over the view's rows; `columns`: those that it stands on.
        by: columns of both views; what differs in them is compared by itself (amounts by currency).
        settle_days: a month counts once it ended this many days before the load.
        tolerance: the difference permitted, as a share of the larger side.
        allowance: the difference permitted in any case, in the measure's unit.
    """

    kind: Literal["reconciliation"]
    measure: Text
    columns: Annotated[tuple[Name, ...], Field(min_length=1)]
    against: Side
    time: Name | None = None
    by: tuple[Name, ...] = ()
    settle_days: Annotated[int, Field(ge=0)] = 0
    tolerance: Share = Decimal(0)
    allowance: Share = Decimal(0)

    @model_validator(mode="after")
    def _both_times(self) -> Reconciliation:
        if (self.time is None) != (self.against.time is None):
            raise ValueError("give both sides a time, or neither")
        return self

    @property
    def stands_on(self) -> tuple[str, ...]:
        ours = (f"{self.view}.{column}" for column in self.columns)
        return (*ours, *(f"{self.against.view}.{column}" for column in self.against.columns))

    @property
    def other_views(self) -> tuple[str, ...]:
        return (self.against.view,)


KINDS: dict[str, type[Check]] = {
    "not_null": NotNull,
    "unique": Unique,
    "relationship": Relationship,
    "accepted_values": AcceptedValues,
    "range": Range,
    "freshness": Freshness,
    "row_count_drift": RowCountDrift,
    "reconciliation": Reconciliation,
}
