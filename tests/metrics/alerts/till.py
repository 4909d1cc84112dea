"""Shops whose sales are watched by alert rules, with a state of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import yaml
from tests.metrics.shops import NOW, SCHEMA, Shops

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.source_file import SourceFile
from sophia_kit.metrics import Calendar, Catalogue
from sophia_kit.metrics.alerts.run import AlertRun, run_alerts
from sophia_kit.metrics.catalogue import parse_definitions
from sophia_kit.state import AlertEvent, State
from sophia_kit.warehouse import TableFreshness

JUNE_1 = date(2025, 6, 1)

TAKINGS: dict[str, Any] = {
    "label": "Takings",
    "description": "For tests.",
    "source": "These tests",
    "owner": "Nobody",
    "kind": "simple",
    "base": "sales",
    "time": "day",
    "expression": "sum(amount)",
    "unit": "count",
    "format": "decimal",
    "higher_is_better": True,
    "additive": "full",
    "grains": ["day", "month"],
    "dimensions": {"town": "shops.town", "shop": "shop_id"},
}
LARGE: dict[str, Any] = {
    **{key: value for key, value in TAKINGS.items() if key != "expression"},
    "label": "Share of large sales",
    "kind": "ratio",
    "numerator": {"expression": "count(*)", "filter": "amount >= 50"},
    "denominator": {"expression": "count(*)"},
    "unit": "ratio",
    "format": "percent",
    "additive": "none",
}
LOW: dict[str, Any] = {"name": "low", "kind": "threshold", "grain": "day", "below": 100}


class Till(Shops):
    """Shops whose sales were loaded at `loaded`; None never."""

    def __init__(self, sales: Iterable[tuple[str, date, Decimal, str | None]], loaded: datetime | None = NOW) -> None:
        super().__init__(sales)  # type: ignore[arg-type]  # a buyer may be NULL
        self.loaded = loaded

    def freshness(self) -> dict[str, TableFreshness]:
        moments = {"sales": self.loaded, "shops": NOW}
        return {name: TableFreshness(name, "till", moment, 24, 0) for name, moment in moments.items()}


def till(
    amounts: Mapping[str, Sequence[float | None]], loaded: datetime | None = NOW, buyer: str | None = "someone"
) -> Till:
    """A sale a day and shop from 1 June 2025 on; None is a day without one."""
    return Till(
        (
            (shop, JUNE_1 + timedelta(days=number), Decimal(str(amount)), buyer)
            for shop, series in amounts.items()
            for number, amount in enumerate(series)
            if amount is not None
        ),
        loaded,
    )


def catalogue(*rules: Mapping[str, Any], **fields: Any) -> Catalogue:
    """A metric `takings` with these rules; `large` makes it the share of large sales."""
    metric = (LARGE if fields.pop("large", False) else TAKINGS) | fields | {"alerts": [dict(rule) for rule in rules]}
    text = yaml.safe_dump({"metrics": {"takings": metric}}, sort_keys=False)
    return Catalogue(parse_definitions(SourceFile("alerts.yaml", text), SCHEMA), schema=SCHEMA)


def judge(
    shops: Shops,
    rules: Catalogue,
    state: State,
    day: int,
    *,
    run_id: str = "run",
    up_to: date | None = None,
    **more: Any,
) -> AlertRun:
    """A run early on the day after `day` of June 2025."""
    clock = FrozenClock(datetime(2025, 6, 1, 2, tzinfo=UTC) + timedelta(days=day))
    return run_alerts(shops, rules, state, clock, Calendar(), run_id=run_id, day=up_to, **more)


def words(events: Iterable[AlertEvent]) -> list[str]:
    """`3 firing`, `4 unknown`, `5 north: recovered`: day of June, members, and what happened."""
    found = []
    for event in events:
        word = event.event
        if event.alert == "unknown":
            word = {"firing": "unknown", "recovered": "known"}.get(word, word)  # type: ignore[assignment]
        day = "" if event.period_start is None else f"{event.period_start.day} "
        member = "".join(f"{member}: " for _, member in event.members)
        found.append(f"{day}{member}{word}")
    return found
