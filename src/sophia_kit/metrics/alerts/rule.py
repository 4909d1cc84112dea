"""Alert rules as a metric's definition holds them. docs/alerts.md describes the fields for people who write one."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from sophia_kit.metrics.alerts.summary import check_summary
from sophia_kit.metrics.value import Grain

__all__ = [
    "FEWEST_PERIODS",
    "SEASON_LENGTHS",
    "AlertRule",
    "ChangeRule",
    "DeviationRecovery",
    "DeviationRule",
    "FreshnessRule",
    "PeriodicRule",
    "Recovery",
    "Rule",
    "Season",
    "Severity",
    "ThresholdRule",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=60)]
Severity = Literal["info", "warning", "critical"]
Season = Literal["day_of_week", "day_of_month", "week_of_year", "month_of_year", "quarter_of_year"]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
Members = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


class Recovery(_Part):
    """What ends an alert: `for_` good periods in a row, each on the good side of `threshold` (the rule's, if None)."""

    threshold: Decimal | None = None
    for_: Count = Field(default=1, alias="for")


class DeviationRecovery(_Part):
    """What ends a deviation alert: `for_` periods in a row within these limits (the rule's, where None)."""

    percent: Annotated[Decimal, Field(gt=0)] | None = None
    robust_sd: Annotated[Decimal, Field(gt=0)] | None = None
    for_: Count = Field(default=1, alias="for")


class Rule(_Part):
    """What all kinds share.

    Attributes:
        renotify: closed periods (for freshness: days) after which an alert that still fires is told again; None
            tells once.
        summary: prose with references such as `{value}`; it has no digit of its own. None takes the kind's own.
    """

    name: Name
    kind: str
    severity: Severity = "warning"
    renotify: Count | None = None
    summary: Text | None = None

    @field_validator("summary")
    @classmethod
    def _prose(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and "kind" in info.data:
            check_summary(text, info.data["kind"])
        return text

    @property
    def judging_digest(self) -> str:
        """sha256 (hex) of what decides about good and bad. A series judged by another rule is begun anew."""
        fields = self.model_dump(mode="json", exclude={"severity", "renotify", "summary"}, by_alias=True)
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class PeriodicRule(Rule):
    """A rule about closed periods of the metric.

    Attributes:
        by: dimensions; each combination of members is an alert series of its own.
        where: dimension to the members permitted.
        for_: how many closed periods in a row must be bad.
        settle_days: days after a period's end before it is judged, for rows that are decided late.
        minimum_denominator: of a ratio; a period in which it divides by less is passed over: neither bad nor good.
    """

    grain: Grain
    by: Names = ()
    where: dict[Name, Members] = {}
    for_: Count = Field(default=1, alias="for")
    settle_days: Annotated[int, Field(ge=0, le=60)] = 0
    minimum_denominator: Annotated[Decimal, Field(gt=0)] | None = None


class _Limited(PeriodicRule):
    above: Decimal | None = None
    below: Decimal | None = None
    recovery: Recovery = Recovery()

    @property
    def limit(self) -> Decimal:
        limit = self.below if self.above is None else self.above
        assert limit is not None
        return limit

    @property
    def recovery_limit(self) -> Decimal:
        return self.limit if self.recovery.threshold is None else self.recovery.threshold

    @model_validator(mode="after")
    def _one_side(self) -> _Limited:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        back = self.recovery.threshold
        if back is not None and (back > self.limit if self.above is not None else back < self.limit):
            raise ValueError("recovery.threshold lies on the bad side of the rule's own threshold")
        return self


class ThresholdRule(_Limited):
    """The value lies above or below a constant, in the metric's unit.

    `unit` is the constant's currency; needed for money, since a company that reports in another has no such limit.
    """

    kind: Literal["threshold"]
    unit: Text | None = None


class ChangeRule(_Limited):
    """The change against an earlier period lies above or below a percentage: `below: -15` is a loss of 15 %."""

    kind: Literal["change"]
    versus: Literal["prior_period", "prior_year"]


SEASON_LENGTHS: dict[Season, int] = {
    "day_of_week": 7,
    "day_of_month": 31,
    "week_of_year": 52,
    "month_of_year": 12,
    "quarter_of_year": 4,
}
"""Positions of a season."""

FEWEST_PERIODS = 8
"""What a baseline is made of at least, however short the season."""

_SEASONS: dict[Grain, tuple[Season, ...]] = {
    "day": ("day_of_week", "day_of_month"),
    "week": ("week_of_year",),
    "month": ("month_of_year",),
    "quarter": ("quarter_of_year",),
    "year": (),
}


class DeviationRule(PeriodicRule):
    """The value lies far from what its own past, trend and season, makes of the period.

    Attributes:
        season: what repeats; by default the grain's first: day_of_week, week_of_year, month_of_year, quarter_of_year.
        percent: how far from the expected value, in percent of it.
        robust_sd: how far, in robust standard deviations of what season and trend leave unexplained. Where both
            are given, both must be passed.
        side: whether too much, too little or either is bad.
        history: how many periods before the judged one the baseline is made of.
        minimum_history: how many of them must be known; by default two seasons and at least 8. Less is unknown.
    """

    kind: Literal["deviation"]
    season: Annotated[tuple[Season, ...], BeforeValidator(_listed)] = ()
    percent: Annotated[Decimal, Field(gt=0)] | None = None
    robust_sd: Annotated[Decimal, Field(gt=0)] | None = None
    side: Literal["both", "above", "below"] = "both"
    history: Annotated[int, Field(ge=8, le=390)] | None = None
    minimum_history: Annotated[int, Field(ge=8, le=390)] | None = None
    recovery: DeviationRecovery = DeviationRecovery()

    @property
    def seasons(self) -> tuple[Season, ...]:
        return self.season or _SEASONS[self.grain][:1]

    @model_validator(mode="after")
    def _limits(self) -> DeviationRule:
        if self.percent is None and self.robust_sd is None:
            raise ValueError("give percent, robust_sd or both")
        for name in ("percent", "robust_sd"):
            own, back = getattr(self, name), getattr(self.recovery, name)
            if back is not None and (own is None or back > own):
                raise ValueError(f"recovery.{name} is wider than the rule's own {name}")
        return self

    @model_validator(mode="after")
    def _season_fits(self) -> DeviationRule:
        for season in self.season:
            if season not in _SEASONS[self.grain]:
                known = ", ".join(_SEASONS[self.grain]) or "none"
                raise ValueError(f"a {self.grain} has no season {season}; known: {known}")
        if len(set(self.season)) < len(self.season):
            raise ValueError("a season is named twice")
        if not self.seasons:
            raise ValueError(f"a {self.grain} has no season; watch its change instead")
        fewest = max(FEWEST_PERIODS, 2 * max(SEASON_LENGTHS[season] for season in self.seasons))
        for name in ("history", "minimum_history"):
            given = getattr(self, name)
            if given is not None and given < fewest:
                raise ValueError(f"{name} is less than two seasons, which is {fewest} periods")
        if (self.minimum_history or 0) > (self.history or 390):
            raise ValueError("minimum_history is more than history")
        return self


class FreshnessRule(Rule):
    """The data behind the metric is older than its contract permits, or than `hours`."""

    kind: Literal["freshness"]
    hours: Annotated[Decimal, Field(gt=0)] | None = None


AlertRule = Annotated[ThresholdRule | ChangeRule | DeviationRule | FreshnessRule, Field(discriminator="kind")]
