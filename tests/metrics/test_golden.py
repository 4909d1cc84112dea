"""The demo company's numbers, held against another computation (see golden.py): totals, members, comparisons."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from tests.metrics.asking import Asking
from tests.metrics.golden import GOLDEN, Raw, Values

from sophia_kit.metrics import Catalogue, Period
from sophia_kit.metrics.value import Grain

CATALOGUE = Catalogue.load()
DAYS = (date(2025, 12, 31), date(2025, 10, 17), date(2024, 7, 14))
PAIRS = [(item.name, grain) for item in CATALOGUE for grain in item.grains]
TESTED = (
    "segment", "plan", "region", "processor", "reason", "owner", "deal_type", "stream", "department", "function",
    "stage", "category",
)  # fmt: skip
SPLITS = [(item.name, name) for item in CATALOGUE for name in item.dimensions if name in TESTED]


@pytest.fixture(scope="module")
def raw(larkfield: Asking) -> Raw:
    return Raw(larkfield.warehouse.snapshot.path)


def golden(raw: Raw, metric: str, period: Period, by: str | None = None) -> Values:
    return GOLDEN[CATALOGUE.get(metric).golden or "absent"](raw, period.start, period.end_inclusive, by)


def total(raw: Raw, metric: str, period: Period) -> Fraction | None:
    """The golden total; a sum or a count without rows is zero."""
    definition = CATALOGUE.get(metric)
    counted = definition.additive != "none" or definition.kind == "distinct_count"
    zero = Fraction(0) if counted else None
    return golden(raw, metric, period).get("", zero)


def same(metric: str, value: Decimal | None, expected: Fraction | None) -> bool:
    """Sums are the same to the last digit; quotients to ten places; percentiles, which are floats, to ten digits."""
    if value is None or expected is None:
        return value is None and expected is None
    if CATALOGUE.get(metric).additive != "none":
        return Fraction(value) == expected
    size = abs(expected) if CATALOGUE.get(metric).kind == "percentile" else 1
    return abs(Fraction(value) - expected) <= size * Fraction(1, 10**10)


def test_every_metric_has_a_golden_computation_and_every_computation_a_metric() -> None:
    assert {item.golden for item in CATALOGUE} == set(GOLDEN)


@pytest.mark.parametrize(("metric", "grain"), PAIRS)
def test_totals(larkfield: Asking, raw: Raw, metric: str, grain: Grain) -> None:
    """The first grain on every day, each other on one of them."""
    grains = CATALOGUE.get(metric).grains
    place = grains.index(grain) % len(DAYS)
    for day in DAYS if place == 0 else DAYS[place : place + 1]:
        value = larkfield.value(metric, day, grain=grain)
        assert same(metric, value.value, total(raw, metric, value.period)), (value.period.label, value.unknown)


@pytest.mark.parametrize(("metric", "dimension"), SPLITS)
def test_members_and_how_they_add_up(larkfield: Asking, raw: Raw, metric: str, dimension: str) -> None:
    item = CATALOGUE.get(metric)
    zero = None if item.additive == "none" else Fraction(0)
    for grain in {item.grains[0], item.grains[-1]}:
        result = larkfield.result(metric, DAYS[0], by=(dimension,), grain=grain)
        expected = golden(raw, metric, result.values[0].period, dimension)
        found = {value.members[0][1]: value.value for value in result.values if value.members}
        assert {key for key, value in expected.items() if value} <= found.keys()
        for member, value in found.items():
            assert same(metric, value, expected.get(member, zero)), member
        parts = sum(Fraction(value or 0) for value in found.values())
        whole = total(raw, metric, result.values[0].period) or Fraction(0)
        if item.kind == "distinct_count":
            assert parts >= whole
        elif item.additive == "none":
            assert parts != whole or not whole
        else:
            assert parts == whole


@pytest.mark.parametrize("metric", [item.name for item in CATALOGUE])
def test_comparisons(larkfield: Asking, raw: Raw, metric: str) -> None:
    value = larkfield.value(metric, DAYS[0], compare=("prior_period", "prior_year"))
    now = total(raw, metric, value.period)
    for item in value.comparisons:
        assert item.base_period is not None
        base = total(raw, metric, item.base_period)
        assert same(metric, item.base, base)
        if now is None or base is None:
            assert item.unknown is not None
            assert (item.absolute, item.relative, item.good) == (None, None, None)
            continue
        assert same(metric, item.absolute, now - base)
        relative = (now - base) / abs(base) if base else None
        assert (item.relative is None) == (relative is None)
        assert relative is None or abs(Fraction(item.relative or 0) - relative) < Fraction(1, 10**10)
        better = CATALOGUE.get(metric).higher_is_better
        assert item.good == (None if better is None or now == base else (now > base) == better)


@pytest.mark.parametrize("metric", [item.name for item in CATALOGUE])
def test_a_trend_is_its_periods_asked_one_by_one(larkfield: Asking, metric: str) -> None:
    trend = larkfield.result(metric, DAYS[0], periods=5).values
    assert [value.period for value in trend] == sorted({value.period for value in trend}, key=lambda p: p.start)
    for value in trend[::3]:
        alone = larkfield.value(metric, value.period.end_inclusive, grain=value.period.grain)
        assert (alone.period, alone.value, alone.unknown) == (value.period, value.value, value.unknown)


@pytest.mark.parametrize("metric", [item.name for item in CATALOGUE if item.target and item.target.plan])
def test_targets_are_the_plans_of_the_months(larkfield: Asking, raw: Raw, metric: str) -> None:
    """Every plan that a target names was made, in the metric's unit."""
    target = CATALOGUE.get(metric).target
    assert target is not None
    value = larkfield.value(metric, DAYS[0], grain="quarter", compare=("target",))
    plans = {
        row["month"]: Fraction(row["value"])
        for row in raw.table("plans").iter_rows(named=True)
        if row["metric"] == target.plan
    }
    months = [plans[date(2025, number, 1)] for number in (10, 11, 12)]
    (compared,) = value.comparisons
    assert compared.unknown is None
    assert Fraction(compared.base or 0) == (sum(months) if target.combine == "sum" else months[-1])


def test_mrr_movements_sum_to_the_change_in_every_month(larkfield: Asking) -> None:
    signs = {"mrr_new": 1, "mrr_expansion": 1, "mrr_contraction": -1, "mrr_churned": -1, "mrr_fx": 1}
    balances = larkfield.result("mrr", DAYS[0], periods=25).values
    moved = {name: larkfield.result(name, DAYS[0], periods=24).values for name in signs}
    checked = 0
    for index, (before, after) in enumerate(pairwise(balances)):
        parts = [sign * (moved[name][index].value or 0) for name, sign in signs.items()]
        if before.value is not None and after.value is not None:
            assert after.value - before.value == sum(parts), after.period.label
            checked += 1
    assert checked > 12


def test_a_month_with_a_gap_in_the_rates_is_unknown_and_says_which_day(larkfield: Asking) -> None:
    values = larkfield.result("payment_volume", DAYS[0], periods=36).values
    unknown = [value for value in values if value.unknown is not None]
    assert unknown, "the demo company has a gap in its rates"
    for value in unknown:
        assert value.unknown is not None
        assert value.unknown.code == "missing_rate"
        assert f"CAD on {value.period.start:%Y-%m}" in value.unknown.reason
        assert value.value is None
        assert value.display == "unknown"
