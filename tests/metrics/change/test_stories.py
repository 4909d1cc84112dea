"""The planted stories of the demo company are found: docs/sandbox.md tells them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.metrics.asking import Asking

from sophia_kit.core.settings import Settings
from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.change import ChangeExplanation, explain_change
from sophia_kit.metrics.definition import Definition


class Company:
    """Explains changes of the demo company."""

    def __init__(self, settings: Settings, ground: Asking) -> None:
        self._settings, self._ground = settings, ground

    def explain(self, metric: str, period: str, versus: str = "prior_period", **more: list[str]) -> ChangeExplanation:
        asked = {"settings": self._settings, "warehouse": self._ground.warehouse, "catalogue": self._ground.catalogue}
        return explain_change(metric, period, versus, **asked, **more)  # type: ignore[arg-type]


@pytest.fixture
def company(demo_settings: Settings, larkfield: Asking) -> Company:
    return Company(demo_settings, larkfield)


def test_the_outage_s_failed_payments_are_told_by_their_reason(company: Company) -> None:
    found = company.explain("failed_payments", "2025-12-02")
    assert [(item.by, item.named) for item in found.dimensions[:2]] == [
        ("reason", ("processor_unavailable",)),
        ("processor", ("Northgate",)),
    ]
    assert found.good is False


def test_the_outage_s_success_rate_is_told_by_its_processor_and_its_rate_not_its_mix(company: Company) -> None:
    found = company.explain("payment_success_rate", "2025-12-02")
    first = found.dimensions[0]
    assert (first.by, first.named) == ("processor", ("Northgate",))
    rate, mix, _ = first.effects
    assert abs(rate.exact) > 10 * abs(mix.exact)


def test_the_outage_still_shows_in_its_month(company: Company) -> None:
    first = company.explain("payment_success_rate", "2025-12").dimensions[0]
    assert (first.by, first.named) == ("processor", ("Northgate",))


def test_thousands_of_properties_explain_less_than_a_processor(company: Company) -> None:
    names = [item.by for item in company.explain("payment_success_rate", "2025-12-02").dimensions]
    assert names.index("property") > names.index("processor")
    assert names.index("account") > names.index("processor")


def test_after_the_price_rise_it_is_small_business_that_leaves(company: Company) -> None:
    found = company.explain("mrr_churned", "2025-Q2", "prior_year", dimensions=["segment", "country"])
    first = found.dimensions[0]
    assert (first.by, first.named) == ("segment", ("Small Business",))


def test_the_better_plan_of_mid_market_lifts_retention(company: Company) -> None:
    found = company.explain("nrr", "2025-12", "prior_year")
    first = found.dimensions[0]
    assert (first.by, first.named) == ("segment", ("Mid-Market",))
    small = first.part("Small Business")
    assert small is not None
    assert small.exact is not None
    assert small.exact < 0
    movements = found.breakdown("movements")
    assert movements is not None
    assert [part.name for part in movements.parts[:2]] == ["expansion", "churn"]


def test_in_july_the_better_plan_lifts_arr(company: Company) -> None:
    found = company.explain("arr", "2025-07")
    assert found.dimensions[0].named == ("Plus",)
    segment = found.breakdown("segment")
    assert segment is not None
    assert segment.named == ("Mid-Market",)
    movements = found.breakdown("movements")
    assert movements is not None
    assert movements.parts[0].name == "mrr_expansion"


def test_revenue_per_employee_rises_by_revenue_and_falls_by_headcount(company: Company) -> None:
    inputs = company.explain("rpe", "2025-12", "prior_year").breakdown("inputs")
    assert inputs is not None
    assert [(part.name, part.exact is not None and part.exact > 0) for part in inputs.parts] == [
        ("revenue_of_year", True),
        ("average_headcount", False),
    ]


def test_what_has_no_rate_is_unknown_and_the_members_that_have_one_are_told(company: Company) -> None:
    found = company.explain("payment_volume", "2024-08", dimensions=["segment"])
    assert found.change is None
    assert found.unknown is not None
    assert found.unknown.code == "missing_rate"
    segment = found.breakdown("segment")
    assert segment is not None
    enterprise, small = segment.part("Enterprise"), segment.part("Small Business")
    assert enterprise is not None
    assert enterprise.exact is not None
    assert small is not None
    assert small.unknown is not None
    assert "Aug 2024" in small.unknown.reason


def test_a_quarter_misses_its_plan_month_by_month(company: Company) -> None:
    found = company.explain("revenue", "2025-Q4", "target")
    months = found.breakdown("month")
    assert months is not None
    assert [part.label for part in sorted(months.parts, key=lambda part: part.name)] == [
        "Oct 2025", "Nov 2025", "Dec 2025"
    ]  # fmt: skip
    assert sum(part.exact for part in months.parts if part.exact is not None) == found.change
    assert {item.unknown.code for item in found.dimensions if item.unknown} == {"no_target"}


def test_before_the_oldest_snapshot_why_is_unknown(demo_settings: Settings) -> None:
    found = explain_change("arr", "2025-12", settings=demo_settings, known_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert found.unknown is not None
    assert found.unknown.code == "no_snapshot_at"
    assert {item.unknown for item in found.dimensions} == {found.unknown}


@pytest.mark.parametrize("definition", Catalogue.load(), ids=lambda definition: definition.name)
def test_of_every_metric_each_breakdown_sums_to_the_change_or_says_why_not(
    company: Company, definition: Definition
) -> None:
    dimensions = [name for name in definition.dimensions if name not in {"account", "property"}][:2]
    period = "2025-Q3" if definition.grains[0] == "quarter" else "2025-10"
    found = company.explain(definition.name, period, dimensions=dimensions)
    assert (found.change is None) == (found.unknown is not None)
    for item in found.breakdowns:
        if found.change is None or item.unknown is not None:
            assert item.unknown is not None
            continue
        assert sum(part.exact for part in item.parts if part.exact is not None) == found.change
        assert sum(part.count for part in item.parts if part.count is not None) == found.count
