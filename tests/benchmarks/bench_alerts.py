"""How often the baseline of the payment alerts is wrong on the demo company, beside rules that one might write instead.

Each day from 2024-02-01 to 2025-12-28 is judged on the 365 days before it alone; the limit is 25 %, as in the
catalogue's rule. The company has one outage, on 2025-12-02: every other alert is a false one. 1.5 M payments.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sophia_kit.metrics import Calendar, Catalogue, MetricQuery, Period, evaluate
from sophia_kit.metrics.alerts import DeviationRule
from sophia_kit.metrics.alerts.baseline import baseline_of
from sophia_kit.warehouse import SnapshotStore, Warehouse

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.larkfield import load_larkfield  # as the tests load it

FROM, TO, OUTAGE = date(2024, 2, 1), date(2025, 12, 28), date(2025, 12, 2)
LIMIT, SPREAD = 25.0, 4.0

Past = Sequence[tuple[Period, float]]
Judge = Callable[[Past, Period, float], bool]


@dataclass(frozen=True)
class Rival:
    name: str
    judge: Judge


def by_baseline(*, season: str, robust_sd: float | None) -> Judge:
    given = {"name": "r", "kind": "deviation", "grain": "day", "season": season, "percent": LIMIT}
    baseline = baseline_of(DeviationRule.model_validate(given | ({"robust_sd": robust_sd} if robust_sd else {})))

    def judge(past: Past, period: Period, value: float) -> bool:
        found = baseline.expect(past, period, value, multiplicative=True)
        if found is None or found.percent is None:
            return False
        return abs(found.percent) > LIMIT and (robust_sd is None or abs(found.robust_sd) > robust_sd)

    return judge


def against_month_before(past: Past, period: Period, value: float) -> bool:
    month_before = Calendar().shift(Calendar().period("month", period.start), -1)
    same = [number for each, number in past if each.start.day == period.start.day and _within(each, month_before)]
    return bool(same) and abs(value / same[-1] - 1) * 100 > LIMIT


def against_year_before(past: Past, period: Period, value: float) -> bool:
    before = Calendar().prior_year(period)
    same = [number for each, number in past if each.start == before.start]
    return bool(same) and abs(value / same[-1] - 1) * 100 > LIMIT


def _within(period: Period, month: Period) -> bool:
    return month.start <= period.start <= month.end_inclusive


RIVALS = (
    Rival("the catalogue's: day of month, 25 % and 4 robust sd", by_baseline(season="day_of_month", robust_sd=SPREAD)),
    Rival("the same without robust sd", by_baseline(season="day_of_month", robust_sd=None)),
    Rival("day of week, 25 % and 4 robust sd", by_baseline(season="day_of_week", robust_sd=SPREAD)),
    Rival("25 % against the same day a month before", against_month_before),
    Rival("25 % against the same day a year before", against_year_before),
)


def daily_volume(folder: Path) -> list[tuple[Period, float]]:
    """Payment volume of the demo company by day, without the twelve days that lack an exchange rate."""
    settings = load_larkfield(folder)
    found: list[tuple[Period, float]] = []
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        for last in (date(2023, 12, 31), date(2024, 12, 31), TO):
            periods = (last - date(last.year, 1, 1)).days + 1
            query = MetricQuery("payment_volume", last, grain="day", periods=periods)
            result = evaluate(warehouse, Catalogue.load(), query, settings.clock())
            found += [(value.period, float(value.value)) for value in result.values if value.value is not None]
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        series = daily_volume(Path(folder))
    judged = [place for place, (period, _) in enumerate(series) if FROM <= period.start <= TO]
    table = Table(title=f"Alerts on payment volume, {len(judged)} days, one of them an outage", title_justify="left")
    for column in ("Rule", "Outage found", "False alarms", "A year", "ms a day"):
        table.add_column(column, justify="left" if column == "Rule" else "right")
    for rival in RIVALS:
        rival.judge(series[:500], *series[500])  # statsmodels is imported before the clock starts
        began = time.perf_counter()
        fired = [series[place][0].start for place in judged if rival.judge(series[:place], *series[place])]
        took = (time.perf_counter() - began) / len(judged) * 1000
        false = [day for day in fired if day != OUTAGE]
        table.add_row(
            rival.name,
            "yes" if OUTAGE in fired else "NO",
            str(len(false)),
            f"{len(false) / len(judged) * 365:.1f}",
            f"{took:.1f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
