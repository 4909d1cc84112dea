"""What a metric's definition holds. docs/metrics.md describes the fields for people who write one."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sophia_kit.metrics.alerts.rule import AlertRule
from sophia_kit.metrics.value import Format, Grain

__all__ = [
    "KINDS",
    "Aggregate",
    "CohortDefinition",
    "Conversion",
    "Converted",
    "CumulativeDefinition",
    "Definition",
    "DerivedDefinition",
    "DistinctCountDefinition",
    "FlowDefinition",
    "Input",
    "PercentileDefinition",
    "PointInTimeDefinition",
    "RatioDefinition",
    "Requirement",
    "RowsDefinition",
    "SimpleDefinition",
    "Target",
    "Validity",
    "ValueTest",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Additivity = Literal["full", "dimensions", "none"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


class Validity(_Part):
    """Columns between which a row is in force: from its first day (inclusive) to `to` (exclusive, or NULL)."""

    from_: Name = Field(alias="from")
    to: Name


class Aggregate(_Part):
    """An aggregate with a filter of its own."""

    expression: Text
    filter: Text | None = None


class Conversion(_Part):
    """Amount columns, the column with their currency, and the day whose rate converts them.

    `day` is a DATE column, or `period_end` for balances.
    """

    amounts: Annotated[tuple[Name, ...], Field(min_length=1)]
    code: Name
    day: Name


class Converted(_Part):
    """The view converts by itself and says in this column which rate it lacked."""

    missing_rate: Name


class Target(_Part):
    """A plan by month, or a constant.

    `unit` guards a constant amount: a company that reports in another currency has no such target.
    `combine` says what a period of several months is held against: the sum of its plans or the last one.
    """

    plan: Name | None = None
    value: Decimal | None = None
    unit: Text | None = None
    combine: Literal["sum", "last"] = "last"

    @model_validator(mode="after")
    def _one(self) -> Target:
        if (self.plan is None) == (self.value is None):
            raise ValueError("give either plan or value")
        return self


class Input(_Part):
    """A metric that another derives from.

    `offset` counts periods forward; with a window, months. `window` counts whole months up to the period's end;
    `combine` says what is made of them, and a month without rows makes the result unknown.
    """

    metric: Name
    offset: int = 0
    window: Annotated[int, Field(ge=1, le=36)] | None = None
    combine: Literal["sum", "average"] | None = None

    @model_validator(mode="after")
    def _window_combines(self) -> Input:
        if (self.window is None) != (self.combine is None):
            raise ValueError("window and combine belong together")
        return self


class Requirement(_Part):
    """A comparison of inputs without which a formula has no meaning, and what to tell a reader then."""

    condition: Text
    otherwise: Text


def _known(expected: object) -> object:
    return None if expected == "unknown" else expected


def _listed(members: object) -> object:
    return (members,) if isinstance(members, str) else members


class ValueTest(_Part):
    """A value that a metric must have.

    `expect` is compared at the decimal places that it is written with; None, written `unknown`, expects no value.
    `demo` says whether it holds for the fictional company, or for the real one.
    """

    day: date
    grain: Grain | None = None
    filters: dict[Name, Annotated[tuple[Text, ...], BeforeValidator(_listed)]] = {}
    expect: Annotated[Decimal | None, BeforeValidator(_known)]
    demo: bool = False


class Definition(_Part):
    """What all kinds share.

    Attributes:
        source: whose definition this is.
        additive: `full` when values add up over time and dimensions, `dimensions` when over dimensions alone
            (a balance), `none` when a total has to be computed anew.
        trailing_periods: how many periods a trailing average is made of.
        golden: the name of the independent computation that the package's tests hold it against; None for a
            project's own.
        alerts: the rules that its values are watched by.
        tests: values it must have, which `sophia metrics test` checks.
        override: whether it replaces one of the package's metrics.
        base_grain: `month` when the base has one row a month: an unfinished month is then unknown.
    """

    name: Name
    label: Text
    description: Text
    source: Text
    owner: Text
    kind: str
    unit: Literal["money", "ratio", "count", "fte", "multiple", "points", "score", "days", "months", "milliseconds"]
    format: Format
    higher_is_better: bool | None
    additive: Additivity
    grains: Annotated[tuple[Grain, ...], Field(min_length=1)]
    dimensions: dict[Name, Text] = {}
    target: Target | None = None
    trailing_periods: Annotated[int, Field(ge=2, le=60)] = 3
    synonyms: tuple[Text, ...] = ()
    golden: Name | None = None
    alerts: tuple[AlertRule, ...] = ()
    tests: tuple[ValueTest, ...] = ()
    override: bool = False

    @property
    def digest(self) -> str:
        """sha256 (hex) of the definition's canonical JSON, but alerts, tests and override: none changes a value."""
        fields = self.model_dump(mode="json", exclude={"alerts", "tests", "override"})
        content = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def mentions(self, text: str) -> bool:
        """Whether its name, label, description or a synonym has a text, whatever its case."""
        words = (self.name, self.label, self.description, *self.synonyms)
        return any(text.lower() in word.lower() for word in words)


