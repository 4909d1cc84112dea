"""The daily brief as data: everything a page or a notebook shows, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sophia_kit.metrics.change import Breakdown as ChangeBreakdown
from sophia_kit.metrics.change import ChangeExplanation, Part
from sophia_kit.metrics.principal import Filters
from sophia_kit.metrics.value import MetricValue
from sophia_kit.reports.facts import Explanation, Facts
from sophia_kit.reports.narrative import Narrative

__all__ = [
    "Breakdown",
    "DailyBrief",
    "Finding",
    "FreshnessGate",
    "Header",
    "Kpi",
    "Mover",
    "TableState",
    "Why",
    "WhyTable",
]


@dataclass(frozen=True, slots=True)
class Header:
    """What a brief is about, and what it was answered from.

    Attributes:
        segment: the only segment shown, or None for the whole company.
        audience: pairs of a dimension and the members that its reader may see; empty when that is everything.
        snapshot_id: the snapshot every number was computed on.
        known_at: the moment of that snapshot (UTC).
        written_at: when the brief was written, by the run's clock (UTC); a demo's clock is frozen.
    """

    company: str
    day: date
    segment: str | None
    time_zone: str
    currency: str
    run_id: str
    snapshot_id: str
    known_at: datetime
    written_at: datetime
    clock_frozen: bool
    demo: bool
    audience: Filters = ()

    @property
    def scope(self) -> str:
        """Whose numbers these are: `Whole company`, `Segment Enterprise`, or what its reader may see."""
        segment = f"Segment {self.segment}" if self.segment else ""
        if not self.audience:
            return segment or "Whole company"
        seen = "; ".join(f"{dimension} {', '.join(members)}" for dimension, members in self.audience)
        return f"{segment}{', of ' if segment else 'Only '}what you may see: {seen}"


@dataclass(frozen=True, slots=True)
class Kpi:
    """A metric with its recent past.

    Attributes:
        name: the metric; with `grain` day the facts are named `day.<metric>`.
        value: the latest period, with its comparisons.
        trend: the periods up to and including the latest, oldest first, without gaps.
        whole_company: true when a segment was asked for and the metric can't be split by segment.
    """

    name: str
    value: MetricValue
    trend: tuple[MetricValue, ...]
    whole_company: bool = False

    @property
    def fact(self) -> str:
        """The name of the fact that is its value."""
        return f"day.{self.name}" if self.value.period.grain == "day" else self.name

    def point(self, value: MetricValue) -> str:
        """The name of the fact of one value of the trend."""
        latest = value.period.start == self.value.period.start
        return self.fact if latest else f"{self.fact}.at_{value.period.start:%Y_%m_%d}"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A metric by the members of one dimension, largest first, each compared with the period before.

    Attributes:
        facts: the names of the values' facts, in the order of `values`.
    """

    metric: str
    label: str
    dimension: str
    values: tuple[MetricValue, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mover:
    """A member that moved much against the period before; `fact` names its value's fact."""

    value: MetricValue
    dimension: str
    member: str
    fact: str


@dataclass(frozen=True, slots=True)
class WhyTable:
    """The parts of a change that are shown, the largest first.

    Attributes:
        facts: the names of their facts, in the order of `shown`; with `.base` and `.value` of the part's own values.
        others: the parts that aren't shown, as one; `others_fact` names its fact.
    """

    item: ChangeBreakdown
    shown: tuple[Part, ...]
    facts: tuple[str, ...]
    others: Part | None
    others_fact: str

    @property
    def stem(self) -> str:
        """What the names of its facts begin with."""
        return self.others_fact.removesuffix(".others")


@dataclass(frozen=True, slots=True)
class Why:
    """Why a key figure moved.

    Attributes:
        fact: what the names of its facts begin with; `.change`, `.base` and `.value` are the whole's.
        tables: what drives the metric, where it says so itself, then the dimension that explains most.
        further: the other dimensions that were looked at, those that explain more first.
        unknown: why some couldn't be told.
    """

    change: ChangeExplanation
    fact: str
    tables: tuple[WhyTable, ...]
    further: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableState:
    """A raw table at the freshness gate.

    Attributes:
        required: whether a number of this brief stands on it.
        last_success_at: the end of the last complete load (UTC); None when it was never loaded.
        limit: the name of the fact that says how old it may be.
    """

    table: str
    source_system: str
    required: bool
    status: Literal["fresh", "stale", "never loaded"]
    last_success_at: datetime | None
    limit: str


@dataclass(frozen=True, slots=True)
class FreshnessGate:
    """Whether the brief stands on fresh data. It never stops a brief: it says so at its top."""

    tables: tuple[TableState, ...]

    @property
    def closed_by(self) -> tuple[TableState, ...]:
        """The required tables that are not fresh."""
        return tuple(item for item in self.tables if item.required and item.status != "fresh")

    @property
    def open(self) -> bool:
        """Whether all required tables are fresh."""
        return not self.closed_by


@dataclass(frozen=True, slots=True)
class Finding:
    """An open matter of data quality, or what a reader may not see.

    Attributes:
        count: the name of the fact that counts it, where it can be counted.
    """

    kind: Literal[
        "quarantine", "failed load", "failed check", "unknown check", "stale", "never loaded", "unknown", "refused"
    ]
    subject: str
    text: str
    count: str | None = None


@dataclass(frozen=True, slots=True)
class DailyBrief:
    """The whole brief. Whoever shows it computes nothing: numbers are `facts`, and each is explained.

    Attributes:
        kpis: the months' figures, in the order they are read.
        day_kpis: the figures of the day itself.
        failures: failed payments by reason, or None when they are unknown.
        movers: the largest absolute changes of additive metrics, for each metric the largest first.
        whys: the explained changes of the headline's figure and of the one that moved most unusually.
    """

    header: Header
    gate: FreshnessGate
    kpis: tuple[Kpi, ...]
    day_kpis: tuple[Kpi, ...]
    failures: Breakdown | None
    movers: tuple[Mover, ...]
    whys: tuple[Why, ...]
    findings: tuple[Finding, ...]
    narrative: Narrative
    explanations: tuple[Explanation, ...]
    facts: Facts

    def kpi(self, name: str) -> Kpi | None:
        """The monthly figure of that metric, or None."""
        return next((item for item in self.kpis if item.name == name), None)

    @property
    def latest_values(self) -> tuple[MetricValue, ...]:
        """The key figures, then the members that failed payments and movers are broken down by."""
        found = [item.value for item in (*self.kpis, *self.day_kpis)]
        found += self.failures.values if self.failures else ()
        return (*found, *(item.value for item in self.movers))

    @property
    def past_values(self) -> tuple[MetricValue, ...]:
        """The trends of the key figures, without their latest values."""
        return tuple(value for item in (*self.kpis, *self.day_kpis) for value in item.trend[:-1])

    @property
    def whole_company(self) -> frozenset[str]:
        """The metrics that a segment was asked of but that can't be split by it."""
        return frozenset(item.name for item in (*self.kpis, *self.day_kpis) if item.whole_company)
