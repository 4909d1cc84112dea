"""A brief built by hand: every state that a number can be in, and members named to break a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from tests.reports.changes import arr_by_movements_and_segments, success_by_processor

from sophia_kit.core.fact import Fact
from sophia_kit.metrics import (
    Comparison,
    Freshness,
    MetricValue,
    Period,
    Provenance,
    Unknown,
    display_value,
)
from sophia_kit.metrics.value import ComparisonKind, Format, Grain
from sophia_kit.reports.compose import Grouped, MetricText, Quality, compose
from sophia_kit.reports.facts import Explanation, Line
from sophia_kit.reports.model import DailyBrief, Finding, FreshnessGate, Header, Kpi, TableState

DAY = date(2025, 12, 31)
KNOWN_AT = datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC)
SNAPSHOT = "20260101T055959000000Z-20261121T224000000000Z"
HOSTILE = "<script>alert('Oak & Elm')</script> 7"

Spec = tuple[str, str, Format, str, str, tuple[str, ...]]

# name, label, format, unit, table, the last thirteen months ("" is unknown)
MONTHLY: tuple[Spec, ...] = (
    ("arr", "ARR", "money", "USD", "subscriptions", tuple(str(11_800_000 + 190_417 * i) for i in range(13))),
    (
        "nrr",
        "Net revenue retention",
        "percent",
        "ratio",
        "subscriptions",
        (
            "1.012",
            "1.015",
            "1.014",
            "1.02",
            "1.021",
            "1.018",
            "1.01",
            "1.03",
            "1.041",
            "1.043",
            "1.04",
            "1.047",
            "1.052",
        ),
    ),
    ("revenue", "Revenue", "money", "USD", "ledger_entries", tuple(str(1_420_000 + 21_300 * i) for i in range(13))),
    ("rpe", "Revenue per employee", "money", "USD", "employees", ("",) * 12 + ("238411.27",)),
    ("mrr_new", "New MRR", "money", "USD", "subscriptions", tuple(str(21_000 + 900 * (i % 5)) for i in range(13))),
    (
        "mrr_expansion",
        "Expansion MRR",
        "money",
        "USD",
        "subscriptions",
        tuple(str(9_000 + 700 * (i % 4)) for i in range(13)),
    ),
    (
        "mrr_contraction",
        "Contraction MRR",
        "money",
        "USD",
        "subscriptions",
        tuple(str(3_000 + 400 * (i % 3)) for i in range(13)),
    ),
    (
        "mrr_churned",
        "Churned MRR",
        "money",
        "USD",
        "subscriptions",
        tuple(str(6_000 + 1_300 * (i % 6)) for i in range(13)),
    ),
    (
        "win_rate",
        "Win rate",
        "percent",
        "ratio",
        "salesforce_opportunities",
        tuple(f"0.{24 + i % 5}" for i in range(13)),
    ),
    ("pipeline_coverage", "Pipeline coverage", "multiple", "multiple", "salesforce_opportunities", ("",) * 13),
    (
        "payment_volume",
        "Payment volume",
        "money",
        "USD",
        "payments",
        tuple(str(58_000_000 + 410_000 * (i % 7)) for i in range(13)),
    ),
    (
        "payment_success_rate",
        "Payment success rate",
        "percent",
        "ratio",
        "payments",
        (
            "0.962",
            "0.963",
            "0.96",
            "0.9611",
            "0.964",
            "0.963",
            "0.921",
            "0.96",
            "0.9622",
            "0.9631",
            "0.964",
            "0.9655",
            "0.9641",
        ),
    ),
    (
        "failed_payments",
        "Failed payments",
        "count",
        "count",
        "payments",
        tuple(str(1_480 + 37 * (i % 6)) for i in range(13)),
    ),
    ("headcount", "Headcount (FTE)", "decimal", "fte", "employees", tuple(str(Decimal("70.5") + i) for i in range(13))),
)
LOWER_IS_BETTER = {"failed_payments", "mrr_contraction", "mrr_churned"}
STALE = {"subscriptions"}


def month(index: int) -> date:
    """The first day of the month `index` months after December 2024."""
    return date(2024 + (11 + index) // 12, (11 + index) % 12 + 1, 1)


def period(index: int) -> Period:
    following = month(index + 1)
    return Period("month", month(index), date.fromordinal(following.toordinal() - 1))


def change(name: str, kind: ComparisonKind, value: str, base: str, base_period: Period) -> Comparison:
    if not value or not base:
        missing = Unknown("missing_month", f"Revenue of {base_period.label} is unknown.")
        return Comparison(kind, None, None, None, None, missing, base_period)
    absolute = Decimal(value) - Decimal(base)
    good = None if absolute == 0 else (absolute > 0) != (name in LOWER_IS_BETTER)
    return Comparison(kind, Decimal(base), absolute, absolute / Decimal(base), good, None, base_period)


def metric_value(
    spec: Spec,
    index: int,
    text: str,
    *,
    members: tuple[tuple[str, str], ...] = (),
    comparisons: tuple[Comparison, ...] = (),
    at: Period | None = None,
) -> MetricValue:
    name, label, kind, unit, table, _ = spec
    value = Decimal(text) if text else None
    unknown = None if text else Unknown("missing_month", f"No ledger entry in {period(index).label} for 1 < 2.")
    status: Freshness = Freshness("stale", KNOWN_AT, (table,)) if table in STALE else Freshness("fresh", KNOWN_AT, ())
    sql = f"SELECT sum(amount) AS value\nFROM {table}\nWHERE day BETWEEN $start AND $end AND amount < $limit"
    return MetricValue(
        metric=name, label=label, value=value, unknown=unknown, unit=unit, format=kind,
        period=at or period(index), day=DAY, known_at=KNOWN_AT, freshness=status, members=members, demo=True,
        provenance=Provenance(sql, (("end", DAY), ("limit", Decimal(10)), ("start", month(0))), SNAPSHOT, (table,),
                              ("billing",), "ab" * 32),
        comparisons=comparisons, display=display_value(value, kind, unit),
    )  # fmt: skip


def kpi(spec: Spec) -> Kpi:
    name, texts = spec[0], spec[5]
    trend = [metric_value(spec, index, text) for index, text in enumerate(texts)]
    comparisons = [
        change(name, "prior_period", texts[12], texts[11], period(11)),
        change(name, "prior_year", texts[12], texts[0], period(0)),
    ]
    if name in {"revenue", "rpe"}:
        comparisons.append(change(name, "target", texts[12], "1000000", period(12)))
    else:
        none = Unknown("no_target", "No target is set.")
        comparisons.append(Comparison("target", None, None, None, None, none, period(12)))
    trend[12] = replace(trend[12], comparisons=tuple(comparisons))
    return Kpi(name, trend[12], tuple(trend))


def day_kpi(name: str, label: str, kind: Format, unit: str, now: str, before: str) -> Kpi:
    grain: Grain = "day"
    today, yesterday = Period(grain, DAY, DAY), Period(grain, date(2025, 12, 30), date(2025, 12, 30))
    spec: Spec = (name, label, kind, unit, "payments", ())
    value = metric_value(spec, 12, now, at=today, comparisons=(change(name, "prior_period", now, before, yesterday),))
    return Kpi(name, value, (metric_value(spec, 12, before, at=yesterday), value))


def members(name: str, dimension: str, rows: tuple[tuple[str, str, str], ...], *, ranked: bool = True) -> Grouped:
    spec = next(item for item in MONTHLY if item[0] == name)
    values = tuple(
        metric_value(
            spec, 12, now, members=((dimension, member),),
            comparisons=(change(name, "prior_period", now, before, period(11)),),
        )
        for member, now, before in rows
    )  # fmt: skip
    return Grouped(name, dimension, values, ranked)


def build(*, demo: bool = True, segment: str | None = None) -> DailyBrief:
    limit = Fact("gate.subscriptions.limit", Decimal(72), "hours", "72 h")
    other = Fact("gate.payments.limit", Decimal(36), "hours", "36 h")
    calls = Fact("gate.calls.limit", Decimal(72), "hours", "72 h")
    refused = Fact("quality.quarantined", Decimal(14), "count", "14")
    bad = Fact("quality.quarantine.payments.1", Decimal(14), "count", "14")
    gate = FreshnessGate(
        (
            TableState("subscriptions", "billing", True, "stale", datetime(2025, 12, 27, 3, tzinfo=UTC), limit.name),
            TableState("payments", "payments_platform", True, "fresh", KNOWN_AT, other.name),
            TableState("calls", "gong", False, "never loaded", None, calls.name),
        )
    )  # fmt: skip

    def own(key: str, title: str, facts: tuple[Fact, ...]) -> Explanation:
        sql = "SELECT count(*) FROM quarantine"
        return Explanation(
            key, "quality", title, "The kit's own record.", "count of rows", ((sql, ()),), SNAPSHOT, KNOWN_AT, None,
            ("quarantine",), ("sophia-kit",), None, tuple(Line(fact, title) for fact in facts),
        )  # fmt: skip

    quality = Quality(
        (
            Finding("quarantine", "payments", f"amount is negative: {HOSTILE}", bad.name),
            Finding("stale", "subscriptions", "Last loaded later than its contract permits."),
            Finding("never loaded", "calls", "No source has delivered this table."),
        ),
        (own("quality", "Records set aside", (refused, bad)), own("gate", "Freshness limits", (limit, other, calls))),
    )
    header = Header(
        company="Lattice & Larch <Rentals>", day=DAY, segment=segment, time_zone="America/Chicago", currency="USD",
        run_id="01JFH2R7T9", snapshot_id=SNAPSHOT, known_at=KNOWN_AT, written_at=KNOWN_AT, clock_frozen=demo, demo=demo,
    )  # fmt: skip
    kpis = {spec[0]: kpi(spec) for spec in MONTHLY}
    return compose(
        header,
        kpis=list(kpis.values()),
        day_kpis=[
            day_kpi("payment_volume", "Payment volume", "money", "USD", "1840211.40", "2011876.02"),
            day_kpi("payment_success_rate", "Payment success rate", "percent", "ratio", "0.9581", "0.9644"),
            day_kpi("failed_payments", "Failed payments", "count", "count", "61", "52"),
        ],
        grouped=[
            members("arr", "segment", (("Enterprise", "7411204", "7200111"), ("Mid-Market", "4520000", "4577000"),
                                       (HOSTILE, "2153800", "2117393"))),
            members("payment_volume", "processor", (("northpay", "40100000", "41900000"),
                                                    ("(not set)", "20360000", "18500000"))),
            members("failed_payments", "reason", (("insufficient_funds", "811", "774"), ("card_expired", "402", "398"),
                                                          ("bank_declined", "267", "309")), ranked=False),
        ],
        gate=gate,
        quality=quality,
        texts={spec[0]: MetricText(f"What {spec[1]} means.", "sum(amount) where x = 1") for spec in MONTHLY},
        changes=[
            arr_by_movements_and_segments(kpis["arr"], HOSTILE),
            success_by_processor(kpis["payment_success_rate"]),
        ],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in a page, with the elements around it, outermost first: (tag, attributes)."""

    content: str
    around: tuple[tuple[str, dict[str, str | None]], ...]

    def within(self, tag: str) -> bool:
        return any(name == tag for name, _ in self.around)

    def attribute(self, tag: str, name: str) -> str | None:
        """That attribute of the innermost such element."""
        return next((attributes.get(name) for found, attributes in reversed(self.around) if found == tag), None)


class Page(HTMLParser):
    """A page taken apart: its texts, its elements, their ids. Refuses a page whose elements don't nest."""

    EMPTY = frozenset({"meta", "link", "br", "hr", "img", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[Text] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(Text(data.strip(), tuple(self._open)))

    @property
    def ids(self) -> list[str]:
        return [found for _, attributes in self.elements if (found := attributes.get("id")) is not None]

    def text(self, tag: str = "body") -> str:
        return " ".join(piece.content for piece in self.texts if piece.within(tag) and not piece.within("style"))


@pytest.fixture(scope="session")
def take_apart() -> Callable[[str], Page]:
    return Page


@pytest.fixture(scope="session")
def build_brief() -> Callable[..., DailyBrief]:
    """A maker of briefs: `demo` and `segment` can be set."""
    return build


@pytest.fixture(scope="session")
def brief() -> DailyBrief:
    """A demo brief in which something is unknown, stale, quarantined, hostile."""
    return build()
