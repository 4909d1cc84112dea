"""Definitions, tried: they compile for both dialects, answer at each grain, and have the values they must."""

from __future__ import annotations

import yaml
from tests.metrics.asking import Asking
from tests.metrics.test_lint import ROWS, SHARED

from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.trial import Trial, trials

COUNT = "SELECT count(*) FROM payments WHERE attempted_day BETWEEN DATE '2025-12-01' AND DATE '2025-12-31'"


def tried(asking: Asking, tests: list[object], **keys: object) -> Trial:
    rows = {key: value for key, value in ROWS.items() if key != "expression" or "numerator" not in keys}
    fields = SHARED | rows | {"dimensions": {"segment": "accounts.segment"}, "tests": tests} | keys
    text = yaml.safe_dump({"metrics": {"attempts_of_ours": fields}})
    catalogue = Catalogue.load().extended(text, "mine")
    (found,) = trials(catalogue, ["attempts_of_ours"], asking.warehouse, asking.clock, asking.calendar)
    return found


def test_the_value_it_must_have(larkfield: Asking) -> None:
    count = larkfield.warehouse.query(COUNT).frame.item()
    right = {"day": "2025-12-31", "expect": count, "demo": True}
    found = tried(larkfield, [right, right | {"expect": count + 1}, right | {"expect": "unknown"}])
    assert [check.status for check in found.tests] == ["passed", "failed", "failed"]
    assert found.tests[1].detail == f"expected {count + 1:,}, found {count:,}"
    assert found.tests[0].subject == "2025-12-31 month"
    assert not found.passed
    assert [(check.subject, check.detail) for check in found.values] == [("month", f"{count:,}")]
    assert (found.compiled.detail, found.file, found.demo) == ("duckdb, snowflake", "mine:2", True)
    assert tried(larkfield, [right]).passed


def test_it_is_compared_at_the_places_it_is_written_with(larkfield: Asking) -> None:
    share = {
        "kind": "ratio",
        "numerator": {"expression": "count(*)", "filter": "status = 'failed'"},
        "denominator": {"expression": "count(*)"},
        "unit": "ratio",
        "format": "percent",
        "additive": "none",
    }
    found = tried(larkfield, [{"day": "2025-12-31", "expect": 0, "demo": True}], **share)
    assert found.passed
    (shown,) = found.values
    assert shown.detail.endswith(" %")
    assert shown.detail != "0.0 %"


def test_unknown_may_be_expected_and_a_member_asked_for(larkfield: Asking) -> None:
    early = {"day": "2025-12-31", "expect": 0, "filters": {"segment": "Enterprise"}, "demo": True}
    found = tried(larkfield, [early])
    assert found.tests[0].subject == "2025-12-31 month segment=Enterprise"
    assert "found" in found.tests[0].detail
    unknown = {"day": "2024-08-31", "expect": "unknown", "filters": {"segment": ["Mid-Market"]}, "demo": True}
    text = yaml.safe_dump({"metrics": {"payment_volume": _payment_volume() | {"override": True, "tests": [unknown]}}})
    catalogue = Catalogue.load().extended(text, "mine")
    (volume,) = trials(catalogue, ["payment_volume"], larkfield.warehouse, larkfield.clock, larkfield.calendar)
    assert [check.status for check in volume.tests] == ["passed"]
    assert "No exchange rate for CAD" in volume.tests[0].detail


def test_a_value_of_the_real_company_is_not_looked_for_in_the_demo_s(larkfield: Asking) -> None:
    found = tried(larkfield, [{"day": "2025-12-31", "expect": 1}])
    assert [check.status for check in found.tests] == ["skipped"]
    assert found.passed


def test_a_test_that_cannot_be_asked_fails_and_says_why(larkfield: Asking) -> None:
    found = tried(larkfield, [{"day": "2019-01-31", "expect": 1, "demo": True}])
    assert found.tests[0].status == "failed"
    assert "has no data on 2019-01-31" in found.tests[0].detail


def _payment_volume() -> dict[str, object]:
    source = Catalogue.load().source("payment_volume")
    assert source is not None
    fields: dict[str, object] = source.content["metrics"]["payment_volume"]
    return fields
