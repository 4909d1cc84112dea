"""Facts of a month, as a brief holds them: some rose, some fell, of some the fall is welcome, some are unknown."""

from __future__ import annotations

from decimal import Decimal

from sophia_kit.core.fact import Direction, Fact
from sophia_kit.llm.grounding import Material

CUSTOMERS = frozenset({"Oak Street Apartments", "Harborview", "Acme Towers", "Summit Group"})


def _level(name: str, value: str | None, unit: str, display: str) -> Fact:
    return Fact(name, None if value is None else Decimal(value), unit, display, reason=None if value else "No rows.")


def _against(
    name: str, kind: str, base: str, change: str, way: Direction, *, good: bool | None, unit: str
) -> list[Fact]:
    stem = f"{name}.vs_{kind}"
    sign = {"up": "+", "down": "-", "flat": "", "unknown": ""}[way]
    number = Decimal(change)
    signed = -number if way == "down" else number
    return [
        Fact(f"{stem}.base", Decimal(1), unit, base),
        Fact(f"{stem}.absolute", signed, unit, f"{sign}{change}", way, good),
        Fact(f"{stem}.relative", signed, "ratio", f"{sign}{change} %", way, good),
        Fact(f"{stem}.size", number, "ratio", f"{change} %", way, good),
    ]


NUMBERS = (
    _level("arr", "14085004", "USD", "$14.1M"),
    *_against("arr", "prior_year", "$11.8M", "19.4", "up", good=True, unit="USD"),
    *_against("arr", "prior_period", "$13.9M", "1.4", "up", good=True, unit="USD"),
    _level("nrr", "1.052", "ratio", "105.2 %"),
    *_against("nrr", "prior_year", "101.2 %", "4.0", "up", good=True, unit="ratio"),
    _level("revenue", "1675600", "USD", "$1.7M"),
    *_against("revenue", "prior_year", "$1.9M", "11.8", "down", good=False, unit="USD"),
    *_against("revenue", "prior_period", "$1.6M", "1.3", "up", good=True, unit="USD"),
    *_against("revenue", "target", "$2.0M", "16.2", "down", good=False, unit="USD"),
    _level("rpe", "238411", "USD", "$238.4K"),
    *_against("rpe", "target", "$1.0M", "76.2", "down", good=False, unit="USD"),
    _level("churn", "0.021", "ratio", "2.1 %"),
    *_against("churn", "prior_year", "2.9 %", "0.8", "down", good=True, unit="ratio"),
    *_against("churn", "prior_period", "2.0 %", "0.1", "up", good=False, unit="ratio"),
    _level("failed_payments", "1480", "count", "1,480"),
    *_against("failed_payments", "prior_period", "1,610", "8.1", "down", good=True, unit="count"),
    _level("failed_payments.top", "811", "count", "811"),
    _level("payment_success_rate", "0.9641", "ratio", "96.4 %"),
    *_against("payment_success_rate", "prior_period", "96.5 %", "0.1", "down", good=False, unit="ratio"),
    _level("payment_volume", "60100000", "USD", "$60.1M"),
    *_against("payment_volume", "prior_period", "$59.7M", "0.7", "up", good=None, unit="USD"),
    _level("headcount", "71", "fte", "71"),
    *_against("headcount", "prior_period", "71", "0", "flat", good=None, unit="fte"),
    _level("mrr_new", "22800", "USD", "$22.8K"),
    _level("mrr_expansion", "9000", "USD", "$9.0K"),
    _level("mrr_churned", "6000", "USD", "$6.0K"),
    _level("win_rate", "0.26", "ratio", "26.0 %"),
    *_against("win_rate", "prior_year", "24.0 %", "2.0", "up", good=True, unit="ratio"),
    _level("pipeline_coverage", None, "multiple", "unknown"),
    Fact("mover.1", Decimal("211100"), "USD", "+$211.1K", "up", good=True),
    Fact("why.1.change", Decimal("2285004"), "USD", "+$2.3M", "up", good=True),
    Fact("why.1.size", Decimal("2285004"), "USD", "$2.3M", "up", good=True),
    Fact("why.1.drivers.1", Decimal("1900000"), "USD", "+$1.9M", "up", good=True),
    Fact("why.1.drivers.2", Decimal("-300000"), "USD", "-$0.3M", "down", good=False),
    Fact("gate.limit", Decimal(72), "hours", "72 h"),
)

TERMS = {
    "arr.period": "Dec 2025",
    "mrr_new.period": "Dec 2025",
    "payment_volume.period": "Dec 2025",
    "failed_payments.top.reason": "insufficient funds",
    "mover.1.metric": "ARR",
    "mover.1.member": "Enterprise",
    "mover.1.base_period": "Nov 2025",
    "why.1.metric": "ARR",
    "why.1.base_period": "Dec 2024",
    "why.1.drivers.1.name": "New MRR × 12",
    "why.1.drivers.2.name": "Churned MRR × 12",
    "customer.1": "Oak Street Apartments",
    "unknown.pipeline_coverage.label": "Pipeline coverage",
    "unknown.pipeline_coverage.reason": "No quota is set for 2026.",
    "gate.not_fresh": "subscriptions (stale)",
}

MATERIAL = Material(
    {fact.name: fact for fact in NUMBERS}, TERMS, names=CUSTOMERS | {"Enterprise", "Mid-Market", "Stripe", "card"}
)