class RowsDefinition(Definition):
    """A metric computed from the rows of one canonical view."""

    base: Name
    filter: Text | None = None
    currency: Conversion | Converted | None = None
    base_grain: Literal["day", "month"] = "day"


class FlowDefinition(RowsDefinition):
    """A metric of the rows whose `time`, a DATE, lies in the period."""

    time: Name


class SimpleDefinition(FlowDefinition):
    """An aggregate over the rows whose `time` lies in the period."""

    kind: Literal["simple"]
    expression: Text


class CumulativeDefinition(FlowDefinition):
    """An aggregate over the rows up to the period's end: since a beginning, or of the last months or days.

    Attributes:
        since: `fiscal_year`, the one that holds the period's end, or `beginning`, the first row.
        trailing_months: as many months up to the period's end: whole ones where it ends a month, else from the day
            after the same date so many months before.
        trailing_days: as many days, the period's last among them.
    """

    kind: Literal["cumulative"]
    expression: Text
    since: Literal["fiscal_year", "beginning"] | None = None
    trailing_months: Annotated[int, Field(ge=1, le=120)] | None = None
    trailing_days: Annotated[int, Field(ge=1, le=3660)] | None = None

    @model_validator(mode="after")
    def _one_window(self) -> CumulativeDefinition:
        if sum(item is not None for item in (self.since, self.trailing_months, self.trailing_days)) != 1:
            raise ValueError("give one of since, trailing_months and trailing_days")
        return self


class PercentileDefinition(FlowDefinition):
    """A percentile of a column over the rows whose `time` lies in the period, by linear interpolation, never estimated.

    Attributes:
        percentile: above 0 and below 1: 0.95 is what 95 % of the rows don't exceed.
    """

    kind: Literal["percentile"]
    of: Name
    percentile: Annotated[Decimal, Field(gt=0, lt=1)]

    @property
    def expression(self) -> str:
        return f"quantile_cont({self.of}, {self.percentile})"


class DistinctCountDefinition(FlowDefinition):
    """How many different values a column has over the rows whose `time` lies in the period."""

    kind: Literal["distinct_count"]
    of: Name

    @property
    def expression(self) -> str:
        return f"count(DISTINCT {self.of})"


class RatioDefinition(FlowDefinition):
    """One aggregate over another, both over the rows whose `time` lies in the period."""

    kind: Literal["ratio"]
    numerator: Aggregate
    denominator: Aggregate


class PointInTimeDefinition(RowsDefinition):
    """An aggregate over the rows in force on the period's last day.

    `movements`: metrics of a month, each with a factor, that sum to the balance's change over that month.
    """

    kind: Literal["point_in_time"]
    valid: Validity
    expression: Text
    movements: dict[Name, int] = {}


class CohortDefinition(RowsDefinition):
    """What became of those who had a balance `lookback_months` ago, over what they had then.

    `measure`: `net` is what they have now, `gross` the same with no entity counted for more than it had then, `lost`
    the share of the entities that have nothing now.
    """

    kind: Literal["cohort"]
    valid: Validity
    entity: Name
    amount: Name
    lookback_months: Literal[12]
    measure: Literal["net", "gross", "lost"] = "net"


class DerivedDefinition(Definition):
    """Arithmetic over other metrics. Where one of `requires` doesn't hold, the value is unknown."""

    kind: Literal["derived"]
    inputs: Annotated[dict[Name, Input], Field(min_length=1)]
    expression: Text
    requires: tuple[Requirement, ...] = ()


KINDS: dict[str, type[Definition]] = {
    "simple": SimpleDefinition,
    "ratio": RatioDefinition,
    "cumulative": CumulativeDefinition,
    "percentile": PercentileDefinition,
    "distinct_count": DistinctCountDefinition,
    "point_in_time": PointInTimeDefinition,
    "cohort": CohortDefinition,
    "derived": DerivedDefinition,
}
