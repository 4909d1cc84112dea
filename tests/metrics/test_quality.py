"""A check that failed marks the metrics that read what it vouches for, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.metrics.asking import Asking
from tests.metrics.conftest import Tiny, tiny_in

from sophia_kit.metrics import MetricQuery, Principal, evaluate, explain
from sophia_kit.metrics.value import QualityMark
from sophia_kit.warehouse.checks import CheckResult

RAN = datetime(2025, 7, 1, 2, tzinfo=UTC)
DAY = date(2025, 6, 30)
PAID = {"payments": [{"attempted_day": DAY, "status": "succeeded", "amount": Decimal(5), "currency": "USD"}]}


def found(*stands_on: str, **changes: Any) -> CheckResult:
    """A failed check of these columns, named after the first."""
    view = stands_on[0].partition(".")[0]
    fields = {
        "check_id": stands_on[0], "view": view, "kind": "range", "severity": "error", "status": "failed",
        "failed_rows": 3, "checked_rows": 9, "rows_before": None, "detail": "3 of 9 rows.", "description": "It holds.",
        "stands_on": stands_on, "ran_at": RAN,
    } | changes  # fmt: skip
    return CheckResult(**fields)  # type: ignore[arg-type]


MARKED: dict[str, set[str]] = {
    "payments.risk_score": set(),
    "payments.amount": {"payment_volume"},
    "payments.processor_fee": {"processor_cost", "processor_cost_per_payment"},
    "calls.sentiment": {"call_sentiment", "negative_call_share"},
    "employees.*": {"headcount", "rpe"},
    "quotas.amount": {"quota", "quota_attainment", "pipeline_coverage"},
    # Only by segment, which is not asked for here.
    "accounts.segment": set(),
    # Through a view that is made of subscriptions, and through a metric that derives from it.
    "subscriptions.mrr": {
        "arpa", "arr", "cac", "cac_payback", "churned_customers", "grr", "logo_churn", "ltv", "ltv_cac", "mrr",
        "mrr_churned", "mrr_contraction", "mrr_expansion", "mrr_fx", "mrr_new", "new_customers", "nrr",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """A snapshot on which all of these failed."""
    with ExitStack() as stack:
        tiny = tiny_in(tmp_path_factory.mktemp("troubled"), stack)
        yield tiny(PAID, checks=[found(each) for each in MARKED])


def test_a_failed_check_marks_who_reads_its_columns(troubled: Asking) -> None:
    marked: dict[str, set[str]] = {check: set() for check in MARKED}
    for definition in troubled.catalogue:
        explained = explain(definition.name, warehouse=troubled.warehouse, catalogue=troubled.catalogue)
        for mark in explained.quality:
            marked[mark.check].add(definition.name)
    assert marked == MARKED


def test_a_dimension_stands_on_its_columns(troubled: Asking) -> None:
    assert [mark.check for mark in troubled.value("payment_volume").quality] == ["payments.amount"]
    split = troubled.result("payment_volume", by=("segment",)).values[0]
    assert [mark.check for mark in split.quality] == ["accounts.segment", "payments.amount"]


def test_a_target_stands_on_its_plan(tiny: Tiny) -> None:
    plan = {"metric": "payment_volume", "month": date(2025, 6, 1), "value": Decimal(9), "unit": "USD"}
    company = tiny(PAID | {"plans": [plan]}, checks=[found("plans.value")])
    assert company.value("payment_volume").quality == ()
    (mark,) = company.value("payment_volume", compare=("target",)).quality
    assert mark.check == "plans.value"


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({}, (QualityMark("payments.amount", "payments", "3 of 9 rows.", "failed"),)),
        ({"status": "unknown"}, (QualityMark("payments.amount", "payments", "3 of 9 rows.", "unknown"),)),
        ({"severity": "warn"}, ()),
        ({"status": "passed"}, ()),
        ({"status": "skipped"}, ()),
    ],
)
def test_only_what_failed_or_could_not_run_marks(
    tiny: Tiny, changes: dict[str, str], marks: tuple[QualityMark, ...]
) -> None:
    value = tiny(PAID, checks=[found("payments.amount", **changes)]).value("payment_volume")
    assert (value.value, value.quality) == (Decimal(5), marks)


def test_where_no_checks_ran_nothing_is_known_and_nothing_passed(tiny: Tiny) -> None:
    company = tiny(PAID)
    (mark,) = company.value("payment_volume").quality
    assert (mark.status, mark.text) == ("unknown", "No checks ran on this snapshot.")
    explained = explain("payment_volume", warehouse=company.warehouse, catalogue=company.catalogue)
    assert (explained.checks, explained.quality) == ((), (mark,))


def test_an_explanation_has_all_checks_of_what_it_stands_on(tiny: Tiny) -> None:
    checks = [found("payments.amount", status="passed"), found("fx_rates.*", status="passed"), found("tickets.*")]
    company = tiny(PAID, checks=checks)
    explained = explain("payment_volume", warehouse=company.warehouse, catalogue=company.catalogue)
    assert [each.check_id for each in explained.checks] == ["fx_rates.*", "payments.amount"]
    assert explained.quality == ()


def test_who_is_restricted_learns_that_a_check_failed_and_nothing_of_others_rows(tiny: Tiny) -> None:
    """A check's finding counts all rows, and names some."""
    company = tiny(PAID, checks=[found("payments.amount"), found("payments.*", status="passed")])
    ann = Principal("ann", (("segment", ("Enterprise",)),))
    query = MetricQuery("payment_volume", DAY, principal=ann)
    result = evaluate(company.warehouse, company.catalogue, query, company.clock, company.calendar)
    (mark,) = result.value.quality
    assert mark.text == "Check payments.amount failed: It holds."
    explained = explain("payment_volume", warehouse=company.warehouse, catalogue=company.catalogue, principal=ann)
    assert (explained.checks, explained.quality) == ((), (mark,))
    assert {state.rows for state in explained.tables} == {None}
    assert "3 of 9 rows" not in explained._repr_html_()
    everybody = explain(
        "payment_volume", warehouse=company.warehouse, catalogue=company.catalogue, principal=Principal("ceo")
    )
    assert [mark.detail for mark in everybody.quality] == ["3 of 9 rows."]
    assert None not in {state.rows for state in everybody.tables}
